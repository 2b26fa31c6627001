"""What fits and what does not: pure comparisons, and who is asked again."""

import sys
from dataclasses import replace
from types import ModuleType

import pytest

from daskflow.executors.handshake import (
    Acquaintances,
    Difference,
    Needs,
    Place,
    compare,
    describe,
)

VERSIONS = {
    "daskflow": "0.1.0",
    "dask": "2026.8.0",
    "distributed": "2026.8.0",
    "cloudpickle": "3.1.2",
    "pydantic": "2.12.1",
    "numpy": "2.1.0",
    "pandas": "2.2.3",
    "pyarrow": "16.0.0",
}
HERE = Place("laptop", "3.11.7", "daskflow-1", VERSIONS)
THERE = replace(HERE, host="node")


def having(**versions):
    """Return a worker's place with other versions."""
    return replace(THERE, versions={**VERSIONS, **versions})


def lacking(*modules):
    """Return a worker's place without some modules."""
    return replace(THERE, missing=frozenset(modules))


def needing(*needed, named=()):
    return Needs(frozenset(needed), frozenset(named))


def told(there, needs=needing()):  # noqa: B008 - frozen
    """Return what is said of one worker: what would break, and what is only warned of."""
    found = compare(HERE, {"tcp://10.0.0.7:4000": there}, needs)
    fatal = [str(one) for one in found if one.difference.is_fatal]
    return fatal, [str(one) for one in found if not one.difference.is_fatal]


ON = "on tcp://10.0.0.7:4000 (host node)"


@pytest.mark.parametrize(
    ("there", "needs", "refusal"),
    [
        (
            replace(THERE, python="3.12.1"),
            needing(),
            (
                f"Python 3.11.7 here, 3.12.1 {ON}: "
                "functions travel only between Pythons 3.11; install that one"
            ),
        ),
        (
            replace(THERE, protocol="daskflow-2"),
            needing(),
            (
                f"daskflow speaks daskflow-1 here, daskflow-2 {ON}: "
                "install the same daskflow in both places"
            ),
        ),
        *(
            (
                having(**{package: "99.0"}),
                needing(*needed, named=named),
                f"{package} {VERSIONS[package]} here, 99.0 {ON}: runs break; install the same",
            )
            for package, needed, named in [
                ("cloudpickle", (), ()),
                ("pydantic", (), ()),
                ("pandas", ("pandas",), ()),
                ("numpy", (), ("numpy",)),
                ("pyarrow", ("pyarrow",), ()),
            ]
        ),
        (
            lacking("shop"),
            needing("shop"),
            f"there is no module 'shop' {ON}: the flow's code refers to it; install it there",
        ),
    ],
)
def test_what_would_break_is_refused(there, needs, refusal):
    """Another minor of Python, another protocol, another major of what is used, what is missing."""
    assert told(there, needs) == ([refusal], [])


@pytest.mark.parametrize(
    ("there", "needs", "warning"),
    [
        *(
            (
                having(**{package: number}),
                needing("numpy"),
                (
                    f"{package} {VERSIONS[package]} here, {number} {ON}: "
                    "runs differ in what they do; install the same"
                ),
            )
            for package, number in [
                ("daskflow", "0.2.0"),
                ("dask", "2025.1.0"),
                ("distributed", "2025.1.0"),
                ("cloudpickle", "3.0.0"),
                ("pydantic", "2.7.0"),
                ("numpy", "2.0.0"),
            ]
        ),
        (
            lacking("shop"),
            needing(named=["shop"]),
            (
                f"there is no module 'shop' {ON}: "
                "the flow's code imports it somewhere; a task that does will fail"
            ),
        ),
    ],
)
def test_what_may_break_is_warned_of(there, needs, warning):
    """Smaller differences of versions, and a module that is only imported somewhere."""
    assert told(there, needs) == ([], [warning])


@pytest.mark.parametrize(
    ("there", "needs"),
    [
        (THERE, needing("numpy", "pandas", "pyarrow")),
        (replace(THERE, python="3.11.2"), needing()),
        (having(pandas="1.0.0", numpy="1.0.0", pyarrow="1.0"), needing("shop")),
        (replace(THERE, versions={}), needing("numpy")),
        (having(polars="1.0"), needing("polars")),
        (lacking("shop"), needing("numpy", named=["dask"])),
    ],
    ids=["equal", "patch of Python", "unused", "not there", "not here", "not asked for"],
)
def test_what_does_not_matter(there, needs):
    """Nothing is said of it."""
    assert told(there, needs) == ([], [])


def test_each_thing_is_told_once_with_the_workers():
    """Three of them by name, with their hosts; the others are counted."""
    there = {f"tcp://{n}": replace(lacking("shop"), host=f"h{n}") for n in range(5)}
    (four,) = compare(HERE, dict(list(there.items())[:4]), needing("shop"))
    (five,) = compare(HERE, there, needing("shop"))
    (three,) = compare(HERE, dict(list(there.items())[:3]), needing("shop"))
    named = "tcp://0 (host h0), tcp://1 (host h1), tcp://2 (host h2)"
    assert f"'shop' on {named}: the flow" in str(three)
    assert f"'shop' on {named} and 1 more: the flow" in str(four)
    assert f"'shop' on {named} and 2 more: the flow" in str(five)


def test_several_things_of_one_worker():
    """Each is told, what breaks and what may."""
    there = replace(lacking("a", "b"), python="3.13.0", protocol="other")
    fatal, warnings = told(there, needing("b", "a", named=["a", "b"]))
    assert [text.split(" on ")[0] for text in fatal] == [
        "Python 3.11.7 here, 3.13.0",
        "daskflow speaks daskflow-1 here, other",
        "there is no module 'a'",
        "there is no module 'b'",
    ]
    assert len(warnings) == 2


