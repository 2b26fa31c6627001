"""How task runs are cut into blocks, and that each block names exactly what it needs."""

from __future__ import annotations

import numpy as np
import pytest

from daskflow import CrashedError, flow, unmapped
from daskflow.demands import NO_DEMAND, Demand
from daskflow.errors import TriggerFailedError
from daskflow.events import Before, Segment
from daskflow.lowering import lower, verify
from daskflow.lowering.blocks import Target, both, either, ranges
from daskflow.lowering.needs import add_given, stand_in
from daskflow.lowering.plan import Slice
from daskflow.states import (
    Cancelled,
    Crashed,
    Failed,
    Retrying,
    Skipped,
    Success,
    TimedOut,
    TriggerFailed,
)
from tests.unit.lowering.desk import Desk, a, always, b, c, d, e, make, runs_of, told, total


def lane(xs):
    return b.map(a.map(xs))


def lane_and_sum(xs):
    return total(b.map(a.map(xs)))


def chain():
    return c(b(a()))


# ------------------------------------------------------------------------------ columns of 0 and 1


@pytest.mark.parametrize(
    ("left", "right", "and_", "or_"),
    [
        ("", "", "", ""),
        ("0", "1", "0", "1"),
        ("1", "1", "1", "1"),
        ("0011", "0101", "0001", "0111"),
        ("0000", "0000", "0000", "0000"),
        ("1" * 999, "01" * 499 + "0", "01" * 499 + "0", "1" * 999),
    ],
)
def test_columns_are_combined_place_by_place(left, right, and_, or_):
    """Both and either keep the length, whatever stands in front."""
    columns = [bytes(map(int, text)) for text in (left, right, and_, or_)]
    assert both(*columns[:2]) == columns[2]
    assert either(*columns[:2]) == columns[3]


@pytest.mark.parametrize(
    ("column", "found"),
    [("", []), ("000", []), ("1", [(0, 1)]), ("0110111", [(1, 3), (4, 7)])],
)
def test_ranges_of_a_column(column, found):
    """Each stretch of ones is found with its two ends."""
    assert list(ranges(bytes(map(int, column)))) == found


# ------------------------------------------------------------------------------------ what shares


def test_lanes_share_a_block():
    """Mapped tasks joined element to element walk together, a range of positions in each block."""
    plan = Desk(lane, xs=range(6)).lower(block_size=2)
    assert told(plan) == ["1: a,b 0-2", "2: a,b 2-4", "3: a,b 4-6"]
    assert runs_of(plan.blocks[1]) == [("a", 2), ("b", 2), ("a", 3), ("b", 3)]


def test_task_runs_that_are_not_mapped():
    """Alone each has a block of its own, behind what it needs; else a chain shares one."""
    assert told(Desk(chain).lower(1)) == ["1: a 0-1", "2: b 0-1 <- 1", "3: c 0-1 <- 2"]
    assert told(Desk(chain).lower()) == ["1: a,b,c 0-1"]


def test_a_lane_behind_a_reduce_is_cut_off():
    """What needs the whole of a lane comes in later blocks, lane or not."""

    def case(xs):
        x = a.map(xs)
        return b.map(x, unmapped(total(x)))

    plan = Desk(case, xs=range(4)).lower(block_size=2)
    assert told(plan) == [
        "1: a 0-2",
        "2: a 2-4",
        "3: total 0-1 <- 1 2",
        "4: b 0-2 <- 1 3",
        "5: b 2-4 <- 2 3",
    ]


def test_a_lane_beside_the_whole_of_it():
    """A child that gets its element and the whole list too waits for the whole list."""

    def case(xs):
        x = a.map(xs)
        return b.map(x, unmapped(x))

    plan = Desk(case, xs=range(4)).lower(block_size=2)
    assert told(plan) == ["1: a 0-2", "2: a 2-4", "3: b 0-2 <- 1 2", "4: b 2-4 <- 2 1"]


