"""Where a run goes on whose scheduler was lost."""

import pytest

from daskflow import LocalExecutor, Settings, flow, task
from daskflow.describing import describe
from daskflow.errors import ExecutorError, SchedulerLostError
from daskflow.opening import Opener
from daskflow.signals import RunInterrupted

LOST = SchedulerLostError("the scheduler at tcp://there was lost")


class Flaky(LocalExecutor):
    """Cannot be reached some times; then each session is a new one."""

    def __init__(self, failures):
        super().__init__()
        self.left, self.opened = failures, []

    def open(self, run_id, spec, pack):
        self.opened.append(run_id)
        self.left -= 1
        if self.left >= 0:
            raise ExecutorError("nobody answers")
        return super().open(run_id, spec, pack)


@task
def one():
    return 1


def opener(executor, seconds=10.0, parents=()):
    made = flow(lambda: one(), name="case", executor=executor)
    settings = Settings(engine={"scheduler_timeout": seconds})
    _, spec, assignment = describe(made, {}, settings)
    spec = type(spec)(**{**vars(spec), "parents": parents})
    return Opener(made, settings, spec, assignment)


def test_it_is_tried_again_until_there_is_one(caplog):
    """Under a new name, which the driver is told; the loss is told at once."""
    executor = Flaky(2)
    made = opener(executor)
    session, assignment = made.again(LOST, lambda: False)
    (name,) = set(executor.opened)
    assert len(executor.opened) == 3
    assert name == assignment.run_id == assignment.code.run_id != made.spec.run_id
    assert name.startswith(made.spec.run_id)
    assert caplog.messages == [f"{LOST}; the run goes on if there is one within 10 s"]
    session.close()


def test_when_the_time_is_over_it_says_why():
    """What was lost, and what came of looking for another."""
    with pytest.raises(SchedulerLostError) as caught:
        opener(Flaky(99), seconds=0.0).again(LOST, lambda: False)
    assert str(caught.value) == f"{LOST}, and within 0 s there was no other: nobody answers"


def test_nobody_looks_for_one_when_the_run_is_over():
    """It was cancelled meanwhile."""
    with pytest.raises(RunInterrupted):
        opener(Flaky(99)).again(LOST, lambda: True)


def test_what_a_task_called_goes_down_with_its_cluster():
    """The task is lost too."""
    executor = Flaky(0)
    with pytest.raises(SchedulerLostError, match=r"tcp://there was lost$"):
        opener(executor, parents=("run/task",)).again(LOST, lambda: False)
    assert executor.opened == []
