"""How a drawing writes what a task gets: in the notation that is used to look into a run.

``clean[i]`` is the value of the task run with the same map index, ``clean[:]`` the list of all of
them, ``{limit}`` a parameter of the flow, everything else a constant as Python writes it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from daskflow.definition.nodes import Element, FlowGraph, LiteralRef, NodeRef, Packed, Ref

_LETTERS = "ijklmnopqrstuvwxyz"
_ITEMS = 4  # of a list or a dict; the rest is told by dots
_DEEPEST = 3  # lists in lists
_LONGEST = 40  # characters of a constant
_BRACKETS: dict[type, tuple[str, str]] = {
    dict: ("{", "}"),
    frozenset: ("{", "}"),
    list: ("[", "]"),
    set: ("{", "}"),
    tuple: ("(", ")"),
}


class Source(NamedTuple):
    """One place where a form takes something from."""

    ref: Ref
    is_element: bool  # not the value itself but an element of it


def sources(form: Any, *, is_element: bool = False) -> Iterator[Source]:
    """Iterate over the references in a form, in order; one may come twice."""
    kind = type(form)
    if kind in (LiteralRef, NodeRef):
        yield Source(form, is_element)
    elif kind is Element:
        yield from sources(form.of, is_element=True)
    elif kind is Packed:
        yield from sources(form.template, is_element=is_element)
    elif kind is dict:
        for pair in form.items():
            for part in pair:
                yield from sources(part, is_element=is_element)
    elif kind in _BRACKETS:
        for item in form:
            yield from sources(item, is_element=is_element)


def letter(level: int) -> str:
    """Return the name of a level of a map index: i, j, ..."""
    return _LETTERS[level] if level < len(_LETTERS) else f"i{level}"


def index_text(depth: int) -> str:
    """Return how the map index of a node is written behind its name; empty where it has none."""
    return f"[{', '.join(map(letter, range(depth)))}]" if depth else ""


class Writer:
    """Writes forms of one flow.

    Examples
    --------
    >>> from daskflow import flow, task
    >>> @task
    ... def add(x: int, y: int) -> int:
    ...     return x + y
    >>> @flow
    ... def sums(xs: list[int]):
    ...     return add.map(xs, [1, 2])
    >>> definition = sums.definition()
    >>> writer = Writer(definition.graph, definition.literals)
    >>> [writer.text(argument.form) for argument in definition.graph.nodes["add"].arguments]
    ['{xs}[i]', '[1, 2][i]']
    """

    def __init__(self, graph: FlowGraph, literals: Mapping[str, Any]) -> None:
        self._graph = graph
        self._literals = literals

    def text(self, form: Any, depth: int = 0) -> str:
        """Return a form, or a part of one, on one line."""
        kind = type(form)
        if kind is LiteralRef:
            is_constant = form.name in self._literals
            return short(self._literals[form.name]) if is_constant else f"{{{form.name}}}"
        if kind is NodeRef:
            return self._node(form)
        if kind is Element:
            return f"{self.text(form.of, depth)}[{letter(form.level)}]"
        if kind is Packed:
            return self.text(form.template, depth)
        if kind in _BRACKETS:
            return self._collection(form, depth + 1)
        return short(form)

    def sequence(self, form: Any) -> str:
        """Return in the same words what a map goes over."""
        is_flat = isinstance(form, NodeRef) and form.is_flat
        return f"flatten({self._picked(form.name, form.levels)})" if is_flat else self.text(form)

    def _node(self, ref: NodeRef) -> str:
        if ref.is_flat:  # the last level is none of the node's own
            return f"flatten({self._picked(ref.name, ref.levels[:-1])})[{letter(ref.levels[-1])}]"
        text = self._picked(ref.name, ref.levels)
        return f"successful({text})" if ref.is_picky else text

    def _picked(self, name: str, levels: tuple[int, ...]) -> str:
        index = [*map(letter, levels), *":" * (self._graph.depth(name) - len(levels))]
        return f"{name}[{', '.join(index)}]" if index else name

    def _collection(self, items: Any, depth: int) -> str:
        start, end = _BRACKETS[type(items)]
        is_dict = type(items) is dict
        if depth > _DEEPEST:
            return f"{start}...{end}"
        shown: list[str] = []
        for item in items:
            if len(shown) == _ITEMS:
                shown.append(f"... {len(items)} in all")
                break
            text = self.text(item, depth)
            shown.append(f"{text}: {self.text(items[item], depth)}" if is_dict else text)
        return f"{start}{', '.join(shown)}{end}"


class _Short(reprlib.Repr):
    """Writes constants shortened; of what has no short line, the name of its type."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = _DEEPEST
        self.maxstring = self.maxlong = self.maxother = _LONGEST
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = _ITEMS
        self.maxdeque = self.maxarray = _ITEMS

    def repr_instance(self, x: Any, level: int) -> str:
        try:
            text = repr(x)
        except Exception:  # noqa: BLE001 - a broken repr must not end a drawing
            text = ""
        is_short = 0 < len(text) <= _LONGEST and text.isprintable() and " at 0x" not in text
        return text if is_short else f"<{type(x).__name__}>"


_short = _Short()


def short(value: Any) -> str:
    """Return a constant as Python writes it, on one line, shortened.

    Examples
    --------
    >>> short([1, 2, 3, 4, 5, 6]), short({"a": "b" * 50}), short(object())
    ('[1, 2, 3, 4, ...]', "{'a': 'bbbbbbbbbbbbbbbbb...bbbbbbbbbbbbbbbbbb'}", '<object>')
    """
    try:
        return _short.repr(value)
    except Exception:  # noqa: BLE001 - it goes by names: of a class called list it expects a list
        return f"<{type(value).__name__}>"


def plain(text: str) -> str:
    r"""Return a text without what a terminal or an XML parser would stumble over.

    Examples
    --------
    >>> plain("a" + chr(27) + "[2Jb") == r"a\x1b[2Jb"
    True
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
