"""The record of a run: what reports make of it, and how much room it takes."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import UTC, datetime

import pytest

from daskflow import flow, manual_only, task, unmapped
from daskflow.errors import IllegalMoveError
from daskflow.events import Before, Length, Report
from daskflow.lowering.expand import Opening
from daskflow.states import (
    Cancelled,
    Crashed,
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
from tests.unit.runtime.book import Book, segment


@task
def a(x=0): ...


@task
def b(x=0, y=0): ...


def lane(xs):
    return b.map(a.map(xs))


def chain():
    return b(a())


def flow_of_one():
    return a()


def told(book):
    """Return the events so far: which name came into which kind of state."""
    return [(event.name, type(event.state).__name__) for event in book.record.events]


def test_a_run_begins_with_everything_open():
    """Unmapped task runs are Pending; mapped nodes have no children before the first plan."""
    record = Book(lambda: b.map(a())).record
    assert (record.open, record.undecided, [*record.in_flight]) == (1, {"b"}, [])
    assert record.node_state("a") == record.node_state("b") == Pending()
    assert (len(record.nodes["b"].codes), record.total("b")) == (0, None)


def test_a_plan_owns_what_is_in_its_blocks():
    """Task runs in a block are Pending to people and not open to the next plan."""
    book = Book(lane, xs=range(3))
    book.lower(2)
    record = book.record
    assert (record.open, record.undecided, [*record.in_flight]) == (0, set(), [1, 2])
    assert record.keys == {1: ("a-ab12", 1), 2: ("a-ab12", 2)}
    assert record.node_state("a") == Mapped(children=(Pending(),) * 3)
    assert book.lower().blocks == ()


def test_a_report_of_success():
    """What a block reported is in the columns: kinds, attempts, instants, counts."""
    book = Book(lane, xs=range(3))
    book.lower(2)
    book.fold(1, segment("a", 0, Success, Success), segment("b", 0, Success, Success))
    record = book.record
    assert record.workers == {1: "here"}
    assert record.state("a", 1) == Success(
        "", datetime(1970, 1, 1, 0, 1, 41, tzinfo=UTC), attempt=1
    )
    assert book.kinds("b") == ["Success", "Success", "Pending"]
    assert +Counter(record.nodes["b"].counts) == {Success.code: 2, Pending.code: 1}
    assert told(book) == []  # only what was not happy is told one by one


def test_a_second_report_of_a_block_is_dropped():
    """A report counts once, and only from a block that is on its way."""
    book = Book(flow_of_one)
    book.lower()
    book.fold(1, segment("a", 0, Success)).fold(1, segment("a", 0, Failed))
    book.fold(7, segment("a", 0, Failed))
    assert book.kinds("a") == ["Success"]


@pytest.mark.parametrize(
    ("kind", "started"), [(Failed, True), (Skipped, True), (TriggerFailed, False), (Crashed, True)]
)
def test_what_was_not_happy_is_told(kind, started):
    """Each such end is an event with the message, and the reason of a crash."""
    book = Book(lane, xs=[1, 2])
    book.lower(2)
    notes = {1: {"message": "so", "reason": "how"}}
    book.fold(1, segment("a", 0, *[kind] * 2, notes=notes, started=started))
    assert told(book) == [("a[0]", kind.__name__), ("a[1]", kind.__name__)]
    state = book.record.state("a", 1)
    assert (state.message, getattr(state, "reason", "how")) == ("so", "how")
    assert list(book.record.failed(["a", "b"])) == (
        [] if kind is Skipped else [("a", (0,)), ("a", (1,))]
    )


def test_an_illegal_report_is_refused():
    """A body that started cannot end as TriggerFailed: the record does not take it in silence."""
    book = Book(flow_of_one)
    book.lower()
    with pytest.raises(IllegalMoveError, match="a: TriggerFailed may not follow Running"):
        book.fold(1, segment("a", 0, TriggerFailed))
    other = Book(flow_of_one)
    other.lower()
    with pytest.raises(IllegalMoveError, match="a: Running may not follow Running"):
        other.fold(1, segment("a", 0, Running))


def test_a_retry_waits_in_the_record():
    """A Retrying task run is in no block until it is due; then it is open again."""
    book = Book(lane, xs=range(2))
    book.lower(2)
    notes = {0: {"message": "again", "due": 500.0}}
    book.fold(1, segment("a", 0, Retrying, Success, notes=notes), segment("b", 0, Pending, Success))
    record = book.record
    assert record.next_due() == 500.0
    assert record.state("a", 0).scheduled_for == datetime(1970, 1, 1, 0, 8, 20, tzinfo=UTC)
    assert book.lower().blocks == ()
    record.wake(499.0)
    assert book.lower().blocks == ()
    record.wake(500.0)
    assert record.next_due() is None
    (block,) = book.lower().blocks
    assert block.before == {("a", 0): Before(1), ("b", 0): Before(1)}
    book.fold(2, segment("a", 0, Success), segment("b", 0, Success))
    assert (
        +Counter(record.nodes["a"].counts)
        == +Counter(record.nodes["b"].counts)
        == {Success.code: 2}
    )
    assert record.state("a", 0).message == ""  # the note of the first attempt is over
    assert record.open == 0


def test_a_block_that_did_not_come_back():
    """Where it began its task runs crash; where a block before it was lost they wait again."""
    book = Book(chain)
    book.lower(1)
    book.fold(1, error="worker lost").fold(2, error="its input was lost", is_origin=False)
    assert book.record.state("a", 0).message == "worker lost"
    assert book.record.state("a", 0).reason == "block lost"
    assert book.kinds("b") == ["Pending"]
    (block,) = book.lower().blocks
    assert (block.number, block.inputs) == (3, ())
    assert [segment.node for segment in block.given] == ["a"]


def test_only_what_a_lost_block_owned_crashes():
    """What another block has by now, or had before, stays as it is."""
    book = Book(lane, xs=range(3))
    book.lower(2)
    book.fold(2, segment("a", 2, Success), segment("b", 2, Success)).fold(1, error="worker lost")
    assert book.kinds("a") == ["Crashed", "Crashed", "Success"]
    assert told(book) == [(f"{n}[{i}]", "Crashed") for n in "ab" for i in (0, 1)]


def test_a_parent_without_children_is_told():
    """A map that ended without children is one state, with its event."""
    book = Book(lane, xs="text")
    book.lower()
    assert told(book) == [("a", "Failed"), ("b", "TriggerFailed")]
    assert type(book.record.node_state("a")) is Failed
    assert list(book.record.failed(["a", "b"])) == [("a", ()), ("b", ())]


def test_an_empty_map_is_finished():
    """No children: Mapped, with nothing to wait for."""
    book = Book(lane, xs=[])
    book.lower()
    assert book.record.node_state("b") == Mapped()
    assert book.record.open == 0
    assert list(book.record.failed(["a", "b"])) == []


def test_a_skipped_parent_did_not_fail():
    """Of the nodes that ended without children only the failed ones are told as failures."""
    book = Book(lambda: b.map(a()))
    book.lower()
    book.fold(1, segment("a", 0, Skipped))
    book.lower()
    assert type(book.record.node_state("b")) is Skipped
    assert list(book.record.failed(["a", "b"])) == []


def test_what_a_map_waits_for_is_noted():
    """The length of a value, or why it has none, comes with its report."""
    book = Book(lambda: b.map(a()))
    book.lower()
    book.fold(1, segment("a", 0, Success, notes={0: {"length": Length(3)}}))
    assert book.record.lengths == {"a": {0: Length(3)}}
    assert book.lower().openings == (Opening("b", 0, 3),)

    other = Book(lambda: b.map(a()))
    other.lower()
    why = Length(None, "cannot map over a set")
    other.fold(1, segment("a", 0, Success, notes={0: {"length": why}}))
    assert other.record.lengths == {"a": {0: why}}


def test_a_cancelled_run_has_no_unfinished_task_run():
    """Everything that is not finished is Cancelled, wherever it was; what is finished stays."""

    def case(xs):
        x = a.map(xs)
        return b.map(a()), b(x)

    book = Book(case, xs=range(3))
    book.lower(1)
    book.fold(1, segment("a", 0, Success))
    book.fold(2, segment("a", 1, Retrying, notes={0: {"due": 500.0}}))
    book.record.cancel_unfinished("by hand")
    assert book.kinds("a") == ["Success", "Cancelled", "Cancelled"]
    assert book.record.node_state("b").code == Cancelled.code
    assert book.kinds("b-2") == ["Cancelled"]
    assert book.record.next_due() is None
    assert (book.record.open, book.record.in_flight, book.record.undecided) == (0, {}, set())
    book.fold(3, segment("a", 2, Success))  # too late
    assert book.kinds("a")[2] == "Cancelled"


def test_a_wide_lane_costs_few_bytes_a_child():
    """A child is an entry in columns: 100,000 of them take at most 150 bytes each, values too."""
    width = 100_000
    book = Book(lambda xs: a.map(xs), xs=range(width))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for block in book.lower().blocks:
            (strip,) = block.strips
            told = segment("a", strip.start, *[Success] * (strip.stop - strip.start))
            told.smalls = [n.to_bytes(5) for n in range(strip.start, strip.stop)]
            book.record.fold(Report("ab12", block.number, "here", (told,)))
        del told, block
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken / width <= 150
    assert book.record.nodes["a"].counts[Success.code] == width
    assert len(book.record.events) == 0


def test_two_passes_see_each_block_of_a_lane_released():
    """Blocks are let go though a task run that needed one crashed between two plans."""

    def case(xs):
        return b.map(a.map(xs), a())

    book = Book(case, xs=range(2))
    book.lower(1)
    book.fold(1, segment("a", 0, Success))
    book.fold(3, segment("a-2", 0, Success, notes={0: {"length": Length(2)}}))
    book.lower(1)
    book.fold(4, error="worker lost")
    book.fold(2, segment("a", 1, Success))
    book.lower(1)
    book.fold(5, segment("b", 1, Success))
    assert sorted(number for _, number in book.record.holding.take_loose()) == [1, 2, 3]


def reported(number, *segments, **told):
    return Report("ab12", number, "here", segments, **told)


def test_which_report_is_awaited():
    """One that ends what a task run in no block waits for, and no other."""

    def case(xs):
        lane = a.map(xs)
        return b.map(a()), a(), lane

    book = Book(case, xs=range(2))
    book.lower(1)
    record = book.record
    numbers = {segment: record.nodes[segment].blocks[0] for segment in ("a", "a-2", "a-3")}
    other = reported(numbers["a-3"], segment("a-3", 0, Success))
    record.fold(other)
    assert not record.is_awaited(other)
    wanted = reported(numbers["a-2"], segment("a-2", 0, Success, notes={0: {"length": Length(2)}}))
    assert not record.is_awaited(wanted)  # before it is folded its node is not complete
    record.fold(wanted)
    assert record.is_awaited(wanted)
    assert record.is_awaited(reported(numbers["a"], error="worker lost"))
    assert record.is_awaited(reported(numbers["a"], segment("a", 0, Pending, started=False)))


def test_of_a_lane_each_report_is_awaited():
    """Where lanes were given back one child's end is enough for its own lane."""
    book = Book(lane, xs=range(4))
    book.lower(2)
    due = {0: {"due": 500.0}}
    book.fold(1, segment("a", 0, Retrying, Success, notes=due), segment("b", 0, Pending, Success))
    other = reported(2, segment("a", 2, Success, Success), segment("b", 2, Success, Success))
    assert book.record.is_awaited(other)


