"""Section 5: cases, switches and merges, resources that are set up and cleaned up, and tags."""

import numpy as np
import pytest

from daskflow import (
    CycleError,
    DefinitionError,
    Edge,
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
    successful,
    switch,
    task,
    unmapped,
)
from daskflow.definition.nodes import NodeRef
from tests.semantics.bodies import kinds, short, skip

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
    assert str(run["case-2"].state) == f"""Skipped("the value was {p!r}, this branch is for 'b'")"""
    told = f"because of case-2: the value was {p!r}, this branch is for 'b'"
    assert run["ident"].state.message == told


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
    """Where its value failed nothing inside starts, mapped or not; the run tells what failed."""

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
    """Without a match a map of whatever width is skipped as a whole; an empty one is not."""

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
        assert (
            str(run["inc"].state)
            == "Skipped('because of case: the value was 2, this branch is for 1')"
        )


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
    """Another task in a node's place, a node that is mapped from now on: both stay in."""

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


def test_a_gate_from_a_map(play, do):
    """A gate from many task runs, made by hand, is shut where all of them were skipped."""

    def choose(xs):
        some = do.skip2.map(xs)
        a = do.ident("in")
        with case(0, 0):
            do.inc.named("many").map([1])
        return some, a

    found = {}
    for xs in ([1, 2], [2, 2]):
        made = flow(choose, executor=LocalExecutor())
        made.graph().add_edge(Edge("skip2", "ident", is_gate=True))
        made.graph().add_gate("many", NodeRef("skip2"))
        found[tuple(xs)] = kinds(made.run(xs=xs))
    assert found == {
        (1, 2): {"skip2": "M[S,SK]", "ident": "S", "case": "S", "many": "M[S]"},
        (2, 2): {"skip2": "M[SK,SK]", "ident": "SK", "case": "S", "many": "SK"},
    }


@pytest.mark.parametrize(
    ("x", "value", "is_match"),
    [
        (1, 1, True),
        (1, 1.0, True),
        ("a", "a", True),
        (None, None, True),
        ([1], [1], True),
        (True, True, True),
        (np.True_, True, True),
        (False, np.False_, True),
        (np.int64(3), 3, True),
        (0, False, False),
        (False, 0, False),
        (True, 1, False),
        (np.True_, 1, False),
        (0, np.False_, False),
        (None, False, False),
        ("", None, False),
        (float("nan"), float("nan"), False),
    ],
)
def test_what_matches(x, value, is_match):
    """Values match by ==, but True and False only with booleans, Python's and numpy's."""

    @flow(executor=LocalExecutor())
    def choose(x):
        with case(x, value):
            return task(lambda: "in", name="inside")()

    assert choose(x) == ("in" if is_match else None)


class Strange:
    """Its comparison raises, or returns something; so does its truth value."""

    def __init__(self, answer):
        self.answer = answer

    def __eq__(self, other):
        return self._say()

    __hash__ = None

    def __bool__(self):
        return self._say()

    def _say(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def __repr__(self):
        raise RuntimeError("not for people")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: case(Strange(OSError("no")), 1),
            r"case 1: .*Strange.* cannot .*: OSError\('no'\)",
        ),
        (
            lambda: case(Strange("yes"), "a"),
            r"case 'a': .*Strange.*: that gives a str, which is no",
        ),
        (lambda: case(np.zeros(1), 0), r"case 0: array.*: that gives a ndarray, which is no truth"),
        (lambda: ifelse(np.zeros(2), 1), r"ifelse: array\(\[0., 0.\]\) is neither true nor false"),
        (
            lambda: ifelse(Strange(OSError("no")), 1),
            r"ifelse: .*Strange.* is neither true nor false",
        ),
    ],
)
def test_what_cannot_be_compared(call, told):
    """The message tells the values, and what came of it."""

    @flow(executor=LocalExecutor())
    def choose():
        made = call()
        if hasattr(made, "__enter__") and not hasattr(made, "set_upstream"):
            with made:
                task(skip)()

    with pytest.raises(TypeError, match=told):
        choose()


# ------------------------------------------------------------------ switch, ifelse and merge


def test_a_switch(play, do):
    """Tasks, flows and functions are called in their cases; what is no task is a result itself."""

    @flow
    def part():
        return do.inc.map([1, 2])

    def choose(p):
        outside = do.ident("outside")

        def several():
            do.ok.named("first").with_options(trigger=all_finished)()
            return [do.ok.named("second")(), p]

        return switch(
            p,
            {
                "task": do.ok,
                "flow": part,
                "function": several,
                "nothing": lambda: None,
                "constant": 0,
                "other": lambda: outside,
                "parameter": p,
            },
        )

    wanted = {
        "task": 1,
        "flow": [2, 3],
        "function": [1, "function"],
        "nothing": None,
        "constant": 0,
        "other": "outside",
        "parameter": "parameter",
    }
    for p, result in wanted.items():
        run = play(choose, p)
        assert (run.result(), kinds(run)["merge"], short(run.state)) == (result, "S", "S"), p
        ran = {name for name, kind in kinds(run).items() if kind != "SK"}
        assert ("ok" in ran, "part.inc" in ran, {"first", "second"} <= ran) == (
            p == "task",
            p == "flow",
            p == "function",
        )
    run = play(choose, "?")
    assert (run.result(), kinds(run)["merge"]) == (None, "SK")


