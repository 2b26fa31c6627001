"""Maps: over what, how wide, which lane gets what, and what a reduce is given."""

from array import array
from collections import deque

import numpy as np
import pandas as pd
import pytest

from daskflow import (
    DefinitionError,
    Fail,
    LocalExecutor,
    all_failed,
    all_finished,
    any_failed,
    flow,
    not_all_skipped,
    some_successful,
    task,
    unmapped,
)
from tests.semantics.bodies import inc, kinds, short

L = [1, 2, 3]
MAPPABLE = {
    "list": [1, 2],
    "tuple": (1, 2),
    "range": range(1, 3),
    "array": array("i", [1, 2]),
    "numpy": np.array([1, 2]),
    "series": pd.Series([1, 2], index=[7, 0]),  # by position, not by label
    "index": pd.Index([1, 2]),
    "deque": deque([1, 2]),
    "empty": [],
}
NOT_MAPPABLE = {
    "str": ("ab", "cannot map over a str: wrap it in a list, or in unmapped()"),
    "bytes": (b"ab", "cannot map over a bytes: wrap it in a list, or in unmapped()"),
    "dict": ({"a": 1}, r"cannot map over a dict: map over list\(d.items\(\)\)"),
    "set": ({1, 2}, r"cannot map over a set: .*sorted\(s\)"),
    "frozenset": (frozenset({1}), r"cannot map over a frozenset: .*sorted\(s\)"),
    "None": (None, "None"),
    "iterator": (iter([1, 2]), "it can be read only once; make it a list"),
    "int": (
        3,
        r"cannot map over an int: .*make it a list, or wrap it in unmapped\(\) ",
    ),
    "frame": (pd.DataFrame({"a": [1]}), "its rows or its columns"),
    "matrix": (np.zeros((2, 2)), "its rows or its columns"),
}


def test_what_can_be_mapped_over(play, do):
    """Whatever has a length and elements by position, from a task or as a constant."""

    def case():
        for name, value in MAPPABLE.items():
            do.inc.named(f"result_{name}").map(do.ident.named(f"give_{name}")(value))
            do.inc.named(f"constant_{name}").map(value)

    run = play(case)
    for name in MAPPABLE:
        wanted = [] if name == "empty" else [2, 3]
        assert run[f"result_{name}"].result() == wanted
        assert run[f"constant_{name}"].result() == wanted


def test_a_parameter_can_be_mapped_over(play, do):
    """A flow's parameter gives the width as a constant does."""

    def case(xs, more):
        return do.inc.map(xs), do.add.map(more, xs)

    assert play(case, [1, 2], more=np.array([3, 4])).result() == ([2, 3], [4, 6])


def test_what_cannot_be_mapped_over(play, do):
    """What only looks like a list fails the parent, with the cure in the message."""

    def case():
        for name, (value, _) in NOT_MAPPABLE.items():
            do.inc.named(f"over_{name}").map(do.ident.named(f"give_{name}")(value))

    run = play(case)
    for name, (_, told) in NOT_MAPPABLE.items():
        assert short(run[f"over_{name}"].state) == "F"
        with pytest.raises(DefinitionError, match=told):
            run[f"over_{name}"].result()


def test_a_parameter_that_cannot_be_mapped_over(play, do):
    """The same for a parameter, which is known only when the run starts."""

    def case(name):
        return do.inc.map(name)

    run = play(case, "abc")
    assert kinds(run) == {"inc": "F"}
    assert "argument 'x': cannot map over a str: wrap it in a list" in run["inc"].state.message


def test_a_constant_that_cannot_be_mapped_over():
    """A constant is refused while the flow is traced, naming node and argument."""

    def over(value):
        return flow(lambda: task(inc).map(value))

    for value, told in [*NOT_MAPPABLE.values(), ((n for n in L), "it can be read only once")]:
        with pytest.raises(DefinitionError, match=f"inc, argument 'x': .*{told}"):
            over(value).graph()