def test_what_is_given_back_without_a_reason_crashes_in_the_end():
    """After three times for nothing the fourth is a crash, or the run would never end."""
    book = Book(chain)
    book.lower(1)
    book.fold(1, segment("a", 0, Success))
    for number in (2, 3, 4):
        assert book.kinds("b") == ["Pending"]
        book.fold(number, segment("b", 0, Pending, started=False))
        assert book.record.open == 1
        (block,) = book.lower(1).blocks
        assert block.number == number + 1
    book.fold(5, segment("b", 0, Pending, started=False))
    state = book.record.state("b", 0)
    assert (type(state), state.reason) == (Crashed, "input lost")
    assert state.message == (
        "its inputs were lost, and were not finished when they were made again"
    )
    assert told(book) == [("b", "Crashed")]
    assert (book.record.open, book.record.in_flight) == (0, {})
    assert book.lower(1).blocks == ()


def test_what_is_given_back_with_a_reason_never_crashes():
    """While an upstream waits for its retry a task run may be given back as often as need be."""
    book = Book(chain)
    book.lower()
    for number in range(1, 10, 2):
        due = {0: {"due": 500.0}}
        book.fold(number, segment("a", 0, Retrying, notes=due))
        book.fold(number + 1, segment("b", 0, Pending, started=False))
        assert book.kinds("b") == ["Pending"]
        book.record.wake(500.0)
        book.lower(1)
    assert book.record.open == 0


