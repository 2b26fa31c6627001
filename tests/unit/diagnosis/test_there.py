"""A cluster is looked at from its scheduler on."""

from __future__ import annotations

import pytest

from daskflow import Settings
from daskflow.diagnosis import there
from daskflow.diagnosis.there import examine_cluster
from daskflow.errors import ExecutorError
from daskflow.executors.handshake import describe
from daskflow.executors.survey import Member, Survey

MEMBER = Member("tcp://127.0.0.1:1", "one", describe().host, 1, 1 << 30, describe(), 2 << 30)
SEEN = Survey("tcp://127.0.0.1:8786", 5.0, describe(), 10.0, None, (MEMBER,))


class Asking:
    """Stands for who asks a cluster."""

    seconds = 5.0
    page = "http://127.0.0.1:1/status"  # where nobody listens
    seen = SEEN

    def __init__(self, address="", seconds=0.0):
        pass

    def try_tracker(self):
        pass

    def link(self):
        return self.page

    def look(self):
        return self.seen

    def try_place(self, workers, probe):
        return dict.fromkeys(workers)


@pytest.fixture
def found(monkeypatch, tmp_path):
    """What is found by a class of who asks, the worst of each thing."""

    def found(asking, results=str(tmp_path)):
        monkeypatch.setattr(there, "Surveyor", asking)
        monkeypatch.setenv("DASKFLOW_RESULTS__URL", results)
        findings = examine_cluster("tcp://127.0.0.1:8786", Settings())
        return {one.what: (one.level.value, one.found) for one in findings}

    return found


def test_all_is_asked(found, tmp_path):
    """Of the scheduler, its page, its workers; no file is left."""
    told = found(Asking)
    assert [what for what, (level, _) in told.items() if level != "ok"] == ["dashboard"]
    assert told["results"] == ("ok", f"1 of 1 workers have tried file://{tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_nobody_is_there(found):
    """That is all that is told."""

    class Nobody(Asking):
        def __init__(self, address, seconds):
            raise ExecutorError("no Dask scheduler answers; is it running?")

    assert found(Nobody) == {"scheduler": ("problem", "no Dask scheduler answers")}


def test_a_scheduler_that_falls_silent(found):
    """What was seen until then is told."""

    class Silent(Asking):
        page = ""

        def look(self):
            raise TimeoutError

    told = found(Silent)
    assert told["dashboard"] == ("warning", "the scheduler tells of none")
    assert told["scheduler"] == (
        "problem",
        "tcp://127.0.0.1:8786 does not answer any more: TimeoutError",
    )


def test_a_tracker_that_is_refused(found):
    """With the cure of the refusal."""

    class Refused(Asking):
        def try_tracker(self):
            raise ExecutorError("it does not take the tracker; install daskflow there")

    assert found(Refused)["tracker"] == ("problem", "it does not take the tracker")


def test_results_in_memory(found):
    """No worker reaches those of another process."""
    assert found(Asking, "memory://results")["results"][0] == "problem"


def test_results_that_not_even_this_process_can_keep(found):
    """That is told of this machine; workers are not asked."""
    assert "results" not in found(Asking, "/proc/daskflow")


def test_no_worker_is_asked_where_there_is_none(found):
    """There is nothing to tell of results then."""

    class Empty(Asking):
        seen = Survey("tcp://127.0.0.1:8786", 5.0, describe(), None, None, ())

    assert "results" not in found(Empty)
