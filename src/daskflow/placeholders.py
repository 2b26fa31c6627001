"""The handles that a flow passes around while it is traced.

A task's call returns a `Node`, which stands for a value that does not exist yet; in place of each
argument of the flow stands a `Parameter`. They can be passed on, alone or inside lists, tuples,
sets and dicts; every other use raises `TracingError` with the cure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from daskflow.errors import TracingError
from daskflow.nodes import ROOT, Form


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

    __slots__ = ("_label", "_name")

    def __init__(self, name: str, label: str) -> None:
        self._name = name
        self._label = label

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

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name, f"the result of task {name!r}")


class Parameter(Placeholder):
    """The value of a flow's parameter, to come."""

    __slots__ = ("_form", "_space")

    def __init__(
        self, name: str, form: Form | None = None, label: str = "", space: str = ROOT
    ) -> None:
        super().__init__(name, label or f"parameter {name!r}")
        self._form = form  # where it stands for something else than a parameter of the flow
        self._space = space  # the index space whose levels the form means


_PREFECT_3 = {
    "result": "drop .result(): pass what the task returned on to other tasks",
    "wait": "drop .wait(): a task that must come later takes wait_for=[...]",
}
_INSIDE = "do this inside a task that gets the value as an argument"
_BRANCH = "let a task decide, and raise Skip in it where there is nothing to do"
_LOOP = "to call a task for each element use .map(...); to take parts of it write a task"
_ARITHMETIC = (
    "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ "
    "__floordiv__ __rfloordiv__ __mod__ __rmod__ __pow__ __rpow__ __matmul__ __rmatmul__ "
    "__and__ __rand__ __or__ __ror__ __xor__ __rxor__ __neg__ __pos__ __abs__ __invert__"
)
_CURES = {
    "str()": ("__str__ __format__", _INSIDE),
    "use as a number": ("__int__ __float__ __index__ __complex__ __round__", _INSIDE),
    "os.fspath()": ("__fspath__", _INSIDE),
    "the truth value": ("__bool__", _BRANCH),
    "`in`": ("__contains__", _BRANCH),
    "comparison": ("__eq__ __ne__ __lt__ __le__ __gt__ __ge__", _BRANCH),
    "len()": ("__len__", _INSIDE),
    "iteration": ("__iter__ __next__", _LOOP),
    "[...]": ("__getitem__", _INSIDE),
    "arithmetic": (_ARITHMETIC, _INSIDE),
    "call": ("__call__", _INSIDE),
    "`with`": ("__enter__ __exit__", _INSIDE),
}


def _make_guard(use: str, cure: str) -> Callable[..., NoReturn]:
    def guard(self: Placeholder, *_: Any) -> NoReturn:
        self._refuse(use, cure)

    return guard


for _use, (_names, _how) in _CURES.items():
    for _name in _names.split():
        setattr(Placeholder, _name, _make_guard(_use, _how))  # __hash__ stays: by identity


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
