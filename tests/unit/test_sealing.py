"""Values on their way: what is sealed, what is opened, and what cannot be read."""

from __future__ import annotations

import copyreg
import pickle
from pickle import PicklingError

import numpy as np
import pytest

from daskflow.errors import CrashedError
from daskflow.sealing import Sealed, Unreadable, opened, seal


class Torn:
    """Can be pickled, and not be unpickled."""

    def __reduce__(self):
        return int, ("x",)


class Stuck:
    """Cannot be pickled."""

    def __reduce__(self):
        raise ValueError("stuck")


class LateStuck:
    """Gives away a buffer before it turns out that it cannot be pickled by name."""

    def __init__(self, array, function):
        self.array = array
        self.function = function


@pytest.mark.parametrize("value", [None, True, 7, 1.5, 2j, "text", b"bytes"], ids=repr)
def test_what_is_harmless_travels_as_it_is(value):
    """A plain number, text or None is not sealed: no pickle of it can go wrong."""
    assert seal(value) is value
    assert opened(value) is value


def test_a_value_is_sealed_once():
    """What is sealed, or could not be, is passed on as it is by the next block."""
    once = seal([1])
    assert type(once) is Sealed
    assert seal(once) is once
    hopeless = seal(Stuck())
    assert seal(hopeless) is hopeless


class OwnInt(int):
    """A subclass of a harmless type."""


@pytest.mark.parametrize(
    "value", [[1, "x"], {"a": (1, None)}, {1}, OwnInt(3), ValueError], ids=repr
)
def test_what_was_sealed_is_opened(value):
    """A sealed value comes out equal, of its own type, also after a journey of its own."""
    sealed = seal(value)
    assert type(sealed) is Sealed
    for arrived in (sealed, pickle.loads(pickle.dumps(sealed, 5))):
        assert opened(arrived) == value
        assert type(opened(arrived)) is type(value)


def test_each_opening_is_a_value_of_its_own():
    """Two consumers that open the same bytes do not share what they get."""
    sealed = seal([1])
    opened(sealed).append(2)
    assert opened(sealed) == [1]


def test_functions_and_local_classes_are_sealed():
    """What pickle does not find by name travels by value."""

    class Local:
        here = 5

    assert opened(seal(lambda x: x + 1))(1) == 2
    assert opened(pickle.loads(pickle.dumps(seal(Local()), 5))).here == 5


def test_buffers_stay_out_of_band():
    """A large array's bytes are beside the pickle, not copied into it, and not by Dask either."""
    array = np.arange(100_000)
    sealed = seal([array])
    (buffer,) = sealed.buffers
    assert len(sealed.data) < 1000
    assert buffer.raw().nbytes == array.nbytes
    assert np.shares_memory(np.frombuffer(buffer, array.dtype), array)
    assert np.shares_memory(opened(sealed)[0], array)

    beside = []
    data = pickle.dumps(sealed, 5, buffer_callback=beside.append)
    assert len(data) < 2000
    assert sum(found.raw().nbytes for found in beside) == array.nbytes
    assert np.array_equal(opened(pickle.loads(data, buffers=beside))[0], array)


@pytest.mark.parametrize("is_frozen", [False, True], ids=["writable", "frozen"])
def test_an_old_protocol_takes_the_buffers_along(is_frozen):
    """Where Dask pickles without buffers beside the bytes they arrive all the same."""
    array = np.arange(100_000)
    array.flags.writeable = not is_frozen
    arrived = opened(pickle.loads(pickle.dumps(seal(array), 4)))
    assert np.array_equal(arrived, array)
    assert arrived.flags.writeable is not is_frozen


def test_buffers_of_a_failed_try_are_forgotten():
    """Where pickle gives up after it met a buffer the second try has each buffer once."""
    array = np.arange(100_000)
    sealed = seal(LateStuck(array, lambda: 7))
    assert len(sealed.buffers) == 1
    arrived = opened(sealed)
    assert np.array_equal(arrived.array, array)
    assert arrived.function() == 7


def test_a_value_that_cannot_be_pickled_is_told():
    """Its place is taken by what says why, and that is raised where the value is needed."""
    sealed = seal(Stuck())
    assert type(sealed) is Unreadable
    for arrived in (sealed, pickle.loads(pickle.dumps(sealed, 5))):
        with pytest.raises(CrashedError) as caught:
            opened(arrived)
        assert str(caught.value) == "a Stuck cannot be pickled: ValueError('stuck')"


def test_a_value_that_cannot_be_unpickled_is_told():
    """The consumer that opens it gets the reason, with the original as its cause."""
    sealed = seal(Torn())
    assert type(sealed) is Sealed
    with pytest.raises(CrashedError, match=r"^a value cannot be unpickled: ValueError\(") as caught:
        opened(pickle.loads(pickle.dumps(sealed, 5)))
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_exception_is_asked_itself(monkeypatch):
    """Not the way that a library installed in this process, which takes all its frames along."""

    def deep(error):
        raise PicklingError("excessively deep")

    monkeypatch.setitem(copyreg.dispatch_table, RecursionError, deep)
    with pytest.raises(PicklingError):
        pickle.dumps(RecursionError("deep"))
    alone, inside = seal(RecursionError("deep")), seal({"error": RecursionError("deep")})
    assert repr(opened(alone)) == "RecursionError('deep')"
    assert repr(opened(inside)["error"]) == "RecursionError('deep')"
