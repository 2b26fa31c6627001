"""A picture in the language of Graphviz."""

from __future__ import annotations

from daskflow.drawing.forms import plain
from daskflow.drawing.outline import Closing, Opening, outline
from daskflow.drawing.picture import Arrow, ArrowKind, Box, BoxKind, Picture

_LINES = {
    ArrowKind.VALUE: (),
    ArrowKind.EACH: ('color="#33475b:#ffffff:#33475b"',),  # two lines and the gap between them
    ArrowKind.ALL: (),
    ArrowKind.WAIT: ("style=dashed",),
    ArrowKind.GATE: ("style=dashed", "arrowhead=odot"),
}
_HEAD = """\
graph [fontname="monospace", fontsize=11, labeljust=l, style="filled,rounded"]
graph [fillcolor="#f3f5f7", color="#9aa5b1"]
node [shape=box, style=filled, fillcolor="#e8f1fb", color="#3a6ea5"]
node [fontname="monospace", fontsize=11]
edge [fontname="monospace", fontsize=9, color="#33475b"]"""


def to_dot(picture: Picture) -> str:
    """Return a picture as a Graphviz digraph with a cluster for each group.

    A mapped node is a box in three dimensions and takes its elements along a double line.

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
    >>> for line in to_dot(picture_of(doubled.definition())).splitlines()[6:9]:
    ...     print(line)
        n0 [label="xs", style="filled,rounded", fillcolor="#fff4d6", color="#b58a1b"]
        n1 [label="double[i]", shape=box3d, color="#1d5c33", penwidth=2.5]
        n0 -> n1 [label="x", color="#33475b:#ffffff:#33475b"]
    """
    ids = {box.key: f"n{number}" for number, box in enumerate(picture.boxes)}
    lines = [f"digraph {_quoted(picture.name)} {{", *(f"    {line}" for line in _HEAD.splitlines())]
    for depth, entry in outline(picture):
        indent = "    " * (depth + 1)
        if isinstance(entry, Opening):
            lines.append(f"{indent}subgraph cluster_{entry.number} {{")
            lines.append(f"{indent}    label={_quoted(entry.group.title)}")
        elif isinstance(entry, Closing):
            lines.append(f"{indent}}}")
        else:
            lines.append(f"{indent}{ids[entry.key]} [{', '.join(_box(entry))}]")
    lines += [f"    {_arrow(arrow, ids)}" for arrow in picture.arrows]
    return "\n".join([*lines, "}"])


def _box(box: Box) -> list[str]:
    words = [f"label={_quoted(*box.lines)}"]
    if box.kind is BoxKind.PARAMETER:
        words += ['style="filled,rounded"', 'fillcolor="#fff4d6"', 'color="#b58a1b"']
    if box.depth:
        words.append("shape=box3d")
    if box.is_reference:
        words += ['color="#1d5c33"', "penwidth=2.5"]
    return words


def _arrow(arrow: Arrow, ids: dict[str, str]) -> str:
    words = [f"label={_quoted(arrow.label)}"] if arrow.label else []
    words += _LINES[arrow.kind]
    told = f" [{', '.join(words)}]" if words else ""
    return f"{ids[arrow.start]} -> {ids[arrow.end]}{told}"


def _quoted(*lines: str) -> str:
    """Write text so that nothing in it is taken for Graphviz' own language."""
    escaped = [plain(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'
