"""Parameters whose values are known while a flow is traced, with one trace for each value."""

from __future__ import annotations

import inspect
import io
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from daskflow.errors import ParameterError

T = TypeVar("T")


class _Known:
    """Marks an annotation: the value is known while the flow is traced."""


_KNOWN = _Known()

if TYPE_CHECKING:
    Static = Annotated[T, _KNOWN]  # its values are plain ones
else:

    class Static:
        """Marks a parameter of a flow whose value is known while the flow is traced.

        Plain ``for``, ``if`` and f-strings over it are ordinary Python. The flow has a graph for
        each distinct value, which has to be one that can be pickled.

        Examples
        --------
        >>> from daskflow import LocalExecutor, Static, flow, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @flow(executor=LocalExecutor())
        ... def power(n: Static[int], x: int = 1):
        ...     for step in range(n):
        ...         x = double.named(f"step-{step}")(x)
        ...     return x
        >>> power(n=3), power.graph(n=2).order()
        (8, ['step-0', 'step-1'])
        """

        def __class_getitem__(cls, kind: Any) -> Any:
            """Return the annotation for values of a type."""
            return Annotated[kind, _KNOWN]


def is_static(annotation: Any) -> bool:
    """Return whether an annotation is `Static`."""
    return any(isinstance(one, _Known) for one in getattr(annotation, "__metadata__", ()))


def shown(annotation: Any) -> str:
    """Return a static annotation as it was written."""
    return f"Static[{inspect.formatannotation(annotation.__origin__)}]"


def key_of(flow: str, values: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return what is the same for equal values of static parameters, and for no others.

    Raises
    ------
    ParameterError
        A value cannot be pickled.
    """
    return tuple(_bytes_of(flow, name, value) for name, value in values.items())


def _bytes_of(flow: str, name: str, value: Any) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=5)
    pickler.fast = True  # no matter which of its parts are one object
    try:
        pickler.dump(value)
    except Exception as error:
        msg = (
            f"flow {flow!r}: the value of its Static parameter {name!r} cannot be pickled, so its "
            f"graph could not be found again: {error}"
        )
        raise ParameterError(msg) from error
    return buffer.getvalue()
