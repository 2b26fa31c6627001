"""Results and exceptions that do harm to whoever carries, compares, shows or unpickles them.

Each is made by a function without arguments, of which some raise what they make.
"""

import asyncio
import os
import socket
import tempfile
import threading
import weakref


def _raising(name, error=RuntimeError):
    def method(self, *args):
        raise error(f"{name} was called")

    return method


def _with(**methods):
    """Return an instance of a class with these methods."""
    return type("Hostile", (), methods)()


class Keyed:
    """What a weak reference may lead to."""


class BrokenInt(int):
    """A number that cannot be taken apart."""

    def __reduce__(self):
        raise TypeError("this number stays here")


class Torn:
    """Can be pickled and not unpickled."""

    def __setstate__(self, state):
        raise RuntimeError("torn")

    def __getstate__(self):
        return {"torn": True}


class Deadly:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (7,)


class Moody:
    """Can be pickled once, to be looked at; on its way it ends the thread that pickles it."""

    def __init__(self):
        self.count = 0

    def __reduce__(self):
        self.count += 1
        if self.count > 1:
            raise SystemExit("enough")
        return Keyed, ()


def deep():
    """Make a list so deep that nothing recursive comes through it."""
    inner = []
    for _ in range(50_000):
        inner = [inner]
    return inner


def weak():
    keyed = Keyed()
    return [keyed, weakref.ref(keyed)]


async def _nothing():
    """Do nothing."""


def coroutine_in_a_list():
    coroutine = _nothing()
    coroutine.close()
    return [coroutine]


# what makes a result: and whether it travels (S), crashes its task run (CR), or the consumer (torn)
RESULTS = {
    "a lock": (threading.Lock, "CR"),
    "a generator": (lambda: (n for n in range(3)), "CR"),
    "a coroutine": (coroutine_in_a_list, "CR"),
    "a socket": (socket.socket, "CR"),
    "a file": (tempfile.TemporaryFile, "CR"),
    "a thread": (threading.current_thread, "CR"),
    "a weak reference": (weak, "CR"),
    "too deep": (deep, "CR"),
    "a broken number": (lambda: BrokenInt(3), "CR"),
    "__reduce__ raises": (lambda: _with(__reduce__=_raising("reduce")), "CR"),
    "__reduce__ exits": (lambda: _with(__reduce__=_raising("reduce", SystemExit)), "CR"),
    "__reduce__ is nonsense": (lambda: _with(__reduce__=lambda self: 42), "CR"),
    "__getstate__ interrupts": (
        lambda: _with(__getstate__=_raising("getstate", KeyboardInterrupt)),
        "CR",
    ),
    "cannot be unpickled": (Torn, "torn"),
    "__eq__ raises": (lambda: _with(__eq__=_raising("eq"), __hash__=None), "S"),
    "__repr__ raises": (lambda: _with(__repr__=_raising("repr")), "S"),
    "__len__ and __bool__ raise": (
        lambda: _with(__len__=_raising("len"), __bool__=_raising("bool")),
        "S",
    ),
    "__sizeof__ raises": (lambda: _with(__sizeof__=_raising("sizeof", SystemExit)), "S"),
    "no attribute at all": (lambda: _with(__getattr__=_raising("getattr", OSError)), "S"),
    "an exception": (lambda: ValueError("not raised"), "S"),
    "a module": (lambda: socket, "S"),
    "50 MB": (lambda: bytes(50_000_000), "S"),
}


class NeedyError(Exception):
    """Cannot be made from its arguments."""

    def __init__(self, one, two):
        super().__init__(one)
        self.two = two


class UniqueError(Exception):
    """Cannot be made a second time at all."""

    def __init__(self, *, is_first=False):
        super().__init__()
        if not is_first:
            raise SystemExit("made twice")


class VeiledError(Exception):
    """Does not show its traceback."""

    @property
    def __traceback__(self):
        raise RuntimeError("no traceback")

    @__traceback__.setter
    def __traceback__(self, value):
        raise RuntimeError("no traceback")


class MuteError(Exception):
    """Answers to no attribute."""

    def __getattribute__(self, name):
        raise RuntimeError(f"no {name}")


def cyclic():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    raise one


def down(depth):
    if depth:
        down(depth - 1)
    raise ValueError("5,000 frames down")


def far_down():
    """Raise from a depth that Python allows where it is told to."""
    import sys

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        down(5_000)
    finally:
        sys.setrecursionlimit(before)


def recurse():
    recurse()


def local_class():
    class LocalError(Exception):
        pass

    raise LocalError("born here")


def noted():
    error = ValueError("noted")
    for number in range(10_000):
        error.add_note(f"note {number}")
    raise error


def _raise(error):
    raise error


# what raises: the name of the exception, or another text, that its state tells
EXCEPTIONS = {
    "two arguments needed": (lambda: _raise(NeedyError(1, 2)), "NeedyError"),
    "made once": (lambda: _raise(UniqueError(is_first=True)), "UniqueError"),
    "__reduce__ raises": (
        lambda: _raise(type("Stuck", (Exception,), {"__reduce__": _raising("reduce")})("s")),
        "Stuck",
    ),
    "__str__ raises": (
        lambda: _raise(type("Shy", (Exception,), {"__str__": _raising("str")})()),
        "Shy",
    ),
    "__repr__ raises": (
        lambda: _raise(type("Shier", (Exception,), {"__repr__": _raising("repr", OSError)})("x")),
        "Shier",
    ),
    "__str__ exits": (
        lambda: _raise(type("Leaver", (Exception,), {"__str__": _raising("str", SystemExit)})()),
        "Leaver",
    ),
    "__eq__ raises": (
        lambda: _raise(type("Odd", (Exception,), {"__eq__": _raising("eq"), "__hash__": None})()),
        "Odd",
    ),
    "a group": (lambda: _raise(ExceptionGroup("g", [ValueError(1), OSError(2)])), "g"),
    "a group of all kinds": (
        lambda: _raise(BaseExceptionGroup("b", [KeyboardInterrupt(), SystemExit(3)])),
        "b",
    ),
    "20 MB": (lambda: _raise(ValueError("x" * 20_000_000)), "ValueError: xxx"),
    "a lock in it": (lambda: _raise(ValueError(threading.Lock())), "ValueError"),
    "5,000 frames": (far_down, "5,000 frames down"),
    "recursion": (recurse, "RecursionError"),
    "a circle of causes": (cyclic, "ValueError: one"),
    "a local class": (local_class, "LocalError"),
    "many notes": (noted, "noted"),
    "no traceback": (lambda: _raise(VeiledError("v")), "VeiledError, which raises"),
    "no attribute": (lambda: _raise(MuteError()), "MuteError"),
    "GeneratorExit": (lambda: _raise(GeneratorExit()), "GeneratorExit"),
    "CancelledError": (lambda: _raise(asyncio.CancelledError()), "CancelledError"),
    "StopIteration": (lambda: next(iter(())), "StopIteration"),
    "StopAsyncIteration": (lambda: _raise(StopAsyncIteration()), "StopAsyncIteration"),
    "an odd exit code": (lambda: _raise(SystemExit({"code": [1]})), "SystemExit"),
    "KeyboardInterrupt": (lambda: _raise(KeyboardInterrupt()), "KeyboardInterrupt"),
}