def test_a_map_given_back_is_judged_by_its_own_lane():
    """A lane whose upstream child is finished counts, whatever the other lanes do."""
    book = Book(lane, xs=range(2))
    book.lower(1)
    pending = segment("b", 0, Pending, started=False)
    number = 1
    for _ in range(4):
        book.fold(number, segment("a", 0, Success), pending)
        plan = book.lower(1)
        number = plan.blocks[0].number if plan.blocks else 0
    assert book.kinds("b") == ["Crashed", "Pending"]


# ------------------------------------------------------------------------------- spaces in spaces


def inner(x):
    return b.map(a(x))


def lanes(xs):
    return flow(inner, name="s").map(xs)


def ragged():
    """Return a book with three lanes: one of two children, one that ended, one that waits."""
    book = Book(lanes, xs=range(3))
    book.lower(3)
    made = segment("s.a", 0, Success, Failed, Retrying, notes={0: {"length": Length(2)}, 2: DUE})
    book.fold(1, made)
    book.lower(9)
    return book


DUE = {"due": 500.0}


def test_lanes_open_as_their_values_come():
    """What is below a lane is known when it is; the rest is neither there nor complete."""
    book = ragged()
    record = book.record
    assert (record.width("s.b", (0,)), record.width("s.b", (2,)), record.width("s.b")) == (2, 0, 3)
    assert record.node_state("s.b", (0, 1)) == record.node_state("s.b", (2,)) == Pending()
    assert [type(child) for child in record.node_state("s.b").children] == [
        Mapped,
        TriggerFailed,
        Pending,
    ]
    assert (record.total("s.a"), record.total("s.b"), record.undecided) == (3, None, {"s.b"})
    assert told(book) == [("s.a[1]", "Failed"), ("s.a[2]", "Retrying"), ("s.b[1]", "TriggerFailed")]


