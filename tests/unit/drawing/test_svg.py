"""SVG as a browser reads it: well formed, all in sight, nothing that leaves the drawing."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from daskflow import Flow, flow, task
from daskflow.drawing.geometry import Rect
from daskflow.drawing.lettering import Room, on_curve, shortened, text_width
from daskflow.drawing.picture import Arrow, ArrowKind, Box, Group, Picture, picture_of
from daskflow.drawing.svg import to_svg
from tests.unit.drawing.cases import etl, random_picture, reduced_chain

NAMESPACE = "{http://www.w3.org/2000/svg}"
PICTURES = {
    "etl": picture_of(etl.definition()),
    "nothing": Picture("nothing", (), ()),
    "returns a parameter": picture_of(Flow(lambda x: x, name="same").definition()),
    **{f"random {seed}": random_picture(seed) for seed in range(5)},
}


def read(picture, **options):
    return ET.fromstring(to_svg(picture, **options))


def rects(root):
    """Return all rectangles but the ground, where they are on the page."""
    found = []

    def walk(element, x, y):
        moved = re.fullmatch(r"translate\((\S+) (\S+)\)(.*)", element.get("transform", ""))
        if moved:
            x, y = x + float(moved[1]), y + float(moved[2])
        if element.tag == f"{NAMESPACE}rect" and element is not root[1]:
            place = [float(element.get(name)) for name in ("x", "y", "width", "height")]
            found.append(Rect(*place).moved(x, y))
        for child in element:
            walk(child, x, y)

    walk(root, 0.0, 0.0)
    return found


def texts(root):
    return [element.text for element in root.iter(f"{NAMESPACE}text")]


def titles(root):
    return [element.text for element in root.iter(f"{NAMESPACE}title")]


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_everything_is_in_sight(picture):
    """Every rectangle lies in the view, the sheets of stacks too; every box has its name."""
    root = read(picture)
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width:.1f} {height:.1f}"
    for rect in rects(root):
        assert rect.x >= 0
        assert rect.y >= 0
        assert rect.x + rect.width <= width
        assert rect.y + rect.height <= height
    assert {box.lines[0] for box in picture.boxes} <= set(texts(root))


def test_what_is_told_under_the_mouse():
    """The whole call for a box, both ends for an arrow, what is repeated for a group."""
    told = titles(read(PICTURES["etl"]))
    assert told[0] == "flow etl"
    assert (
        "alarm = alarm(x=each_day.combine[:])  # trigger any_failed, after prepare.days_of" in told
    )
    assert "each_day.combine[i] → alarm\nx, the list of all results" in told
    assert "prepare.days_of → alarm\nonly waited for" in told
    assert "extract[i] → flatten[i]\nx, element by element of all values" in told
    assert "each_day[i]: for each day in prepare.days_of" in told
    assert "from prepare.days_of" in told


def test_nothing_leaves_the_drawing():
    """No styles, ids, classes, scripts or links: many drawings may stand in one page."""
    text = to_svg(PICTURES["etl"])
    for word in ("<style", " id=", " class=", "<script", "href", "url("):
        assert word not in text


def test_hostile_names_are_escaped():
    """Markup in names is text, and characters that XML cannot hold are written out."""
    hostile = '</text><script>alert("x")</script>&amp;\x00\ud800'

    def trigger(states): ...

    @task(trigger=trigger)
    def anything(**given): ...

    trigger.__name__ = hostile

    @flow
    def case(x):
        return anything(**{hostile: x})

    root = read(picture_of(case.definition()))
    shown = hostile.replace("\x00", r"\x00").replace("\ud800", r"\ud800")
    assert f"trigger {shown}"[:20] in [text[:20] for text in texts(root) if text]
    assert any(f"anything({shown}={{x}})" in title for title in titles(root))
    assert {element.tag.removeprefix(NAMESPACE) for element in root.iter()} == {
        *("svg", "title", "rect", "g", "text", "path", "polygon"),
    }


def test_a_mapped_node_is_a_stack():
    """Three sheets, one behind the other, in the legend as well; a mapped group too."""
    plain = read(picture_of(flow(lambda x: task(len)(x), name="case").definition()))
    mapped = read(picture_of(flow(lambda x: task(len).map(x), name="case").definition()))
    assert len(rects(mapped)) - len(rects(plain)) == 2 + 3
    group = Picture("case", (Box("g.a", "g.a", group="g/"),), (), (Group("g/", over="x in xs"),))
    assert len(rects(read(group))) == 3 + 1


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (ArrowKind.VALUE, "a value"),
        (ArrowKind.EACH, "element by element"),
        (ArrowKind.WAIT, "only waited for"),
        (ArrowKind.GATE, "in this case only"),
        (ArrowKind.ALL, None),
    ],
)
def test_the_legend_has_what_occurs(kind, told):
    """And nothing else."""
    boxes = (Box("a", "a", task="a"), Box("b", "b", task="b"))
    legend = set(texts(read(Picture("case", boxes, (Arrow("a", "b", kind, ("x",)),))))) - {"case"}
    assert legend - {"a", "b", "x", "x: all"} == ({told} if told else set())


def test_labels_do_not_cover_each_other():
    """Where there is no room for a label it is left to the mouse."""
    picture = reduced_chain(12)
    crowded = tuple(Arrow(a.start, a.end, arguments=("a_long_name",)) for a in picture.arrows)
    root = read(Picture("case", picture.boxes, crowded))
    shown = sum(text == "a_long_name" for text in texts(root))
    assert 11 < shown < len(crowded)
    assert sum("a_long_name" in title for title in titles(root)) == len(crowded)


def test_a_very_large_picture_is_collapsed_and_says_so():
    """Sub-flows become boxes until there are few enough."""
    root = read(PICTURES["random 1"], most_boxes=20)
    assert any("sub-flows are drawn as one box each" in text for text in texts(root) if text)
    assert any(re.fullmatch(r"a\[?.*", text) for text in texts(root) if text)
    assert "note" not in texts(read(PICTURES["random 1"]))


def test_long_names_are_cut():
    """In the box, not under the mouse."""
    name = "n" * 200
    root = read(Picture("case", (Box(name, name, task=name),), ()))
    assert "n" * 43 + "…" in texts(root)
    assert f"{name} = {name}()" in titles(root)


def test_widths_of_texts():
    """Counted in letters; wide ones count twice, marks above others not at all."""
    assert text_width("abcd", 10) == pytest.approx(24.2)
    assert text_width("清", 10) == text_width("ab", 10)
    assert text_width("e\u0301", 10) == text_width("e", 10)
    assert shortened("abc", 3) == "abc"
    assert shortened("a\nc", 3) == "a\\…"


def test_room_beside_a_curve():
    """The best place first, then others along it, and then none."""
    room = Room()
    places = [room.beside((0, 0), (0, 200), 30, 10) for _ in range(5)]
    assert [rect and round(rect.y + 5) for rect in places] == [115, 92, 141, 68, None]
    assert on_curve((0, 0), (10, 20), 0.0) == (0, 0)
    assert on_curve((0, 0), (10, 20), 0.5) == (5, 10)
    assert on_curve((0, 0), (10, 20), 1.0) == (10, 20)
