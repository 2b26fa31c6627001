"""Flows called inside flows: inlined under their name, or mapped, each lane by itself."""

import pytest

from daskflow import (
    DefinitionError,
    ParameterError,
    all_failed,
    all_finished,
    any_failed,
    flatten,
    flow,
    some_successful,
    successful,
    task,
    unmapped,
)
from tests.semantics.bodies import collect, ident, inc, kinds, short
from tests.semantics.ledger import Ledger


def test_an_inlined_flow(play, do):
    """Its nodes come under its name, its constants are validated and its defaults taken."""

    @flow
    def part(x: int, more: int = 10, *, deep: bool = False):
        if deep:
            return part(x, more)
        return do.add(x, more)

    def case(p):
        return part("1"), part(do.ok(), more=p), part(2, deep=True)

    run = play(case, 5)
    assert run.result() == (11, 6, 12)
    assert list(kinds(run)) == ["part.add", "ok", "part-2.add", "part-3.part.add"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda part: part("soon"), r"flow 'part': x: .*valid integer.*got 'soon'"),
        (lambda part: part(), r"flow 'part': missing: x"),
        (lambda part: part(1, why=2), r"flow 'part': unknown: why"),
        (lambda part: part.map([1], why=2), r"flow 'part': unknown: why"),
        (lambda part: part.map(), r"flow 'part': missing: x"),
    ],
    ids=["invalid", "missing", "unknown", "unknown in map", "missing in map"],
)
def test_arguments_of_an_inlined_flow_are_checked_while_tracing(call, told):
    """What does not fit is an error before anything runs, naming the sub-flow."""

    @flow
    def part(x: int):
        return task(inc)(x)

    with pytest.raises(ParameterError, match=told):
        flow(lambda: call(part)).graph()


def test_a_mapped_flow_needs_a_mapped_argument_and_a_flow_around_it():
    """Without a width there are no lanes; outside of a flow the message has the plain loop."""

    @flow
    def part(x, y=(1, 2)):
        return task(inc)(x)

    with pytest.raises(DefinitionError, match=r"part.map\(\) has no mapped argument; call part"):
        flow(lambda: part.map(unmapped(1))).graph()
    with pytest.raises(DefinitionError, match=r"part, argument 'x': cannot map over a str"):
        flow(lambda: part.map("abc")).graph()
    with pytest.raises(DefinitionError, match=r"part.map\(...\) works inside a flow; here: \[part"):
        part.map([1])


def test_no_node_has_the_name_of_a_mapped_flow():
    """A node named by hand like the lanes around others is refused; a later flow is numbered."""

    @flow
    def part(x):
        return task(inc)(x)

    def taken():
        part.map([1])
        task(inc).named("part").map([1, 2])

    def numbered():
        task(inc).named("part").map([1, 2])
        part.map([1])

    with pytest.raises(DefinitionError, match="'part' is the name of a mapped sub-flow"):
        flow(taken).graph()
    assert list(flow(numbered).graph().nodes) == ["part", "part-2.inc"]


@pytest.mark.parametrize("keep", [lambda x: x, lambda x: successful(task(inc).map([x]))])
def test_what_belongs_to_a_lane_stays_there(keep):
    """An argument of a lane is refused around it and in other lanes; within it may go deeper."""
    kept = []

    @flow
    def part(x):
        kept.append(keep(x))
        return task(ident)(x)

    def outside():
        part.map([1])
        task(ident)([kept.pop()])

    def elsewhere():
        part.map([1])
        flow(lambda _: task(ident)(kept.pop()), name="other").map([1, 2])

    @flow
    def within(x):
        flow(lambda _: task(ident)(keep(x)), name="inner").map([1, 2])

    for case in (outside, elsewhere):
        with pytest.raises(DefinitionError, match="belongs into the lanes of 'part'; return it"):
            flow(case).graph()
    assert "within.inner.ident" in flow(lambda: within.map([1])).graph()


