"""A flow as something to look at: what `Flow.visualize` returns."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from daskflow.drawing.picture import Picture
from daskflow.errors import DefinitionError

FORMATS = ("text", "mermaid", "dot", "svg")
_SUFFIXES = {
    ".txt": "text",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".svg": "svg",
}
_WIDTH = 100  # of lines of text


class Drawing:
    """A picture of a flow: SVG in a notebook, text where it is printed.

    Parameters
    ----------
    shown_as
        One of `FORMATS`; None: SVG in a notebook, text elsewhere.

    Examples
    --------
    >>> from daskflow import flow, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow
    ... def four():
    ...     return double(double(1))
    >>> drawing = four.visualize()
    >>> drawing.render("dot").splitlines()[0]
    'digraph "four" {'
    """

    def __init__(self, picture: Picture, shown_as: str | None = None) -> None:
        self.picture = picture
        self.shown_as = None if shown_as is None else _checked(shown_as)

    def render(self, shown_as: str, width: int = _WIDTH) -> str:
        """Return the drawing in a format.

        Parameters
        ----------
        width
            Of lines of text, in characters.

        Raises
        ------
        DefinitionError
            There is no such format.
        """
        shown_as = _checked(shown_as)
        if shown_as == "text":
            from daskflow.drawing.text import to_text

            return to_text(self.picture, width)
        if shown_as == "mermaid":
            from daskflow.drawing.mermaid import to_mermaid

            return to_mermaid(self.picture)
        if shown_as == "dot":
            from daskflow.drawing.dot import to_dot

            return to_dot(self.picture)
        from daskflow.drawing.svg import to_svg

        return to_svg(self.picture)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the drawing to a file, in the format it has or else the one its suffix tells.

        Raises
        ------
        DefinitionError
            The suffix tells no format.
        """
        text = self.render(self.shown_as or format_of(path))
        Path(path).write_text(f"{text}\n", encoding="utf-8")

    def __str__(self) -> str:
        return self.render(self.shown_as or "text")

    def __repr__(self) -> str:
        return str(self)

    def _repr_svg_(self) -> str | None:
        return self.render("svg") if self.shown_as in (None, "svg") else None


def _checked(shown_as: str) -> str:
    if shown_as not in FORMATS:
        msg = f"no drawing has the format {shown_as!r}; there are: {', '.join(FORMATS)}"
        raise DefinitionError(msg)
    return shown_as


def format_of(path: str | PathLike[str]) -> str:
    """Return the format that a file's suffix tells.

    Raises
    ------
    DefinitionError
        It tells none.

    Examples
    --------
    >>> format_of("docs/etl.mmd")
    'mermaid'
    """
    suffix = Path(path).suffix
    if suffix.lower() not in _SUFFIXES:
        msg = f"{path}: {suffix or 'no suffix'} tells no format; use {', '.join(_SUFFIXES)}"
        raise DefinitionError(msg)
    return _SUFFIXES[suffix.lower()]
