"""What waits for a client in the tracker: lines go with what comes, or soon by themselves."""

from __future__ import annotations

import asyncio

import pytest

from daskflow.executors import linebox, mailbox
from daskflow.executors.linebox import LineBox
from daskflow.executors.mailbox import Mailbox, RawReport


def test_lines_are_given_once():
    """By run, in the order in which they came."""
    box = LineBox()
    box.put("a", b"1", 1)
    box.put("b", b"2", 1)
    box.put("a", b"3", 1)
    assert box.take() == [("a", 0, [b"1", b"3"]), ("b", 0, [b"2"])]
    assert box.take() == []


def test_a_slow_client_gets_the_newest_lines(monkeypatch):
    """Of each run so many bytes; how many lines were dropped is told."""
    monkeypatch.setattr(linebox, "_MOST_BYTES", 5)
    box = LineBox()
    for number in range(4):
        box.put("a", b"xx", 10 + number)
    box.put("b", b"much more", 3)
    assert box.take() == [("a", 21, [b"xx", b"xx"]), ("b", 0, [b"much more"])]
    box.put("a", b"x", 1)
    assert box.take() == [("a", 0, [b"x"])]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(mailbox, "_LINES_SECONDS", 0.01)


def test_lines_wake_nobody_at_once(monkeypatch):
    """But go with a report that does."""
    monkeypatch.setattr(mailbox, "_LINES_SECONDS", 60.0)

    async def play():
        box = Mailbox()
        box.put_lines("run", b"1", 1)
        assert not box.arrived.is_set()
        box.put(RawReport("run", 1, "w"))
        assert box.arrived.is_set()
        assert box.take_once()[2] == [("run", 0, [b"1"])]
        box.drop_until(1)
        assert not box.arrived.is_set()
        assert box.waking is None

    asyncio.run(play())


def test_lines_come_soon_by_themselves(quick):
    """Also when the client asks just as they become due; and again behind that."""

    async def play():
        box = Mailbox()
        for data in (b"1", b"2"):
            box.put_lines("run", data, 1)
            box.put_lines("run", data, 1)
            await asyncio.wait_for(box.arrived.wait(), 20)
            box.drop_until(0)
            assert box.arrived.is_set()
            assert box.take_once()[2] == [("run", 0, [data, data])]
            assert not box.arrived.is_set()

    asyncio.run(play())
