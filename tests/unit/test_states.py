"""The kinds of state, what counts as what, and which may follow which."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from daskflow import states
from daskflow.errors import IllegalMoveError
from daskflow.states import (
    DRIVER_MOVES,
    KINDS,
    SHIM_MOVES,
    Crashed,
    Failed,
    Mapped,
    Retrying,
    State,
    Success,
    check_move,
    make_state,
)

# Written by hand from the rules of the engine, so that the tables are held against something.
BEFORE_START = ["Pending", "Scheduled", "Retrying", "AwaitingSlot"]
OF_A_CALL = "Success Skipped Failed TimedOut Crashed Cancelled"
ON_A_WORKER = {
    **dict.fromkeys(
        BEFORE_START,
        "Pending AwaitingSlot Paused Running Cached Skipped TriggerFailed Failed Crashed "
        "Success Retrying",  # of what a trigger raises
    ),
    "Running": f"Pending Retrying Paused Looped {OF_A_CALL}",
    "Looped": f"Running Looped Retrying Paused {OF_A_CALL}",
    "Cancelling": f"Cached TriggerFailed {OF_A_CALL}",
}
IN_THE_DRIVER = {
    **dict.fromkeys(
        [*BEFORE_START, "Paused"],
        "Pending Scheduled Running Mapped Skipped TriggerFailed Failed Crashed "
        "Success Cached TimedOut Cancelling Cancelled",
    ),
    "Running": "Pending Crashed Cancelling Cancelled",
    "Cancelling": "Crashed Cancelled",
    "Cancelled": "Pending",
}
NAMES = [kind.__name__ for kind in KINDS]

FINISHED = [
    "Success",
    "Cached",
    "Skipped",
    "Mapped",
    "Failed",
    "TriggerFailed",
    "TimedOut",
    "Crashed",
    "Cancelled",
]
COUNTS_AS = {  # successful, failed, skipped
    **dict.fromkeys(NAMES, (False, False, False)),
    "Success": (True, False, False),
    "Cached": (True, False, False),
    "Skipped": (True, False, True),
    "Mapped": (True, False, False),
    "Failed": (False, True, False),
    "TriggerFailed": (False, True, False),
    "TimedOut": (False, True, False),
    "Crashed": (False, True, False),
}


@pytest.mark.parametrize("old", NAMES)
@pytest.mark.parametrize(
    ("moves", "written"),
    [(SHIM_MOVES, ON_A_WORKER), (DRIVER_MOVES, IN_THE_DRIVER)],
    ids=["shim", "driver"],
)
def test_which_state_may_follow_which(old, moves, written):
    """Every pair of kinds is legal or not as the table says that was written by hand."""
    legal = {new for new in NAMES if may_follow(old, new, moves)}
    assert legal == set(written.get(old, "").split())


def may_follow(old, new, moves):
    try:
        check_move(NAMES.index(old), NAMES.index(new), "clean", moves)
    except IllegalMoveError as error:
        assert str(error) == f"clean: {new} may not follow {old}"  # noqa: PT017 - of each pair
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_what_each_kind_counts_as(kind):
    """Skipped, Cached and Mapped count as successful, Crashed and its kin as failed."""
    state = kind()
    assert state.is_finished() == (kind.__name__ in FINISHED)
    assert (state.is_successful(), state.is_failed(), state.is_skipped()) == COUNTS_AS[
        kind.__name__
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_is_a_place_in_the_list_of_kinds(kind):
    """The byte on the wire leads back to the kind, and no two kinds share one."""
    assert KINDS[kind.code] is kind
    assert make_state(kind.code, message="why") == kind("why")


@pytest.mark.parametrize("kind", KINDS)
def test_states_travel(kind):
    """A state is the same after pickling."""
    state = kind("why", datetime(2013, 1, 1, tzinfo=UTC), 2)
    assert pickle.loads(pickle.dumps(state)) == state


def test_every_kind_in_the_room_has_a_code():
    """No subclass of State was left out of the list."""
    found = {thing for thing in vars(states).values() if isinstance(thing, type)}
    assert {kind for kind in found if issubclass(kind, State)} == {*KINDS, State}


def test_the_tree_of_kinds():
    """A handler that asks for a parent kind meets its children."""
    assert [kind.__name__ for kind in KINDS if issubclass(kind, Failed)] == [
        "Failed",
        "TriggerFailed",
        "TimedOut",
        "Crashed",
    ]
    assert issubclass(Retrying, states.Scheduled)
    assert issubclass(Mapped, Success)


def test_a_column_of_codes_becomes_a_column_of_flags():
    """The mask of some codes turns them into 1 and every other byte into 0."""
    codes = bytes([0, 8, 12, 255, 8])
    assert codes.translate(states.mask_of([8, 255])) == bytes([0, 1, 0, 1, 1])
    assert codes.translate(states.FINISHED_MASK) == bytes([0, 1, 1, 0, 1])


def test_a_state_reads_well():
    """In messages a state is its kind, and its reason where it has one."""
    assert str(Success()) == "Success"
    assert str(Crashed("worker lost")) == "Crashed('worker lost')"


def test_states_do_not_change():
    """A state is a frozen value."""
    with pytest.raises(AttributeError):
        Success().message = "other"
