"""What a block asks its run's driver while it runs: one suite for all executors."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daskflow import DaskExecutor, UnansweredError
from daskflow.executors import tracker
from daskflow.executors.connections import disconnect
from daskflow.executors.local import LocalSession
from daskflow.executors.ports import current_port
from daskflow.questions import Question
from tests.contract.blocks import Opened
from tests.contract.processes import kill_group, scheduler, worker
from tests.contract.waiting import eventually


@dataclass(frozen=True)
class Riddle(Question[Any]):
    """A question with something of the user's in it."""

    number: int
    cargo: Any = None


class Traveller:
    """A value that writes down in which process it was unpickled."""

    def __init__(self, ledger, name):
        self.ledger = ledger
        self.name = name

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.ledger.note(f"{self.name} {os.getpid()}")


def asks(one, **options):
    """Return the body of a block that asks a riddle with its number and returns the answer."""
    run_id = one.run_id
    return lambda number: current_port().ask(run_id, Riddle(number), **options)


def asks_in_vain(one, ledger, **options):
    """Return a body that notes when it asks, and why it got no answer."""
    run_id = one.run_id

    def body(number):
        ledger.note("asks")
        try:
            told = current_port().ask(run_id, Riddle(number), **options)
        except UnansweredError as error:
            told = f"unanswered: {error}"
        ledger.note(told)
        return told

    return body


def test_a_question_is_answered(begin):
    """Whoever asks is told what the driver's answer to its own question is, None included."""
    one = begin()
    one.session.answer_with(lambda riddle: None if riddle.number == 7 else riddle.number * 10)
    one.submit(dict.fromkeys(range(1, 21), ()), asks(one))
    one.hear(20)
    told = {number: value for number, _, value in one.fetch(*range(1, 21))}
    assert told == {n: None if n == 7 else n * 10 for n in range(1, 21)}


def test_each_block_may_ask_many_times(begin):
    """One question after another, in order."""
    one = begin()
    heard = []
    one.session.answer_with(lambda riddle: heard.append(riddle.number) or riddle.number)
    run_id = one.run_id
    body = lambda _: [current_port().ask(run_id, Riddle(n)) for n in range(5)]  # noqa: E731
    one.submit({1: ()}, body)
    one.hear(1)
    assert one.fetch(1) == [(1, (), [0, 1, 2, 3, 4])]
    assert heard == [0, 1, 2, 3, 4]


def test_each_run_answers_its_own_questions(begin):
    """Two runs at a time: neither hears what the other is asked."""
    first, second = begin(), begin()
    for one, name in ((first, "first"), (second, "second")):
        one.session.answer_with(lambda riddle, name=name: (name, riddle.number))
        one.submit({1: (), 2: ()}, asks(one))
    first.hear(2)
    second.hear(2)
    assert [value for *_, value in first.fetch(1, 2)] == [("first", 1), ("first", 2)]
    assert [value for *_, value in second.fetch(1, 2)] == [("second", 1), ("second", 2)]


def test_the_answer_is_given_by_the_driver_and_nobody_opens_it_on_the_way(executor, begin, ledger):
    """The question is unpickled in this process, the answer where it was asked; each once."""
    one = begin()
    run_id = one.run_id

    def body(number):
        told = current_port().ask(run_id, Riddle(number, Traveller(ledger, "question")))
        return os.getpid(), told.name

    one.session.answer_with(lambda riddle: Traveller(ledger, "answer"))
    one.submit({1: ()}, body)
    one.hear(1)
    ((_, _, (pid, name)),) = one.fetch(1)
    assert name == "answer"
    travels = isinstance(executor, DaskExecutor)
    expected = {f"question {os.getpid()}": 1, f"answer {pid}": 1}
    assert ledger.starts() == (expected if travels else {})


def test_an_answer_that_cannot_be_given(begin):
    """What the driver's answerer raises is told to whoever asked; the run goes on."""
    one = begin()

    def answer(riddle):
        raise LookupError(f"no riddle {riddle.number}")

    one.session.answer_with(answer)
    run_id = one.run_id

    def body(number):
        with pytest.raises(UnansweredError) as caught:
            current_port().ask(run_id, Riddle(number))
        return str(caught.value)

    one.submit({1: (), 2: ()}, body)
    one.hear(2)
    assert [value for *_, value in one.fetch(1, 2)] == [
        "LookupError: no riddle 1",
        "LookupError: no riddle 2",
    ]