def test_what_is_waited_for_whole_cuts_a_lane_too():
    """`wait_for=[unmapped(x)]` needs every block of x, `wait_for=[x]` only its own lane."""

    def whole(xs):
        return b.map(xs, wait_for=[unmapped(a.map(xs))])

    def own(xs):
        return b.map(xs, wait_for=[a.map(xs)])

    desk = Desk(whole, xs=range(2))
    assert told(desk.lower(1)) == ["1: a 0-1", "2: a 1-2", "3: b 0-1 <- 1 2", "4: b 1-2 <- 1 2"]
    assert told(Desk(own, xs=range(2)).lower(2)) == ["1: a,b 0-2"]


def test_independent_maps_do_not_share():
    """Two maps over one list are two regions: nothing joins their elements."""

    def case(xs):
        return a.map(xs), b.map(xs)

    assert told(Desk(case, xs=range(2)).lower(2)) == ["1: a 0-2", "2: b 0-2"]


def test_lanes_that_meet_share():
    """A diamond of lanes is one region, walked in topological order."""

    def case(xs):
        x = a.map(xs)
        return d.map(b.map(x), c.map(x))

    plan = Desk(case, xs=range(2)).lower(2)
    assert told(plan) == ["1: a,b,c,d 0-2"]


GPU = Demand((("GPU", 1.0),))


def test_those_with_different_demands_never_share():
    """A lane is cut where a task asks for something else of a worker, and its block says what."""
    fast = make("fast", demand=GPU)
    also = make("also", demand=GPU)
    plan = Desk(lambda xs: c.map(also.map(fast.map(a.map(xs)))), xs=range(2)).lower(2)
    assert told(plan) == ["1: a 0-2", "2: fast,also 0-2 <- 1", "3: c 0-2 <- 2"]
    assert [block.demand for block in plan.blocks] == [NO_DEMAND, GPU, NO_DEMAND]


def test_a_demand_between_two_others_keeps_them_apart():
    """What lies behind a block of another demand does not come before it, lane or not."""
    fast = make("fast", demand=GPU)

    def case(xs):
        x = a.map(xs)
        return c.map(x, fast.map(x))

    plan = Desk(case, xs=range(2)).lower(2)
    assert told(plan) == ["1: a 0-2", "2: fast 0-2 <- 1", "3: c 0-2 <- 1 2"]


def test_unmapped_neighbours_share_in_the_lanes_of_a_sub_flow():
    """Each call in a lane follows the other at the same position."""
    inner = flow(lambda x: c(b(a(x)), a(x)), name="s")
    plan = Desk(lambda xs: inner.map(xs), xs=range(4)).lower(2)
    assert told(plan) == ["1: s.a,s.a-2,s.b,s.c 0-2", "2: s.a,s.a-2,s.b,s.c 2-4"]


def test_blocks_of_a_later_stage_come_behind():
    """A lane that begins behind a reduce stands behind it, whatever the order of the calls."""

    def case(xs):
        s = total(a.map(xs))
        return c.map(xs, unmapped(s)), b.map(xs)

    plan = Desk(case, xs=range(2)).lower(2)
    assert told(plan) == ["1: a 0-2", "2: b 0-2", "3: total 0-1 <- 1", "4: c 0-2 <- 3"]


def test_a_block_that_is_needed_comes_first_in_a_retry_too():
    """The stage decides, not which of the nodes that run again was called first."""

    def case(xs):
        late = c.map(e.map(a.map(xs)))
        return d.map(b.map(xs, unmapped(total(1))), unmapped(late))

    desk = Desk(case, xs=[1])
    desk.end(desk.take(desk.lower()))
    for name in "cbd":
        desk.give_back(name, 0)
    assert told(desk.lower()) == ["4: b 0-1 <- 2", "5: c 0-1 <- 1", "6: d 0-1 <- 4 5"]


# --------------------------------------------------------------------------------------- how many