def test_a_map_needs_a_mapped_argument():
    """With every argument unmapped there is no width; nor is there outside of a map."""
    with pytest.raises(DefinitionError, match=r"has no mapped argument; call inc\(...\) instead"):
        flow(lambda: task(inc).map(unmapped(1))).graph()
    with pytest.raises(DefinitionError, match=r"unmapped\(\) belongs into .map"):
        flow(lambda: task(inc)(unmapped(1))).graph()
    with pytest.raises(DefinitionError, match="works inside a flow"):
        task(inc).map(L)


def test_a_large_value_is_mapped_over(play, do):
    """A list too large to travel with the code reaches its children all the same."""
    wide = [f"{i:01000}" for i in range(100)]

    def case(xs):
        made = do.rng(1000)
        return (
            do.ident.map(wide),
            do.ident.map(xs),
            do.add.map(xs, wide),
            do.collect(xs),
            do.total(do.ident.named("every").map(made)),
        )

    constant, parameter, sums, whole, total = play(case, wide).result()
    assert constant == parameter == whole == wide
    assert sums == [x + x for x in wide]
    assert total == sum(range(1000))


def test_widths_known_only_at_run_time(play, do):
    """Maps over a task's list, maps over them, and a map over what a reduce returned."""

    def case():
        a = do.inc.map(do.rng(3))
        b = do.inc.map(a)
        c = do.inc.map(do.rng.named("again")(do.total(b)))
        d = do.add.map(b, a)
        return b, d, do.total(c)

    run = play(case)
    assert run.result() == ([2, 3, 4], [3, 5, 7], sum(range(1, 10)))
    assert len(run["inc-3"]) == 9


def test_two_unknown_widths_zipped(play, do):
    """Maps of unknown widths are joined by lane where the widths agree, else the parent fails."""

    def case(n):
        a = do.inc.map(do.rng(3))
        b = do.inc.map(do.rng(n))
        return do.add.map(a, b)

    assert play(case, 3).result() == [2, 4, 6]
    run = play(case, 2)
    assert kinds(run) == {
        "rng": "S",
        "rng-2": "S",
        "inc": "M[S,S,S]",
        "inc-2": "M[S,S]",
        "add": "F",
    }
    assert "lengths 3 and 2" in run["add"].state.message
    assert "(x, y)" in run["add"].state.message


def test_a_width_of_nothing(play, do):
    """An empty list that comes from a task makes empty maps, and its reduces run."""

    def case():
        a = do.inc.map(do.rng(0))
        return do.inc.map(a), do.collect(a), do.add.map(a, [])

    run = play(case)
    assert run.result() == ([], [], [])
    assert short(run["inc"].state) == "M[]"
    assert short(run.state) == "S"


def test_the_parent_asks_what_gives_the_width(play, do):
    """A parent whose width never comes ends like a plain task: TriggerFailed or Skipped."""

    def case():
        failed = do.inc.map(do.boom())
        skipped = do.inc.map(do.skip())
        do.inc.named("after_failed").map(failed)
        do.inc.named("after_skipped").map(skipped)
        do.collect.named("reduced_failed")(failed)
        do.collect.named("reduced_skipped")(skipped)

    run = play(case)
    assert kinds(run) == {
        "boom": "F",
        "skip": "SK",
        "inc": "TF",
        "inc-2": "SK",
        "after_failed": "TF",
        "after_skipped": "SK",
        "reduced_failed": "TF",
        "reduced_skipped": "SK",
    }
    assert len(run["inc"]) == 0


def test_nothing_can_be_mapped_over_where_the_width_never_comes(play, do):
    """A trigger that lets a missing width through does not make an empty map of it: F."""

    def case():
        failed, skipped = do.inc.map(do.boom()), do.inc.map(do.skip())
        anyway = do.inc.with_options(trigger=all_finished, skip_on_upstream_skip=False)
        anyway.named("failed").map(do.boom.named("bang")())
        anyway.named("skipped").map(do.skip.named("jump")())
        anyway.named("map_failed").map(failed)
        anyway.named("map_skipped").map(skipped)

    found = kinds(play(case))
    assert [found[n] for n in ("failed", "skipped", "map_failed", "map_skipped")] == ["F"] * 4


def fail_with_list():
    raise Fail("but here is what there was", result=[1, 2])


