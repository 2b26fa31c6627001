"""What ends a block before all of it was begun: time, bytes, the reporter of the process."""

import gc
import threading
import weakref
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from daskflow import LocalExecutor, flow, task, unmapped
from daskflow.events import Before, Begun
from daskflow.lowering.plan import unpack_block
from daskflow.runtime import budgets
from daskflow.runtime.budgets import UNLIMITED, Budget, Limits, Reporter
from daskflow.runtime.inputs import Inputs
from daskflow.runtime.meanwhile import Looks
from daskflow.runtime.paces import Pace
from daskflow.runtime.shim import BlockWalk
from daskflow.runtime.task_run import TaskRun
from daskflow.runtime.wiring import SingleWire, Wire
from daskflow.states import Failed, Running, Success
from daskflow.timing import watch
from tests.unit.runtime.book import Book


@task
def ident(x):
    """Give it back."""
    return x


@task
def pair(x, y):
    """Give both back."""
    return x, y


def walked(function, limits, block_size=None, **parameters):
    """Walk the first block of a flow within limits; return the walk and its block."""
    book = Book(function, **parameters)
    spec = replace(book.spec, limits=limits)
    block = book.lower(block_size).blocks[0]
    walk = BlockWalk(spec, unpack_block(block.packed()), (), is_local=True)
    walk.walk()
    return walk, block


def told(walk):
    """Return how many task runs of each node were told of."""
    parts = [part for segment in walk.segments for part in segment.parts()]
    return {part.node: len(part.codes) for part in parts}


@pytest.mark.parametrize(
    "limits",
    [Limits(seconds=-1.0), Limits(kept_bytes=0), Limits(inline_bytes=0)],
    ids=["seconds", "kept", "inline"],
)
def test_a_block_begins_its_first_place_and_then_looks_at_its_limits(limits):
    """Of a lane one place with all its nodes; the rest is not told of, and so given back."""
    walk, block = walked(lambda xs: ident.map(ident.map(xs)), limits, 4, xs=range(4))
    assert block.task_runs() == 8
    assert set(told(walk).values()) == {1}


def test_without_limits_all_of_a_block_is_walked():
    """However long it takes, and however much it keeps."""
    walk, _ = walked(lambda xs: ident.map(xs), UNLIMITED, 1000, xs=range(1000))
    assert told(walk) == {"ident": 1000}


def test_what_only_a_lane_needs_is_no_burden():
    """Values that pass from node to node inside of a block are not kept, and not counted."""
    limits = Limits(kept_bytes=10_000)
    walk, _ = walked(
        lambda xs: ident.map(pair.map(xs, unmapped("x" * 500))), limits, 8, xs=range(8)
    )
    assert told(walk) == {"pair": 8, "ident": 8}


def test_what_only_a_stretch_needs_is_no_burden():
    """The same of nodes that are not mapped; what others need is counted."""
    limits = Limits(kept_bytes=400)
    walk, _ = walked(lambda: ident(ident(ident("x" * 500))), limits, 3)
    assert told(walk) == {"ident": 1, "ident-2": 1, "ident-3": 1}

    def read_elsewhere():
        x = ident("x" * 500)
        ident(ident(x))
        ident.named("other")(x)

    walk, _ = walked(read_elsewhere, limits, 3)
    assert told(walk) == {"ident": 1}


def test_a_stretch_of_nodes_ends_between_two_nodes():
    """The ones behind are given back, however many there are."""
    walk, block = walked(lambda: ident(ident(ident(1))), Limits(seconds=-1.0), 3)
    assert (block.task_runs(), told(walk)) == (3, {"ident": 1})


def test_a_value_goes_when_its_last_consumer_in_the_block_is_finished():
    """What nobody outside needs does not leave the block."""

    def case():
        first = ident(1)
        return pair(ident(first), first)

    walk, _ = walked(case, UNLIMITED, 4)
    (stretch,) = walk.segments
    assert {part.node: part.values for part in stretch.parts()} == {
        "ident": {},
        "ident-2": {},
        "pair": {0: (1, 1)},
    }


def test_what_was_not_begun_begins_in_the_next_pass():
    """As if it had not been in the block: nobody waits for it, and its state is Pending."""
    book = Book(lambda xs: ident.map(xs), xs=range(6))
    book.spec = replace(book.spec, limits=Limits(seconds=-1.0))
    (block,) = book.lower(6).blocks
    found = tuple(segment.without_values() for segment in book.walk(block))
    assert book.fold(block.number, *found).record.open == 5
    assert book.kinds("ident") == ["Success", *["Pending"] * 5]
    assert [*book.record.nodes["ident"].blocks] == [1, 0, 0, 0, 0, 0]
    book.play(6)
    assert book.kinds("ident") == ["Success"] * 6