@pytest.mark.parametrize(
    ("width", "threads", "sizes"),
    [
        (1, 1, [1]),
        (3, 1, [1, 1, 1]),
        (9, 1, [3, 3, 3]),
        (10, 1, [3, 3, 3, 1]),
        (10, 3, [1] * 10),
        (100, 2, [13] * 7 + [9]),
    ],
)
def test_the_size_of_blocks_by_the_width(width, threads, sizes):
    """Without a size a block takes ceil(n / (4 x threads)) positions."""
    plan = Desk(lane, xs=range(width)).lower(threads=threads)
    assert [block.task_runs() for block in plan.blocks] == [2 * size for size in sizes]


def row():
    x = a(1)
    for _ in range(99):
        x = b(x)


def rows():
    for _ in range(3):
        row()


def fan():
    x = a(1)
    for _ in range(99):
        b(x)


@pytest.mark.parametrize(
    ("flow", "sizes"),
    [(row, [100]), (rows, [100, 100, 100]), (fan, [13] * 7 + [9])],
)
def test_the_size_of_blocks_of_what_is_not_mapped(flow, sizes):
    """There are no more of them than can run at a time: what waits for another may share its."""
    plan = Desk(flow).lower(threads=2)
    assert [block.task_runs() for block in plan.blocks] == sizes


@pytest.mark.parametrize(
    ("size", "blocks"),
    [
        (
            1,
            ["1: a 0-1", "2: a 1-2", "3: a 2-3", "4: b 0-1 <- 1", "5: b 1-2 <- 2", "6: b 2-3 <- 3"],
        ),
        (2, ["1: a,b 0-2", "2: a,b 2-3"]),
        (3, ["1: a,b 0-3"]),
        (99, ["1: a,b 0-3"]),
    ],
)
def test_the_size_of_blocks_as_given(size, blocks):
    """One means no grouping, lanes included; any other size is a number of positions."""
    assert told(Desk(lane, xs=range(3)).lower(size)) == blocks


@pytest.mark.parametrize(("threads", "nodes"), [(1, 4), (2, 8), (16, 64)])
@pytest.mark.parametrize("flow", [lambda xs: a.map(xs), lane])
def test_the_number_of_graph_nodes_for_ten_thousand_task_runs(flow, threads, nodes):
    """The Dask graph grows with the cluster's threads, not with the width or depth of a map."""
    desk = Desk(flow, xs=range(10_000))
    plan = desk.lower_unchecked(threads=threads)
    assert len(plan.layer(print, print, print)) == nodes
    assert sum(block.task_runs() for block in plan.blocks) == 10_000 * len(desk.graph)


def test_the_number_of_graph_nodes_without_grouping():
    """With a block size of one each task run is a node of the Dask graph, and nothing else is."""
    plan = Desk(lane_and_sum, xs=range(50)).lower(1)
    assert len(plan.layer(print, print, print)) == 101


# ------------------------------------------------------------------------------------ later passes


def test_nothing_is_lowered_twice():
    """What is in a block, and what is finished, is not in the next plan."""
    desk = Desk(lane_and_sum, xs=range(4))
    plan = desk.take(desk.lower(2))
    assert told(plan) == ["1: a,b 0-2", "2: a,b 2-4", "3: total 0-1 <- 1 2"]
    assert told(desk.lower(2)) == []
    desk.end(plan)
    assert told(desk.lower(2)) == []


def test_what_waits_for_a_block_on_its_way_is_not_lowered():
    """A task run is due only when its upstreams are finished or in the same plan."""
    desk = Desk(lane_and_sum, xs=range(2))
    plan = desk.take(desk.lower(2))
    desk.columns["total"].codes[0] = 0  # it was given back
    assert told(desk.lower()) == []
    desk.end(b=[Success, Success])
    assert told(desk.lower()) == [f"3: total 0-1 <- {plan.blocks[0].number}"]


