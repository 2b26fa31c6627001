"""Every public name says what it is for; what a user calls also shows how it is called."""

import ast
import inspect
from pathlib import Path
from types import ModuleType, SimpleNamespace

import daskflow
from tests.house.reading import SOURCE, Place, decorators, definitions

# A second definition of one name needs no second docstring, nor does the known method of a base.
SPARED = {"overload", "override", "setter", "deleter"}
NO_EXAMPLE_NEEDED = {"daskflow.states", "daskflow.signals"}  # they are made by daskflow, or raised


def public(folder: Path) -> list[Place]:
    """Find the modules, classes, functions and methods that are there to be used."""
    return [place for place in definitions(folder) if is_public(place)]


def is_public(place: Place) -> bool:
    """Tell a public definition: nothing private on the way to it, and not inside a function."""
    parts = [place.file.stem.replace("__init__", ""), *place.name.split(".")]
    private = any(part.startswith(("_", "<")) for part in parts)
    return not private and not decorators(place.node) & SPARED


def without_docstring(folder: Path) -> list[str]:
    """Find the public definitions that say nothing about themselves."""
    return [str(place) for place in public(folder) if not ast.get_docstring(place.node)]


def called_by_users(package: ModuleType) -> dict[str, object]:
    """Pick the functions and classes of ``__all__``, less exceptions, states and signals."""
    named = {name: getattr(package, name) for name in package.__all__}
    return {
        name: thing
        for name, thing in named.items()
        if callable(thing)
        and not (inspect.isclass(thing) and issubclass(thing, BaseException))
        and getattr(thing, "__module__", None) not in NO_EXAMPLE_NEEDED
    }


def without_example(package: ModuleType) -> list[str]:
    """Find what users call whose own docstring has no example."""
    return [
        name
        for name, thing in called_by_users(package).items()
        if ">>>" not in (thing.__doc__ or "")
    ]


def test_every_public_name_has_a_docstring(figure):
    """Modules, classes, functions and methods without an underscore are documented."""
    missing = without_docstring(SOURCE)
    figure(f"public names without a docstring: {len(missing)} of {len(public(SOURCE))} (none may)")
    assert missing == []


def test_what_a_user_calls_has_an_example(figure):
    """The functions and classes of the face show a call that runs as a doctest."""
    missing = without_example(daskflow)
    figure(
        f"names of the face without an example: {len(missing)} of {len(called_by_users(daskflow))}"
        " (none may)"
    )
    assert missing == []


def test_a_missing_docstring_is_seen(tmp_path):
    """Each kind of public definition is looked at, and private ones are left alone."""
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "_private.py").write_text("def f(): ...\n")
    (tmp_path / "room.py").write_text(
        '"""Documented."""\n'
        "def bare():\n    def inner(): ...\n"
        "def _private(): ...\n"
        "class Bare:\n    def method(self): ...\n    def __repr__(self): ...\n"
        "class _Private:\n    def method(self): ...\n"
        "@overload\ndef said(x): ...\n"
        'def said(x):\n    """Say."""\n'
    )
    found = [line.partition(":")[2].partition(" ")[2] for line in without_docstring(tmp_path)]
    assert found == ["", "bare", "Bare", "Bare.method"]


def test_a_missing_example_is_seen():
    """A docstring without a prompt is found; exceptions, states and plain values are not asked."""

    class Shown:
        """Shown.

        >>> Shown()
        """

    class Told:
        """Told only."""

    class Inherits(Shown):
        pass

    class Broken(Exception):  # noqa: N818 - any exception will do
        pass

    state = type("Done", (), {"__module__": "daskflow.states"})
    face = SimpleNamespace(
        a=Shown, b=Told, c=Inherits, d=Broken, e=state, f="1.0", __all__="abcdef"
    )
    assert without_example(face) == ["b", "c"]
