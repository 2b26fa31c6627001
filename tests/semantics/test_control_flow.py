"""Section 5: cases, switches and merges, resources that are set up and cleaned up, and tags."""

import numpy as np
import pytest

from daskflow import (
    CycleError,
    DefinitionError,
    Flow,
    LocalExecutor,
    Parameter,
    all_failed,
    all_finished,
    any_failed,
    case,
    context,
    flatten,
    flow,
    ifelse,
    merge,
    resource_manager,
    successful,
    switch,
    tags,
    task,
    unmapped,
)
from tests.semantics.bodies import boom, collect, ident, inc, kinds, short, skip

# ----------------------------------------------------------------------------------------- cases


@pytest.mark.parametrize(
    ("p", "result", "ends"),
    [("a", 1, ["S", "SK", "S"]), ("z", None, ["SK", "SK", "SK"])],
)
def test_34_cases_and_a_merge(play, do, p, result, ends):
    """The case that matches runs and is what the merge gives; where none does all is skipped."""

    def choose(p):
        with case(p, "a"):
            a = do.ok()
        with case(p, "b"):
            b = do.ident("B")
        return merge(a, b)

    run = play(choose, p)
    assert run.result() == result
    assert [kinds(run)[name] for name in ("ok", "ident", "merge")] == ends
    assert short(run.state) == "S"
    assert str(run["case-2"].state) == f"""Skipped("{p!r} is not 'b'")"""
    assert str(run["ident"].state) == f"""Skipped("because of case-2: {p!r} is not 'b'")"""


def test_nothing_in_a_case_runs_where_it_does_not_match(play, do):
    """Neither skip_on_upstream_skip=False nor any trigger lets it; what depends on it is free."""
    nosk = {"skip_on_upstream_skip": False}

    def choose(p):
        failed = do.boom()
        with case(p, 1):
            a = do.ok.with_options(**nosk)()
            b = do.ident.with_options(trigger=all_finished, **nosk)(a)
            c = do.collect.with_options(trigger=any_failed, **nosk)(0, wait_for=[failed])
            d = do.total.with_options(trigger=all_failed, **nosk)([], wait_for=[failed])
        return do.collect.named("outside").with_options(**nosk)([a, b]), c, d

    run = play(choose, 2, reference_tasks=["outside"])
    assert run.result() == ([None, None], None, None)
    found = kinds(run)
    assert [found[name] for name in ("ok", "ident", "collect", "total")] == ["SK"] * 4
    assert found["outside"] == "S"
    run = play(choose, 1, reference_tasks=["outside"])
    assert run.result() == ([1, 1], 0, 0)


def test_a_case_that_is_not_decided(play, do):
    """Where its value failed, or cannot be compared, what is inside did not start; the run says why."""

    def choose():
        with case(do.boom(), 1):
            a = do.ok.with_options(trigger=all_finished)()
            many = do.inc.map([1, 2])
        return merge(a, many, 5)

    run = play(choose)
    assert kinds(run) == dict.fromkeys(["case", "ok", "inc", "merge"], "TF") | {"boom": "F"}
    assert str(run["ok"].state).startswith("TriggerFailed('the case it is in was not decided")
    assert str(run["ok"].state).endswith("first failed: boom: ValueError: no')")
    assert short(run.state) == "F"
    with pytest.raises(ValueError, match="no"):
        run.result()


@pytest.mark.parametrize("is_mapped", [True, False])
def test_a_comparison_without_a_truth_value_fails_its_case(play, do, is_mapped):
    """The message names the case; and is found from what was in it, mapped or not."""

    def choose(x):
        with case(x, 1):
            return do.inc.map([1, 2]) if is_mapped else do.ok()

    run = play(choose, np.array([1, 2]))
    name = "inc" if is_mapped else "ok"
    assert kinds(run) == {"case": "F", name: "TF"}
    told = r"case 1: array\(\[1, 2\]\) cannot be compared with it: that gives a ndarray"
    with pytest.raises(TypeError, match=told):
        run.result()


