"""The random flows find the bugs that are put into the engine."""

import threading
from functools import cache

import pytest

from daskflow import LocalExecutor
from daskflow.runtime import driver
from daskflow.signals import RunInterrupted
from tests.properties.bugs import BUGS
from tests.properties.comparing import difference
from tests.properties.drawing import seeded
from tests.properties.reference import Reading

MOST = 400  # flows until a bug is found; most are found within ten
PATIENCE = 500  # passes of the driver's loop, of which a sound run needs some dozens


@cache
def drawn(seed):
    """Draw a flow and read it, once for all bugs."""
    flow = seeded(seed)
    return flow, Reading(flow.items)


@pytest.fixture
def legal_walks():
    """Leave out what looks at every other test's runs: a bug may make illegal walks."""


@pytest.fixture
def patch(monkeypatch):
    """A `MonkeyPatch`, and a driver that gives up where it would wait for ever."""
    waits = {}

    def patience(self, original=driver.Driver._patience):
        if threading.current_thread() is not threading.main_thread():
            return original(self)  # a run that another test has left
        waits[id(self)] = waits.get(id(self), 0) + 1
        if waits[id(self)] > PATIENCE:
            raise RunInterrupted
        return min(original(self), 0.001)

    monkeypatch.setattr(driver.Driver, "_patience", patience)
    return monkeypatch


def first_found(flows):
    """Return the number of the first flow that shows a difference, and what is different."""
    for number in range(flows):
        flow, reading = drawn(number)
        try:
            found = difference(flow, LocalExecutor(), reading=reading)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a bug may break a run
            found = {"the run": repr(error)}
        if found:
            return number, found
    return None, {}


def test_without_a_bug_nothing_is_found(patch):
    """What the others find is the bug's doing."""
    assert first_found(40) == (None, {})


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_found(name, patch):
    """A bug shows as a difference between a random flow's run and its reading."""
    BUGS[name](patch)
    _, found = first_found(MOST)
    assert found, f"{MOST} flows do not show it: {BUGS[name].__doc__}"
