"""The garbage collector is kept out of the way, and comes back."""

import gc
import threading

import pytest

from daskflow.garbage import collected, uncollected


def test_it_is_off_meanwhile_and_on_again_whatever_happens() -> None:
    """An error inside leaves the process as it was."""
    was: list[bool] = []

    def look() -> None:
        with uncollected():
            was.append(gc.isenabled())
            raise KeyError

    with pytest.raises(KeyError):
        look()
    assert (was, gc.isenabled()) == ([False], True)


def test_it_is_on_while_a_thread_waits() -> None:
    """Within whatever it was switched off for; it is off again behind that."""
    with uncollected(), uncollected():
        with collected():
            assert gc.isenabled()
        assert not gc.isenabled()
    with collected():
        assert gc.isenabled()
    assert gc.isenabled()


def test_it_is_off_while_any_thread_wants_that() -> None:
    """One that waits does not switch it on for another that does not."""
    inside, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with uncollected():
            inside.set()
            may_end.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    inside.wait(10)
    with uncollected(), collected():
        assert not gc.isenabled()
    may_end.set()
    other.join()
    assert gc.isenabled()


def test_it_stays_off_where_somebody_switched_it_off() -> None:
    """Who runs without it goes on without it."""
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