def test_a_case_behind_a_skip(play, do):
    """A value that was skipped matches nothing."""

    def choose():
        with case(do.skip(), None):
            a = do.ok.with_options(skip_on_upstream_skip=False)()
        return merge(a, 7)

    run = play(choose)
    assert run.result() == 7
    assert kinds(run) == {"skip": "SK", "case": "SK", "ok": "SK", "merge": "S"}


def test_cases_in_cases(play, do):
    """The inner one is asked only where the outer one matches."""

    def choose(p, q):
        with case(p, 1):
            a = do.ok()
            with case(do.ident(q), 2):
                b = do.ident.named("b").with_options(trigger=all_finished)(20)
            c = do.ident.named("c")(30)
        return [a, b, c]

    states = {
        (1, 2): ([1, 20, 30], {"ok": "S", "case-2": "S", "b": "S", "c": "S"}),
        (1, 3): ([1, None, 30], {"ok": "S", "case-2": "SK", "b": "SK", "c": "S"}),
        (4, 2): ([None] * 3, dict.fromkeys(["ok", "case-2", "b", "c"], "SK")),
    }
    for given, (result, found) in states.items():
        run = play(choose, *given)
        assert run.result() == result
        assert kinds(run).items() >= found.items()


@pytest.mark.parametrize(("p", "is_in"), [(1, True), (2, False)])
def test_maps_in_a_case(play, do, p, is_in):
    """Without a match a map, of whatever width, is skipped as a whole; a map that is empty is not."""

    def choose(p, xs):
        with case(p, 1):
            known = do.inc.map(xs)
            unknown = do.ident.map(do.rng(2))
            flat = do.inc.named("flat").map(flatten(do.rng.named("lists").map([1, 2])))
            behind = do.collect(successful(unknown))
        over = do.inc.named("over").map(unknown)
        return [merge(known, "none"), merge(unknown, "none"), merge(flat, "none"), behind, over]

    run = play(choose, p, [])
    found = kinds(run)
    names = ("inc", "ident", "flat", "collect", "over")
    if is_in:
        assert run.result() == [[], [0, 1], [1, 1, 2], [0, 1], [1, 2]]
        assert [found[name] for name in names] == ["M[]", "M[S,S]", "M[S,S,S]", "S", "M[S,S]"]
    else:
        assert run.result() == ["none", "none", "none", None, None]
        assert [found[name] for name in names] == ["SK"] * 5
        assert str(run["inc"].state) == "Skipped('because of case: 2 is not 1')"


@pytest.mark.parametrize("p", [1, 2])
def test_a_mapped_flow_in_a_case(play, do, p):
    """All of its lanes are skipped, those included that need nothing from outside of them."""

    @flow
    def part(x):
        do.ok.with_options(trigger=all_finished)()
        return do.inc.map(do.rng(x))

    def choose(p):
        with case(p, 1):
            lanes = part.map(do.ident([2, 0]))
        return merge(lanes, "none")

    run = play(choose, p)
    assert run.result() == ([[1, 2], []] if p == 1 else "none")
    lanes = {name: kinds(run)[name] for name in ("part.ok", "part.rng", "part.inc")}
    ends = ["M[S,S]", "M[S,S]", "M[M[S,S],M[]]"] if p == 1 else ["SK"] * 3
    assert lanes == dict(zip(lanes, ends, strict=True))


