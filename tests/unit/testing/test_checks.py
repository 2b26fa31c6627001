"""Expected states, and how a difference reads."""

import pytest

from daskflow import LocalExecutor, flow, task
from daskflow.testing import assert_states, calls


@task(retries=1)
def inverse(x):
    return 1 / x


@task
def numbers(n):
    return list(range(n))


@flow
def part(n):
    return inverse.map(numbers(n))


@flow(executor=LocalExecutor())
def case(xs):
    inverse.named("one")(1)
    task(len).named("broken")(1)
    inverse.named("none").map(inverse.named("zero")(0))
    part.map(xs)


RUN = case.run([1, 2])
GOOD = {
    "one": "Success",
    "broken": "Failed",
    "none": "TriggerFailed",
    numbers: ["Success", "Success"],
    "part.inverse": [["Failed"], ["Failed", "Success"]],
}


def test_what_is_as_expected():
    """Single, mapped and nested ones, the parent alone, and the flow."""
    assert_states(RUN, GOOD, flow="Failed")
    assert_states(RUN, {"part.inverse": "Mapped", "part.numbers": ["Success", "Success"]})
    assert_states(RUN, {})


DIFFERENCES = [
    ({"one": "Skipped"}, "one: Success, expected Skipped"),
    ({"one": ["Success"]}, "one: Success, expected 1 children"),
    ({"part.numbers": ["Success"]}, "part.numbers: 2 children, expected 1"),
    ({"none": ["Success"]}, "none: 0 children, expected 1, it is TriggerFailed"),
    (
        {"part.inverse": [["Failed"], ["Failed", "Failed"]]},
        "part.inverse[1, 1]: Success, expected Failed",
    ),
    ({"part.inverse": ["Mapped", "Failed"]}, "part.inverse[1]: Mapped, expected Failed"),
]


@pytest.mark.parametrize(("expected", "told"), DIFFERENCES)
def test_a_difference_is_told(expected, told):
    """A line for each, under the name of the run."""
    with pytest.raises(AssertionError) as caught:
        assert_states(RUN, expected)
    head, line = str(caught.value).splitlines()
    assert head == f"flow run {RUN.name!r} is not as expected:"
    assert line.strip().startswith(told)


def test_all_differences_are_told():
    """Not the first one only, and the flow's own."""
    with pytest.raises(AssertionError) as caught:
        assert_states(RUN, {"one": "Failed", "broken": "Success"}, flow="Success")
    assert [line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]] == [
        "flow run",
        "one",
        "broken",
    ]


def test_calls_by_task_run():
    """Those whose bodies were started, children each."""
    assert calls(RUN) == {
        "one": 1,
        "broken": 1,
        "zero": 2,
        "part.numbers[0]": 1,
        "part.numbers[1]": 1,
        "part.inverse[0, 0]": 2,
        "part.inverse[1, 0]": 2,
        "part.inverse[1, 1]": 1,
    }