def test_lanes_run_the_whole_of_a_flow(play, do):
    """Each lane has its own width inside; a map index has a number for each map around."""

    @flow
    def part(x, more):
        lanes = do.inc.map(do.rng(x))
        sums = do.add.map(lanes, unmapped(more))
        do.total(sums)
        return sums

    def case():
        every = part.map([2, 0, 3], unmapped(10))
        return every, do.collect(every), do.total.named("each").map(every)

    run = play(case)
    wanted = [[11, 12], [], [11, 12, 13]]
    assert run.result() == (wanted, wanted, [23, 0, 36])
    assert kinds(run) == {
        "part.rng": "M[S,S,S]",
        "part.inc": "M[M[S,S],M[],M[S,S,S]]",
        "part.add": "M[M[S,S],M[],M[S,S,S]]",
        "part.total": "M[S,S,S]",
        "collect": "S",
        "each": "M[S,S,S]",
    }
    assert short(run.state) == "S"


def test_map_indexes(play, do):
    """run[task][i, j] and run[task][i][j] are the same child, by its whole map index."""

    @flow
    def part(x):
        return do.fail2.map(do.rng(x))

    def case():
        part.map([1, 0, 4])

    run = play(case)
    lanes = run["part.fail2"]
    assert (len(lanes), [len(lane) for lane in lanes]) == (3, [1, 0, 4])
    child = lanes[2, 3]
    assert child == lanes[2][3] == lanes[-1][-1] == lanes[(2,)][(3,)]
    assert (child.name, child.index, child.result()) == ("part.fail2[2, 3]", (2, 3), 3)
    assert [lane.name for lane in lanes[1:]] == ["part.fail2[1]", "part.fail2[2]"]
    assert lanes[1].result() == []
    with pytest.raises(ValueError, match="two"):
        lanes[2].result()
    for index, told in [
        ((0, 1), r"part.fail2\[0\] has 1 children; there is no \[1\]"),
        ((3, 0), r"part.fail2 has 3 children; there is no \[3\]"),
        ((2, 3, 0), r"part.fail2\[2, 3\] has no children; there is no \[0\]"),
    ]:
        with pytest.raises(IndexError, match=told):
            lanes[index]
    assert sorted(found.index for found in run.task_runs if found.node == "part.fail2") == [
        (0, 0),
        *((2, j) for j in range(4)),
    ]


def test_what_stops_in_a_lane_stops_there(play, do):
    """A map in one lane that never gets a width, and a failed child: all others go on."""

    @flow
    def part(x):
        return do.fail2.map(do.rng(do.fail2.named("first")(x)))

    def case():
        lanes = part.map([1, 2, 0, 4])
        reduced = do.collect.with_options(trigger=all_finished)
        return reduced(lanes), reduced.map(lanes), reduced(do.inc.map(flatten(lanes)))

    run = play(case, reference_tasks=["collect"])
    assert kinds(run) == {
        "part.first": "M[S,F,S,S]",
        "part.rng": "M[S,TF,S,S]",
        "part.fail2": "M[M[S],TF,M[],M[S,S,F,S]]",
        "collect": "S",
        "collect-2": "M[S,S,S,S]",
        "flatten": "M[S,TF,S,S,TF,S]",
        "inc": "M[S,TF,S,S,TF,S]",
        "collect-3": "S",
    }
    whole, by_lane, flat = run.result()
    first, parent, empty, last = whole
    assert (first, empty, last[:2], last[3]) == ([0], [], [0, 1], 3)
    assert repr(last[2]) == "ValueError('two')"
    assert str(parent).startswith("part.fail2[1]: trigger all_successful said no")
    assert str(parent).endswith("first failed: part.first[1]: ValueError: two")
    assert list(map(repr, by_lane)) == list(map(repr, whole))
    assert [flat[i] for i in (0, 2, 3, 5)] == [1, 1, 2, 4]
    assert {type(flat[i]).__name__ for i in (1, 4)} == {"TriggerFailedError"}


