"""Imports inside of tasks."""

from __future__ import annotations

import contextlib
import functools
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from daskflow import flow, task
from daskflow.checking.imports import find_missing


def plain(x):
    import json

    import missing_a.part
    from missing_b.part import thing

    if x:
        import missing_c

    class Inner:
        import missing_d

    return json, missing_a, thing, missing_c, Inner


def relative(x):
    from . import missing_a  # noqa: TID252 - this is what is tested
    from .missing_b import thing  # noqa: TID252 - the same

    return missing_a, thing


def guarded(x):
    try:
        import missing_a
    except ImportError:
        missing_a = None
    try:
        import missing_b
    except (ValueError, ModuleNotFoundError):
        missing_b = None
    try:
        import missing_c
    except:  # noqa: E722 - this is what is tested
        missing_c = None
    with suppress(ImportError):
        import missing_d
    with contextlib.suppress(Exception):
        import missing_e
    if TYPE_CHECKING:
        import missing_f
    found: missing_f.Thing = missing_a
    return found, missing_b, missing_c, missing_d, missing_e


def half_guarded(x):
    try:
        import missing_a
    except ValueError:
        import missing_b
    with suppress(ValueError):
        import missing_c
    with x:
        import missing_d
    try:
        pass
    except ImportError:
        import missing_e
    else:
        import missing_f
    finally:
        import missing_g
    return missing_a, missing_b, missing_c, missing_d, missing_e, missing_f, missing_g


def missing(function):
    case = flow(lambda x: task(function, name="t")(x), name="case")
    return [str(finding) for finding in find_missing(case.graph())]


def told(names):
    return [f"error: t: imports 'missing_{n}', which is not installed here" for n in names]


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (plain, "abcd"),
        (functools.partial(plain), "abcd"),
        (relative, ""),
        (guarded, ""),
        (half_guarded, "abcdefg"),
        (max, ""),
        (functools.wraps(plain)(lambda x: x), "abcd"),
    ],
)
def test_missing_modules(function, names):
    """Wherever in the function, if nothing catches that they are missing."""
    assert missing(function) == told(names)


def test_a_function_is_told_once():
    """However many tasks are made of it."""
    case = flow(lambda x: task(plain)(task(plain, name="other")(x)), name="case")
    assert {finding.where for finding in find_missing(case.graph())} == {"other"}


def test_a_module_that_is_loaded_is_there(monkeypatch):
    """Also if nobody knows where it came from."""
    monkeypatch.setitem(sys.modules, "missing_a", type(sys)("missing_a"))
    assert missing(plain) == told("bcd")
