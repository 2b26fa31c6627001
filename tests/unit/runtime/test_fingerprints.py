"""What of a task's code makes it another one for a cache, and what does not."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial, wraps

import pytest

from daskflow import CacheKeyError, Task, task
from daskflow.runtime.fingerprints import fingerprint


def of(function, **options):
    return fingerprint(task(function, name="load", **options))


def add_one(x):
    return x + 1


def add_two(x):
    return x + 2


def from_text(text):
    """Make a function that is in no file."""
    made = {}
    exec(text, made)
    return made["f"]


def adder(number):
    def add(x):
        return x + number

    return add


def shouted(function):
    @wraps(function)
    def wrapper(x):
        return function(x) * 2

    return wrapper


def whispered(function):
    @wraps(function)
    def wrapper(x):
        return function(x) / 2

    return wrapper


class Scale(Task):
    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def run(self, x):
        return self._by(x)

    def _by(self, x):
        return x * self.factor


class Halve(Scale):
    def _by(self, x):
        return x / self.factor


class Caller:
    def __init__(self, number):
        self.number = number

    def __call__(self, x):
        return x + self.number

    def method(self, x):
        return x - self.number

    @classmethod
    def made(cls, x):
        return cls(x)

    @staticmethod
    def plain(x):
        return x


def test_the_same_code_is_the_same():
    """Whatever the options, and as often as it is asked."""
    assert of(add_one) == of(add_one, retries=3) == of(add_one)
    assert fingerprint(Scale(2)) == fingerprint(Scale(2, retries=1))
    assert fingerprint(Scale(2).with_options(name="other")) == fingerprint(Scale(2, name="other"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (add_one, add_two),
        (adder(1), adder(2)),
        (adder((1, "a")), adder((1, "b"))),
        (shouted(add_one), add_one),
        (shouted(add_one), whispered(add_one)),
        (partial(adder, 1), partial(adder, 2)),
        (partial(add_one), partial(add_two)),
        (Caller(1), Caller(2)),
        (Caller(1).method, Caller(2).method),
        (Caller(1).method, Caller(1)),
        (Caller.made, Caller.plain),
        (Caller, Scale),
        (sum, max),
        (from_text("def f(x): return x + 1"), from_text("def f(x): return x + 2")),
        (from_text("def f(x): return x.a"), from_text("def f(x): return x.b")),
        (from_text("def f(x): return lambda: 1"), from_text("def f(x): return lambda: 2")),
    ],
)
def test_other_code_is_other(one, other):
    """Text, wrappers, what a function closes over, attributes of an instance, other builtins."""
    assert of(one) == of(one)
    assert of(one) != of(other)


def test_classes_of_tasks():
    """The class, those that it is derived from, and the attributes of the instance."""
    assert len({fingerprint(one) for one in (Scale(2), Scale(3), Halve(2), Halve(3))}) == 4


def test_what_a_body_keeps_outside_does_not_count():
    """A list that a function appends to is other each time, and no part of its code."""
    seen = []

    def note(x):
        seen.append(x)
        return x

    before = of(note)
    note(1)
    assert of(note) == before


def test_what_is_closed_over_later_does_not_count():
    """A name that has no value yet."""

    def early(x):
        return later(x)

    assert of(early) == of(early)
    later = add_one
    assert early(1) == 2


def test_an_instance_that_cannot_be_hashed():
    """The task is named, and the cure."""
    one = Scale(threading.Lock(), name="load")
    with pytest.raises(CacheKeyError, match=r"the code of task 'load' .* cache_policy=INPUTS"):
        fingerprint(one)


def test_it_is_the_same_in_every_process():
    """So what one has cached another finds."""
    program = (
        "from tests.unit.runtime.test_fingerprints import *; "
        "print(*[of(f) for f in (add_one, adder(1), shouted(add_one), Caller(1), sum)], "
        "fingerprint(Halve(2)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