def test_the_result_of_fail_can_be_mapped_over(play, do, ledger):
    """Where a trigger lets a Fail through its result is the value, also for a map."""
    failing = ledger.task(fail_with_list)

    def case():
        return do.inc.with_options(trigger=all_finished).map(failing())

    assert kinds(play(case)) == {"fail_with_list": "F", "inc": "M[S,S]"}


def test_a_mapped_input_counts_as_one_success(play, do):
    """The parent's trigger does not look at the children of what it maps over."""

    def case():
        a = do.fail2.map([2, 2])
        do.inc.with_options(trigger=all_finished).named("finished").map(a)
        do.inc.with_options(trigger=all_failed).named("failed").map(a)
        do.inc.with_options(trigger=any_failed).named("any").map(a)

    found = kinds(play(case))
    assert found["failed"] == found["any"] == "TF"
    assert found["finished"] == "M[F,F]"  # it got the exceptions, to which 1 cannot be added


def test_a_lane_asks_its_own_upstreams(play, do):
    """Each child's trigger and skip rule see the lane, and what is waited for whole."""

    def case():
        a, b = do.fail2.map(L), do.skip2.map(L)
        do.add.named("both").map(a, b)
        do.collect.with_options(trigger=not_all_skipped).named("some").map(b)
        do.collect.with_options(trigger=all_finished).named("any").map(a)
        do.add.named("lane_and_whole").map(a, unmapped(a))
        do.ident.named("whole_skipped").map(L, wait_for=[unmapped(b)])
        do.ident.named("skipped").map(L, wait_for=[do.skip()])

    found = kinds(play(case))
    assert found["both"] == "M[S,TF,S]"  # the failure outranks the skip
    assert found["some"] == "M[S,SK,S]"
    assert found["any"] == "M[S,S,S]"
    assert found["lane_and_whole"] == "M[TF,TF,TF]"
    assert found["whole_skipped"] == "M[S,S,S]"
    assert found["skipped"] == "M[SK,SK,SK]"


def test_a_lane_beside_the_whole_of_it(play, do):
    """A child that gets its element and the whole list is skipped where its own lane was."""

    def case():
        lanes = do.skip2.map(L)
        do.collect.with_options(name="pair").map(lanes, wait_for=[unmapped(lanes)])

    assert kinds(play(case)) == {"skip2": "M[S,SK,S]", "pair": "M[S,SK,S]"}


def test_upstream_task_runs_are_counted_once(play, do):
    """A task run that feeds two arguments, or is an element and waited for, is one upstream."""

    def case():
        one, many = do.ok(), do.rng(2)
        two = some_successful(at_least=2)
        do.add.with_options(trigger=two).named("plain")(one, one)
        do.add.with_options(trigger=two).named("parent").map(many, many)
        do.add.with_options(trigger=two).named("element").map([one, one], unmapped(one))

    found = kinds(play(case))
    assert (found["plain"], found["parent"], found["element"]) == ("TF", "TF", "M[TF,TF]")


def test_waiting_lane_by_lane(play, do):
    """wait_for in a map is lane-wise where x is mapped, and whole where it is not."""

    def case():
        a = do.fail2.map(L)
        do.ident.named("lanes").map(L, wait_for=[a])
        do.ident.named("whole").map(L, wait_for=[unmapped(a)])
        do.ident.named("plain").map(L, wait_for=[do.boom()])
        do.ident.named("several").map(L, wait_for=[a, do.ok()])
        do.ident.named("rooted").map([0, 0, 0], wait_for=[do.inc.map(do.rng(3))])

    run = play(case)
    found = kinds(run)
    assert found["lanes"] == found["several"] == "M[S,TF,S]"
    assert found["whole"] == found["plain"] == "M[TF,TF,TF]"
    assert run["rooted"].result() == [0, 0, 0]
    for i in (0, 2):
        assert run["lanes"][i].started >= run["fail2"][i].ended


def test_waiting_never_indexes_the_value(play, do):
    """A plain x in wait_for of a map is not taken apart, whatever it is."""

    def case():
        return do.inc.map(L, wait_for=[do.ident("ab"), do.ident(None), unmapped(do.rng(7))])

    assert play(case).result() == [2, 3, 4]


