"""What becomes of a result that has to outlive the process that made it: bytes, and where they lie.

A serializer turns values of one family into bytes and back, exactly, or says that it cannot. Those
of other packages are found by the entry point ``daskflow.serializers``, and asked before ours.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Serializer(Protocol):
    """Turns values of one family into bytes and back. It has no state: any thread may use it.

    `loads` is given nothing but what `dump` made, to the byte. Still it should not run code that is
    in the bytes; one that does says so by `is_signed`.
    """

    name: str  # in what is kept of a result, so it stays the same for ever
    suffix: str  # of files, with the dot
    is_signed: bool  # its bytes can run code, so they are read only with the right signature

    def may_take(self, value: Any) -> bool:
        """Return whether a value looks like one of its own; quickly, without importing anything."""

    def dump(self, value: Any) -> bytes | None:
        """Return a value as bytes; None where they would not give exactly that value again.

        Raises
        ------
        Exception
            The same as None: the next serializer is asked.
        """

    def load(self, data: bytes) -> Any:
        """Return the value that `dump` made bytes of."""


def family_of(value: Any) -> str:
    """Return the top-level name of the package that a value's class comes from.

    Examples
    --------
    >>> from pathlib import Path
    >>> family_of(3), family_of(Path("x"))
    ('builtins', 'pathlib')
    """
    return type(value).__module__.partition(".")[0]
