"""A plan of faults: what each call comes to, and that each is counted."""

import threading
from datetime import date

import numpy as np
import pytest

from daskflow import Fail, Skip, task
from daskflow.testing import OK, FaultPlan


def plus(x, y=10, *, z=0):
    """Add."""
    return x + y + z


def test_calls_go_by_the_list_of_their_input(tmp_path):
    """Raised: exceptions, signals, classes; returned: values; else the function is called."""
    plan = FaultPlan(tmp_path / "calls", {1: [ValueError("no"), Skip, Fail("x"), None, OK, 5]})
    planned = plan.around(lambda x: -x)
    with pytest.raises(ValueError, match="no"):
        planned(1)
    with pytest.raises(Skip):
        planned(1)
    with pytest.raises(Fail):
        planned(1)
    assert [planned(1) for _ in range(5)] == [None, -1, 5, -1, -1]
    assert planned(2) == -2
    assert (plan.calls(1), plan.calls(2), plan.calls(3), plan.calls()) == (8, 1, 0, 9)


def test_several_arguments_are_a_tuple(tmp_path):
    """In the order of the function, however they were passed."""
    plan = FaultPlan(tmp_path / "calls", {(1, 2): ["first"], (3, 4, 5): ["second"]})
    planned = plan.around(plus)
    assert planned(y=2, x=1) == "first"
    assert planned(3, 4, z=5) == "second"
    assert planned(1) == 11
    assert (plan.calls(1, 2), plan.calls((3, 4, 5)), plan.calls(1)) == (1, 1, 1)


def test_functions_that_do_not_tell_their_arguments(tmp_path):
    """Those that take any, and builtins."""
    plan = FaultPlan(tmp_path / "calls", {(1, 2): ["pair"], 3: ["one"]})
    planned = plan.around(lambda *args, **kwargs: "called")
    assert [planned(1, 2), planned(3), planned(1, x=2)] == ["pair", "one", "called"]
    assert plan.around({7: "builtin"}.__getitem__)(7) == "builtin"


def test_inputs_of_any_kind(tmp_path):
    """They are told apart by how they are shown, in one line each."""
    table = np.zeros((2, 2))
    plan = FaultPlan(tmp_path / "calls", {date(2026, 3, 1): ["march"]})
    planned = plan.around(lambda x: "called")
    assert [planned(date(2026, 3, 1)), planned(table), planned(["a\nb"])] == [
        "march",
        "called",
        "called",
    ]
    assert plan.calls(table) == plan.calls(["a\nb"]) == 1
    assert len(plan.counts()) == 3


def test_nothing_was_called_yet(tmp_path):
    """Without a file there is nothing to count."""
    plan = FaultPlan(tmp_path / "calls")
    assert (plan.calls(), plan.calls(1), plan.counts()) == (0, 0, {})


def test_it_looks_like_the_function(tmp_path):
    """Name, text and signature are those of the function, or of the task's."""
    made = task(FaultPlan(tmp_path / "calls").around(task(plus)))
    assert (made.name, made.__doc__, str(made.binding)) == ("plus", "Add.", "plus(x, y=10, *, z=0)")


def test_calls_at_the_same_time_are_counted_apart(tmp_path):
    """Each number is given out once."""
    plan = FaultPlan(tmp_path / "calls", {1: list(range(200))})
    planned = plan.around(lambda x: "beyond")
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(planned(1) for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(200))