def test_a_later_lane_grows_the_columns():
    """Positions are given out behind those of the others, and map indexes tell where they are."""
    book = ragged()
    record = book.record
    record.wake(500.0)
    book.lower(9)
    book.fold(3, segment("s.a", 2, Success, notes={0: {"length": Length(1)}}))
    book.lower(9)
    assert [record.index("s.b", position) for position in range(3)] == [(0, 0), (0, 1), (2, 0)]
    assert (record.total("s.b"), record.undecided, record.open) == (4, set(), 0)
    book.fold(4, segment("s.b", 2, Failed))
    assert told(book)[-1] == ("s.b[2, 0]", "Failed")


def test_failures_are_told_in_the_order_of_their_map_indexes():
    """Wherever their columns have them, and whether they had children or not."""
    book = ragged()
    record = book.record
    record.wake(500.0)
    book.lower(9)
    book.fold(2, segment("s.b", 0, Success, Failed))
    book.fold(3, segment("s.a", 2, Failed))
    book.lower(9)
    assert list(record.failed(["s.b"])) == [("s.b", (0, 1)), ("s.b", (1,)), ("s.b", (2,))]
    outcome = record.outcome("s.b")
    assert outcome.failed == ["s.b[0, 1]", "s.b[1]", "s.b[2]"]
    assert sorted(outcome.codes) == sorted(
        [Success.code, Failed.code, TriggerFailed.code, TriggerFailed.code]
    )


def test_a_sub_flow_that_ended_is_one_state_of_each_node_in_it():
    """It is told once, counts for each of them, and what they would have needed is let go."""

    def case(xs):
        whole = a.named("whole")()
        return flow(lambda x: b.map([1], unmapped(b(x, whole))), name="s").map(xs)

    book = Book(case, xs="text")
    (block,) = book.lower().blocks
    record = book.record
    assert told(book) == [("s", "Failed")]
    for name in ("s.b", "s.b-2"):
        assert type(record.node_state(name)) is Failed
        assert (record.total(name), +Counter(record.nodes[name].counts)) == (1, {Failed.code: 1})
        assert list(record.failed([name])) == [(name, ())]
        assert record.node_state(name, (0,) * record.nodes[name].space.level) == (
            record.node_state(name)
        )
    book.fold(block.number, segment("whole", 0, Success))
    assert record.holding.take_loose() == [block.key]


def test_a_cancelled_run_has_no_undecided_lane():
    """Lanes that were not opened end as Cancelled, from the outermost on."""
    book = ragged()
    book.record.cancel_unfinished("by hand")
    assert [type(child) for child in book.record.node_state("s.b").children] == [
        Mapped,
        TriggerFailed,
        Cancelled,
    ]
    assert told(book)[3:] == [
        ("s.b[2]", "Cancelled"),
        ("s.a[2]", "Cancelled"),
        ("s.b[0, 0]", "Cancelled"),
        ("s.b[0, 1]", "Cancelled"),
    ]
    never = Book(lanes, xs=[1])
    never.record.cancel_unfinished("by hand")
    assert told(never) == [("s", "Cancelled")]