def test_what_is_skipped_in_a_lane_is_skipped_there(play, do):
    """A skipped lane is None in the list; a reduce is skipped only where all of it was."""

    @flow
    def part(x):
        return do.ident.map(do.rng(do.skip2(x)))

    def case():
        some = part.map([1, 2, 0])
        return do.collect(some), do.collect(successful(some)), do.collect(part.map([2, 2]))

    run = play(case)
    assert run.result() == ([[0], None, []], [[0], []], None)
    assert kinds(run) == {
        "part.skip2": "M[S,SK,S]",
        "part.rng": "M[S,SK,S]",
        "part.ident": "M[M[S],SK,M[]]",
        "collect": "S",
        "collect-2": "S",
        "part-2.skip2": "M[SK,SK]",
        "part-2.rng": "M[SK,SK]",
        "part-2.ident": "M[SK,SK]",
        "collect-3": "SK",
    }


def test_exceptions_and_none_are_passed_on_in_lanes(play, do):
    """A task in a lane whose trigger lets them through gets its own lane's, and reduces its own."""

    @flow
    def part(x):
        lanes = do.fail2.map(do.rng(x))
        careful = do.collect.with_options(trigger=all_finished, skip_on_upstream_skip=False)
        do.total(lanes)
        return careful([x, do.skip2(x), do.fail2.named("again")(x), lanes])

    def case():
        return part.map([1, 3, 2])

    run = play(case, reference_tasks=["part.collect"])
    assert kinds(run) == {
        "part.rng": "M[S,S,S]",
        "part.fail2": "M[M[S],M[S,S,F],M[S,S]]",
        "part.total": "M[S,TF,S]",
        "part.skip2": "M[S,S,SK]",
        "part.again": "M[S,S,F]",
        "part.collect": "M[S,S,S]",
    }
    first, second, third = run.result()
    assert first == [1, 1, 1, [0]]
    assert repr(second) == "[3, 3, 3, [0, 1, ValueError('two')]]"
    assert repr(third) == "[2, None, ValueError('two'), [0, 1]]"


def test_a_retry_in_a_lane_runs_alone(play, do, ledger):
    """Of a map in lanes only the child that failed once runs twice; reduces wait for it."""

    @flow
    def part(x):
        once = do.fail2_once.with_options(retries=1)
        return do.total(do.inc.map(once.map(do.rng(x))))

    def case():
        return do.collect(part.map([3, 1, 4]))

    run = play(case)
    assert run.result() == [6, 1, 10]
    starts = ledger.starts()
    assert starts.pop("part.fail2_once[0, 2]") == starts.pop("part.fail2_once[2, 2]") == 2
    assert set(starts.values()) == {1}
    assert len(starts) == 3 + 6 + 8 + 3 + 1


def test_what_lies_around_can_be_used_in_lanes(play, do):
    """A lane gets what was called outside whole, or maps over it; parameters and constants too."""

    def case(p):
        one, many, none = do.ok(), do.fail2.map([1, 2, 3]), do.boom()

        @flow
        def part(x):
            do.collect([x, one, p])
            do.inc.map(many)
            do.add.map(many, unmapped(x))
            do.add.named("zip").map([x, x, x], p)
            do.collect.named("all").with_options(trigger=all_finished)(many)
            do.ident(x, wait_for=[none])
            return one

        return part.map([10, 20])

    run = play(case, [4, 5, 6], reference_tasks=["part.returned"])
    assert kinds(run) == {
        "ok": "S",
        "fail2": "M[S,F,S]",
        "boom": "F",
        "part.collect": "M[S,S]",
        "part.inc": "M[M[S,TF,S],M[S,TF,S]]",
        "part.add": "M[M[S,TF,S],M[S,TF,S]]",
        "part.zip": "M[M[S,S,S],M[S,S,S]]",
        "part.all": "M[S,S]",
        "part.ident": "M[TF,TF]",
        "part.returned": "M[S,S]",
    }
    assert run.result() == [1, 1]  # what a lane gives back is a value of its own
    assert run["part.collect"].result() == [[10, 1, [4, 5, 6]], [20, 1, [4, 5, 6]]]
    assert run["part.zip"].result() == [[14, 15, 16], [24, 25, 26]]
    assert run["part.add"][1, 2].result() == 23
    assert repr(run["part.all"][1].result()) == "[1, ValueError('two'), 3]"