def test_what_is_given_back_early_is_not_taken_from_its_new_block():
    """The old block's end tells only of what it has begun; the rest belongs to who took it."""
    book = Book(lambda xs: ident.map(xs), xs=range(4))
    (old,) = book.lower(4).blocks
    book.fold(old.number, is_early=True, given_back=[("ident", 1, 4)])
    assert (book.record.open, [*book.record.in_flight]) == (3, [old.number])
    (new,) = book.lower(4).blocks
    assert new.task_runs() == 3
    book.spec = replace(book.spec, limits=Limits(seconds=-1.0))
    (segment,) = book.walk(old)
    book.fold(old.number, segment.without_values())
    assert [*book.record.nodes["ident"].blocks] == [1, 2, 2, 2]
    book.fold(old.number, is_early=True, given_back=[("ident", 2, 4)])  # it comes too late
    assert [*book.record.in_flight] == [new.number]


def test_a_walk_and_a_reporter_take_turns_without_a_lock():
    """Whatever the reporter gives back is not begun, whoever comes first."""
    budget = Budget(UNLIMITED)
    assert budget.may_begin()
    assert budget.cut() == 1
    assert not budget.may_begin()  # it has said that it would: nobody's, until its end tells
    assert budget.cut() == 2


class Looked:
    """A block that notes when it was looked at."""

    def __init__(self, what=lambda: None):
        self.what = what
        self.seen = threading.Semaphore(0)

    def look(self):
        """Note it."""
        self.seen.release()
        self.what()


def test_the_reporter_looks_at_what_runs(monkeypatch):
    """Again and again, until it is told not to; one that raises does no harm to others."""
    monkeypatch.setattr(budgets, "_LOOK_SECONDS", 0.001)
    reporter = Reporter()
    torn, whole = Looked(lambda: 1 / 0), Looked()
    reporter.watch(torn)
    reporter.watch(whole)
    for block in (torn, whole, torn, whole):
        assert block.seen.acquire(timeout=10)
    reporter.forget(torn)
    reporter.forget(whole)


