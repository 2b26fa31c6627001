"""The handles that a flow passes around while it is traced.

A task's call returns a `Node`, which stands for a value that does not exist yet; in place of each
argument of the flow stands a `Parameter`. They can be passed on, alone or inside lists, tuples,
sets and dicts. Operators, ``[...]`` and unpacking, where they can be, become nodes (`operators`);
every other use raises `TracingError` with the cure.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from daskflow.definition.nodes import ROOT, Form
from daskflow.errors import TracingError


def _place() -> str:
    """Return where the user's code looked at a value, as `` (file:line)``."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - `inspect` is a hundred times slower
    while frame is not None and frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frame = frame.f_back
    if frame is None:
        return ""
    return f" ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"


_OWN_FOLDER = str(Path(__file__).parent)


class Placeholder:
    """Stands for a value that does not exist while a flow is traced."""

    __slots__ = ("_name",)
    # Arrays and frames leave an operator to us: else they would apply it element by element.
    __array_ufunc__ = None
    __pandas_priority__ = 10_000  # a data frame has 4000

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def _label(self) -> str:
        """What it is, for messages."""
        return f"the result of task {self._name!r}"

    def __reduce__(self) -> NoReturn:
        msg = (
            f"{self._label} is inside of a value that daskflow does not look into; pass it as an "
            "argument of its own, or in a list, tuple, set or dict"
        )
        raise TracingError(msg)

    def _refuse(self, use: str, cure: str) -> NoReturn:
        what = f"{use} of {self._label} while the flow is traced{_place()}"
        msg = f"{what}: its value does not exist yet; {cure}"
        raise TracingError(msg)

    def __repr__(self) -> str:
        return f"<{self._label}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _PREFECT_3:
            self._refuse(f".{name}", _PREFECT_3[name])
        return self._refuse(f".{name}", "use it inside a task that gets this value as an argument")


class Node(Placeholder):
    """The result of a task's call, to come."""

    __slots__ = ("_trace",)

    def __init__(self, name: str, trace: Any = None) -> None:
        self._name = name
        self._trace = trace  # that it is recorded in; a room above knows which kind it is

    def set_upstream(self, other: Any, key: str | None = None, *, mapped: bool = False) -> None:
        """Let this node depend on another one; see `Flow.add_edge`."""
        self._trace.add_edge(other, self, key, mapped=mapped)

    def set_downstream(self, other: Any, key: str | None = None, *, mapped: bool = False) -> None:
        """Let another node depend on this one; see `Flow.add_edge`."""
        self._trace.add_edge(self, other, key, mapped=mapped)


class Parameter(Placeholder):
    """The value of a flow's parameter, to come."""

    __slots__ = ("_declared",)

    def __init__(
        self,
        name: str,
        default: Any = inspect.Parameter.empty,
        annotation: Any = inspect.Parameter.empty,
    ) -> None:
        super().__init__(name)
        kind = inspect.Parameter.KEYWORD_ONLY
        self._declared = inspect.Parameter(name, kind, default=default, annotation=annotation)

    @property
    def _label(self) -> str:
        return f"parameter {self._name!r}"

    def _refuse(self, use: str, cure: str) -> NoReturn:
        super()._refuse(use, f"{cure}; or annotate it Static[...], then the value is known here")


class Derived(Placeholder):
    """What is made of nodes and parameters without a task: an element in a lane, a selection."""

    __slots__ = ("_form", "_space", "_told")

    def __init__(self, name: str, form: Form, label: str, space: str = ROOT) -> None:
        super().__init__(name)
        self._told = label
        self._form = form
        self._space = space  # in and below which the form means what it should

    @property
    def _label(self) -> str:
        return self._told


_PREFECT_3 = {
    "result": "drop .result(): pass what the task returned on to other tasks",
    "wait": "drop .wait(): a task that must come later takes wait_for=[...]",
}
INSIDE = "do this inside a task that gets the value as an argument"
_BRANCH = "branch by `case`, `switch` or `ifelse`, or let a task decide and raise Skip"
LOOP = "to call a task for each element use .map(...); to take parts of it write a task"
_CURES = {
    "str()": ("__str__ __format__", INSIDE),
    "use as a number": ("__int__ __float__ __index__ __complex__ __round__", INSIDE),
    "os.fspath()": ("__fspath__", INSIDE),
    "the truth value": ("__bool__", _BRANCH),
    "`in`": ("__contains__", _BRANCH),
    "len()": ("__len__", INSIDE),
    "iteration": ("__iter__ __next__", LOOP),
    "assignment to [...]": ("__setitem__ __delitem__", INSIDE),
    "call": ("__call__", INSIDE),
    "`with`": ("__enter__ __exit__", INSIDE),
}


def _make_guard(use: str, cure: str) -> Callable[..., NoReturn]:
    def guard(self: Placeholder, *_: Any) -> NoReturn:
        self._refuse(use, cure)

    return guard


for _use, (_names, _how) in _CURES.items():
    for _name in _names.split():
        setattr(Placeholder, _name, _make_guard(_use, _how))


def holds_placeholder(value: Any) -> bool:
    """Return whether a list, tuple, set or dict has a node or a parameter somewhere inside."""
    if isinstance(value, Placeholder):
        return True
    kind = type(value)
    if kind in (list, tuple, set, frozenset):
        return any(map(holds_placeholder, value))
    if kind is dict:
        return any(map(holds_placeholder, value)) or any(map(holds_placeholder, value.values()))
    return False
