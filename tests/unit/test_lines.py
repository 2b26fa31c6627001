"""Lines between processes, what is kept of a tape, and what tells of lines that were dropped."""

from __future__ import annotations

import pytest

from daskflow.lines import (
    Batch,
    Line,
    LogLimits,
    PackedLines,
    Piece,
    Reader,
    cut_message,
    is_of,
    lost_note,
    pack_batch,
    pack_lines,
    unpack_batch,
    unpack_lines,
    wanted,
)

TAPE = ("clean[3]", 2, 7, "tcp://w:1")


def lines(count, level=20):
    return tuple(Line(float(i), level, "task", f"text {i}") for i in range(count))


def piece(first, count, **fields):
    return Piece(*TAPE, first, lines(count), **fields)


@pytest.mark.parametrize("text", ["", "plain", "ü 漢 🎈", "a\nb\tc", "\ud800 lone", '"{[', "\0"])
def test_a_batch_travels_whole(text):
    """Whatever is in the messages: a line more, quotes, half a character."""
    told = [
        Piece(*TAPE, 5, (Line(1.5, 30, "mine", text),), kept_to=3, kept_from=5, is_end=True),
        Piece("", 0, 0, ""),
    ]
    for is_shown in (True, False):
        batch = unpack_batch(pack_batch(Batch(told, is_shown)))
        assert (batch.pieces, batch.is_shown, batch.line_count()) == (told, is_shown, 1)
    packed = pack_lines(told[0].lines)
    assert unpack_lines(packed) == told[0].lines
    assert packed.isascii()


def test_what_is_sent_runs_nothing():
    """It is JSON: whoever reads it need not trust who wrote it."""
    with pytest.raises(ValueError, match="decode"):
        unpack_batch(b"\x80\x05.")


def test_a_message_is_cut():
    """At so many characters; how many there were more is told."""
    assert cut_message("abc", 3) == "abc"
    assert cut_message("a" * 5_000, 1) == "a... (4,999 characters more)"


def test_limits():
    """A quarter is for the last lines; of three there are only first ones."""
    assert LogLimits() == (2_000, 256 * 1024, 8 * 1024)
    assert (LogLimits().last_lines, LogLimits().last_characters) == (500, 64 * 1024)
    assert LogLimits(lines=3).last_lines == 0


def numbers(reader, *pieces):
    """Return what a reader makes of pieces: numbers of lines, and how many were dropped."""
    return [
        (line.number, line.dropped) if line.dropped else line.number for line in reader.read(pieces)
    ]


def test_missing_numbers_are_dropped_lines():
    """In the beginning, between pieces, and however many readings there are."""
    reader = Reader()
    assert numbers(reader, piece(3, 2), piece(5, 1), Piece(*TAPE)) == [(1, 2), 3, 4, 5]
    assert numbers(reader, piece(7, 1), piece(10, 1)) == [(6, 1), 7, (8, 2), 10]
    (first, _) = Reader().read([piece(2, 1)])
    assert (first.message, first.level, first.task_run) == ("1 line was dropped here", 30, TAPE[0])


def test_each_tape_has_numbers_of_its_own():
    """Two attempts of a task run, or two bodies of an attempt that was lost."""
    other = Piece("clean[3]", 2, 8, "tcp://w:2", 1, lines(1))
    found = list(Reader().read([piece(1, 1), other, piece(2, 1)]))
    assert [(line.worker, line.number) for line in found] == [
        ("tcp://w:1", 1),
        ("tcp://w:2", 1),
        ("tcp://w:1", 2),
    ]


def test_lines_that_come_again_are_read_once():
    """The end of a long tape comes whole; who has read a part of it gets the rest."""
    reader = Reader()
    assert numbers(reader, piece(1, 2), piece(8, 2)) == [1, 2, (3, 5), 8, 9]
    assert numbers(reader, piece(6, 6)) == [10, 11]
    assert numbers(Reader(), piece(1, 2), piece(6, 6)) == [1, 2, (3, 3), *range(6, 12)]


def test_lines_of_a_level():
    """And above; whatever it is, dropped ones are told."""
    pieces = [piece(1, 1), Piece(*TAPE, 2, lines(1, level=40)), piece(5, 1)]
    assert numbers(Reader(30), *pieces) == [2, (3, 2)]


@pytest.mark.parametrize(
    ("task_run", "task", "is_meant"),
    [
        ("clean", None, True),
        ("clean", "clean", True),
        ("clean[3]", "clean", True),
        ("clean[3]", "clean[3]", True),
        ("clean[3, 1]", "clean[3]", True),
        ("clean[31]", "clean[3]", False),
        ("clean-2", "clean", False),
        ("clean-2[1]", "clean", False),
        ("Clean[3]", "clean", False),
        ("clean", "clean[3]", False),
        ("", "clean", False),
    ],
)
def test_which_task_runs_a_name_means(task_run, task, is_meant):
    """A task all of its task runs, a task run itself and those below it."""
    assert is_of(task_run, task) == is_meant


def test_what_a_long_tape_lets_be_forgotten():
    """Pieces before one that lie whole between its two numbers; never the first lines."""
    newest = piece(20, 3, kept_to=5, kept_from=15)
    among = [piece(1, 5), piece(6, 4), piece(10, 5), piece(12, 4), newest]
    kept, by_tape = wanted(among)
    assert [one.first for one in kept] == [1, 12, 20]
    assert by_tape == {7: newest}
    other = Piece("load", 1, 8, "w", 6, lines(1))
    assert wanted([other, piece(1, 1)]) == ([other, piece(1, 1)], {})


def test_the_end_of_a_long_tape_takes_the_place_of_all_its_last_lines():
    """It does not let itself be forgotten."""
    end = piece(10, 5, kept_to=5, kept_from=15)
    assert wanted([piece(8, 2), piece(12, 2), end])[0] == [end]


def test_lost_lines_are_told():
    """As a line of the run itself."""
    (line,) = Reader().read([lost_note(1234, 5.0)])
    assert (line.task_run, line.level, line.at) == ("", 30, 5.0)
    assert line.message.startswith("1,234 lines were dropped")


def test_packed_lines_are_like_those_that_were_packed():
    """In number, order and content, and packing them again costs nothing."""
    lines = (Line(1.0, 20, "a", "one\ntwo"), Line(2.0, 30, "b", "drei \u00e4"))
    packed = PackedLines(pack_lines(lines), 2)
    assert packed == lines
    assert packed != lines[:1]
    assert packed != 3
    assert (len(packed), packed[-1], packed[:1]) == (2, lines[1], lines[:1])
    assert pack_lines(packed) is packed.text
    assert "\n" not in packed.text


def test_what_is_no_batch_is_refused():
    """One that is short of lines, and one that is not even text."""
    whole = pack_batch(Batch([Piece("a", 1, 7, "w", 1, (Line(1.0, 20, "", "x"),))], False))
    for torn in (whole.partition(b"\n")[0], whole + b"\n[]", b"\xff"):
        with pytest.raises(ValueError, match=r".+"):
            unpack_batch(torn)
