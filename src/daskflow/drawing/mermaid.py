"""A picture in the language of Mermaid, which GitHub and many wikis draw in Markdown."""

from __future__ import annotations

import re

from daskflow.drawing.forms import plain
from daskflow.drawing.outline import Closing, Opening, outline
from daskflow.drawing.picture import Arrow, ArrowKind, Box, BoxKind, Picture

_LINKS = {
    ArrowKind.VALUE: "-->",
    ArrowKind.EACH: "==>",
    ArrowKind.ALL: "-->",
    ArrowKind.WAIT: "-.->",
    ArrowKind.GATE: "-.-o",
}
_STYLES = (
    "classDef parameter fill:#fff4d6,stroke:#b58a1b,color:#3d2f05",
    "classDef task fill:#e8f1fb,stroke:#3a6ea5,color:#12304d",
    "classDef reference fill:#e8f1fb,stroke:#1d5c33,stroke-width:3px,color:#12304d",
    "classDef group fill:#f3f5f7,stroke:#9aa5b1,color:#33475b",
)


def to_mermaid(picture: Picture) -> str:
    """Return a picture as a Mermaid flowchart with a subgraph for each group.

    A mapped node has double sides and takes its elements along a thick arrow.

    Examples
    --------
    >>> from daskflow import flow, task
    >>> from daskflow.drawing.picture import picture_of
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow
    ... def doubled(xs: list[int]):
    ...     return double.map(xs)
    >>> for line in to_mermaid(picture_of(doubled.definition())).splitlines()[:4]:
    ...     print(line)
    flowchart TD
        n0(["xs"]):::parameter
        n1[["double[i]"]]:::reference
        n0 ==>|"x"| n1
    """
    ids = {box.key: f"n{number}" for number, box in enumerate(picture.boxes)}
    lines = ["flowchart TD"]
    for depth, entry in outline(picture):
        indent = "    " * (depth + 1)
        if isinstance(entry, Opening):
            lines.append(f"{indent}subgraph g{entry.number}[{_quoted(entry.group.title)}]")
        elif isinstance(entry, Closing):
            lines.append(f"{indent}end")
        else:
            lines.append(f"{indent}{ids[entry.key]}{_box(entry)}")
    lines += [f"    {_arrow(arrow, ids)}" for arrow in picture.arrows]
    if picture.groups:
        lines.append(f"    class {','.join(f'g{n}' for n in range(len(picture.groups)))} group")
    return "\n".join([*lines, *(f"    {style}" for style in _STYLES)])


def _box(box: Box) -> str:
    if box.kind is BoxKind.PARAMETER:
        return f"([{_quoted(box.name)}]):::parameter"
    start, end = ("[[", "]]") if box.depth else ("[", "]")
    style = "reference" if box.is_reference else "task"
    return f"{start}{_quoted(*box.lines)}{end}:::{style}"


def _arrow(arrow: Arrow, ids: dict[str, str]) -> str:
    label = f"|{_quoted(arrow.label)}|" if arrow.label else ""
    return f"{ids[arrow.start]} {_LINKS[arrow.kind]}{label} {ids[arrow.end]}"


def _quoted(*lines: str) -> str:
    """Write text so that nothing in it is taken for Mermaid, Markdown or HTML."""
    return f'"{"<br/>".join(_SPECIAL.sub(_entity, plain(line)) for line in lines)}"'


# An underscore inside of a word means nothing to Markdown; a line that begins with a number and a
# dot, or with a dash, would be the item of a list.
_SPECIAL = re.compile(r"""["#&;<>\\`|*~$]|(?<![^\W_])_|_(?![^\W_])|(?<=^\d)[.)]|^[-+]""")


def _entity(found: re.Match[str]) -> str:
    return f"#{ord(found[0])};"
