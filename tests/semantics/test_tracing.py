"""What cannot be done with a value that does not exist yet, and which cure is named."""

import os
import warnings
from pathlib import Path

import pytest

from daskflow import DefinitionError, LocalExecutor, ParameterError, TracingError, flow, task
from tests.semantics.bodies import ident, inc, ok

INSIDE = "do this inside a task that gets the value as an argument"
BRANCH = "branch by `case`, `switch` or `ifelse`, or let a task decide and raise Skip"
LOOP = r"to call a task for each element use .map\(...\); to take parts of it write a task"
WHERE = r"while the flow is traced \(\w+\.py:\d+\): its value does not exist yet; "
GUARDS = {
    "str": (str, INSIDE),
    "f-string": (lambda x: f"{x}", INSIDE),
    "format": ("{:>3}".format, INSIDE),
    "int": (int, INSIDE),
    "float": (float, INSIDE),
    "index": (lambda x: [1, 2][x], INSIDE),
    "round": (round, INSIDE),
    "os.fspath": (os.fspath, INSIDE),
    "Path": (Path, INSIDE),
    "bool": (bool, BRANCH),
    "if": (lambda x: 1 if x else 2, BRANCH),
    "not": (lambda x: not x, BRANCH),
    "in": (lambda x: 1 in x, BRANCH),
    "len": (len, INSIDE),
    "iteration": (list, LOOP),
    "for": (lambda x: [y for y in x], LOOP),  # noqa: C416 - a loop is what is tested
    "unpacking": (lambda x: max(*x), LOOP),
    "assignment": (lambda x: x.__setitem__(0, 1), INSIDE),
    "attribute": (lambda x: x.shape, "use it inside a task that gets this value"),
    "call": (lambda x: x(), INSIDE),
    "with": (lambda x: x.__enter__(), INSIDE),
    ".result": (lambda x: x.result(), r"drop .result\(\): pass what the task returned on"),
    ".wait": (lambda x: x.wait(), r"drop .wait\(\): .*wait_for=\[...\]"),
}


@pytest.mark.parametrize(("use", "cure"), GUARDS.values(), ids=GUARDS)
def test_a_value_cannot_be_looked_at_while_tracing(use, cure):
    """Of a task's result and of a parameter alike, naming which, and the cure."""

    def of_result():
        use(task(ok)())

    def of_parameter(day):
        use(day)

    with pytest.raises(TracingError, match=rf"of the result of task 'ok' {WHERE}.*{cure}"):
        flow(of_result).graph()
    with pytest.raises(TracingError, match=rf"of parameter 'day' {WHERE}.*{cure}"):
        flow(of_parameter).graph()
    assert issubclass(TracingError, DefinitionError)


def test_repr_and_hash_are_harmless():
    """A node can be shown by repr, hashed and kept in lists."""
    seen = []

    def case(day):
        one, two = task(ok)(), task(ok)()
        seen.extend(
            [
                repr(one),
                repr(day),
                one in [one, two],
                len({one, two, day}),
            ]
        )

    flow(case).graph()
    assert seen == ["<the result of task 'ok'>", "<parameter 'day'>", True, 3]


def test_submit_is_a_word_of_another_engine():
    """task.submit(...) raises, with the line to write instead."""
    with pytest.raises(DefinitionError, match=r"ok.submit\(...\): just call ok\(...\)"):
        flow(lambda: task(ok).submit()).graph()


_inc = task(inc)


def test_a_test_for_none_warns():
    """``is None`` cannot be caught, so the source is looked at; of plain values it may be asked."""

    def of_result():
        found = _inc(1)
        if found is None:
            return 1
        return found

    def of_parameter(day):
        return 0 if day is not None else 1

    def of_neither(day):
        nothing = None
        return _inc(1) if nothing is None else day

    for case, told in [(of_result, "found is None"), (of_parameter, "day is not None")]:
        with pytest.warns(UserWarning, match=f"flow '{case.__name__}' tests '{told}' while"):
            flow(case).graph()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow(of_neither).graph()


def test_plain_python_runs_while_tracing():
    """Loops and branches over what is known are ordinary Python; the function runs once."""
    traced = []

    @flow(executor=LocalExecutor())
    def case(x):
        traced.append(x)
        for _ in range(3):
            x = _inc(x)
        return x

    assert traced == []
    assert [case(1), case(5)] == [4, 8]
    assert len(traced) == 1


def test_what_a_flow_raises_while_it_is_traced():
    """An exception of the function's own comes out as it is, each time."""

    def case():
        raise KeyError("mine")

    broken = flow(case, executor=LocalExecutor())
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            broken.run()
    assert _inc(1) == 2  # tracing has ended


def test_a_flow_needs_names_for_its_parameters():
    """*args and **kwargs cannot be passed by name, so they are refused."""
    for case in (lambda *days: days, lambda **days: days):
        with pytest.raises(DefinitionError, match=r"\*days has no name to pass it by"):
            flow(case, name="case")


def test_parameters_are_coerced_by_their_annotations():
    """Text from a command line becomes what is annotated; without annotation all is as given."""
    import datetime as dt

    @flow(executor=LocalExecutor())
    def case(day: dt.date, factors: list[float], limit: int | None = None, anything=None):
        return task(ident)([day, factors, limit, anything])

    run = case.run("2013-01-31", ("1", 2), anything="7")
    assert run.result() == [dt.date(2013, 1, 31), [1.0, 2.0], None, "7"]
    assert case(dt.date(2013, 1, 31), [], limit="3")[2] == 3


def test_all_problems_with_parameters_are_told_at_once():
    """Each invalid parameter is named with what was expected and what was given."""

    @flow(executor=LocalExecutor())
    def case(a: int, b: list[int], c: float = 1.0):
        return a

    with pytest.raises(ParameterError) as caught:
        case.run("x", [1, "y"], c=None)
    for words in ("flow 'case'", "a: ", "b: [1]", "c: ", "got 'x'", "got None", "c: float = 1.0"):
        assert words in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_large_default_does_not_fill_the_message():
    """What a flow takes is told with defaults shortened."""

    @flow(executor=LocalExecutor())
    def case(a, b=tuple(range(1000))):
        return a

    with pytest.raises(ParameterError, match="missing: a") as caught:
        case.run()
    assert len(str(caught.value)) < 200


def test_positional_and_keyword_only_parameters():
    """/ and * in a flow's signature mean what they mean in Python."""

    @flow(executor=LocalExecutor())
    def case(a, /, b, *, c=3):
        return task(ident)([a, b, c])

    assert case(1, 2) == [1, 2, 3]
    assert case(1, b=2, c=4) == [1, 2, 4]
    with pytest.raises(ParameterError, match="3 values by position, at most 2"):
        case.run(1, 2, 3)


def test_a_constant_that_cannot_travel_is_refused():
    """An argument that cannot be sent to a worker is named before anything runs, everywhere."""
    import threading

    with pytest.raises(DefinitionError, match=r"the value of 'ident.x' cannot be sent to workers"):
        flow(lambda: task(ident)(threading.Lock()), executor=LocalExecutor()).run()
