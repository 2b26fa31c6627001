"""Gates hold up who comes, and nobody for ever."""

import threading

import pytest

from daskflow.testing import Gate


def test_who_comes_waits_until_it_opens(tmp_path):
    """It knows how many have come; once open it lets everybody pass."""
    gate = Gate(tmp_path / "gates" / "one")
    waiting = [threading.Thread(target=gate.wait) for _ in range(2)]
    for thread in waiting:
        thread.start()
    gate.until_waiting(2)
    assert all(thread.is_alive() for thread in waiting)
    assert not gate.is_open()
    gate.open()
    for thread in waiting:
        thread.join(15)
    gate.wait()
    assert (gate.is_open(), gate.came()) == (True, 3)


def test_nobody_waits_for_ever(tmp_path):
    """After its seconds both sides are told that nobody came, or opened."""
    gate = Gate(tmp_path, seconds=0.05)
    with pytest.raises(TimeoutError, match=r"not 1 came to the gate within 0\.05 s"):
        gate.until_waiting()
    with pytest.raises(TimeoutError, match="nobody opened the gate"):
        gate.wait()