def test_waiting_in_lanes(play, do):
    """wait_for in a map of a lane is lane-wise where x is mapped, of its own lane where it is."""

    def case():
        many = do.fail2.map([1, 2, 3])

        @flow
        def part(x):
            own = do.fail2.named("own").map(do.rng(x))
            do.ident.named("lanes").map([x, x, x], wait_for=[many])
            do.ident.named("whole").map([x, x, x], wait_for=[unmapped(many)])
            do.ident.named("own_lanes").map(do.rng.named("again")(x), wait_for=[own])
            do.ident.named("own_whole")(x, wait_for=[own])

        assert part.map([1, 3]) is None

    run = play(case)
    found = kinds(run)
    assert found["part.lanes"] == "M[M[S,TF,S],M[S,TF,S]]"
    assert found["part.whole"] == "M[M[TF,TF,TF],M[TF,TF,TF]]"
    assert found["part.own_lanes"] == "M[M[S],M[S,S,TF]]"
    assert found["part.own_whole"] == "M[S,TF]"


def test_lanes_over_a_list_of_nodes(play, do):
    """Each lane has the node at its place, alone or inside another argument, and asks only that."""

    @flow
    def part(x):
        anyway = do.ident.with_options(trigger=all_finished)
        return do.inc(x), anyway(x), do.collect([x, {"k": x}]), do.add.map([x, 1], [1, x])

    def case(p):
        part.map([do.boom(), do.ok(), do.skip(), 5, p])

    run = play(case, 7)
    assert kinds(run) == {
        "boom": "F",
        "ok": "S",
        "skip": "SK",
        "part.inc": "M[TF,S,SK,S,S]",
        "part.ident": "M[S,S,SK,S,S]",
        "part.collect": "M[TF,S,SK,S,S]",
        "part.add": "M[M[TF,TF],M[S,S],M[SK,SK],M[S,S],M[S,S]]",
        "part.returned": "M[TF,S,SK,S,S]",
    }
    assert repr(run["part.ident"][0].result()) == "ValueError('no')"
    assert run["part.returned"][4].result() == (8, 7, [7, {"k": 7}], [8, 8])


def test_lanes_over_lists_of_parameters(play, do):
    """What is known before the run gives widths in lanes too: parameters and constants in lists."""

    @flow
    def part(x):
        return do.inc.map(x)

    def case(p, q):
        return part.map([p, [1, 2], q]), part.map(q)

    run = play(case, [], [[5], [6, 7, 8]])
    assert run["part.inc"].state.children[0].children == ()
    assert short(run["part.inc"].state) == "M[M[],M[S,S],M[F,F]]"
    assert run["part-2.inc"].result() == [[6], [7, 8, 9]]


