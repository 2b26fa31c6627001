"""A picture as lines for the terminal: each call as one would write it, in order."""

from __future__ import annotations

from textwrap import wrap

from daskflow.drawing.forms import plain
from daskflow.drawing.outline import Opening, outline
from daskflow.drawing.picture import ArrowKind, Box, BoxKind, Group, Picture

_WIDEST_COLUMN = 30  # characters of a label; a longer one shifts its own line only
_NARROWEST = 24  # characters that are left for a call, however deep it is


def to_text(picture: Picture, width: int = 100) -> str:
    """Return a picture as lines.

    Parameters
    ----------
    width
        Of a line, in characters; what is longer goes on in the next one.

    Examples
    --------
    >>> from daskflow import flow, task
    >>> from daskflow.drawing.picture import picture_of
    >>> @task(retries=2)
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow
    ... def doubled(xs: list[int]):
    ...     return double.map(xs)
    >>> print(to_text(picture_of(doubled.definition())))
    doubled(xs)
    <BLANKLINE>
    * double[i] = double(x={xs}[i])  # retries 2
    <BLANKLINE>
      returns double[:]
    <BLANKLINE>
    * decides how the flow ends   [i] a task run for each element   [:] all results as a list
    """
    parameters = [box.name for box in picture.boxes if _is_parameter(box)]
    lines = [f"{picture.name}({', '.join(parameters)})", ""]
    lines += _rows(picture, width) or ["  no tasks"]
    if picture.returns:
        lines += ["", *_wrapped("  returns ", picture.returns, width)]
    legend = _legend(picture)
    lines += ["", *wrap("   ".join(legend), width)] if legend else []
    return "\n".join(lines)


def _rows(picture: Picture, width: int) -> list[str]:
    entries = [
        (depth, entry)
        for depth, entry in outline(picture)
        if isinstance(entry, Opening) or (isinstance(entry, Box) and not _is_parameter(entry))
    ]
    widths = [len(box.label) + 2 * depth for depth, box in entries if isinstance(box, Box)]
    column = max((width for width in widths if width <= _WIDEST_COLUMN), default=0)
    lines: list[str] = []
    for depth, entry in entries:
        if isinstance(entry, Opening):
            lines.append(f"  {'  ' * depth}{_title(entry.group)}")
        else:
            lines += _call(entry, depth, column, width)
    return lines


def _is_parameter(box: Box) -> bool:
    return box.kind is BoxKind.PARAMETER


def _title(group: Group) -> str:
    return plain(group.title if group.over else f"{group.title}:")


def _call(box: Box, depth: int, column: int, width: int) -> list[str]:
    mark = "*" if box.is_reference else " "
    label = f"{'  ' * depth}{box.label}"
    start = f"{mark} {label:{column}} = "
    return _wrapped(start, box.call, width)


def _wrapped(start: str, text: str, width: int) -> list[str]:
    """Break a text at its blanks; what goes on stands below where it began."""
    text = plain(text)
    left = max(_NARROWEST, width - len(start))
    if len(text) <= left:
        return [start + text]
    whole = text.replace("  # ", "  #\xa0")  # a remark is not torn from its sign
    lines = wrap(whole, left, break_long_words=False, break_on_hyphens=False)
    first, *others = (line.replace("\xa0", " ") for line in lines)
    return [start + first, *(" " * len(start) + other for other in others)]


def _legend(picture: Picture) -> list[str]:
    told = []
    if any(box.is_reference for box in picture.boxes):
        told.append("* decides how the flow ends")
    if any(box.depth for box in picture.boxes):
        told.append("[i] a task run for each element")
    if ":]" in picture.returns or any(a.kind is ArrowKind.ALL for a in picture.arrows):
        told.append("[:] all results as a list")
    return told
