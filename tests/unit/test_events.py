"""Segments and stretches: what a block tells, as columns."""

import pickle

import pytest

from daskflow.events import Note, Segment, Stretch


def stretch(**values):
    """Return a stretch of three nodes, of which one failed."""
    made = Stretch()
    for at, (node, value) in enumerate(values.items()):
        made.places[node] = at
        made.codes.append(7 if value is None else 2)
        made.attempts.append(at + 1)
        made.started.append(10.0 + at)
        made.ended.append(11.0 + at)
        made.smalls.append(pickle.dumps(value))
        if value is None:
            made.notes[at] = Note("it broke")
        else:
            made.values[at] = value
    return made


def test_a_stretch_can_be_read_node_by_node():
    """Each part is the segment of one node, with what belongs to it."""
    one, two, three = stretch(a=1, b=None, c=3).parts()
    assert [one.node, two.node, three.node] == ["a", "b", "c"]
    assert (one.values, one.notes, list(one.attempts)) == ({0: 1}, {}, [1])
    assert (two.values, two.notes, two.codes) == ({}, {0: Note("it broke")}, b"\x07")
    assert (three.start, three.stop, three.ended[0]) == (0, 1, 13.0)


def test_a_segment_is_its_own_part():
    """So who reads parts need not ask what he has."""
    segment = Segment("a", 3, bytearray(2))
    assert [*segment.parts()] == [segment] == [segment.part("a")]
    assert [*segment.nodes()] == ["a"]


@pytest.mark.parametrize("is_told", [False, True], ids=["with values", "as it is told"])
def test_a_stretch_travels(is_told):
    """With values, which make the small results unnecessary, or without."""
    made = stretch(a=1, b=None, c=3)
    sent = made.without_values() if is_told else made
    came = pickle.loads(pickle.dumps(sent))
    assert type(came) is Stretch
    assert (came.places, came.codes, came.notes) == (made.places, made.codes, made.notes)
    assert (came.attempts, came.started, came.ended) == (made.attempts, made.started, made.ended)
    assert came.smalls == (made.smalls if is_told else [])
    assert came.values is None if is_told else came.values.keys() == {0, 2}


def test_where_something_is_told_of():
    """By node and position; of what is not told of, nowhere."""
    made, segment = stretch(a=1, b=2), Segment("x", 3, bytearray(2))
    assert (made.offset_of("b", 0), made.offset_of("x", 0)) == (1, None)
    assert [segment.offset_of("x", at) for at in (2, 3, 4, 5)] == [None, 0, 1, None]
    assert segment.offset_of("a", 3) is None
    assert made.part("a").without_values().values is None