def test_lanes_within_lanes_within_lanes(play, do):
    """Widths may be ragged at every level; what is reduced, and what fails, stays in its lane."""

    @flow
    def inner(x, more):
        return do.add.map(do.rng(do.fail2(x)), unmapped(more))

    @flow
    def middle(xs, more):
        lanes = inner.map(xs, unmapped(more))
        return lanes, do.collect.with_options(trigger=all_finished)(successful(lanes))

    def case(p):
        return middle.map([[1, 2], [], [3]], p)

    run = play(case, [10, 20, 30], reference_tasks=["middle.collect"])
    assert kinds(run) == {
        "middle.inner.fail2": "M[M[S,F],M[],M[S]]",
        "middle.inner.rng": "M[M[S,TF],M[],M[S]]",
        "middle.inner.add": "M[M[M[S],TF],M[],M[M[S,S,S]]]",
        "middle.collect": "M[S,S,S]",
        "middle.returned": "M[TF,S,S]",
    }
    assert run["middle.collect"].result() == [[[10]], [], [[30, 31, 32]]]
    assert run["middle.inner.add"][2, 0, 1].result() == 31
    assert run["middle.inner.add"][2][0].result() == [30, 31, 32]
    assert run.result()[1:] == [([], []), ([[30, 31, 32]], [[30, 31, 32]])]
    parent = run["middle.inner.add"][0, 1]
    assert (parent.name, short(parent.state)) == ("middle.inner.add[0, 1]", "TF")


def test_widths_of_lanes(play, do):
    """All mapped arguments give the width, known early or late; else all in the lanes failed."""

    @flow
    def part(x, y):
        return do.inc.map([do.add(x, y)])

    def case():
        late = do.inc.map(do.rng(3))
        part.map([1, 2, 3], do.rng(3))
        part.map(late, range(3))
        part.map(late, [1, 2])
        part.map(do.boom(), [1, 2])
        part.map([1, 2], do.skip())
        part.map(do.fail2.map([1, 2]), [1, 2])
        part.map([], do.rng(0))

    run = play(case)
    found = kinds(run)
    assert [found[f"part{n}.add"] for n in ("", "-2", "-3", "-4", "-5", "-6", "-7")] == [
        "M[S,S,S]",
        "M[S,S,S]",
        "F",
        "TF",
        "SK",
        "M[S,TF]",
        "M[]",
    ]
    assert found["part-3.inc"] == "F"
    assert found["part-6.inc"] == "M[M[S],M[TF]]"
    told = "part-3.map: its mapped arguments (x, y) have lengths 3 and 2"
    assert run["part-3.add"].state.message == run["part-3.inc"].state.message == told
    totals = {progress.node: progress.total for progress in run.progress()}
    assert (totals["part-3.inc"], totals["part-6.inc"], totals["part-7.inc"]) == (1, 2, 0)


def test_what_a_lane_gives_back(play, do):
    """A list with an entry for each lane, whatever the sub-flow returns; of None it is None."""

    def case(p):
        outer = do.ok()
        made = {
            "node": lambda x: do.inc(do.inc(x)),
            "nested": lambda x: ({"a": do.inc(x)}, [x, p]),
            "argument": lambda x: x,
            "parameter": lambda _: p,
            "constant": lambda _: 7,
            "outer": lambda _: outer,
            "picked": lambda x: successful(do.skip2.map([x, 2])),
            "nothing": lambda _: None,
        }
        return {name: flow(body, name=name).map([1, 3]) for name, body in made.items()}

    assert play(case, "p").result() == {
        "node": [3, 5],
        "nested": [({"a": 2}, [1, "p"]), ({"a": 4}, [3, "p"])],
        "argument": [1, 3],
        "parameter": ["p", "p"],
        "constant": [7, 7],
        "outer": [1, 1],
        "picked": [[1], [3]],
        "nothing": None,
    }


def test_lanes_over_what_lanes_gave_back(play, do):
    """A sub-flow mapped over another's lists goes on lane by lane, also inside of them."""

    @flow
    def first(x):
        return do.fail2.map(do.rng(x))

    @flow
    def second(xs, ys):
        do.add.map(xs, ys)
        return do.total.with_options(trigger=some_successful(at_least=2))(successful(xs))

    def case():
        lanes = first.map([1, 3, 2])
        return second.map(lanes, lanes)

    run = play(case, reference_tasks=["first.rng"])
    assert kinds(run)["second.add"] == "M[M[S],M[S,S,TF],M[S,S]]"
    assert kinds(run)["second.total"] == "M[TF,S,S]"
    assert [lane.result() for lane in run["second.total"][1:]] == [1, 1]


