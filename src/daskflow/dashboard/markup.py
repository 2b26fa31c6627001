"""HTML that text cannot get out of: elements are made of parts, and every part is escaped.

`Html` is what was made here; all else is text, whoever wrote it. Nothing else in the pages writes
a tag.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode

from daskflow.drawing.forms import plain

_VOID = frozenset({"br", "input"})  # elements that have no end


class Html(str):
    """Markup, as opposed to text."""

    __slots__ = ()


Part = str | Iterable["Part"]  # text, markup, or several of them


def element(tag: str, *parts: Part, **attributes: str | float | None) -> Html:
    """Return an element around its parts.

    Parameters
    ----------
    parts
        What is `Html` stands as it is; other text is escaped.
    attributes
        In their names ``_`` stands for ``-``, and one at the end is left out; None: no such one.

    Examples
    --------
    >>> element("a", "1 < 2", element("b", "!"), href="x?a=1&b=2", class_="go")
    '<a href="x?a=1&amp;b=2" class="go">1 &lt; 2<b>!</b></a>'
    """
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(plain(str(value)))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{told}>" if tag in _VOID else f"<{tag}{told}>{join(*parts)}</{tag}>")


def join(*parts: Part) -> Html:
    r"""Return parts one behind the other; what cannot be printed is written as an escape.

    Examples
    --------
    >>> join("a\tb & ", [element("i", "c"), "<d>"])
    'a\\tb &amp; <i>c</i>&lt;d&gt;'
    """
    found: list[str] = []
    for part in parts:
        if isinstance(part, Html):
            found.append(part)
        elif isinstance(part, str):
            found.append(escape("\n".join(map(plain, part.split("\n")))))
        else:
            found.append(join(*part))
    return Html("".join(found))


def address(page: str, /, **query: str | int) -> str:
    """Return the address of a page, seen from any other; what is empty is left out.

    Examples
    --------
    >>> address("flow-task", run="1f", task="load[3]", node="")
    'flow-task?run=1f&task=load%5B3%5D'
    """
    wanted = {name: value for name, value in query.items() if value != ""}
    told = urlencode(wanted, errors="replace")
    return f"{page}?{told}" if told else page