def test_cases_in_a_mapped_flow(play, do):
    """Each lane asks its own case, also for maps inside; a merge takes what its lane has."""

    @flow
    def part(x, p):
        with case(x, 1):
            one = do.ident("one")
            with case(p, 5):
                do.ok.with_options(skip_on_upstream_skip=False)()
        with case(do.fail2(x), 3):
            many = do.inc.map(do.rng(x))
        return merge(one, many)

    def choose(p):
        return do.collect.with_options(trigger=all_finished)(part.map([1, 2, 3, 4], unmapped(p)))

    run = play(choose, 6, reference_tasks=["collect"])
    found = kinds(run)
    assert {name: found[f"part.{name}"] for name in ("ident", "ok", "inc", "merge")} == {
        "ident": "M[S,SK,SK,SK]",
        "ok": "M[SK,SK,SK,SK]",
        "inc": "M[SK,TF,M[S,S,S],SK]",
        "merge": "M[S,TF,S,SK]",
    }
    first, second, *rest = run.result()
    assert (first, type(second).__name__, rest) == ("one", "TriggerFailedError", [[1, 2, 3], None])


def test_an_inlined_flow_in_a_case(play, do):
    """Each of its nodes is in the case; a graph by hand comes along with cases of its own."""

    @flow
    def part(x):
        return do.ident(x), do.ok.with_options(trigger=all_finished)()

    with Flow("hand") as hand:
        with case(Parameter("x"), 1):
            a = do.inc(1)
            b = do.inc.map([1, 2])
        lane = flow(lambda y: do.ident(y, wait_for=[a]), name="lane")
        hand.set_returned([a, b, lane.map([3])])

    def choose(p):
        with case(p, 1):
            inlined, grafted = part(5), hand(x=p)
        return inlined, grafted, hand(x=p), hand.map(x=[1, p])

    run = play(choose, 1)
    grafted = [2, [2, 3], [3]]
    assert run.result() == ((5, 1), grafted, grafted, [grafted, grafted])
    run = play(choose, 2)
    nothing = [None, None, [None]]
    assert run.result() == ((None, None), [None, None, None], nothing, [grafted, None])
    found = kinds(run)
    assert found["part.ok"] == found["hand.inc-2"] == found["hand.lane.ident"] == "SK"
    assert found["hand-2.lane.ident"] == "M[SK]"
    assert found["hand-3.inc-2"] == "M[M[S,S],SK]"


def test_graphs_by_hand_keep_their_cases(play, do):
    """Another task in a node's place, a node that is mapped from now on: they stay in their case."""

    def choose(p):
        with case(p, 1):
            a = do.ok()
            do.ident.named("b")(5)
        return a

    made = flow(choose)
    made.replace("ok", do.boom)
    made.add_edge(made.add_task(do.rng, 2), made.add_task(do.inc, name="late"), key="x")
    with made:
        more = do.inc.named("c")
        with case(Parameter("p"), 1):
            made.add_task(more)
    made.add_edge("rng", "c", key="x", mapped=True)
    found = {}
    for p in (1, 2):
        run = made.with_options(executor=LocalExecutor()).run(p=p)
        found[p] = [kinds(run)[name] for name in ("ok", "b", "rng", "c")]
    assert found == {1: ["F", "S", "S", "M[S,S]"], 2: ["SK", "SK", "S", "SK"]}


def test_a_case_over_each_element(play, do):
    """A case that is mapped by hand is one case: it is left out where all of it was skipped."""

    def choose(xs):
        with case(0, 1):
            a = do.ok()
            many = do.inc.map([1])
        return merge(a, "none"), merge(many, "none")

    found = {}
    for xs in ([1, 2], [2, 3]):
        made = flow(choose)
        made.graph().replace_node("case", made.graph().nodes["case"])
        with Flow("by_hand", executor=LocalExecutor()) as f:
            compared = f.add_task(task(_is_one))
            f.add_task(task(ident), 1, name="inside")
            f.add_edge(Parameter("xs"), compared, key="x", mapped=True)
            edge = f.graph().upstream("inside")
            assert edge == []
        from daskflow import Edge

        f.graph().add_edge(Edge("_is_one", "inside", is_gate=True))
        found[tuple(xs)] = kinds(f.run(xs=xs))
    assert found == {
        (1, 2): {"_is_one": "M[S,SK]", "inside": "S"},
        (2, 3): {"_is_one": "M[SK,SK]", "inside": "SK"},
    }


def _is_one(x):
    return x if x == 1 else skip()
