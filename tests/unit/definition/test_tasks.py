"""Tasks outside of flows: their functions, their options, their rules."""

from __future__ import annotations

import functools
import inspect
from datetime import timedelta

import cloudpickle
import pytest

from daskflow import DefinitionError, LocalExecutor, Task, all_failed, flow, not_all_skipped, task
from daskflow.demands import Demand
from daskflow.retries import RetryPolicy


def add(x: int, y: int = 10) -> int:
    """Add."""
    return x + y


def test_outside_of_a_flow_a_task_is_its_function():
    """It is called with its arguments, and looks like what it was made of."""
    made = task(add)
    assert made(1) == 11
    assert made(1, y=2, wait_for=["ignored"]) == 3
    assert (made.__name__, made.__doc__) == ("add", "Add.")
    assert inspect.signature(made) == inspect.signature(add)
    assert repr(made) == "<task 'add'>"


def test_the_ways_to_make_one():
    """Bare, with options, and of any callable."""
    made = task(retries=2)(add)
    assert isinstance(made, Task)
    assert made.rules.retry.retries == 2
    assert task(functools.partial(add, 1), name="add_one")(2) == 3


@pytest.mark.parametrize(
    ("function", "name"),
    [(add, "add"), (lambda: 0, "lambda_"), (functools.partial(add), "partial"), (max, "max")],
)
def test_the_name_of_a_task(function, name):
    """By default a task is named as its function, or as its class where that has no name."""
    assert task(function).name == name
    assert task(function, name="other").name == "other"


def test_what_is_not_a_function():
    """A task is made of something that can be called."""
    with pytest.raises(DefinitionError, match="a task needs a function, not 7"):
        Task(7)


def test_the_rules_of_a_task():
    """Options become rules, a single tag or exception as well as several."""
    made = task(
        add,
        trigger=all_failed,
        skip_on_upstream_skip=False,
        retries=3,
        retry_delay_seconds=[1, timedelta(seconds=2)],
        retry_jitter_factor=0.5,
        retry_on=KeyError,
        retry_condition=bool,
        tags="io",
        resources={"GPU": 1},
        priority=5,
        workers="big",
    )
    assert made.rules.trigger is all_failed
    assert made.rules.skips_with_upstream is False
    assert made.rules.retry == RetryPolicy(3, [1, timedelta(seconds=2)], 0.5, (KeyError,), bool)
    assert made.rules.tags == {"io"}
    assert made.rules.demand == Demand((("GPU", 1),), 5, ("big",))
    assert task(add, tags=["a", "b"]).rules.tags == {"a", "b"}


@pytest.mark.parametrize("timeout", [90, timedelta(minutes=1, seconds=30), 90.0])
def test_a_timeout_is_a_number_of_seconds(timeout):
    """However it is given; without one a task takes as long as it likes."""
    assert task(add, timeout_seconds=timeout).rules.timeout == 90.0
    assert task(add, timeout_seconds=None).rules.timeout is None


def test_not_all_skipped_brings_its_own_skip_rule():
    """With that trigger the skip rule is off, whatever was said."""
    made = task(add, trigger=not_all_skipped, skip_on_upstream_skip=True)
    assert made.rules.skips_with_upstream is False


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"retires": 2}, "no option is called retires=; there are: name, tags, trigger"),
        ({"max_retries": 2}, "max_retries= is called retries= here"),
        ({"upstream_tasks": []}, "upstream_tasks= is called wait_for= here"),
        ({"retries": -1}, "retries=-1 must be a whole number from 0"),
        ({"retries": 1.5}, "retries=1.5 must be a whole number from 0"),
        ({"trigger": "all_failed"}, "trigger='all_failed' must be a function"),
        ({"retry_delay_seconds": "10"}, "retry_delay_seconds='10' must be a number"),
        ({"retry_delay_seconds": [1, None]}, "must be a number, a timedelta, a list of them"),
        ({"retry_on": "ValueError"}, "retry_on='ValueError' must be a class of exceptions"),
        ({"retry_on": [ValueError]}, "must be a class of exceptions, or a tuple of them"),
        ({"retry_on": (ValueError, int)}, "must be a class of exceptions, or a tuple of them"),
        ({"resources": {"GPU": 0}}, "task 'add': resources={'GPU': 0} must name amounts above"),
        ({"priority": "high"}, "task 'add': priority='high' must be a whole number"),
        ({"workers": ()}, r"task 'add': workers=\(\) must be the name, host or address"),
        *[
            ({"timeout_seconds": seconds}, "must be a time above 0, or None")
            for seconds in (0, -1, float("inf"), float("nan"), "60", timedelta(0))
        ],
        ({"on_failure": "mail"}, "task 'add': on_failure='mail' must be a function or a list"),
        ({"name": "no name"}, "'no name' cannot name a task"),
    ],
)
def test_options_that_make_no_sense(options, told):
    """A wrong option is refused where it is written, naming the task and what it may be."""
    with pytest.raises(DefinitionError, match=told):
        task(add, **options)