def test_a_run_that_answers_nothing(begin, ledger):
    """Where the driver gave nothing to answer with, that is the answer, at once."""
    one = begin()
    one.submit({1: ()}, asks_in_vain(one, ledger))
    one.hear(1)
    assert ledger.lines() == ["asks", "unanswered: LookupError: nobody answers a Riddle here"]


def test_whoever_asks_a_closed_session_is_told(executor, begin, ledger, gate):
    """A block that is still at work when its run has ended asks in vain, and is not held up."""
    one = begin()
    one.session.answer_with(lambda riddle: "an answer")
    asking = asks_in_vain(one, ledger)

    def body(number):
        ledger.note("began")
        gate.wait()
        return asking(number)

    if one.session.threads == 1 and isinstance(one.session, LocalSession):
        return  # its blocks run in this very thread: none is at work when we close it
    one.submit({1: ()}, body)
    eventually(lambda: ledger.lines() == ["began"])
    one.session.close()
    gate.open()
    eventually(lambda: len(ledger.lines()) == 3)
    assert "unanswered" in ledger.lines()[-1]


@pytest.fixture
def far_executor(cluster):
    return DaskExecutor(address=cluster.scheduler_address)


@pytest.fixture
def far(far_executor):
    """A session on a cluster of other processes, whose driver looks only when it is asked to."""
    one = Opened.on(far_executor)
    yield one
    one.session.close()


def test_an_answer_that_does_not_come_in_time(far, ledger):
    """The driver is busy with something else: whoever asks hears of it when the time is over."""
    far.session.answer_with(lambda riddle: "an answer")
    far.submit({1: ()}, asks_in_vain(far, ledger, seconds=0.3))
    eventually(lambda: len(ledger.lines()) == 2)
    assert ledger.lines()[1] == "unanswered: the driver did not answer within 0.3 s"
    far.hear(1)  # the late answer harms nobody
    far.submit({2: ()}, asks(far))
    far.hear(2)
    assert far.fetch(2) == [(2, (), "an answer")]


def test_a_session_that_is_closed_while_somebody_asks(far, ledger):
    """Who waits for an answer is told at once that none will come."""
    far.submit({1: ()}, asks_in_vain(far, ledger, seconds=100))
    eventually(lambda: ledger.lines() == ["asks"])
    far.session.close()
    eventually(lambda: len(ledger.lines()) == 2)
    assert ledger.lines()[1] == "unanswered: the run has ended, or whoever drove it is gone"


def test_a_driver_that_leaves_while_somebody_asks(cluster, ledger):
    """With the client go its runs, and who asks one of them is told at once."""
    address = cluster.scheduler_address
    one = Opened.on(DaskExecutor(address=address, client_kwargs={"name": "leaver"}))
    one.submit({1: ()}, asks_in_vain(one, ledger, seconds=100))
    eventually(lambda: ledger.lines() == ["asks"])
    one.session._hub.client.close()
    eventually(lambda: len(ledger.lines()) == 2)
    assert ledger.lines()[1] == "unanswered: the run has ended, or whoever drove it is gone"


def test_a_scheduler_that_dies_while_somebody_asks(tmp_path, ledger):
    """The way to the driver is gone: whoever asks is told, and the worker is not held up."""
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}  # blocks name this file's functions
    with scheduler(tmp_path, **path) as (process, address), worker(tmp_path, address, **path):
        one = Opened.on(DaskExecutor(address=address))
        one.submit({1: ()}, asks_in_vain(one, ledger, seconds=100))
        eventually(lambda: ledger.lines() == ["asks"])
        kill_group(process)
        eventually(lambda: len(ledger.lines()) == 2)
        assert "unanswered: the scheduler passes no answer on" in ledger.lines()[1]
        disconnect(address)


def test_a_question_does_not_wait_for_the_pause_between_reports(near_cluster, monkeypatch, ledger):
    """Reports are gathered for a moment; somebody waits for an answer, so a question is not."""
    client_kwargs = {"name": "patient"}  # one of its own, for its next poll waits long
    one = Opened.on(DaskExecutor(cluster=near_cluster, client_kwargs=client_kwargs))
    one.session.answer_with(lambda riddle: "an answer")
    one.submit({1: ()})
    one.hear(1)
    monkeypatch.setattr(tracker, "_PAUSE_SECONDS", 1000.0)
    one.submit({2: ()}, asks_in_vain(one, ledger))

    def is_answered():
        """The block was told the answer."""
        one.session.wait(0.1)
        return ledger.lines() == ["asks", "an answer"]

    eventually(is_answered)
    one.session.close()
    one.session._hub.client.close()
