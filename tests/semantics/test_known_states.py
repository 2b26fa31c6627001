"""Finished states that are given before the start, by ``states=``: they stand, and feed others."""

import dask
import numpy as np
import pytest

from daskflow import (
    DefinitionError,
    LocalExecutor,
    all_finished,
    any_failed,
    context,
    flatten,
    flow,
    successful,
    task,
    unmapped,
)
from daskflow.states import Cancelled, Failed, Mapped, Paused, Running, Skipped, Success
from tests.semantics.bodies import boom, ident, inc, kinds, rng, short
from tests.semantics.test_endings import TwoArgumentsError


@pytest.fixture
def given(play):
    """Run a function as a flow of which some states are known."""

    def given(states, function, *args, **kwargs):
        return play(function, *args, states=states, **kwargs)

    return given


def test_a_known_state_stands(given, do, ledger):
    """Its body does not run, and what depends on it gets its value; so with its task as the key."""

    def case():
        return do.add(do.inc(do.ok()), do.ident(2))

    for key in ("inc", do.inc):
        before = len(ledger.lines())
        run = given({key: Success(result=40)}, case)
        assert run.result() == 42
        assert kinds(run) == {"ok": "S", "inc": "S", "ident": "S", "add": "S"}
        assert (run["inc"].attempt, run["inc"].result()) == (0, 40)
        assert run["inc"].state.timestamp is not None
        assert len(ledger.lines()) - before == 3


def test_what_each_known_state_passes_on(given, do):
    """As if the body had ended so: a failure its exception, a skip nothing, by trigger and rule."""
    states = {
        "succeeded": Success(result=7),
        "skipped": Skipped("on holiday", result=5),
        "failed": Failed("no", exception=ValueError("no")),
        "bare": Failed("no"),
        "cancelled": Cancelled("by hand"),
    }

    def case():
        got = []
        for name in states:
            given = do.ok.named(name)()
            do.ident.named(f"plain-{name}")(given)
            options = {"trigger": all_finished, "skip_on_upstream_skip": False}
            got.append(do.ident.with_options(**options).named(f"any-{name}")(given))
        return got

    run = given(states, case)
    found = kinds(run)
    assert [found[name] for name in states] == ["S", "SK", "F", "F", "CA"]
    assert [found[f"plain-{name}"] for name in states] == ["S", "SK", "TF", "TF", "TF"]
    values = [run[f"any-{name}"].result() for name in states]
    assert values[:2] == [7, None]
    assert [type(value).__name__ for value in values[2:4]] == ["ValueError", "TaskRunError"]
    assert run["skipped"].state.message == "on holiday"
    assert run["skipped"].result() is None
    with pytest.raises(ValueError, match="no"):
        run["failed"].result()


def test_neither_trigger_nor_skip_is_asked_again(given, do):
    """A known success stays one behind a failure and behind a skip, and so do known children."""

    def case():
        refused = do.ident.named("behind-failure")(do.boom())
        skipped = do.ident.named("behind-skip")(do.skip())
        mapped = do.inc.map([1, 2], wait_for=[unmapped(refused)])
        return do.ident.named("sum")([refused, skipped]), mapped

    states = {name: Success(result=1) for name in ("behind-failure", "behind-skip")}
    run = given({**states, "boom": Failed("no"), "inc": [Success(result=8), None]}, case)
    assert run.result() == ([1, 1], [8, 3])
    assert run["skip"].state.is_skipped()


def test_known_states_decide_how_the_flow_ends(given, do):
    """Reference tasks that are known count like those that ran; nothing may be left to do."""

    def case():
        return do.ident(do.ok())

    run = given({"ok": Success(), "ident": Failed("no", exception=KeyError("k"))}, case)
    assert (short(run.state), kinds(run)) == ("F", {"ok": "S", "ident": "F"})
    with pytest.raises(KeyError):
        run.result()
    assert [event.name for event in run.events() if event.name in run.record.nodes] == ["ident"]