def test_options_are_replaced_one_by_one():
    """`with_options` keeps what it does not name, and leaves the task as it is."""
    made = task(add, retries=3, name="sum")
    other = made.with_options(retries=1)
    assert (other.name, other.rules.retry.retries) == ("sum", 1)
    assert made.rules.retry.retries == 3


def test_words_of_prefect_3():
    """`submit` names the cure, and `map` outside of a flow too."""
    made = task(add)
    with pytest.raises(DefinitionError, match=r"add\.submit\(\.\.\.\): just call add"):
        made.submit(1)
    with pytest.raises(DefinitionError, match=r"works inside a flow; here: \[add\(x\) for x"):
        made.map([1])


def rest(x, *more, z=0, **named): ...


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: task(add)(1, 2), ["x", "y"]),
        (lambda: task(add)(1), ["x"]),
        (lambda: task(rest)(1, 2, 3, z=4, other=5), ["x", "args[0]", "args[1]", "z", "other"]),
        (lambda: task(max)(1, 2), ["args[0]", "args[1]"]),
        (lambda: task(dict)(k=1), ["k"]),
    ],
)
def test_which_parameter_an_argument_feeds(call, names):
    """Arguments are named as the function does; those it has no name for by their place."""
    graph = flow(call, name="case").graph()
    (node,) = graph.nodes.values()
    assert [argument.name for argument in node.arguments] == names


@pytest.mark.parametrize("call", [lambda: [task(add)()], lambda: task(add)(1, 2, 3)])
def test_a_call_that_does_not_fit(call):
    """Too few or too many arguments are seen while the flow is traced."""
    with pytest.raises(DefinitionError, match=r"add\(x: 'int', y: 'int' = 10\).*: "):
        flow(call, name="case").graph()


def test_options_keep_the_name_of_the_node():
    """In either order ``named`` and ``with_options`` come to the same."""
    made = task(add)

    def case():
        made.named("raw").with_options(retries=2)(1)
        made.with_options(retries=3).named("other")(1)

    nodes = flow(case).graph().nodes
    found = {name: node.task.rules.retry.retries for name, node in nodes.items()}
    assert found == {"raw": 2, "other": 3}
    assert made.node_name is None


@pytest.mark.parametrize("kind", [int, str, list, dict, type], ids=lambda kind: kind.__name__)
def test_a_task_of_a_class_travels(kind):
    """Signatures that Python cannot tell do not get in the way of pickling."""
    made = cloudpickle.loads(cloudpickle.dumps(task(kind)))
    assert (made.fn, made.name) == (kind, kind.__name__)
    assert flow(lambda: task(kind)(1), name="case").graph().order() == [kind.__name__]


def test_a_position_and_a_keyword_of_the_same_name():
    """They are two arguments, each with a value of its own."""

    def g(a, /, **kw): ...

    made = flow(lambda: task(g)(1, a=2), name="case").definition()
    assert sorted(made.literals.values()) == [1, 2]
    assert [argument.keyword for argument in made.graph.nodes["g"].arguments] == [None, "a"]


def test_a_parameter_named_self():
    """It is a name like any other, inside a flow and outside, by keyword too."""

    def own(self, x=0):
        return self, x

    made = task(own)
    assert made(1) == made(self=1) == (1, 0)
    assert flow(lambda: made(self=5), executor=LocalExecutor())() == (5, 0)
    assert flow(lambda: made.map(self=[5, 6]), executor=LocalExecutor())() == [(5, 0), (6, 0)]
