"""What tasks raise to end in a state of their choice."""

from __future__ import annotations

import pickle

import pytest

from daskflow import Fail, Skip


@pytest.mark.parametrize("kind", [Fail, Skip])
def test_except_exception_lets_a_signal_pass(kind):
    """A task that swallows its errors does not swallow its signals."""

    def swallowing():
        try:
            raise kind("why")
        except Exception:  # noqa: BLE001 - the claim is that this does not catch it
            return "swallowed"

    with pytest.raises(kind):
        swallowing()


@pytest.mark.parametrize("kind", [Fail, Skip])
def test_a_signal_travels_with_its_message_and_result(kind):
    """Between processes a signal keeps what it carries."""
    there = pickle.loads(pickle.dumps(kind("why", result=[1])))
    assert (type(there), there.message, there.result) == (kind, "why", [1])
    assert str(there) == "why"


def test_a_signal_needs_no_words():
    """The message is empty and the result None unless they are given."""
    signal = Skip()
    assert (signal.message, signal.result) == ("", None)
