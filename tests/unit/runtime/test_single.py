"""One call of a run made once more: what it gets, and where a debugger starts."""

import json

import pytest

from daskflow import LocalExecutor, MemoryStore, flow, manual_only, states, task
from daskflow.errors import DefinitionError, ResultGoneError
from daskflow.runtime.single import frames_until
from daskflow.starting import call_of


@task
def inc(x):
    return x + 1


@task
def total(xs):
    return sum(xs)


@task(trigger=manual_only)
def wait(x):
    return x


def made(function, **options):
    return flow(function, name="case", executor=LocalExecutor(), store=MemoryStore(), **options)


def test_what_a_person_or_a_caller_said_is_an_input_too():
    """States that no block has told of, in between those that one has."""
    f = made(lambda: total(inc.map([1, 2, 3])), states={"inc[1]": states.Success(result=30)})
    run = f.run()
    call = call_of(f, run.id, "total")
    assert call.inputs() == {"xs": [2, 30, 4]}
    assert call.make().value == 36


def test_an_input_that_is_not_there_yet_is_named():
    """What it waits for has no value."""
    f = made(lambda: total(wait.map([1, 2])))
    run = f.run()
    run.approve(wait, 0)
    with pytest.raises(ResultGoneError) as caught:
        call_of(f, run.id, "total")
    assert str(caught.value) == (
        "total cannot be called here, for these inputs of it were not kept:\n"
        "  xs: wait[1] is Paused, so it has no value"
    )
    assert call_of(f, run.id, "wait[1]").make().value == 2


def test_a_map_that_has_no_children_has_no_calls():
    """The message says so."""
    f = made(lambda: inc.map(total([[1]])))
    run = f.run()
    with pytest.raises(DefinitionError, match="inc has no task runs in run"):
        call_of(f, run.id, "inc")


def raised(function):
    try:
        function()
    except ValueError as error:
        return error
    pytest.fail("it did not raise")


def files(trace):
    found = []
    while trace is not None:
        found.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return found


def test_the_innermost_frame_of_the_users_own():
    """Frames of libraries below it are left out, those of others above it stay."""
    error = raised(lambda: json.loads("{"))
    assert files(error.__traceback__)[:3] == ["raised", "<lambda>", "loads"]
    assert files(frames_until(error, lambda file: file == __file__)) == ["raised", "<lambda>"]
    assert files(frames_until(error, lambda _: True)) == files(error.__traceback__)
    assert frames_until(error, lambda _: False) is None
