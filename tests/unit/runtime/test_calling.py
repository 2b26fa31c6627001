"""One call of a task's function, and the ways in which it can end."""

from __future__ import annotations

import asyncio
import pickle
import time

import pytest

from daskflow import Fail, Skip
from daskflow.errors import PortableError, TaskTimeoutError
from daskflow.runtime import calling
from daskflow.runtime.calling import call, make_portable, summary_of, tamed, trace_of, words_of
from daskflow.signals import RunInterrupted
from daskflow.states import Cancelled, Failed, Skipped, Success, TimedOut


def raiser(error):
    def body():
        raise error

    return body


def test_what_is_returned_is_the_value():
    """A call with its arguments by position and by name that returns is a Success."""
    ending = call(lambda x, y: [x, y], [1], {"y": 2})
    assert (ending.state, ending.value, ending.error, ending.trace) == (Success(), [1, 2], None, "")


class Odd(BaseException):
    """Not an `Exception`."""


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Odd("odd")]
)
def test_whatever_is_raised_is_a_failure(error):
    """Nothing of the user's leaves the call, and the exception is in the state."""
    ending = call(raiser(error), [], {})
    assert type(ending.state) is Failed
    assert ending.state.exception is ending.error is error
    assert type(error).__name__ in ending.state.message
    assert "in body" in ending.trace
    assert ending.value is None


def test_fail_passes_its_result():
    """`Fail` is a failure whose result is the value."""
    ending = call(raiser(Fail("no", result=[1])), [], {})
    assert (type(ending.state), ending.value) == (Failed, [1])
    assert type(ending.error) is Fail


def test_skip_is_no_failure():
    """`Skip` ends the call as Skipped with its message, without a traceback."""
    ending = call(raiser(Skip("nothing new")), [], {})
    assert (ending.state, ending.error, ending.trace) == (Skipped("nothing new"), None, "")


def test_what_the_engine_interrupts_is_cancelled():
    """Neither a failure nor a value: the run was cancelled meanwhile."""
    ending = call(raiser(RunInterrupted()), [], {})
    assert ending.state == Cancelled("cancelled while it ran")
    assert (ending.value, ending.error, ending.trace, ending.signal) == (None, None, "", None)


class BrokenStr(Exception):  # noqa: N818 - its name is its claim
    def __str__(self):
        raise ZeroDivisionError


def test_an_exception_is_told_in_one_line():
    """The kind and the message; a broken message does not hide the kind."""
    assert summary_of(ValueError("no")) == "ValueError: no"
    assert "BrokenStr" in summary_of(BrokenStr())


def test_a_trace_begins_with_the_users_code():
    """The frame of the engine is left out, and one that was never raised has none."""
    trace = call(raiser(ValueError("no")), [], {}).trace
    assert "in call" not in trace
    assert "in body" in trace
    assert trace.endswith("ValueError: no\n")
    assert trace_of(ValueError("no")) == "ValueError: no\n"
    assert "BrokenStr" in trace_of(BrokenStr())


def test_a_trace_that_cannot_be_formatted_still_names_the_exception():
    """Where Python's own formatting raises, the frames and the summary are told."""

    class Hostile(Exception):  # noqa: N818
        @property
        def __notes__(self):
            raise ZeroDivisionError

        @property
        def __cause__(self):
            raise ZeroDivisionError

    ending = call(raiser(Hostile("odd")), [], {})
    assert "Hostile" in ending.trace
    assert "Hostile" in ending.state.message


class TwoArguments(Exception):  # noqa: N818
    """Cannot be unpickled: its constructor wants more than its args."""

    def __init__(self, code, text):
        super().__init__(text)


class RaisesWhenUnpickled(Exception):  # noqa: N818
    def __reduce__(self):
        return _raise_exit, ()


def _raise_exit():
    raise SystemExit


class BecomesAnother(Exception):  # noqa: N818
    def __reduce__(self):
        return ValueError, ("other",)


def test_what_can_travel_travels_as_itself():
    """An exception that survives a journey is passed on as it is."""
    error = ValueError("no")
    portable, data = make_portable(error)
    assert portable is error
    assert pickle.loads(data).args == ("no",)