def test_the_reporter_sleeps_while_nothing_runs(monkeypatch):
    """And wakes up when something does."""
    monkeypatch.setattr(budgets, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(budgets, "_PATIENCE", 1)
    reporter = Reporter()
    for _ in range(3):
        block = Looked()
        reporter.watch(block)
        assert block.seen.acquire(timeout=10)
        reporter.forget(block)
        assert watch(lambda: reporter._is_asleep, 10)


def test_the_reporter_holds_nothing_that_has_ended(monkeypatch):
    """Neither between two looks nor while it sleeps, or the values of a block would live on."""
    monkeypatch.setattr(budgets, "_LOOK_SECONDS", 0.001)
    reporter = Reporter()
    block = Looked()
    gone = weakref.ref(block)
    reporter.watch(block)
    assert block.seen.acquire(timeout=10)
    reporter.forget(block)
    del block
    assert watch(lambda: gone() is None, 10)


def test_one_that_is_gone_when_the_reporter_wakes_up_has_woken_it(monkeypatch):
    """Where one short block came others will: they need not wake it again, each of them."""
    monkeypatch.setattr(budgets, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(budgets, "_PATIENCE", 1)
    reporter, block = Reporter(), Looked()
    reporter.watch(block)
    reporter.forget(block)
    assert watch(lambda: reporter._is_asleep, 10)
    monkeypatch.setattr(budgets, "_PATIENCE", 1_000_000)
    with reporter._changed:  # so it wakes up when the block is gone
        reporter.watch(block)
        reporter.forget(block)
    assert watch(lambda: not reporter._is_asleep, 10)


def parts_of_blocks():
    """Return how many objects there are of which a block is made."""
    kinds = Counter(type(each) for each in gc.get_objects())
    return [kinds[kind] for kind in (BlockWalk, Wire, SingleWire, TaskRun, Inputs)]


@pytest.mark.parametrize("size", [None, 1])
def test_a_block_leaves_nothing_for_the_collector(size):
    """What it was made of goes when it ends; a worker makes many of them."""
    made = flow(lambda xs: ident(ident.map(xs)), executor=LocalExecutor(threads=1), block_size=size)
    gc.collect()
    gc.disable()
    try:
        before = parts_of_blocks()  # other tests may hold some
        made.run([1, 2, 3])
        assert all(now <= was for now, was in zip(parts_of_blocks(), before, strict=True))
    finally:
        gc.enable()


def running(walk, name="ident", position=0):
    """Let a body of a walk seem to run; return it."""
    wire = SimpleNamespace(name=name)
    run = SimpleNamespace(node=wire, position=position, before=Before(1), started=10.0, ended=0.0)
    walk._current = run
    return run


def test_a_body_that_runs_at_two_looks_is_told():
    """Once; with what has ended before it, which its block's end leaves out."""
    walk, _ = walked(lambda xs: ident.map(xs), UNLIMITED, 3, xs=range(3))
    told = []
    looks = Looks(walk, told.append)
    running(walk, position=2)
    walk._fillings[0].count = 2  # the third is under way
    looks.look()
    assert not told
    looks.look()
    looks.look()
    (news,) = told
    assert news[1:] == ([], Begun("ident", 2, 1, 10.0), False)
    assert [(part.start, len(part.codes)) for part in news.segments] == [(0, 2)]
    walk._fillings[0].count = 3
    looks.end()
    assert [(part.start, [*part.codes]) for part in walk.untold()] == [(2, [Success.code])]
    running(walk)
    looks.look()
    looks.look()
    assert len(told) == 1  # the block tells for itself now


def test_what_a_block_will_not_begin_is_told_when_its_time_is_over():
    """With what it is at; nothing more is begun."""
    walk, _ = walked(lambda xs: ident.map(xs), Limits(seconds=-1.0), 3, xs=range(3))
    told = []
    looks = Looks(walk, told.append)
    looks.look()
    looks.look()
    (news,) = told
    assert (news.given_back, news.begun, news.is_late) == ([("ident", 1, 3)], None, True)
    assert not walk.budget.may_begin()
    looks.give_back(2)
    assert told[1].given_back == [("ident", 2, 3)]


def test_a_block_of_one_tells_too_that_its_time_is_over():
    """Though it has nothing to give back: other blocks may wait behind it on its worker."""
    walk, _ = walked(lambda: ident(1), Limits(seconds=-1.0), 1)
    told = []
    looks = Looks(walk, told.append)
    running(walk)
    looks.look()
    looks.look()
    assert [news[1:] for news in told] == [
        ([], None, True),
        ([], Begun("ident", 0, 1, 10.0), False),
    ]


def test_lanes_are_told_as_far_as_they_are_filled():
    """In a lane the first nodes may have ended, and not the others."""
    walk, _ = walked(lambda xs: ident.map(ident.map(xs)), UNLIMITED, 3, xs=range(3))
    filling = walk._fillings[0]
    filling.count, filling.told = 3, 0
    first = [(part.node, part.start, len(part.codes)) for part in walk.untold()]
    assert first == [("ident", 0, 2), ("ident-2", 0, 1)]
    filling.count = 6
    rest = [(part.node, part.start, len(part.codes)) for part in walk.untold()]
    assert rest == [("ident", 2, 1), ("ident-2", 1, 2)]
    assert walk.untold() == ()


def test_a_stretch_is_told_node_by_node():
    """Those that have ended, without their values."""
    walk, _ = walked(lambda: ident(ident(ident(1))), UNLIMITED, 3)
    filling = walk._fillings[0]
    filling.count, filling.told = 2, 0
    (first,) = walk.untold()
    filling.count = 3
    (rest,) = walk.untold()
    assert ([*first.places], [*rest.places]) == (["ident", "ident-2"], ["ident-3"])
    assert (first.values, rest.places["ident-3"], len(rest.codes)) == (None, 0, 1)


def test_what_takes_long_is_running_in_the_record():
    """Until its block tells of it, or is lost."""
    book = Book(lambda xs: ident.map(xs), xs=range(3))
    (block,) = book.lower(3).blocks
    segment = book.walk(block)[0]
    begun = Begun("ident", 1, 1, 10.0)
    early = segment.between(0, 1)
    book.fold(block.number, early, is_early=True, begun=begun)
    assert book.kinds("ident") == ["Success", "Running", "Pending"]
    assert book.record.counted()["ident"] == {0: 1, Success.code: 1, Running.code: 1}
    assert [*book.record.in_flight] == [block.number]
    book.fold(block.number, segment.between(1, 3))
    assert book.kinds("ident") == ["Success"] * 3
    assert not book.record.in_flight
    assert not book.record.running


def test_how_long_bodies_take():
    """The mean of those that ended; where none has, only that it takes long, or nothing."""
    pace = Pace()
    assert pace.expected() == 0.0
    pace.note_slow()
    assert pace.expected() == 1.0
    pace.note([10.0, 20.0], [10.5, 21.5])
    assert pace.expected() == pytest.approx(1.0, abs=0.001)
    pace.note([0.0] * 6, [0.0] * 6)  # never begun, or found in a cache
    assert pace.expected() == pytest.approx(0.25, abs=0.001)


def test_whether_values_are_small():
    """Those were that came with the report; who failed had none, and of nobody nothing is known."""
    pace = Pace()
    assert not pace.is_light()
    pace.note([1.0], [2.0])
    pace.note_values([Failed.code, Success.code], [None, b"small"])
    assert pace.is_light()
    pace.note_values([Success.code], [None])
    pace.note_values([Success.code], [b"small"])
    assert not pace.is_light()


def test_values_that_come_whole_are_not_weighed():
    """As from another of Dask's schedulers: nobody knows whether they are small."""
    pace = Pace(1.0, 1)
    pace.note_values([Success.code], [])
    assert not pace.is_light()