def test_a_retry_lowers_only_what_is_due():
    """Finished siblings stay; the task run and what waits for it go into one new plan."""
    desk = Desk(lane_and_sum, xs=range(4))
    desk.end(desk.take(desk.lower(2)))
    desk.set("a", 3, Retrying)
    for run in [("b", 3), ("total", 0)]:
        desk.give_back(*run, attempts=0)
    assert told(desk.lower()) == []  # not due yet
    desk.give_back("a", 3)
    plan = desk.lower()
    assert told(plan) == ["4: a,b 3-4", "5: total 0-1 <- 4 1 2"]
    assert [block.before for block in plan.blocks] == [{("a", 3): Before(1)}, {}]


def test_attempts_made_before_are_told_run_by_run():
    """A block says of each task run in it how many bodies were started, where any were."""
    desk = Desk(lane, xs=range(3))
    desk.end(desk.take(desk.lower(3)))
    for position, attempts in enumerate([1, 0, 2]):
        desk.give_back("b", position, attempts)
    (block,) = desk.lower(3).blocks
    assert block.before == {("b", 0): Before(1), ("b", 2): Before(2)}


def test_a_reduce_does_not_name_blocks_of_which_nothing_is_left():
    """Where all of a block's task runs run again, what waits for them names only the new one."""
    desk = Desk(lambda xs: total(a.map(xs)), xs=range(3))
    desk.end(desk.take(desk.lower(1)))
    for run in [("a", 1), ("total", 0)]:
        desk.give_back(*run)
    assert told(desk.lower(1)) == ["5: a 1-2", "6: total 0-1 <- 5 1 3"]


def test_a_retry_names_the_block_that_has_its_input():
    """A second attempt gets its input from where the first one got it."""
    desk = Desk(lane, xs=range(4))
    desk.end(desk.take(desk.lower(2)))
    desk.give_back("b", 2)
    plan = desk.lower()
    assert told(plan) == ["3: b 2-3 <- 2"]
    assert plan.blocks[0].before == {("b", 2): Before(1)}


def test_ragged_ranges_become_strips():
    """One block takes several stretches of positions, each with the nodes that are due there."""
    desk = Desk(lane, xs=range(8))
    desk.end(desk.take(desk.lower(4)))
    for run in [("a", 1), ("b", 1), ("b", 2), ("b", 5), ("a", 7), ("b", 7)]:
        desk.give_back(*run)
    assert told(desk.lower(99)) == ["3: a,b 1-2 + b 2-3 + b 5-6 + a,b 7-8 <- 1 2"]
    assert told(desk.lower(3)) == [
        "3: a,b 1-2 + b 2-3 + b 5-6 <- 1 2",
        "4: a,b 7-8",
    ]


def test_a_strip_is_cut_where_a_block_is_full():
    """A block takes so many positions, over the gaps between stretches."""
    desk = Desk(lambda xs: a.map(xs), xs=range(9))
    desk.end(desk.take(desk.lower(9)))
    for position in (0, 1, 2, 5, 6, 7, 8):
        desk.give_back("a", position)
    assert told(desk.lower(2)) == ["2: a 0-2", "3: a 2-3 + a 5-6", "4: a 6-8", "5: a 8-9"]


def test_a_plan_counts_its_blocks_on():
    """The first block has the number that the target says."""
    desk = Desk(chain)
    desk.next_block = 17
    assert [block.number for block in desk.lower(1).blocks] == [17, 18, 19]


@pytest.mark.parametrize("kind", [Retrying, Cancelled])
def test_a_lane_that_is_not_open_holds_only_itself(kind):
    """One child that waits holds up its own lane; the others go on."""
    desk = Desk(lambda xs: b.map(a.map(xs)), xs=range(3))
    desk.open("a", 0, 3)
    desk.end(a=[Success, kind, Success])
    desk.columns["a"].blocks[0] = desk.columns["a"].blocks[2] = 1
    desk.keys[1], desk.next_block = ("a-ab12", 1), 2
    if kind is Cancelled:
        desk.columns["a"].states[1] = Cancelled("stopped")
    expected = "2: b 0-1 + b 2-3 <- 1" if kind is Retrying else "2: b 0-3 <- 1"
    assert told(desk.lower(3)) == [expected]


