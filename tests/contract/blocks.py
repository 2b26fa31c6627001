"""Blocks as an executor sees them: graph nodes that talk to their port. No shim, no flow."""

import uuid
from dataclasses import dataclass

import cloudpickle
from dask.task_spec import Task, TaskRef

from daskflow.demands import NO_DEMAND
from daskflow.events import Segment
from daskflow.executors.base import PackedSpec
from daskflow.executors.local import LocalSession
from daskflow.executors.ports import current_port
from daskflow.sealing import opened
from daskflow.states import Success
from tests.contract.waiting import eventually


def answer(run_id, number, body, *inputs):
    """Do what `run_block` does: report, and return the same with the values.

    The value is the block's number with those of its inputs; `body` runs before.
    """
    result = body(number) if body else None
    value = (number, tuple(opened(block[0].values[0]) for block in inputs), result)
    segment = Segment("block", number, values={0: value})
    segment.codes.append(Success.code)
    segment.attempts.append(1)
    segment.started.append(1.0)
    segment.ended.append(2.0)
    segment.smalls.append(None)
    current_port().report(run_id, number, (segment.without_values(),))
    return (segment,)


def key(run_id, number):
    """Return the key of a block."""
    return (f"block-{run_id}", number)


def layer(run_id, inputs, body=None):
    """Return a graph layer: for each block's number the numbers of those it needs."""
    return {
        key(run_id, number): Task(
            key(run_id, number),
            answer,
            run_id,
            number,
            body,
            *[TaskRef(key(run_id, other)) for other in needed],
        )
        for number, needed in inputs.items()
    }


def torn_literal(run_id, name):
    """Return a layer of one node like that of a large literal, which cannot be read."""
    return {key(run_id, name): Task(key(run_id, name), _tear, name)}


def _tear(name):
    raise RuntimeError(f"literal {name} is torn")


def _has_task(dask_scheduler, key):
    return key in dask_scheduler.tasks


@dataclass
class Opened:
    """A session with the id of its run, and all that it has reported."""

    session: object
    run_id: str
    reports: list

    @classmethod
    def on(cls, executor, spec="a spec"):
        """Open a session for a new run."""
        run_id = uuid.uuid4().hex

        def pack(spec):
            return PackedSpec.of(cloudpickle.dumps(spec), (), ())

        return cls(executor.open(run_id, spec, pack), run_id, [])

    def submit(self, inputs, body=None, *, urgent=False, demand=NO_DEMAND):
        """Hand over blocks: for each number the numbers of those it needs."""
        demands = {key(self.run_id, number): demand for number in inputs} if demand else {}
        made = layer(self.run_id, inputs, body)
        self.session.submit(made, urgent=urgent, demands=demands)

    def has_taken(self, number):
        """Return whether a block has arrived where it will run; Dask takes blocks in later."""
        if isinstance(self.session, LocalSession):
            return True
        client = self.session._hub.client
        return client.run_on_scheduler(_has_task, key=key(self.run_id, number))

    def hear(self, count, seconds=20.0):
        """Wait until so many reports have come, and return them all."""

        def all_there():
            """Enough reports have come."""
            self.reports += self.session.wait(0.2)
            return len(self.reports) >= count

        eventually(all_there, seconds)
        return self.reports

    def fetch(self, *numbers):
        """Return the values of blocks."""
        blocks = self.session.fetch([key(self.run_id, number) for number in numbers])
        return [opened(segments[0].values[0]) for segments in blocks]

    def release(self, *numbers):
        """Let go of blocks."""
        self.session.release([key(self.run_id, number) for number in numbers])
