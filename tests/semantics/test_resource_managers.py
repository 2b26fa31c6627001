"""Resources that are set up in front of some tasks, and cleaned up behind them, in every end."""

import pytest

from daskflow import (
    DefinitionError,
    Flow,
    case,
    context,
    flow,
    resource_manager,
    tags,
    task,
)
from tests.semantics.bodies import boom, ident, kinds, short, skip
from tests.semantics.ledger import Ledger


class Tray:
    """Notes what happens to it in a diary."""

    def __init__(self, diary, name="tray", goes_wrong=""):
        self.diary, self.name, self.goes_wrong = diary, name, goes_wrong

    def setup(self):
        self.diary.note(f"setup {self.name}")
        if self.goes_wrong == "setup":
            raise ValueError("no tray")
        if self.goes_wrong == "skip":
            skip()
        return self.name

    def cleanup(self, resource):
        self.diary.note(f"cleanup {resource}")
        if self.goes_wrong == "cleanup":
            raise ValueError("no towel")


@pytest.fixture
def diary(tmp_path):
    """What is written down beside the starts of bodies."""
    return Ledger(tmp_path / "diary")


@pytest.fixture
def trays(diary):
    """A resource manager, and what is told of it."""
    return resource_manager(Tray), diary.lines


def use_of(diary, function=ident, **options):
    """Return a task that notes its use of a tray."""

    def use(tray, x=None):
        diary.note(f"use {tray}")
        return function(x)

    return task(use, **options)


def fails_once(x):
    if context.attempt == 1:
        raise ValueError("once")
    return x


def test_35_a_resource_manager_with_a_retry(play, diary, trays):
    """Setup, use, use, cleanup: a retry inside does not run setup again."""
    kind, told = trays

    def work(name):
        with kind(diary, name) as tray:
            return use_of(diary, fails_once, retries=1)(tray, 5)

    run = play(work, "t")
    assert run.result() == 5
    assert told() == ["setup t", "use t", "use t", "cleanup t"]
    assert kinds(run) == {"Tray.setup": "S", "use": "S", "Tray.cleanup": "S"}
    assert run["use"].attempt == 2


@pytest.mark.parametrize(
    ("wrong", "ends", "lines"),
    [
        ("", ["S", "S", "S", "S"], ["setup t", "use t", "cleanup t"]),
        ("use", ["S", "F", "S", "F"], ["setup t", "use t", "cleanup t"]),
        ("setup", ["F", "TF", "SK", "F"], ["setup t"]),
        ("skip", ["SK", "SK", "SK", "S"], ["setup t"]),
        ("cleanup", ["S", "S", "F", "S"], ["setup t", "use t", "cleanup t"]),
    ],
)
def test_cleanup_whenever_setup_succeeded(play, diary, wrong, ends, lines):
    """After failures too; without a setup it is skipped. It does not decide how the flow ends."""
    kind, told = resource_manager(Tray), diary.lines

    def work():
        with kind(diary, "t", goes_wrong=wrong) as tray:
            use_of(diary, _boom if wrong == "use" else ident)(tray)

    run = play(work)
    found = [kinds(run)[name] for name in ("Tray.setup", "use", "Tray.cleanup")]
    assert [*found, short(run.state)] == ends
    assert told() == lines


def _boom(x):
    raise ValueError("no")


def test_what_is_inside_comes_between_setup_and_cleanup(play, do, diary, trays):
    """Also what does not take the resource: tasks, maps, mapped flows, cases, what is never run."""
    kind, told = trays

    @flow
    def part(x):
        with case(x, 2):
            use_of(diary).named("in_case")("lane", x)
        return do.ident(x)

    def work(xs):
        with kind(diary, "t"):
            a = use_of(diary).named("a")("a")
            do.ident(a, wait_for=[do.boom()])
            use_of(diary).named("each").map(["e", "e"], xs)
            do.inc.map(a)
            part.map(xs)

    run = play(work, [1, 2])
    lines = told()
    assert (lines[0], lines[-1]) == ("setup t", "cleanup t")
    assert sorted(lines[1:-1]) == ["use a", "use e", "use e", "use lane"]
    assert kinds(run)["Tray.cleanup"] == "S"
    graph = flow(work).graph()
    waited = {edge.downstream for edge in graph.downstream("Tray.setup")}
    assert waited == {"a", "boom", "each", "part.case", "part.ident", "Tray.cleanup"}