def test_a_map_of_unknown_width_is_waited_for():
    """What needs the whole of a mapped task is not due before its children exist."""
    desk = Desk(lambda: total(b.map(a())))
    plan = desk.take(desk.lower())
    assert told(plan) == ["1: a 0-1"]
    desk.end(plan)
    desk.measure("a", 5)
    assert told(desk.lower(9)) == ["2: b 0-5 <- 1", "3: total 0-1 <- 2"]


def test_a_reduce_over_nothing_needs_nothing():
    """An empty map is finished with its width, and its reduce runs without inputs."""
    assert told(Desk(lane_and_sum, xs=[]).lower()) == ["1: total 0-1"]


# ----------------------------------------------------------------------- what no block tells of


def test_the_end_of_a_parent_without_children_is_given():
    """A consumer of a map that ended without children gets its state along with the block."""
    desk = Desk(lambda xs: always(a.map(xs)), xs=None)
    plan = desk.lower()
    assert told(plan) == ["1: always 0-1"]
    (state,) = plan.blocks[0].spaces["a"].decided.values()
    assert isinstance(state, Failed)
    assert "returned None" in state.message


def test_a_parent_that_ended_in_an_earlier_pass_is_given_too():
    """The state of a parent is given to each later plan that needs it."""
    desk = Desk(lambda xs: always(a.map(xs), b()), xs=None)
    desk.play()
    desk.give_back("always", 0)
    (block,) = desk.lower().blocks
    assert list(block.spaces) == ["a"]


def test_task_runs_that_crashed_in_the_driver_are_given():
    """A state that no block tells of travels with the block that needs it, once."""
    desk = Desk(lambda xs: always(a.map(xs)), xs=range(3))
    desk.end(desk.take(desk.lower(2)))
    desk.crash("a", 2, "worker lost")
    desk.give_back("always", 0)
    (block,) = desk.lower().blocks
    assert [key[1] for key in block.inputs] == [1]
    (segment,) = block.given
    assert (segment.node, segment.start, segment.notes[0].message) == ("a", 2, "worker lost")
    assert isinstance(segment.values[0], CrashedError)
    assert str(segment.values[0]) == "a[2]: worker lost"


def test_a_state_is_given_once():
    """A crashed task run that a block needs in three ways travels with it once."""

    def case(xs):
        x = a.map(xs)
        return always.map(x, x, unmapped(x), unmapped(x))

    desk = Desk(case, xs=range(2))
    desk.end(desk.take(desk.lower(2)))
    desk.crash("a", 1, "worker lost")
    desk.give_back("always", 1)
    (block,) = desk.lower().blocks
    assert [(s.node, s.start) for s in block.given] == [("a", 1)]


def test_a_crashed_task_run_that_is_not_mapped_is_given():
    """Its name has no index."""
    desk = Desk(lambda: always(a()))
    desk.crash("a", 0, "worker lost")
    (block,) = desk.lower().blocks
    assert str(block.given[0].values[0]) == "a: worker lost"


def test_only_the_lanes_of_a_block_are_given():
    """A block over a range of lanes gets the crashed ones of its range, not the others."""
    desk = Desk(lambda xs: always.map(a.map(xs)), xs=range(4))
    desk.end(desk.take(desk.lower(4)))
    for position in (0, 3):
        desk.crash("a", position, "worker lost")
    for position in range(4):
        desk.give_back("always", position)
    first, second = desk.lower(2).blocks
    assert [(s.node, s.start) for s in first.given] == [("a", 0)]
    assert [(s.node, s.start) for s in second.given] == [("a", 3)]