def test_waiting_lanes_must_be_as_many(play, do):
    """A mapped x of another width cannot be waited for lane by lane."""

    def case():
        do.ident.map(L, wait_for=[do.inc.map([1, 2])])

    run = play(case)
    assert short(run["ident"].state) == "F"
    assert "lengths 3 and 2" in run["ident"].state.message


def test_a_list_of_nodes_is_mapped_over(play, do):
    """Each child gets the node at its place, and only that one stops its lane."""

    def case(p):
        one, bad, none = do.ok(), do.boom(), do.skip()
        return do.inc.map([one, bad, none, 5, p, one])

    run = play(case, 7)
    assert kinds(run)["inc"] == "M[S,TF,SK,S,S,S]"
    found = [child.result() for child in run["inc"] if short(child.state) != "TF"]
    assert found == [2, None, 6, 8, 2]


def test_a_list_of_nodes_beside_an_unmapped_node(play, do):
    """A node that is given whole stops every lane, though it is an element of one lane too."""

    def case():
        one, bad = do.ok(), do.boom()
        do.add.named("argument").map([one, one], unmapped(bad))
        do.add.named("argument_and_element").map([bad, one], unmapped(bad))
        do.inc.named("waited_for").map([bad, one], wait_for=[unmapped(bad)])

    found = kinds(play(case))
    assert found["argument"] == found["argument_and_element"] == "M[TF,TF]"
    assert found["waited_for"] == "M[TF,TF]"


def test_lists_within_a_list_of_nodes(play, do):
    """An element may itself be a list, tuple or dict with nodes inside, or a whole map."""

    def case():
        a, many = do.ok(), do.inc.map([1, 2])
        return do.collect.map([[a, 2], {"k": (a, many)}, many, do.fail2.map([1, 2])])

    run = play(case)
    assert kinds(run)["collect"] == "M[S,S,S,TF]"
    assert [c.result() for c in run["collect"][:3]] == [[1, 2], {"k": (1, [2, 3])}, [2, 3]]


def test_a_reduce_gets_what_its_trigger_lets_through(play, do):
    """The list is in order: None for a skipped child, the exception for a failed one."""

    def case():
        lanes = do.fail2.map(do.skip2.named("skip3").map([1, 2, 3]))
        failing = do.fail2.named("failing").map([1, 2, 3])
        reduced = do.collect.with_options(trigger=all_finished)
        return reduced(lanes), reduced(failing)

    skipped, failed = play(case).result()
    assert skipped == [1, None, 3]
    assert (failed[0], repr(failed[1]), failed[2]) == (1, "ValueError('two')", 3)


def test_children_by_map_index(play, do):
    """run[task][i] is a child by int, tuple, slice, or from the end."""

    def case():
        return do.fail2.map([1, 2, 3])

    run = play(case)
    children = run["fail2"]
    assert [child.name for child in children] == ["fail2[0]", "fail2[1]", "fail2[2]"]
    assert children[0].result() == children[(0,)].result() == 1
    assert children[-1].result() == 3
    assert [child.index for child in children[1:]] == [(1,), (2,)]
    with pytest.raises(ValueError, match="two"):
        children[1].result()
    with pytest.raises(ValueError, match="two"):
        children.result()
    with pytest.raises(IndexError, match=r"fail2 has 3 children; there is no \[3\]"):
        children[3]
    assert [r.name for r in run.task_runs] == ["fail2[0]", "fail2[1]", "fail2[2]"]


@pytest.mark.parametrize("size", [2, 3, 1000])
def test_other_block_sizes(do, ledger, size):
    """Any block size gives the same states, values and starts."""

    def case():
        lanes = do.inc.map(do.fail2_once.with_options(retries=1).map(do.rng(10)))
        return do.total(lanes), do.collect.with_options(trigger=all_finished)(do.fail2.map(lanes))

    run = flow(case, executor=LocalExecutor(threads=2), block_size=size).run()
    assert short(run["fail2"].state) == "M[S,F,S,S,S,S,S,S,S,S]"
    total, collected = run.result()
    assert total == 55
    assert collected[2:] == list(range(3, 11))
    starts = ledger.starts()
    assert starts.pop("fail2_once[2]") == 2
    assert set(starts.values()) == {1}
    assert len(starts) == 32