def test_reference_tasks_with_cleanup(trays, diary):
    """Those in front of a cleanup decide; a node that is named decides instead, a cleanup too."""
    kind, _ = trays

    def work():
        with kind(diary, "outer"):
            with kind(diary, "inner") as tray:
                use = use_of(diary)
                use.named("last")(use.named("first")(tray))
            with kind(diary, "empty"):
                pass

    made = flow(work)
    assert made.definition().reference_tasks == ("last", "Tray-3.setup")
    assert list(made.graph().nodes) == [
        *("Tray.setup", "Tray-2.setup", "first", "last", "Tray-2.cleanup"),
        *("Tray-3.setup", "Tray-3.cleanup", "Tray.cleanup"),
    ]
    assert made.graph().terminals() == ["Tray.cleanup"]
    named = flow(work, reference_tasks=["Tray.cleanup"]).definition()
    assert named.reference_tasks == ("Tray.cleanup",)


def test_a_resource_in_each_lane_and_in_a_case(play, do, diary, trays):
    """Each lane sets up and cleans up for itself, one that fails too; in a case if it matches."""
    kind, told = trays

    @flow
    def part(x):
        with case(x, "left out"), kind(diary, "never"):
            do.ok()
        with kind(diary, x) as tray:
            return use_of(diary)(tray, do.fail2(x))

    run = play(lambda: part.map(["p", 2]))
    assert kinds(run)["part.Tray-2.cleanup"] == "M[S,S]"
    assert kinds(run)["part.Tray.setup"] == kinds(run)["part.Tray.cleanup"] == "M[SK,SK]"
    assert kinds(run)["part.use"] == "M[S,TF]"
    assert sorted(told()) == ["cleanup 2", "cleanup p", "setup 2", "setup p", "use p"]


def test_options_of_a_resource_manager(play, diary):
    """Setup and cleanup are tasks with retries of their own; the name is that of their nodes."""
    made = resource_manager(
        name="Table", setup={"retries": 1}, cleanup={"retries": 1, "tags": ["late"]}
    )(Flaky)

    def work():
        with made(diary, "t", resource="x") as resource:
            return use_of(diary)(resource)

    run = play(work)
    assert [run[name].attempt for name in ("Table.setup", "use", "Table.cleanup")] == [2, 1, 2]
    assert diary.lines() == ["use tx", "cleanup tx ['late']"]
    assert repr(made) == "<resource manager 'Table'>"


class Flaky:
    """Fails the first time; its argument has the name that cleanup's own would have."""

    def __init__(self, diary, name, resource):
        self.diary, self.made = diary, name + resource

    def setup(self):
        return fails_once(self.made)

    def cleanup(self, made):
        fails_once(made)
        self.diary.note(f"cleanup {made} {sorted(context.tags)}")


def test_a_resource_in_plain_python(diary, trays):
    """Outside of flows `with` sets up and cleans up at once, behind an exception too."""
    kind, told = trays
    with kind(diary, "a") as tray:
        assert (tray, told()) == ("a", ["setup a"])
    with pytest.raises(ValueError, match="inside"), kind(diary, "b"):
        raise ValueError("inside")
    with pytest.raises(ValueError, match="no tray"), kind(diary, "c", goes_wrong="setup"):
        pass
    assert told() == ["setup a", "cleanup a", "setup b", "cleanup b", "setup c"]


def test_an_exception_while_a_flow_is_traced_leaves_nothing_open(trays, diary):
    """What is raised inside of a `with` comes out as it is, and nothing more is recorded."""
    kind, _ = trays
    f = Flow("f")
    with pytest.raises(ZeroDivisionError), f, case(1, 1), tags("x"), kind(diary, "t"):
        raise ZeroDivisionError
    with f:
        task(ident)(1)
    assert list(f.graph().nodes) == ["case", "Tray.setup", "ident"]
    assert f.graph().upstream("ident") == []
    assert f.graph().nodes["ident"].task.rules.tags == frozenset()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: resource_manager(boom), "belongs on a class with setup and cleanup, not on <func"),
        (lambda: resource_manager(Ledger), "belongs on a class with setup and cleanup"),
        (lambda: resource_manager(name="x y")(Tray), "'x y' cannot name a resource manager"),
        (lambda: resource_manager(setup={"name": "x"})(Tray), "Tray: name= of its setup is not"),
        (lambda: resource_manager(cleanup={"trigger": 1})(Tray), "trigger= of its cleanup is not"),
        (lambda: resource_manager(cleanup={"huh": 1})(Tray), "task 'Tray.cleanup': no option"),
    ],
)
def test_what_is_no_resource_manager(call, told):
    """It is refused at once, with the cure."""
    with pytest.raises(DefinitionError, match=told):
        call()
