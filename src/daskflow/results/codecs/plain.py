"""Plain values as JSON: None, bool, int, float, str, and lists and dicts of these."""

from __future__ import annotations

import json
from typing import Any

_ATOMS = frozenset({type(None), bool, int, float, str})
_KINDS = _ATOMS | {list, dict}


class JsonSerializer:
    """JSON, with nan and infinity. No tuples, no subclasses, no keys that are not strings.

    A list that is there twice would come back as two lists, so such a value is left to others.

    Examples
    --------
    >>> JsonSerializer().dump([1, "a"]), JsonSerializer().dump((1, "a"))
    (b'[1,"a"]', None)
    """

    name = "json"
    suffix = ".json"
    is_signed = False

    def may_take(self, value: Any) -> bool:
        """Return whether it is one of JSON's kinds."""
        return type(value) in _KINDS

    def dump(self, value: Any) -> bytes | None:
        """Return JSON, where that gives the same value again."""
        if not _is_plain(value):
            return None
        return json.dumps(value, separators=(",", ":"), check_circular=False).encode()

    def load(self, data: bytes) -> Any:
        """Return the value."""
        return json.loads(data)


def _is_plain(value: Any) -> bool:
    seen: set[int] = set()  # lists and dicts
    left = [value]
    while left:
        one = left.pop()
        kind = type(one)
        if kind in _ATOMS:
            continue
        if kind not in _KINDS or id(one) in seen:
            return False
        seen.add(id(one))
        if kind is dict:
            if any(type(key) is not str for key in one):
                return False
            left.extend(one.values())
        else:
            left.extend(one)
    return True
