"""The flights example is killed half way, and resumed: it writes the same bytes."""

import importlib.util
import os
import signal
from pathlib import Path

import pytest

from benchmarks.reliability import rig
from daskflow import LocalExecutor, _crash_points
from daskflow.entries import SegmentTold
from daskflow.states import Crashed, Success
from daskflow.stores.choice import close_stores

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights.py"
HALF = 40  # of some 90 results that are files


def fly(place, folder, last=None):
    """Run the example, or resume it; die when so many results were written. In a child."""
    rig.quietly(place.folder)
    place.enter()
    left = [last]

    def reached():
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    if last:
        _crash_points.arm("result.written", reached)
    spec = importlib.util.spec_from_file_location("flights_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    flights = module.flights.with_options(executor=LocalExecutor(), block_size=1)
    if place.store().runs():
        flights.resume("last")
    else:
        flights.run(folder=folder)
    close_stores()


def written(folder):
    """Return the bytes of all files below a folder."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def successes(place):
    """Return how often a task run was told to have ended well."""
    store = place.store()
    told = [one.entry for one in store.entries(store.runs()[0].id)]
    codes = [entry.segment.codes for entry in told if isinstance(entry, SegmentTold)]
    return sum(code.count(Success.code) for code in codes)


def test_the_same_bytes(tmp_path, monkeypatch):
    """With what was accepted before the kill standing: it is accepted once."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    outcomes = {}
    for name, deaths in {"whole": [None], "killed": [HALF, None]}.items():
        place, folder = rig.Place(tmp_path / name / "home"), tmp_path / name / "out"
        place.folder.mkdir(parents=True)
        for last in deaths:
            with rig.killed_after(rig.start(fly, place, folder, last)) as child:
                child.join(120)
                assert child.exitcode == (-signal.SIGKILL if last else 0)
        run = place.store().runs()[0]
        assert not isinstance(run.state, Crashed)
        assert rig.audit(place, run.id) == []
        outcomes[name] = (written(folder), successes(place))
        close_stores()
    assert outcomes["whole"] == outcomes["killed"]
    assert outcomes["whole"][0]
