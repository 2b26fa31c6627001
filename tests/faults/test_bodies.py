"""Bodies that raise what ends a process or a thread: the task run fails, its worker lives on."""

import asyncio
import os
import sys

import pytest

from daskflow import flow, task
from daskflow.states import Failed, Success


class Farewell(BaseException):
    """What no ``except Exception`` stops."""


def leave():
    sys.exit(3)


def interrupt():
    raise KeyboardInterrupt


def finish():
    raise GeneratorExit


def say_farewell():
    raise Farewell("so long")


def cancel():
    raise asyncio.CancelledError


def hide_its_message():
    class ShyError(Exception):
        def __str__(self):
            raise RuntimeError("no message")

    raise ShyError


def refuse_to_travel():
    class StuckError(Exception):
        def __reduce__(self):
            raise TypeError("cannot be pickled")

    raise StuckError("here I stay")


def explode_on_arrival():
    class BombError(Exception):
        def __setstate__(self, state):
            raise SystemExit("unpickled")

    bomb = BombError("tick")
    bomb.fuse = 1
    raise bomb


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (leave, "SystemExit: 3"),
        (interrupt, "KeyboardInterrupt"),
        (finish, "GeneratorExit"),
        (say_farewell, "so long"),
        (cancel, "CancelledError"),
        (hide_its_message, "ShyError"),
        (refuse_to_travel, "here I stay"),
        (explode_on_arrival, "tick"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_body_cannot_end_its_worker(frail, frail_cluster, body, message):
    """Whatever it raises: Failed with its name, once, and the same worker processes go on."""
    ends = task(body)

    @task
    def pid(x):
        return os.getpid()

    @flow(executor=frail, block_size=1)
    def ending():
        return ends(), pid.map([1, 2, 3])

    before = {nanny.pid for nanny in frail_cluster.workers.values()}
    run = ending.run()
    assert type(run[body.__name__].state) is Failed
    assert message in run[body.__name__].state.message
    assert run[body.__name__].attempt == 1
    assert {type(found.state) for found in run[pid]} == {Success}
    assert set(run[pid].result()) <= before
    assert {nanny.pid for nanny in frail_cluster.workers.values()} == before
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - each raises its own
        run.result()
    assert any(body.__name__ in note for note in caught.value.__notes__)
