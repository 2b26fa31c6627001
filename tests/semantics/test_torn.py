"""Values that come apart on their way: only who needs them is harmed, and every run ends."""

import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from daskflow import (
    CrashedError,
    DefinitionError,
    LocalExecutor,
    PortableError,
    ResultGoneError,
    all_finished,
    flow,
    task,
)
from tests.semantics.bodies import ident, kinds

pytestmark = pytest.mark.timeout(60)  # a run that does not end is what these tests look for

LARGE = 100_000  # more bytes than travel with the spec of a run


class Torn:
    """Can be pickled, and not be unpickled; large, so that it does not come with the report."""

    def __reduce__(self):
        return int, ("x" * LARGE,)


class TornError(Exception):
    """The same as an exception."""

    def __reduce__(self):
        return int, ("x",)


def make_torn():
    return Torn()


def torn_in_both(me, other):
    """Return a torn value once the other such body runs, in another process, as well."""
    Path(me).touch()
    deadline = time.monotonic() + 30
    while not Path(other).exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # polls for what another process does
    return Torn()


def kind_of(x):
    return type(x).__name__


def is_cluster(executor):
    return not isinstance(executor, LocalExecutor)


@pytest.mark.parametrize("executor", ["local", "threads"], indirect=True)
def test_in_one_process_nothing_is_unpickled(play, ledger):
    """Without a journey the value is passed on as it is, and its consumer is happy."""
    made, told = ledger.task(make_torn), ledger.task(kind_of)

    def case():
        return told([made(), made()])

    run = play(case)
    assert kinds(run) == {"make_torn": "S", "make_torn-2": "S", "kind_of": "S"}
    assert run.result() == "list"


@pytest.mark.parametrize("executor", ["cluster"], indirect=True)
def test_a_result_that_cannot_be_unpickled(play, do, ledger, tmp_path):
    """Made on two workers, one has to travel: its consumer is Crashed, all else goes on."""
    made, told = ledger.task(torn_in_both), ledger.task(kind_of)
    rescue = ledger.task(kind_of, trigger=all_finished)

    def case(one, two):
        torn = [made.named("one")(one, two), made.named("two")(two, one)]
        x = told(torn)
        return rescue.named("rescue")(x), do.ok(), told.named("after")(x)

    run = play(case, str(tmp_path / "one"), str(tmp_path / "two"))
    wanted = {"one": "S", "two": "S", "kind_of": "CR", "rescue": "S", "ok": "S", "after": "TF"}
    assert kinds(run) == wanted
    assert run["one"].worker != run["two"].worker
    assert "a value cannot be unpickled: ValueError(" in run["kind_of"].state.message
    assert run["rescue"].result() == "CrashedError"
    with pytest.raises(CrashedError, match=r"^kind_of: "):
        run["kind_of"].result()


def test_a_torn_value_that_the_user_asks_for(executor, block_size):
    """In the driver it is a `CrashedError`, where it came from another process; else itself."""
    run = flow(lambda: (task(make_torn)(),), executor=executor, block_size=block_size).run()
    assert run.state.is_successful()
    if is_cluster(executor):
        with pytest.raises(CrashedError, match=r"^a value cannot be unpickled: ValueError"):
            run.result()
    else:
        assert isinstance(run.result()[0], Torn)


def test_a_large_literal_that_cannot_be_unpickled(play, do, ledger, executor):
    """Its consumers are Crashed on every executor, and those that do not need it run."""
    told = ledger.task(kind_of)

    def case(torn):
        return told(torn), told.named("again")(torn), do.ident(do.ok())

    assert kinds(play(case, Torn())) == {"kind_of": "CR", "again": "CR", "ok": "S", "ident": "S"}


def test_a_large_literal_list_with_a_torn_element_mapped_over(play, ledger):
    """A map over it ends as well, its children Crashed where their part cannot be read."""
    told = ledger.task(kind_of)

    def case(items):
        return told.map(items)

    run = play(case, [Torn(), Torn()])
    assert kinds(run) == {"kind_of": "M[CR,CR]"}


def raise_torn():
    raise TornError("torn")


def test_an_exception_that_cannot_be_unpickled(play, ledger):
    """A `PortableError` takes its place, for who asks and for who comes after it."""
    failing = ledger.task(raise_torn)
    rescue = ledger.task(kind_of, trigger=all_finished)

    def case():
        return rescue(failing())

    run = play(case)
    assert kinds(run) == {"raise_torn": "F", "kind_of": "S"}
    assert run.result() == "PortableError"
    assert isinstance(run["raise_torn"].state.exception, PortableError)
    with pytest.raises(PortableError, match="TornError: torn"):
        run["raise_torn"].result()


class Pair(NamedTuple):
    """A tuple that daskflow does not look into."""

    x: int
    y: int


@dataclass
class Box:
    """A value that daskflow does not look into."""

    x: int


@pytest.mark.parametrize(
    "wrap",
    [lambda x: Pair(x, 2), Box, lambda x: OrderedDict(a=x), lambda x: deque([x])],
    ids=["NamedTuple", "dataclass", "OrderedDict", "deque"],
)
def test_a_node_inside_of_a_value_that_is_not_looked_into(wrap, executor):
    """The run is refused, naming the value and the cure, before any body is started."""

    @flow(executor=executor)
    def case():
        return task(ident).named("outer")(wrap(task(ident)(1)))

    with pytest.raises(DefinitionError) as caught:
        case.run()
    assert str(caught.value) == (
        "the value of 'outer.x' cannot be sent to workers: the result of task 'ident' is inside "
        "of a value that daskflow does not look into; pass it as an argument of its own, or in a "
        "list, tuple, set or dict"
    )


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [(int, "7", 7), (list, (1, 2), [1, 2]), (dict, [("a", 1)], {"a": 1})],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_a_class_can_be_a_task(executor, kind, value, wanted):
    """Classes without a readable signature travel like any function."""
    assert flow(lambda: task(kind)(value), executor=executor)() == wanted


def posonly(a, /, **kw):
    return a, kw


def test_a_keyword_of_the_name_of_a_positional_parameter(executor, block_size):
    """``g(1, a=2)`` with ``def g(a, /, **kw)`` gets both, each in its place."""
    made = flow(lambda: task(posonly)(1, a=2), executor=executor, block_size=block_size)
    assert made() == (1, {"a": 2})


def test_a_value_that_was_not_kept_is_told(executor, block_size):
    """Where only the lane itself needed a large value it is gone, and never None."""
    made = flow(
        lambda: task(len).map(task(enlarge).map([1, 2])), executor=executor, block_size=block_size
    )
    run = made.run()
    assert run.result() == [LARGE, 2 * LARGE]
    for ask in (run["enlarge"][1].result, run["enlarge"].result):
        with pytest.raises(ResultGoneError) as caught:
            ask()
        assert "was not kept: return it from the flow, and read it before" in str(caught.value)


def enlarge(x):
    return "x" * LARGE * x
