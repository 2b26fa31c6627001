"""What is seen of a cluster that answers in part, or not at all."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from daskflow.executors import survey
from daskflow.executors.handshake import Difference, describe
from daskflow.executors.survey import Probe, Surveyor, look_at_page
from daskflow.results.places import place_at


class Cluster:
    """Stands for a client of a cluster with one worker, and for its scheduler."""

    def __init__(self, answer, of_scheduler):
        self.scheduler = self
        self._answer = answer
        self._of_scheduler = of_scheduler

    @property
    def dashboard_link(self):
        raise KeyError("dashboard")

    def sync(self, ask, *given):
        return asyncio.run(ask(*given))

    async def identity(self, n_workers):
        known = {"name": "one", "host": "10.0.0.7", "nthreads": 2, "memory_limit": None}
        return {"address": "tcp://10.0.0.1:8786", "workers": {"tcp://10.0.0.7:1": known}}

    async def run_on_scheduler(self, function, *, asynchronous):
        return await self._of_scheduler(function)

    async def run(self, function, *given, workers, **_):
        return {worker: await self._answer(function, *given) for worker in workers}


async def never(*_):
    await asyncio.Event().wait()


async def refused(*_):
    raise ValueError("the 'run' handler has been disallowed")


@pytest.fixture
def asking(monkeypatch):
    """Ask a cluster that answers so."""

    def asking(answer, of_scheduler=refused, seconds=0.2):
        monkeypatch.setattr(survey, "connect", lambda *_: Cluster(answer, of_scheduler))
        return Surveyor("tcp://10.0.0.1:8786", seconds)

    return asking


def test_a_cluster_in_which_nobody_answers(asking):
    """The worker is silent, and of the scheduler nothing is known."""
    seen = asking(never, never).look()
    (member,) = seen.members
    assert (member.is_silent, member.memory_limit, member.skew) == (True, 0, None)
    assert str(member) == "tcp://10.0.0.7:1 (host 10.0.0.7)"
    assert isinstance(seen.place, Difference)
    assert (seen.saturation, seen.skew) == (None, None)


def test_a_cluster_in_which_nothing_may_be_asked(asking):
    """That is known of it, and that it is not silent."""
    seen = asking(refused).look()
    (member,) = seen.members
    assert not member.is_silent
    assert "handler" in member.place.cure
    assert "handler" in seen.place.cure


def test_a_cluster_that_answers(asking):
    """What each has, and how far off its clock is."""

    async def told(function):
        if function is survey._of_scheduler:
            return describe(), 1.5
        return function()

    async def late(function):
        return function() + 60.0 if function is survey.now else function()

    seen = asking(late, told, 30.0).look()
    (member,) = seen.members
    assert (member.place, seen.place, seen.saturation) == (describe(), describe(), 1.5)
    assert member.memory > 0
    assert 59.0 < member.skew.seconds < 61.0
    assert abs(seen.skew.seconds) < 1.0


def test_a_scheduler_without_a_page(asking):
    """There is no link to it."""
    assert asking(refused).link() == ""


def test_a_worker_that_writes_elsewhere(asking, tmp_path):
    """What it has written is not to be read here, or not what it was; what it raised is told."""
    probe = Probe(str(tmp_path), "doctor-1", b"data")
    answers = iter([f"file://{tmp_path}/none", place_at(str(tmp_path)).write("x", b"other")])

    async def elsewhere(*_):
        return next(answers)

    cluster = asking(elsewhere, seconds=30.0)
    first = cluster.try_place(["w"], probe)["w"]
    second = cluster.try_place(["w"], probe)["w"]
    assert isinstance(first, FileNotFoundError)
    assert "not what it has written" in str(second)
    assert "handler" in str(asking(refused).try_place(["w"], probe)["w"])


@pytest.mark.parametrize("found", [b"data", b"other"])
def test_a_worker_reads_before_it_writes(tmp_path, found):
    """Where it does not see what was written for it, it writes nothing."""
    probe = Probe(str(tmp_path), "doctor-1", b"data")
    place_at(str(tmp_path)).write("doctor-1/here", found)

    class Worker:
        address = "tcp://10.0.0.7:1"

    def attempt():
        return asyncio.run(survey._try_there(probe, Worker()))

    if found == probe.data:
        assert attempt().endswith("/doctor-1/tcp---10-0-0-7-1")
    else:
        with pytest.raises(OSError, match="not what was written here"):
            attempt()


def test_a_page_that_is_none():
    """Nobody listens, or somebody who speaks otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = f"http://127.0.0.1:{server.getsockname()[1]}/status"

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"what?\r\n\r\n")

        threading.Thread(target=answer).start()
        with pytest.raises(OSError, match="no page"):
            look_at_page(link, 30.0)
    with pytest.raises(OSError, match="refused"):
        look_at_page(link, 30.0)
