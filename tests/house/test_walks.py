"""An illegal walk is seen by what looks at the history of every run that the tests make."""

import pytest

from daskflow import LocalExecutor, flow, task
from daskflow.events import StateChanged
from daskflow.runs import FlowRun
from daskflow.states import (
    Failed,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Running,
    Skipped,
    Success,
    TriggerFailed,
)
from daskflow.timing import as_datetime
from tests.walks import flow_stumbles, problems_of, stumbles

AGAIN = Retrying(scheduled_for=as_datetime(1.0))


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ([], "Success"),
        ([], "Running"),
        ([AGAIN, AGAIN], "Success"),
        ([AGAIN, Failed()], "Failed"),
        ([AGAIN, Pending("waits for a worker"), Skipped()], "Skipped"),
        ([Paused(), Pending("approved")], "Success"),
        ([Paused(), Failed("rejected")], "Failed"),
        ([Paused(scheduled_for=as_datetime(1.0))], "Success"),
        ([TriggerFailed()], "TriggerFailed"),
    ],
)
def test_a_legal_walk_is_left_alone(told, end):
    """What is not told may have happened in between."""
    assert stumbles(told, end) == []


@pytest.mark.parametrize(
    ("told", "end", "wrong"),
    [
        ([], "Failed", "it is Failed after Pending, untold"),
        ([Failed(), Success()], "Success", "Success after Failed"),
        ([Skipped(), AGAIN], "Retrying", "Retrying after Skipped"),
        ([Failed(), Pending()], "Pending", "Pending after Failed"),
        ([AGAIN, Failed()], "Success", "it is Success after Failed, untold"),
        ([Paused()], "Success", "it is Success after Paused, untold"),
        ([Paused(), AGAIN], "Retrying", "Retrying after Paused"),
        ([TriggerFailed(attempt=1)], "TriggerFailed", "TriggerFailed at attempt 1"),
        ([Retrying()], "Retrying", "Retrying for ever"),
        ([Mapped(), Failed()], "Failed", "Mapped after Pending"),
    ],
)
def test_an_illegal_walk_is_seen(told, end, wrong):
    """What is finished moves no more, and nothing unhappy goes untold."""
    assert wrong in stumbles(told, end)


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ([Running(), Paused(), Running(), Success()], []),
        ([Success()], []),
        ([Paused()], ["Paused after Pending"]),
        ([Running(), Failed(), Running()], ["Running after Failed"]),
    ],
)
def test_the_walk_of_a_flow_run(told, wrong):
    """It is Running before it ends, and goes on only from Paused."""
    assert flow_stumbles(told) == wrong


def test_the_tests_are_watched(monkeypatch):
    """While a test runs, whoever drives a run looks at its history afterwards."""
    assert FlowRun.drive.__module__ == "tests.walks"


def test_a_run_that_left_something_is_seen():
    """Of a run that ended all task runs have ended, and all that is told is of one of them."""
    ident = task(lambda x: x, name="ident")
    run = flow(lambda: ident.map([1, 2]), name="walk", executor=LocalExecutor()).run()
    assert problems_of(run) == []
    run.record.events.append(StateChanged(1.0, "ident[1]", Failed()))
    run.record.nodes["ident"].codes[0] = Retrying.code
    assert problems_of(run) == [
        "ident[0]: it is Retrying after Pending, untold",
        "ident[1]: it is Success after Failed, untold",
        "ident[0]: still Retrying when the flow had ended",
    ]