def test_what_a_run_needs():
    """Top-level names; what comes with Python or us is not asked for, nor what is not here."""
    needs = Needs.of(
        ["numpy.random._mt19937", "numpy", "absent.part"],
        ["numpy", "pandas", "json", "daskflow", "__main__", "absent", "nowhere"],
    )
    assert needs == needing("numpy", "absent", named=["pandas"])
    assert needs.all() == {"numpy", "absent", "pandas"}


def test_this_process_describes_itself(monkeypatch):
    """Its versions, and which modules it lacks: those made in memory are there."""
    monkeypatch.setitem(sys.modules, "forbidden", None)
    monkeypatch.setitem(sys.modules, "made", ModuleType("made"))
    monkeypatch.setattr("daskflow.executors.handshake._WHERE_USED", ("numpy", "never-installed"))
    place = describe(["numpy", "made", "forbidden", "nowhere"])
    assert place.python == ".".join(map(str, sys.version_info[:3]))
    assert place.protocol == "daskflow-1"
    assert {"daskflow", "dask", "distributed"} <= place.versions.keys()
    assert "never-installed" not in place.versions
    assert place.missing == {"nowhere", "forbidden"}
    assert describe().missing == frozenset()


def workers(*numbers):
    return [f"tcp://{number}" for number in numbers]


def test_each_worker_is_asked_once_for_each_module():
    """Again only for what it was not asked for; what it lacked stays known."""
    known = Acquaintances(HERE)
    assert known.strangers(workers(1, 2), needing("a")) == workers(1, 2)
    known.meet(dict.fromkeys(workers(1, 2), THERE), needing("a"))
    assert known.strangers(workers(1, 2, 3), needing("a")) == workers(3)
    assert known.strangers(workers(1, 2, 3), needing()) == workers(3)
    assert known.strangers(workers(1, 2), needing("a", named=["b"])) == workers(1, 2)
    known.meet(dict.fromkeys(workers(1), lacking("b")), needing(named=["b"]))
    known.meet(dict.fromkeys(workers(1), THERE), needing(named=["c"]))
    assert known.strangers(workers(1), needing("a", named=["b", "c"])) == []
    (misfit,) = known.judge(needing(named=["b"]))
    assert "no module 'b' on tcp://1 (host node)" in str(misfit)


def test_who_has_left_is_forgotten():
    """It is not judged any more, and asked anew when it comes back."""
    known = Acquaintances(HERE)
    known.meet({"tcp://1": lacking("a"), "tcp://2": THERE}, needing("a"))
    assert known.strangers(workers(2), needing("a")) == []
    assert known.judge(needing("a")) == []
    assert known.strangers(workers(1, 2), needing("a")) == workers(1)


def test_a_warning_is_told_once():
    """Whichever runs and workers come after."""
    known = Acquaintances(HERE)
    known.meet({"tcp://1": having(dask="2000.1.0")}, needing())
    assert len(known.judge(needing())) == 1
    known.meet({"tcp://2": having(dask="2000.1.0")}, needing("numpy"))
    assert known.judge(needing("numpy")) == []


def test_a_refusal_is_told_each_time_until_it_is_mended():
    """All are asked anew: somebody may have installed what was missing."""
    known = Acquaintances(HERE)
    for _ in range(2):
        assert known.strangers(workers(1, 2), needing("a")) == workers(1, 2)
        known.meet({"tcp://1": lacking("a"), "tcp://2": THERE}, needing("a"))
        assert len(known.judge(needing("a"))) == 1
    assert known.strangers(workers(1, 2), needing("a")) == workers(1, 2)
    known.meet(dict.fromkeys(workers(1, 2), THERE), needing("a"))
    assert known.judge(needing("a")) == []
    assert known.strangers(workers(1, 2), needing("a")) == []


def test_a_worker_without_daskflow_is_refused():
    """With what Python said there."""
    known = Acquaintances(HERE)
    known.meet({"tcp://1": ModuleNotFoundError("No module named 'daskflow'")}, needing())
    (misfit,) = known.judge(needing())
    assert misfit.difference.is_fatal
    assert str(misfit) == (
        "daskflow cannot be imported (No module named 'daskflow') on tcp://1: "
        "install the same there"
    )


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TimeoutError("no answer within 2 s"), "no answer within 2 s"),
        (ValueError("the 'run' handler is blocked"), "the 'run' handler is blocked"),
        (RuntimeError(), "RuntimeError()"),
    ],
)
def test_a_worker_that_does_not_tell_is_let_pass(error, why):
    """With a warning, and it is not asked again."""
    known = Acquaintances(HERE)
    known.meet({"tcp://1": error}, needing())
    (misfit,) = known.judge(needing())
    assert misfit.difference == Difference(
        "it is not known what is installed", f"{why}; the run goes on", is_fatal=False
    )
    assert known.strangers(workers(1), needing()) == []


def test_a_worker_that_has_just_left_is_no_matter():
    """Nothing is said of it; should it still be there, it is asked by the next run."""
    known = Acquaintances(HERE)
    known.meet({"tcp://1": ConnectionRefusedError("gone")}, needing())
    assert known.judge(needing()) == []
    assert known.strangers(workers(1), needing()) == workers(1)


def test_what_was_silent_once_may_tell_later():
    """It is asked for more modules, and then judged by what it has."""
    known = Acquaintances(HERE)
    known.meet({"tcp://1": TimeoutError("busy")}, needing())
    known.meet({"tcp://1": lacking("a")}, needing("a"))
    (misfit,) = known.judge(needing("a"))
    assert misfit.difference.what == "there is no module 'a'"