def test_children_that_are_known(given, do):
    """Each by its place in a list, or by its index; the others run, and each lane is on its own."""

    def case():
        first = do.inc.map([1, 2, 3, 4])
        second = do.inc.named("second").map(first)
        total = do.total.with_options(trigger=all_finished)(successful(second))
        return do.collect.with_options(trigger=all_finished)(second), total

    lanes = [Success(result=10), None, Failed("no", exception=ValueError("no")), Skipped()]
    named = {f"inc[{place}]": state for place, state in enumerate(lanes)}
    for states in ({"inc": lanes}, named, {"inc": Mapped(children=tuple(lanes))}):
        run = given(states, case)
        assert kinds(run)["inc"] == "M[S,S,F,SK]"
        assert kinds(run)["second"] == "M[S,S,TF,SK]"
        values, found = run.result()
        assert (values[:2], values[3], found) == ([11, 4], None, 15)
        assert [child.attempt for child in run["inc"]] == [0, 1, 0, 0]
        assert [child.attempt for child in run["second"]] == [1, 1, 0, 0]


def test_children_that_come_late(given, do):
    """The list is known before its length: states are applied when the children come into being."""

    def case(n):
        first = do.inc.map(do.rng(n))
        return do.total(do.ident.map(first))

    run = given({"inc": [None, Success(result=100)], "ident[2]": Success(result=1000)}, case, 4)
    assert run.result() == 1 + 100 + 1000 + 4
    assert [child.attempt for child in run["inc"]] == [1, 0, 1, 1]
    assert [child.attempt for child in run["ident"]] == [1, 1, 0, 1]
    everything = [Success(result=n) for n in range(4)]
    run = given({"inc": everything, "ident": everything}, case, 4)
    assert run.result() == 6


def test_widths_come_from_known_values(given, do):
    """What is mapped over may be known, so may all that is flattened, one behind the other."""

    def case():
        numbers = do.rng(2)
        lists = do.rng.named("lists").map(numbers)
        return do.inc.map(flatten(lists))

    states = {"rng": Success(result=[7, 8, 9])}
    assert len(given(states, case).result()) == 24
    lists = [Success(result=[10, 20]), Skipped(), Success(result="ab")]
    run = given({**states, "lists": lists, "inc[3]": Success(result="cd")}, case)
    assert run.result() == [11, 21, None, "cd"]
    run = given({"rng": Success(result=5)}, case)
    assert run["lists"].state.is_failed()
    assert "argument 'n': cannot map over an int" in run["lists"].state.message


def test_lanes_of_a_mapped_sub_flow(given, do):
    """A child in a lane is named by both places, or by lists in a list."""

    @flow
    def part(n):
        return do.total(do.inc.map(do.rng(n)))

    def case():
        return part.map([1, 2, 3])

    states = {"part.inc[2, 1]": Success(result=50), "part.rng[0]": Success(result=[4, 5])}
    run = given(states, case)
    assert run.result() == [11, 3, 54]
    lists = [None, [Success(result=7), None], [None, None, Success(result=9)]]
    run = given({"part.inc": lists, "part.total[0]": Success(result=-1)}, case)
    assert run.result() == [-1, 9, 12]
    assert run["part.inc"][1, 0].attempt == 0
    run = given({"part.inc[1]": lists[1]}, case)
    assert run.result() == [1, 9, 6]


def size(x):
    return len(x) if hasattr(x, "__len__") else x


def sizes(xs):
    return [size(x) for x in xs]


def test_large_values_travel(given, do, ledger):
    """Arrays of megabytes reach a consumer, a lane, a map over them and a whole list of them."""
    measured = ledger.task(size)
    wide = np.arange(1 << 18)

    def case():
        one = do.ident.named("one")(0)
        many = do.ident.named("many").map([0, 0, 0])
        lengths = [measured(one), measured.named("lanes").map(many), ledger.task(sizes)(many)]
        return lengths, measured.named("elements").map(one)

    states = {"one": Success(result=[wide, wide[:5]])}
    states["many"] = [Success(result=wide), None, Success(result=wide[:9].tolist())]
    run = given(states, case)
    assert run.result() == ([2, [1 << 18, 0, 9], [1 << 18, 0, 9]], [1 << 18, 5])
    assert run["one"].result()[0] is wide


def test_an_exception_that_cannot_travel(given, do):
    """A known failure passes on the same portable record as one that happened."""

    def case():
        return do.ident.with_options(trigger=any_failed)(do.ok())

    run = given({"ok": Failed("no", exception=TwoArgumentsError(1, "one"))}, case)
    assert type(run.result()).__name__ == "PortableError"


def test_attempts_of_what_follows_are_their_own(given, do):
    """A task behind a known one is retried with the known value."""

    def case():
        return do.third_time.with_options(retries=2)(do.ok())

    run = given({"ok": Success(result=9)}, case)
    assert (run.result(), run["third_time"].attempt) == (9, 3)


