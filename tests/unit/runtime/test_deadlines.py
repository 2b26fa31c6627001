"""The watching thread: whom it interrupts, and when nobody is to be interrupted any more."""

from __future__ import annotations

import sys
import threading
import time
from functools import partial

import pytest

from daskflow.runtime import deadlines
from daskflow.runtime.deadlines import DeadlineExceeded, Watch, Watcher, raise_in, within

FOREVER = 30  # seconds; only a broken engine ever gets there


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.instant = 100.0

    def __call__(self):
        return self.instant


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    # the room takes its time from here; the real clock would have to be waited for
    monkeypatch.setattr(deadlines, "monotonic", made)
    return made


@pytest.fixture
def raised():
    """The threads in which something was to be raised, instead of doing it."""
    return []


def watched(seconds, raised):
    """Return a watch that notes this thread, instead of raising in it."""
    return Watch(seconds, partial(raised.append, threading.get_ident()))


def spin():
    end = time.monotonic() + FOREVER
    while time.monotonic() < end:
        pass


def test_what_is_in_time_is_returned():
    """A value, or whatever it raises."""
    assert within(FOREVER, lambda: 5) == 5
    with pytest.raises(KeyError):
        within(FOREVER, lambda: {}["x"])


def test_what_is_too_long_is_interrupted():
    """In whichever thread it is; what comes behind it is not."""
    with pytest.raises(DeadlineExceeded):
        within(0.02, spin)
    ends = []

    def work():
        try:
            within(0.02, spin)
        except DeadlineExceeded:
            ends.append(sum(range(1000)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(FOREVER)
    assert ends == [499500] * 4


def test_a_watch_is_looked_at_when_it_is_due(clock, raised):
    """Not before; then once a second as long as the call goes on."""
    watcher = Watcher()
    watch = watched(5, raised)
    watcher.add(watch)
    watcher.look()
    assert (raised, len(watcher.watches)) == ([], 1)
    for _ in range(2):
        clock.instant = watch.due
        watcher.look()
    here = threading.get_ident()
    assert raised == [here] * 2
    assert watch.due == 107.0
    watch.running.clear()
    clock.instant = watch.due
    watcher.look()
    assert len(raised) == 2
    assert watcher.watches == []


def test_the_first_that_is_due_comes_first(clock, raised):
    """However late it was told of."""
    watcher = Watcher()
    for seconds in (50, 5, 20):
        watcher.add(watched(seconds, raised))
        watcher.look()
    assert [round(entry[0]) for entry in sorted(watcher.watches)] == [105, 120, 150]
    clock.instant = 130.0
    watcher.look()
    assert len(raised) == 2


def test_calls_that_ended_are_forgotten(clock, raised, monkeypatch):
    """A million short calls with a timeout of a day are not a million watches."""
    monkeypatch.setattr(deadlines, "_MANY", 10)
    watcher = Watcher()
    watcher._limit = 10
    for _ in range(100):
        watch = watched(86_400, raised)
        watch.running.clear()
        watcher.add(watch)
        watcher.look()
    assert len(watcher.watches) <= 10


def test_an_interruption_on_its_way_is_waited_for(raised):
    """The end of a call is settled only when nobody is about to interrupt it."""
    watch = watched(5, raised)
    watch.running.clear()
    watch.is_aiming = True
    settled = threading.Event()

    def settle():
        watch.settle()
        settled.set()

    thread = threading.Thread(target=settle, daemon=True)
    thread.start()
    assert not settled.wait(0.05)
    watch.is_aiming = False
    assert settled.wait(FOREVER)


def test_nobody_waits_for_a_thread_that_is_gone(clock, raised, monkeypatch):
    """Whatever became of the watching thread, a call that ended goes on."""
    ticks = iter(range(100, 200))
    monkeypatch.setattr(deadlines, "monotonic", lambda: next(ticks))
    watch = watched(5, raised)
    watch.is_aiming = True
    watch.settle()
    assert next(ticks) == 103


def test_nobody_is_interrupted_while_a_thread_begins(clock, raised, monkeypatch):
    """Python 3.11 would take it for the one that starts it; it is put off once, for a moment."""
    monkeypatch.setattr(threading, "_limbo", {1: 1})
    watch = watched(5, raised)
    assert watch.interrupt()
    assert raised == []
    assert watch.due == pytest.approx(100.01)
    assert watch.interrupt()
    assert len(raised) == 1


def test_what_is_on_its_way_arrives_before_the_end():
    """Raised just before the call ended, it arrives while that is settled, and not later."""
    watch = Watch(5, partial(raise_in, threading.get_ident(), DeadlineExceeded))

    def interrupted_late():
        watch.interrupt()
        watch.settle()

    for _ in range(200):
        with pytest.raises(DeadlineExceeded):
            interrupted_late()
        assert sum(range(1000)) == 499500


def test_tracing_goes_on_afterwards():
    """A debugger, or a measure of coverage, is not caught in a loop by an interruption."""
    seen = []

    def trace(frame, event, arg):
        seen.append(event)

    before = sys.gettrace()
    with pytest.raises(DeadlineExceeded):
        within(0.02, spin)
    sys.settrace(trace)
    try:
        within(FOREVER, lambda: None)
    finally:
        sys.settrace(before)
    assert "call" in seen


def test_the_thread_is_started_again_where_it_is_gone():
    """As in a process that was forked; where it lives there is one."""
    watcher = Watcher()
    watcher.begin()
    first = watcher._thread
    watcher.begin()
    assert watcher._thread is first
    watcher._thread = threading.Thread(target=print)  # one that does not run
    watcher.begin()
    assert watcher._thread.is_alive()


def test_two_that_begin_at_once_start_one_thread():
    """Who finds the other at it waits, and then has nothing to do."""

    class Busy:
        """A lock under which somebody else has started the thread."""

        def __enter__(self):
            watcher._thread = threading.current_thread()

        def __exit__(self, *_):
            pass

    watcher = Watcher()
    watcher._starting = Busy()
    watcher.begin()
    assert watcher._thread is threading.current_thread()