def test_a_switch_over_what_was_called_before(play, do):
    """It alone is put into the case: what it depends on runs, what depends on it does not."""

    @flow
    def part(x):
        return do.inc(x)

    def choose(p, xs):
        a = do.ident(do.ok())
        b = do.inc.map(xs)
        c = part.map(xs)
        d = do.collect(a)
        return switch(p, {"a": a, "b": b, "c": c}), d

    results = {"a": (1, 1), "b": ([], None), "c": ([], None), "?": (None, None)}
    for p, result in results.items():
        run = play(choose, p, [])
        found = kinds(run)
        assert run.result() == result, p
        assert found["ok"] == "S"
        assert (found["ident"], found["inc"]) == (
            "S" if p == "a" else "SK",
            "M[]" if p == "b" else "SK",
        )
    run = play(choose, "c", [1, 2])
    assert (run.result(), kinds(run)["part.inc"]) == (([2, 3], None), "M[S,S]")
    assert kinds(play(choose, "a", [1, 2]))["part.inc"] == "M[SK,SK]"


def test_a_switch_in_lanes(play, do):
    """Each lane has its own branch, also of what was called around them, which runs in any case."""

    def choose(xs):
        around = do.ok()

        @flow
        def part(x):
            before = do.ident.named("before")(x)
            return switch(x, {1: before, 2: around, 3: do.ok.named("called")})

        return part.map(xs)

    run = play(choose, [1, 2, 3, 4])
    assert run.result() == [1, 1, 1, None]
    found = kinds(run)
    assert {name: found[name] for name in ("ok", "part.before", "part.called", "part.merge")} == {
        "ok": "S",
        "part.before": "M[S,SK,SK,SK]",
        "part.called": "M[SK,SK,S,SK]",
        "part.merge": "M[S,S,S,SK]",
    }


def test_a_switch_that_would_wait_for_itself(do):
    """A branch that the value depends on is refused, mapped or not, naming the circle."""
    for branch in (lambda: do.ok(), lambda: do.inc.map([1])):

        def choose():
            a = branch()  # noqa: B023 - called in this round
            switch(do.collect(a), {1: a})

        with pytest.raises(CycleError, match=r"closes a circle: .*collect.*case"):
            flow(choose).graph()


def test_ifelse(play, do):
    """The truth of the condition decides; without the second branch there may be nothing."""

    def choose(p):
        return ifelse(do.ident(p), do.ok, "else"), ifelse(p, do.inc.map([1]))

    for p, result in [([1], (1, [2])), ("x", (1, [2])), ([], ("else", None)), (0, ("else", None))]:
        run = play(choose, p)
        assert (run.result(), short(run.state)) == (result, "S")
        assert kinds(run)["ok"] == ("S" if p else "SK")
    assert str(play(choose, [])["ifelse"].state) == "Skipped('[] is false')"


def test_merge_takes_the_first_that_was_not_skipped(play, do):
    """In the given order, also None, 0 or a list with skipped children; constants are there."""

    def choose(p):
        return [
            merge(do.ident(None), do.ok()),
            merge(do.skip(), do.ident(0), do.ok()),
            merge(do.skip2.map([2, 2]), do.skip2.map([1, 2]), do.ok()),
            merge(do.skip(), p, do.ok()),
            merge(do.skip(), None, do.ok()),
            merge(do.skip(), [do.skip(), do.ok()]),
            merge(do.skip(), do.ident.map([])),
            merge(do.skip(), do.skip2.map([2, 2])),
            merge(do.skip(), do.skip()),
        ]

    run = play(choose, 7)
    assert run.result() == [None, 0, [1, None], 7, None, [None, 1], [], None, None]
    found = [kinds(run)[f"merge-{n}" if n > 1 else "merge"] for n in range(1, 10)]
    assert found == ["S"] * 7 + ["SK"] * 2
    assert str(run["merge-9"].state) == "Skipped('all branches were skipped')"
    assert short(run.state) == "S"


def test_merge_of_a_branch_that_failed(play, do):
    """It does not start, whichever branch failed, child or not; a skip does not hide it."""

    def choose():
        return (
            merge(do.ok(), do.boom()),
            merge(do.skip(), do.fail2.map([1, 2])),
            merge(do.skip(), do.ident(do.boom())),
        )

    run = play(choose)
    found = kinds(run)
    assert [found[name] for name in ("merge", "merge-2", "merge-3")] == ["TF"] * 3
    assert short(run.state) == "F"


def test_gates_are_nothing_that_a_body_or_a_trigger_sees(play, do):
    """Neither a function as a trigger nor context.upstream hears of the case that they are in."""

    def none_failed(states):
        return [edge.upstream for edge in states] == ["ident"]

    def look(x):
        return [(run.name, run.edge.key) for run in context.upstream]

    def choose():
        a = do.ident(1)
        with case(do.ok(), 1):
            return task(look, trigger=none_failed)(a)

    assert play(choose).result() == [("ident", "x")]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: case(1, 1).__enter__(),
            r"case\(x, value\) works inside a flow; .*: if x == value:",
        ),
        (lambda: switch(1, {1: 1}), r"switch\(x, {...}\) works inside a flow"),
        (lambda: ifelse(1, 1), r"works inside a flow; .*: a if condition else b"),
        (lambda: merge(1), r"merge\(...\) works inside a flow"),
        (lambda: flow(lambda: merge()).graph(), r"merge\(\) has no branches"),
        (lambda: flow(lambda: switch(1, {})).graph(), r"merge\(\) has no branches"),
    ],
)
def test_what_makes_no_sense(call, told):
    """It is refused at once, with the cure."""
    with pytest.raises(DefinitionError, match=told):
        call()