@pytest.mark.parametrize(
    ("state", "kind", "text"),
    [
        (Failed("no", exception=KeyError("k")), KeyError, "'k'"),
        (TimedOut("late", exception=TimeoutError("5 s")), TimeoutError, "5 s"),
        (Crashed("worker lost"), CrashedError, "a[2]: worker lost"),
        (TriggerFailed("it said no"), TriggerFailedError, "a[2]: it said no"),
    ],
)
def test_what_stands_for_the_value_of_a_failure(state, kind, text):
    """A consumer gets the exception of a failed task run, or one made for it."""
    error = stand_in(state, "a[2]")
    assert type(error) is kind
    assert str(error) == text


def test_a_trigger_failure_passes_on_what_its_trigger_raised():
    """The exception of a broken trigger is the cause of what consumers get."""
    broken = ValueError("broken")
    assert stand_in(TriggerFailed("raised", exception=broken), "a").__cause__ is broken


@pytest.mark.parametrize("state", [Skipped("so"), Cancelled("stopped")])
def test_none_stands_for_what_did_not_run(state):
    """A skipped or cancelled task run gives None."""
    segment = Segment("a", 4)
    add_given(segment, state, "a[4]", with_value=True)
    assert (segment.start, segment.stop, segment.values) == (4, 5, {0: None})


def test_known_children_are_in_no_block():
    """Those that come into being in the pass are told to who needs them, neighbours in one."""
    desk = Desk(lambda xs: total(a.map(xs)), xs=range(5))
    desk.columns["a"].given = {(i,): Success(result=i) for i in (0, 2, 3)}
    plan = desk.lower(1)
    assert told(plan) == ["1: a 1-2", "2: a 4-5", "3: total 0-1 <- 1 2"]
    found = [(s.node, s.start, s.values) for s in plan.blocks[2].given]
    assert found == [("a", 0, {0: 0}), ("a", 2, {0: 2, 1: 3})]
    assert not desk.columns["a"].states


def test_a_large_known_value_is_a_literal():
    """The block that needs it names it, and has the state alone."""
    desk = Desk(lambda xs: b.map(a.map(xs)), xs=range(2))
    desk.columns["a"].given = {(1,): Success(result="large")}
    desk.large = frozenset({"state of a[1]"})
    desk.literals["state of a[1]"] = "large"
    plan = desk.lower(1)
    (block,) = [block for block in plan.blocks if block.given]
    assert block.literals == ("state of a[1]",)
    assert block.given[0].values == {}
    assert plan.literals == {"state of a[1]": "large"}


# ----------------------------------------------------------------------------------------- literals


def with_large(desk, *names, placed=()):
    desk.large, desk.placed = frozenset(names), frozenset(placed)
    return desk


def test_small_literals_are_no_part_of_a_plan():
    """What is not over the limit travels with the spec."""
    plan = Desk(lane, xs=range(3)).lower(2)
    assert plan.literals == {}
    assert all(block.literals == block.slices == () for block in plan.blocks)


def test_a_large_literal_is_put_out_once():
    """An unmapped large value is one node of the graph, named by each block that needs it."""
    desk = Desk(lambda xs, big: (a.map(xs, unmapped(big)), b(1)), xs=range(2), big="large")
    plan = with_large(desk, "big").lower(1)
    assert [block.literals for block in plan.blocks] == [("big",), ("big",), ()]
    assert plan.literals == {"big": "large"}


def test_a_literal_on_the_cluster_is_not_put_out_again():
    """A later plan names the node of an earlier one."""
    desk = with_large(Desk(lambda big: a(big), big="large"), "big", placed=["big"])
    plan = desk.lower()
    assert plan.blocks[0].literals == ("big",)
    assert plan.literals == {}


def test_a_large_literal_inside_a_list_is_needed_whole():
    """A list with a parameter in it needs the parameter, mapped over or not."""
    desk = Desk(lambda big: (a([big, 1]), b.map([big, 1])), big="large")
    plan = with_large(desk, "big").lower(2)
    assert [block.literals for block in plan.blocks] == [("big",), ("big",)]
    assert all(block.slices == () for block in plan.blocks)


