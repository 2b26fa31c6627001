"""The garbage collector is kept out of the way, and comes back."""

import gc

import pytest

from daskflow.garbage import uncollected


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


def test_it_stays_off_where_somebody_switched_it_off() -> None:
    """Who runs without it goes on without it."""
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