def test_a_lane_given_back_is_judged_by_what_it_needs():
    """Of a reduce in a lane all children of that lane, whatever those of the others do."""

    def case(xs):
        return flow(lambda x: a(b.map(x)), name="s").map(xs)

    book = Book(case, xs=[[1, 2], [3]])
    book.lower(1)
    book.fold(1, segment("s.b", 0, Success))
    for number, position in ((4, 0), (5, 1)):
        book.fold(number, segment("s.a", position, Pending, started=False))
    assert book.record._strikes == {}
    book.fold(3, segment("s.b", 2, Success))
    (block,) = book.lower(1).blocks
    book.fold(block.number, segment("s.a", 1, Pending, started=False))
    assert book.record._strikes == {("s.a", 1): 1}


# -------------------------------------------------------------------------- what waits for a person


@task(trigger=manual_only)
def manual(x=0):
    return x


def pausing(xs):
    b.map(manual.map(a.map(xs)))  # and returns nothing: no value is kept for the user


def test_paused_task_runs_wait_in_the_record():
    """They are in no block and not open; their number is at hand, and what they have left."""
    book = Book(pausing, xs=range(3)).play()
    record = book.record
    assert record.paused == {("manual", 0), ("manual", 1), ("manual", 2)}
    assert (record.open, record.in_flight, record.next_due()) == (3, {}, None)
    assert book.kinds("b") == ["Pending"] * 3
    assert not record.is_finished()


def test_an_approved_task_run_is_open_again():
    """With all that it had; what is not paused is left alone."""
    book = Book(pausing, xs=range(3)).play()
    record = book.record
    record.approve("manual", 1)
    record.approve("manual", 1)
    record.reject("manual", 1, "too late")
    record.approve("a", 1)
    assert record.paused == {("manual", 0), ("manual", 2)}
    assert record.nodes["manual"].before == {1: Before(is_resumed=True)}
    assert told(book)[-1] == ("manual[1]", "Pending")
    book.play()
    assert book.kinds("manual") == ["Paused", "Success", "Paused"]
    assert book.kinds("b") == ["Pending", "Success", "Pending"]


def test_a_rejected_task_run_closes_its_account_once():
    """Its block is held as long as a sibling may still need what is in it."""
    book = Book(pausing, xs=range(3)).play(3)
    record = book.record
    first = record.keys[1]
    record.reject("manual", 0, "no")
    record.reject("manual", 1, "no")
    book.play(3)
    assert book.kinds("b") == ["TriggerFailed", "TriggerFailed", "Pending"]
    assert first not in record.holding.take_loose()
    record.approve("manual", 2)
    book.play(3)
    assert book.kinds("b")[2] == "Success"
    assert first in record.holding.take_loose()
    assert record.is_finished()


def test_what_crashes_behind_a_lost_input_closes_its_account_too():
    """Given back again and again without a reason it crashes, and its blocks are let go."""

    def unkept():
        chain()

    book = Book(unkept)
    book.lower(1)
    book.fold(1, segment("a", 0, Success))
    number = 2
    while book.kinds("b") != ["Crashed"]:
        book.fold(number, segment("b", 0, Pending, started=False))
        book.lower(1)
        number += 1
    assert sorted(n for _, n in book.record.holding.take_loose()) == list(range(1, number))


def test_a_pause_for_an_instant_is_due():
    """It is woken like a retry; approved or rejected before, it is due no more."""
    book = Book(lane, xs=range(3))
    book.lower(3)
    notes = {i: {"due": 200.0 + i, "before": Before(1, 1)} for i in range(3)}
    book.fold(1, segment("a", 0, *[Paused] * 3, notes=notes), segment("b", 0, *[Pending] * 3))
    record = book.record
    assert record.state("a", 1).scheduled_for == datetime(1970, 1, 1, 0, 3, 21, tzinfo=UTC)
    record.approve("a", 0)
    record.reject("a", 1, "no")
    assert record.next_due() == 202.0
    record.wake(201.0)
    assert record.paused == {("a", 2)}
    record.wake(202.0)
    assert (record.paused, record.next_due()) == (set(), None)
    assert record.nodes["a"].before[2] == Before(1, 1, is_resumed=True)


def test_what_an_iteration_left_is_asked_for_where_it_is():
    """A block that was lost before it began does not have it: the one that reported last has."""
    book = Book(flow_of_one)
    book.lower()
    left = {0: {"before": Before(1, loops=2), "due": 150.0}}
    book.fold(1, segment("a", 0, Retrying, notes=left))
    book.record.wake(150.0)
    assert book.lower().blocks[0].inputs == (("a-ab12", 1),)
    book.fold(2, error="behind a lost one", is_origin=False)
    again = book.lower().blocks[0]
    assert again.inputs == (("a-ab12", 1),)
    assert again.before == {("a", 0): Before(1, loops=2)}