@pytest.mark.parametrize("make", [list, tuple, np.array])
def test_a_large_literal_is_mapped_over_by_slices(make):
    """Each block gets the elements of its own positions, as a value of the same kind."""
    desk = Desk(lambda xs: a.map(xs), xs=make(range(5)))
    plan = with_large(desk, "xs").lower(2)
    slices = [block.slices for block in plan.blocks]
    assert [[(s.literal, s.start, list(s.values)) for s in found] for found in slices] == [
        [("xs", 0, [0, 1])],
        [("xs", 2, [2, 3])],
        [("xs", 4, [4])],
    ]
    assert {type(found[0].values) for found in slices} == {type(make([0]))}
    assert plan.literals == {}


def test_a_slice_travels_once_in_a_block():
    """Two arguments, or two nodes of a lane, over one large value share its slice."""

    def case(xs):
        return b.map(a.map(xs, xs), xs)

    desk = with_large(Desk(case, xs=[1, 2]), "xs")
    (block,) = desk.lower(2).blocks
    assert block.slices == (Slice("xs", 0, [1, 2]),)


def test_each_strip_has_its_slice():
    """A block of several stretches gets a slice for each of them."""
    desk = with_large(Desk(lambda xs: a.map(xs), xs=list(range(6))), "xs")
    desk.end(desk.take(desk.lower(6)))
    for position in (1, 4, 5):
        desk.give_back("a", position)
    (block,) = desk.lower(9).blocks
    assert block.slices == (Slice("xs", 1, [1]), Slice("xs", 4, [4, 5]))


# ------------------------------------------------------------ how many blocks, how large, and when


def lowered(desk, **target):
    """Return a checked plan for a target."""
    plan = lower(desk.graph, desk.known, desk.at_hand, Target("ab12", **target))
    assert verify(plan, desk.graph, desk.known) == []
    return plan


def test_blocks_are_made_as_far_as_there_is_room():
    """The plan says that there was more."""
    desk = Desk(lane, xs=list(range(8)))
    plan = lowered(desk, block_size=2, room=3)
    assert told(plan) == ["1: a,b 0-2", "2: a,b 2-4", "3: a,b 4-6"]
    assert plan.is_short
    assert not lowered(desk, block_size=2, room=4).is_short


def test_what_gathers_waits_until_all_of_it_is_finished():
    """One of its blocks may give something back, and then all values would come for nothing."""
    desk = Desk(lane_and_sum, xs=list(range(8)))
    plan = desk.take(lowered(desk, threads=1, may_give_back=True))
    assert (len(plan.blocks), plan.shut) == (4, {"total"})
    desk.end(plan)
    plan = lowered(desk, may_give_back=True, first_block=5)
    assert told(plan) == ["5: total 0-1 <- 1 2 3 4"]


def test_what_gathers_single_task_runs_need_not_wait():
    """A block of one always begins it."""
    desk = Desk(lane_and_sum, xs=list(range(3)))
    plan = lowered(desk, may_give_back=True)
    assert told(plan)[-1] == "4: total 0-1 <- 1 2 3"


def behind_a_sum(xs):
    return c(total(a.map(xs)))


def test_what_is_behind_what_waits_waits_too():
    """In the same pass nothing behind it is put into a block."""
    plan = lowered(Desk(behind_a_sum, xs=list(range(8))), may_give_back=True)
    assert plan.shut == {"total", "c"}


@pytest.mark.parametrize(
    ("seconds", "sizes"), [(0.0, [10] * 4), (0.1, [5] * 8), (3.0, [1] * 40), (1e-6, [10] * 4)]
)
def test_a_block_takes_about_as_long_as_it_may(seconds, sizes):
    """By what its tasks were seen to take; never more than a share of the width."""
    plan = lowered(Desk(lambda xs: a.map(xs), xs=range(40)), paces={"a": seconds})
    assert [block.strips[0].stop - block.strips[0].start for block in plan.blocks] == sizes


