"""What cannot be pickled, and what has no lasting hash."""

from __future__ import annotations

import functools
import threading

import pytest

from daskflow import flow, task
from daskflow.checking.travel import find_stuck, find_unhashable

lock = threading.Lock()
unset = None


class Holder:
    """An object with something inside that cannot travel."""

    def __init__(self):
        self.name = "holder"
        self.inner = {"deep": [1, lock]}

    def method(self, x):
        return x

    def __call__(self, x):
        return x


class Stubborn:
    def __reduce__(self):
        raise ValueError


holder = Holder()


def uses_lock(x):
    with lock:
        return x


def uses_it_inside(x):
    return [uses_lock(one) for one in x]


def defaulted(x, *, guard=lock):
    return x


def guarded(x, y=lock): ...


def nested(x):
    return lambda: (print, lock)


def closing(thing):
    def close(x):
        return thing, x

    return close


def unfinished():
    thing = lock

    def close(x):
        return later, thing, x

    if unset:
        later = 1
    return close


def made_class():
    class Made:
        inner = lock

    return Made


def stuck(function, **options):
    """Check a flow of one task with this function."""
    made = task(function, name="t", **options)
    case = flow(lambda x: made(x), name="case")
    return [str(finding) for finding in find_stuck(case, case.definition())]


BLAMED = {
    "a global": (uses_lock, "the global 'lock'"),
    "a function's global": (uses_it_inside, "the global 'uses_lock', the global 'lock'"),
    "a closure": (closing(lock), "the variable 'thing' around it"),
    "a default": (defaulted, "the default of 'guard'"),
    "a plain default": (guarded, "a default, a lock"),
    "a function in a function": (nested, "the global 'lock'"),
    "behind a variable without a value": (unfinished(), "the variable 'thing' around it"),
    "a class": (closing(made_class()), "the variable 'thing' around it"),
    "far inside": (
        functools.partial(max, [[[[[[lock]]]]]]),
        "argument 0, item 0, item 0, item 0, item 0: cannot",
    ),
    "a partial's argument": (functools.partial(max, lock), "argument 0"),
    "a partial's keyword": (functools.partial(max, key=lock), "argument 'key'"),
    "a partial's function": (functools.partial(uses_lock), "its function, the global 'lock'"),
    "a method's object": (
        holder.method,
        "its object, attribute 'inner', item 'deep', item 1",
    ),
    "an object": (holder, "attribute 'inner', item 'deep', item 1"),
    "an object that refuses": (closing(Stubborn()), "the variable 'thing' around it"),
}


@pytest.mark.parametrize(("function", "blamed"), BLAMED.values(), ids=BLAMED)
def test_what_in_a_task_is_to_blame(function, blamed):
    """The way to it is told step by step."""
    (told,) = stuck(function)
    assert told.startswith(f"error: t: its task cannot be sent to workers because of {blamed}")


def test_an_option_may_be_to_blame():
    """A trigger and a condition travel as well."""
    (told,) = stuck(max, retry_condition=closing(lock))
    assert "because of its option retry_condition=, the variable 'thing' around it: " in told


def test_why_is_told():
    """In the words of what refused, or its type where it said nothing."""
    assert stuck(uses_lock)[0].endswith(": cannot pickle '_thread.lock' object")
    assert stuck(closing(Stubborn()))[0].endswith(": ValueError")


def test_what_can_travel_is_not_told():
    """Functions of libraries and of the flow's own files, lambdas, closures."""
    assert stuck(max) == stuck(lambda x: x) == stuck(closing(1)) == stuck(closing) == []


def test_one_task_is_told_once():
    """However often it is called, also under other names."""
    made = task(uses_lock, name="t")
    case = flow(lambda x: made(made.named("u")(made(x))), name="case")
    assert [finding.where for finding in find_stuck(case, case.definition())] == ["t"]


def constants(find):
    @task(name="t")
    def made(*given, **named): ...

    @flow(name="case")
    def case(x, guard=lock, fine=1):
        one = made(x)
        made.map([1, lock], word=[1, 2])
        made({one: lock}, [one, {"k": (lock,)}], fine=2)
        return lock

    return [str(finding) for finding in find(case, case.definition())]


def test_constants_and_defaults_that_cannot_travel():
    """With the node and the argument they are for."""
    why = "cannot be sent to workers: cannot pickle '_thread.lock' object"
    assert constants(find_stuck) == [
        f"error: t-2: the constant for 'args[0]' {why}",
        f"error: case: what is returned {why}",
        f"error: t-3: a constant in 'args[0]' {why}",
        f"error: t-3: a constant in 'args[1]' {why}",
        f"error: case: the default of parameter 'guard' {why}",
    ]


def test_constants_without_a_lasting_hash():
    """They are notes: a cache would never be hit."""
    assert constants(find_unhashable) == [
        "note: t-2: the constant for 'args[0]' has no lasting hash (list), for a cache",
        "note: case: what is returned has no lasting hash (lock), for a cache",
        "note: t-3: a constant in 'args[0]' has no lasting hash (list), for a cache",
        "note: t-3: a constant in 'args[1]' has no lasting hash (list), for a cache",
        "note: case: the default of parameter 'guard' has no lasting hash (lock), for a cache",
    ]
