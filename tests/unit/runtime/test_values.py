"""Values of a run, from the record or from the blocks that hold them."""

from __future__ import annotations

import gc
import pickle

import pytest

from daskflow import Fail, Skip, all_finished, task
from daskflow.errors import CrashedError, ResultGoneError, TaskRunError, TriggerFailedError
from daskflow.runtime.values import Values
from daskflow.sealing import Sealed
from tests.unit.runtime.book import Book


@task
def give(x):
    if isinstance(x, BaseException):
        raise x
    return x


@task
def pair(x, y=None):
    return x, y


LARGE = "x" * 5000


def values(function, block_size=None, **parameters):
    book = Book(function, **parameters).play(block_size)
    return Values(book.record, book), book


def test_small_values_are_in_the_record():
    """Small ones need no executor: they came with the report."""
    found, book = values(lambda: give.map([1, None, "x"]))
    book.held.clear()
    assert found.at("give") == [1, None, "x"]
    assert found.at("give", (2,)) == "x"


def test_large_values_are_fetched():
    """What is not small is asked of the blocks that have it, each once."""
    found, _ = values(lambda: give.map([LARGE, 1, LARGE + "y", LARGE]), block_size=2)
    assert found.at("give") == [LARGE, 1, LARGE + "y", LARGE]
    assert found.many("give", [3, 0]) == [LARGE, LARGE]


def test_the_right_segment_of_a_block_is_read():
    """A block of several nodes and stretches is looked through for the one that is asked for."""

    def case(xs):
        x = give.map(xs)
        return x, give.map(x)

    found, book = values(case, xs=[LARGE, LARGE + "y"], block_size=2)
    assert found.at("give-2", (1,)) == LARGE + "y"
    book.held[book.record.keys[1]] = []
    with pytest.raises(ResultGoneError, match=r"^the value of give-2\[1\] was not kept: "):
        found.at("give-2", (1,))


def test_a_value_that_was_not_kept():
    """Where the block is gone the error names the task run and the cure."""
    found, book = values(lambda: give.map([1, LARGE]))
    book.held.clear()
    with pytest.raises(ResultGoneError) as caught:
        found.at("give")
    assert str(caught.value) == (
        "the value of give[1] was not kept: return it from the flow, and read it before the "
        "executor is gone, or keep it with persist_result=True"
    )
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_child_that_its_block_did_not_keep():
    """A value that only its own lane needed is told to be gone; it is not None."""
    found, _ = values(lambda xs: give.map(give.map(xs)), xs=[LARGE, 1], block_size=2)
    assert found.at("give-2") == [LARGE, 1]
    with pytest.raises(ResultGoneError, match=r"^the value of give\[0\] was not kept: return it"):
        found.at("give", (0,))
    assert found.at("give", (1,)) == 1  # a small one came with the report


def test_a_value_is_opened_when_it_is_read():
    """What came from another process sealed is unpickled for the reader, as often as he asks."""
    found, book = values(lambda: give([LARGE]))
    for key, segments in book.held.items():
        book.held[key] = pickle.loads(pickle.dumps(segments))
    (segment,) = book.held[book.record.keys[1]]
    assert type(segment.values[0]) is Sealed
    assert found.at("give") == found.at("give") == [LARGE]


def test_the_last_view_closes_the_session():
    """The values end the run's hold on its executor when nobody can ask for them any more."""
    found, book = values(lambda: give(1))
    again = found
    del found
    gc.collect()
    assert not book.is_closed
    del again
    gc.collect()
    assert book.is_closed


def test_what_is_not_finished_has_no_value():
    """An unfinished task run is named."""
    book = Book(lambda: give(1))
    book.lower()
    with pytest.raises(ResultGoneError, match=r"^give is not finished: it has no value yet"):
        Values(book.record, book).at("give")


def test_what_stands_for_other_ends():
    """A skip is None, a failure its exception; a refused one tells its trigger."""
    error = ValueError("no")
    found, _ = values(lambda xs: give.map(give.map(xs)), xs=[1, Skip("so"), error])
    assert found.at("give") == [1, None, error]
    one, skipped, refused = found.at("give-2")
    assert (one, skipped) == (1, None)
    assert isinstance(refused, TriggerFailedError)
    assert str(refused).startswith("give-2[2]: trigger all_successful said no")


def test_parents_without_children():
    """Of a map that ended without children the value is its exception, of a skipped one None."""

    def case(x):
        return give.map(give(x))

    found, _ = values(case, x=5)
    assert "cannot map over an int" in str(found.at("give-2"))
    found, _ = values(case, x=Skip("so"))
    assert found.at("give-2") is None


def test_what_the_driver_ended():
    """A lost task run passes a CrashedError, a cancelled one an error that says so."""
    book = Book(lambda: (give(1), give(2)))
    book.lower()
    book.fold(1, error="worker lost")
    book.record.cancel_unfinished("by hand")
    found = Values(book.record, book)
    assert isinstance(found.at("give"), CrashedError)
    assert str(found.at("give")) == "give: worker lost"
    assert type(found.at("give-2")) is TaskRunError
    assert "by hand" in str(found.at("give-2"))


def test_the_result_of_fail_is_what_a_consumer_gets():
    """Downstream meets the result, a user who asks for the value the exception."""
    rescue = task(pair.fn, name="rescue", trigger=all_finished)
    found, _ = values(lambda x: rescue(give(x)), x=Fail("no", result=[7]))
    assert found.at("rescue") == ([7], None)
    assert type(found.at("give")) is Fail