LIGHT = {"paces": {"a": 0.002, "b": 0.002}, "light": frozenset("ab")}


def groups(plan):
    """Return the first part of the keys of a plan's blocks."""
    return [block.key[0] for block in plan.blocks]


def test_quick_blocks_that_need_nothing_are_sent_at_once():
    """In groups that are not larger than there are threads; named by the task all the same."""
    plan = lowered(Desk(lane, xs=range(5)), block_size=1, threads=2, first_block=7, **LIGHT)
    assert groups(plan)[:5] == ["a-3-ab12", *["a-4-ab12"] * 2, *["a-5-ab12"] * 2]
    assert groups(plan)[5:] == ["b-ab12"] * 5  # each needs a block of the former


@pytest.mark.parametrize(
    ("differs", "at_once"),
    [
        ({"block_size": 2}, True),  # four bodies: 8 ms
        ({"block_size": 3}, False),
        ({"block_size": 2, "paces": {"a": 0.006, "b": 0.002}}, False),
        ({"block_size": 2, "light": frozenset("a")}, False),  # who knows how much a `b` leaves
        ({"block_size": 2, "light": frozenset()}, False),
    ],
)
def test_what_is_sent_at_once(differs, at_once):
    """Blocks that are over before a worker has asked for the next one, and leave little."""
    plan = lowered(Desk(lane, xs=range(6)), **{**LIGHT, **differs})
    assert {name.count("-") for name in groups(plan)} == {2 if at_once else 1}


def test_what_needs_a_large_literal_is_left_to_dask():
    """So is what needs part of a value: sent at once, all of it would go where that is."""
    desk = Desk(lambda xs, y: a.map(xs, unmapped(y)), xs=range(2), y="much")
    desk.large = frozenset(["y"])
    assert groups(lowered(desk, block_size=1, **LIGHT)) == ["a-ab12"] * 2


def tree():
    level = [a(i) for i in range(8)]
    while len(level) > 1:
        level = [b(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def test_what_is_not_mapped_shares_blocks_too():
    """A block is a stretch of a depth-first order: whole subtrees, few edges between blocks."""
    plan = lowered(Desk(tree))
    assert [block.task_runs() for block in plan.blocks] == [4, 4, 4, 3]
    assert sum(len(block.inputs) for block in plan.blocks) <= 4


def test_nodes_with_other_demands_are_in_blocks_of_their_own():
    """They may run elsewhere; in between the others wait."""
    heavy = make("heavy", Demand(resources=(("GPU", 1.0),)))

    def case():
        return c(heavy(b(a())), b())

    plan = lowered(Desk(case), block_size=9)
    assert [block.demand for block in plan.blocks].count(NO_DEMAND) == len(plan.blocks) - 1


def test_what_is_held_is_left_out_until_it_is_named():
    """So is what waits for it; named, it is in a block of its own, at home, and nothing else is."""
    desk = Desk(lane, xs=list(range(4)))
    desk.open(desk.graph.nodes["a"].space, 0, 4)
    desk.columns["a"].held |= {1, 2}
    assert told(lowered(desk, block_size=9)) == ["1: a,b 0-1 + a,b 3-4"]
    target = Target("ab12", block_size=1, homes={("a", 2): "tcp://there", ("a", 1): ""})
    plan = lower(desk.graph, desk.known, desk.at_hand, target)
    assert told(plan) == ["1: a 1-2", "2: a 2-3"]
    assert [(block.demand.workers, block.demand.is_wish) for block in plan.blocks] == [
        ((), False),
        (("tcp://there",), True),
    ]


def test_what_is_not_mapped_can_be_held_too():
    """With all that waits for it."""
    desk = Desk(chain)
    desk.columns["b"].held.add(0)
    assert told(lowered(desk, block_size=9)) == ["1: a 0-1"]