@pytest.mark.parametrize(
    "error",
    [
        TwoArguments(404, "gone"),
        RaisesWhenUnpickled("exit"),
        BecomesAnother("else"),
        ValueError(x for x in [1]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_travel_is_replaced(error):
    """A record of type, message and traceback stands for an exception that cannot travel."""
    portable, data = make_portable(error, "its traceback")
    assert type(portable) is PortableError
    assert str(portable) == f"{summary_of(error)}\n\nits traceback"
    assert str(pickle.loads(data)) == str(portable)


def test_ctrl_c_while_an_exception_is_tried_goes_up():
    """An interrupt is not taken for an exception that cannot travel."""

    class Interrupts(Exception):  # noqa: N818
        def __reduce__(self):
            raise RunInterrupted

    with pytest.raises(RunInterrupted):
        make_portable(Interrupts())


FOREVER = 30  # seconds; only a broken engine ever gets there


def spin():
    end = time.monotonic() + FOREVER
    while time.monotonic() < end:
        pass


def test_a_call_in_time_is_like_any_other():
    """A timeout changes neither value nor failure, nor what the traceback shows."""
    assert call(lambda: 5, [], {}, FOREVER).value == 5
    ending = call(raiser(ValueError("no")), [], {}, FOREVER)
    assert type(ending.state) is Failed
    assert ending.trace == call(raiser(ValueError("no")), [], {}).trace
    assert "deadlines" not in ending.trace


def test_a_call_that_takes_too_long():
    """TimedOut with the limit, and where it was interrupted."""
    ending = call(spin, [], {}, 0.02)
    assert (type(ending.state), ending.value) == (TimedOut, None)
    assert ending.state.exception is ending.error
    assert type(ending.error) is TaskTimeoutError
    assert str(ending.error) == ending.state.message == "ran longer than 0.02 s"
    assert "in spin" in ending.trace


@pytest.mark.parametrize("end", [5, ValueError("no"), Skip("so")])
def test_what_ends_too_late_is_over_time(monkeypatch, end):
    """Whatever it returned or raised by then; late ends are explained."""
    clock = iter([100.0, 107.0])
    monkeypatch.setattr(calling, "monotonic", lambda: next(clock))
    ending = call(raiser(end) if isinstance(end, BaseException) else lambda: end, [], {}, 5)
    assert type(ending.state) is TimedOut
    assert ending.state.message == (
        "ran longer than 5 s; it ended after 7.0 s, for in a thread only Python code can be "
        "interrupted"
    )
    assert (ending.value, ending.signal) == (None, None)


def test_what_is_cancelled_did_not_time_out():
    """Not even where its time is over as well."""
    assert type(call(raiser(RunInterrupted()), [], {}, 1e-9).state) is Cancelled


async def double(x, error=None):
    await asyncio.sleep(0)  # gives its loop a turn
    if error is not None:
        raise error
    return 2 * x


async def wait():
    await asyncio.Event().wait()


@pytest.mark.parametrize("timeout", [None, FOREVER])
@pytest.mark.parametrize("has_loop", [False, True])
def test_coroutines(timeout, has_loop):
    """Called to their end in a loop of their own, wherever that is."""

    def ends():
        return [
            call(double, [2], {}, timeout).value,
            call(double, [2, ValueError("no")], {}, timeout).state.message,
            call(double, [2, Skip("so")], {}, timeout).state,
            call(double, [2, TimeoutError("its own")], {}, timeout).state.message,
            type(call(double, [2, SystemExit(3)], {}, timeout).error),
        ]

    async def within_a_loop():
        return ends()

    found = asyncio.run(within_a_loop()) if has_loop else ends()
    wanted = [4, "ValueError: no", Skipped("so"), "TimeoutError: its own", SystemExit]
    assert found == wanted


@pytest.mark.parametrize("has_loop", [False, True])
def test_coroutines_that_take_too_long(has_loop):
    """Those that wait are cancelled by their loop, the others interrupted."""

    async def block():
        spin()

    async def within_a_loop():
        return [type(call(body, [], {}, 0.02).state) for body in (wait, block)]

    if has_loop:
        found = asyncio.run(within_a_loop())
    else:
        found = [type(call(body, [], {}, 0.02).state) for body in (wait, block)]
    assert found == [TimedOut, TimedOut]


class SilentError(Exception):
    """Answers to no attribute."""

    def __getattribute__(self, name):
        raise OSError(name)


class ShyError(Exception):
    def __str__(self):
        raise OSError


def test_what_cannot_be_looked_at_is_replaced():
    """By an exception that says so; all others stay what they are."""
    error = ValueError("no")
    assert tamed(error) is error
    assert str(tamed(SilentError())) == "SilentError, which raises OSError when it is shown"
    assert "SilentError, which raises" in trace_of(SilentError())
    assert summary_of(SilentError()) == "SilentError (its message cannot be shown)"


def test_the_summary_is_the_message_without_its_notes():
    """They are in the traceback."""
    error = ValueError("no")
    error.add_note("but")
    assert summary_of(error) == "ValueError: no"
    assert "but" in trace_of(error)


def test_what_is_very_long_is_shortened():
    """Message and traceback keep both ends; the exception itself gives way to one that says so."""
    error = ValueError("x" * 3_000_000)
    assert summary_of(error).startswith("ValueError: xxx")
    assert "(3,000,012 characters)" in summary_of(error)
    assert len(trace_of(error)) < 51_000
    portable, data = make_portable(error, trace_of(error))
    assert isinstance(portable, PortableError)
    assert len(data) < 60_000


def test_the_words_of_an_exception():
    """Its message; of one that ends a process, or that cannot tell it, the kind too."""
    assert words_of(ValueError("no")) == "no"
    assert words_of(SystemExit(3)) == "SystemExit: 3"
    assert "ShyError" in words_of(ShyError())