def test_triggers_in_lanes_see_their_own_lane(play, do, tmp_path):
    """A trigger of the user's is asked with {Edge: State} of its lane, and with what it shares."""
    asked = Ledger(tmp_path / "asked")

    def told(states):
        seen = (f"{e.upstream}{list(e.map_index)}:{e.key}={short(s)}" for e, s in states.items())
        asked.note(" ".join(sorted(seen)))
        return True

    def case():
        one, many = do.ok(), do.fail2.map([1, 2])

        @flow
        def part(x):
            own = do.fail2.named("own")(x)
            lanes = do.add.map([own, 3], [1, x])
            task(collect, trigger=told)([x, lanes, one], wait_for=[many])
            task(ident, trigger=told).map(many, wait_for=[lanes])

        part.map([1, 2])

    play(case)
    shared = "fail2[0]:None=S fail2[1]:None=F ok[]:xs=S"
    assert sorted(asked.lines()) == sorted(
        [
            f"{shared} part.add[0, 0]:xs=S part.add[0, 1]:xs=S",
            f"{shared} part.add[1, 0]:xs=TF part.add[1, 1]:xs=S",
            *["fail2[]:x=M[] part.add[0]:None=M[]", "fail2[]:x=M[] part.add[1]:None=M[]"],
            "fail2[0]:x=S part.add[0, 0]:None=S",
            "fail2[1]:x=F part.add[0, 1]:None=S",
            "fail2[0]:x=S part.add[1, 0]:None=TF",
            "fail2[1]:x=F part.add[1, 1]:None=S",
        ]
    )


def test_the_parent_of_a_map_in_a_lane_is_asked_in_its_lane(play, do):
    """Trigger and skip rule see what gives the width there; a mapped input is one success."""

    @flow
    def part(x):
        many = do.rng(do.skip2(do.fail2.named("four")(x)))
        lanes = do.inc.map(many)
        do.ident.with_options(trigger=any_failed).named("failed").map(many)
        do.ident.with_options(trigger=all_failed).named("none").map(lanes)
        do.ident.with_options(trigger=some_successful(at_least=2)).named("two").map(
            many, wait_for=[lanes]
        )
        return lanes

    def case():
        part.map([1, 2, 0])

    found = kinds(play(case))
    assert found["part.inc"] == "M[M[S],TF,M[]]"
    assert found["part.failed"] == "M[TF,F,TF]"  # let through, but there is nothing to map over
    assert found["part.none"] == "M[TF,F,TF]"
    assert found["part.two"] == "M[M[S],TF,M[]]"


def test_defaults_of_a_mapped_flow_are_given_whole(play, do):
    """What a call leaves out every lane gets as it is; so what is wrapped in unmapped."""

    @flow
    def part(x, /, y=(1, 2), *, z="ab"):
        return do.collect([x, y, z])

    def case():
        return part.map([0]), part.map([0, 0], ["a", "b"]), part.map([1], unmapped([3]), z=[4])

    first, second, third = play(case).result()
    assert first == [[0, (1, 2), "ab"]]
    assert second == [[0, "a", "ab"], [0, "b", "ab"]]
    assert third == [[1, [3], 4]]


def test_no_lanes(play, do):
    """A sub-flow mapped over nothing has no task runs, at any depth; a reduce gets []."""

    @flow
    def part(x):
        return do.total(do.inc.map(do.rng(x)))

    def case():
        lanes = part.map([])
        return lanes, do.total(lanes), do.inc.named("after").map(lanes), part.map(do.rng(0))

    run = play(case)
    assert run.result() == ([], 0, [], [])
    assert {kinds(run)[n] for n in ("part.rng", "part.inc", "part.total", "after")} == {"M[]"}
    assert ledger_free(run) == ["rng", "total"]


def ledger_free(run):
    """Return the nodes that have task runs."""
    return sorted({found.node for found in run.task_runs})
