"""Every history of every flow run that a test makes is a legal walk, by tables written out here.

`LegalWalks` is a pytest plugin: it looks at each run when its driver is done, and at the end of
the test tells what was wrong. What went well is not told in a history: that a task run was Pending,
Running, one iteration further or a Success; so a walk may pass through these untold.
"""

from itertools import pairwise
from threading import RLock
from weakref import WeakKeyDictionary

import pytest

# From a kind of state to those that may follow. What is finished stays as it is, but for a resume.
ENDS_OF_A_BODY = "Success Skipped Failed TimedOut Crashed Cancelled Cached"
TASK_RUN = {
    # its trigger, its cases, a cache, state handlers and the driver may end it before its start
    "Pending": f"Running Retrying Paused Scheduled AwaitingSlot TriggerFailed {ENDS_OF_A_BODY}",
    "Scheduled": "Pending Cancelled Crashed",
    "AwaitingSlot": "Pending Cancelled Crashed",
    "Retrying": "Pending Cancelled Crashed",
    # approved or rejected by a person, or by a state handler
    "Paused": "Pending Failed TimedOut Cancelled Crashed Skipped Success Cached",
    "Running": f"Looped Retrying Paused Pending {ENDS_OF_A_BODY}",
    "Looped": f"Running Retrying Paused {ENDS_OF_A_BODY}",
    "Cancelled": "Pending",  # resumed
}
FLOW_RUN = {
    "Pending": "Running Success Skipped Failed Crashed Cancelled",  # a state handler may end it
    "Running": "Success Skipped Failed Crashed Cancelled Cancelling Paused",
    "Cancelling": "Cancelled Crashed Success Skipped Failed",  # where all had finished by then
    "Paused": "Running Cancelling",
    "Cancelled": "Running",  # resumed
    "Crashed": "Running",  # the same
}
UNTOLD = {"Pending", "Running", "Looped", "Success"}
FINISHED = {*ENDS_OF_A_BODY.split(), "TriggerFailed", "Mapped"}


def steps(table, kind):
    """Return what may follow a kind."""
    return set(table.get(kind, "").split())


def within_reach(kind):
    """Return the kinds that a task run may be told to be in next."""
    seen, ahead = set(), steps(TASK_RUN, kind)
    while ahead:
        seen |= ahead
        ahead = {new for one in ahead & UNTOLD for new in steps(TASK_RUN, one)} - seen
    return seen


REACH = {kind: within_reach(kind) for kind in {*TASK_RUN, *FINISHED}}


def stumbles(told, end):
    """Return what is illegal in the walk of a task run.

    Parameters
    ----------
    told
        The states of its history, in order.
    end
        The kind in which it is now; None: nobody knows.
    """
    kind, may_follow, goes_on, wrong = "Pending", REACH["Pending"], True, []
    for state in told:
        new = type(state).__name__
        is_told_again = new == kind == "Pending" or (new == "Pending" and kind == "Retrying")
        # its attempt, or its value, was lost; else it waits for a worker that is not there
        is_told_again |= new == "Pending" and state.message.endswith("runs again")
        if new not in may_follow and not is_told_again:
            wrong.append(f"{new} after {kind}")
        if new == "TriggerFailed" and state.attempt:
            wrong.append(f"TriggerFailed at attempt {state.attempt}")
        if new == "Retrying" and state.scheduled_for is None:
            wrong.append("Retrying for ever")
        needs_a_person = new == "Paused" and state.scheduled_for is None
        kind, may_follow = new, steps(TASK_RUN, new) if needs_a_person else REACH[new]
        goes_on = not needs_a_person  # untold
    if end not in {None, kind} and not (goes_on and end in UNTOLD and end in may_follow):
        wrong.append(f"it is {end} after {kind}, untold")
    return wrong


def flow_stumbles(told):
    """Return what is illegal in the walk of a flow run."""
    kinds = ["Pending", *(type(state).__name__ for state in told)]
    pairs = pairwise(kinds)
    return [f"{new} after {old}" for old, new in pairs if new not in steps(FLOW_RUN, old)]


def ends_of(record):
    """Return the kinds of all task runs by their names; of the successes only how many."""
    from daskflow.context import run_label
    from daskflow.states import KINDS, Success

    ends = {}
    for name, node in list(record.nodes.items()):
        places = [place for place, code in enumerate(node.codes) if code != Success.code]
        for place in places:
            kind = (
                "Pending" if node.codes[place] >= len(KINDS) else KINDS[node.codes[place]].__name__
            )
            ends[run_label(name, node.space.index_of(place))] = kind
    return ends


def is_task_run(record, name):
    """Return whether this is a task run's name; else it is that of a map without children."""
    node, _, index = name.partition("[")
    depth = index.count(",") + bool(index)
    return node in record.nodes and depth == record.nodes[node].space.level


def problems_of(run):
    """Return what is wrong with the history of a flow run that has ended or is Paused."""
    walks = {}
    for event in list(run.record.events):
        walks.setdefault(event.name, []).append(event.state)
    wrong = [f"{run.name}: {what}" for what in flow_stumbles(walks.pop(run.name, []))]
    ends = ends_of(run.record)
    for name in sorted({*walks, *ends}):
        end = ends.get(name, "Success") if is_task_run(run.record, name) else None
        wrong += [f"{name}: {what}" for what in stumbles(walks.get(name, []), end)]
    if run.state.is_finished():
        left = {name: kind for name, kind in ends.items() if kind not in FINISHED}
        wrong += [f"{name}: still {kind} when the flow had ended" for name, kind in left.items()]
    return wrong


class LegalWalks:
    """Looks at each run when its driver is done; a test with an illegal walk fails at its end."""

    @pytest.fixture(autouse=True)
    def legal_walks(self):
        """Have each run looked at by whoever drives it, in whatever thread."""
        from daskflow.runs import FlowRun
        from tests.replays import differences, misreadings

        original, driven, problems = FlowRun.drive, [], []
        looked_at = WeakKeyDictionary()  # who drives a run on waits until it was looked at

        def drive(run):
            with looked_at.setdefault(run, RLock()):
                driven.append(run)
                try:
                    original(run)
                finally:
                    problems.extend(problems_of(run))
                    problems.extend(differences(run) + misreadings(run))
                    driven.remove(run)

        FlowRun.drive = drive
        yield
        FlowRun.drive = original
        for run in driven:  # those that have ended, and whose thread has not
            problems.extend(problems_of(run) if run.state.is_finished() else [])
        assert not problems, "\n".join(problems)