def test_handlers_are_not_asked_of_what_is_known(given, ledger):
    """Such a state stands: neither a state handler nor a hook sees it."""

    def rescue(task, old, new):
        ledger.note(f"handler {context.task_run_name}")

    watched = task(boom, state_handlers=[rescue], on_failure=lambda *_: ledger.note("hook"))

    def case():
        return watched()

    run = given({"boom": Failed("no")}, case)
    assert short(run["boom"].state) == "F"
    assert not ledger.lines()


def add(x, y):
    return x + y


@flow(executor=LocalExecutor())
def week(days, n):
    first = task(inc).map(days)
    later = task(ident).named("later").map(task(rng)(n))
    return task(add)(first, later), task(inc).named("inc-x")(1)


WRONG = {
    "no dict": ([1], "must be a dict"),
    "unknown": ({"lod": Success()}, "names 'lod'; the flow's nodes are inc, rng"),
    "unknown task": ({task(boom): Success()}, "names 'boom'; the flow's nodes are"),
    "no name": ({5: Success()}, "names 5; the flow's nodes are"),
    "no state": ({"rng": 5}, "gives rng 5, which is no state: give Success"),
    "unfinished": ({"rng": Running()}, "gives rng the state Running, which is not a finished one"),
    "paused child": ({"inc": [Paused()]}, r"gives inc\[0\] the state Paused"),
    "one for many": ({"inc": Success()}, r"one state, but it is mapped: .* one child: 'inc\[0\]'"),
    "many for one": ({"rng": [Success()]}, "but it has none: give one state"),
    "mapped for one": ({"rng": Mapped()}, "but it has none: give one state"),
    "index of one": ({"rng[0]": Success()}, "none: it is not mapped"),
    "too deep": ({"inc[0, 1]": Success()}, "map indexes of inc have 1"),
    "twice": ({"inc": [Success()], "inc[0]": Success()}, r"gives inc\[0\] a state twice"),
    "beyond": ({"inc[2]": Success()}, r"names inc\[2\], but there are 2 children"),
    "list beyond": ({"inc": [None, None, Skipped()]}, r"inc\[2\], but there are 2 children"),
    "lane beyond": (
        {"rng": Success(result=[]), "later[0]": Success()},
        r"later\[0\], but there are no children",
    ),
    "cannot travel": ({"rng": Success(result=(i for i in "ab"))}, "cannot be sent to workers"),
}


@pytest.mark.parametrize(("states", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_refused(states, told):
    """One error names it and the cure, before anything runs."""
    with pytest.raises(DefinitionError, match=told):
        week.with_options(states=states).run([1, 2], 3)


def test_a_task_with_several_nodes_is_refused():
    """Its nodes are named, so that one can be meant."""
    double = task(inc)

    @flow
    def twice():
        return double(double(1))

    with pytest.raises(DefinitionError, match="several nodes: inc, inc-2"):
        twice.with_options(states={double: Success()}).run()


def test_an_index_that_turns_out_to_be_wrong(given, do):
    """Where only the run tells how many children there are, it crashes, and says what to change."""

    def case():
        return do.inc.map(do.rng(2))

    run = given({"inc[2]": Success(result=1)}, case)
    assert short(run.state) == "CR"
    assert "names inc[2], but there are 2 children" in run.state.message


def test_what_never_comes_into_being_is_left_alone(given, do):
    """Where a mapped task ends without children, the states of its children mean nothing."""

    def case():
        return do.inc.map(do.boom())

    run = given({"inc[2]": Success(result=1)}, case)
    assert kinds(run) == {"boom": "F", "inc": "TF"}


def test_known_states_in_a_delayed_flow():
    """``to_delayed`` knows them too: at the start, and of what comes into being at the end."""
    states = {"inc": [Success(result=np.arange(1 << 16)), None], "later[2]": Success(result=[9])}

    @task
    def check(first, later):
        assert len(first[0]) == 1 << 16
        assert (first[1], later) == (3, [0, 1, [9]])

    @flow(states=states)
    def other(days, n):
        check(task(inc).map(days), task(ident).named("later").map(task(rng)(n)))

    (state,) = dask.compute(other.to_delayed([1, 2], 3), scheduler="synchronous")
    assert short(state) == "S", state
