"""What cannot be done with a value to come, and how it is told."""

from __future__ import annotations

import math
import operator
import os
import pickle

import cloudpickle
import pytest

from daskflow.definition.placeholders import Node, Parameter, holds_placeholder
from daskflow.errors import TracingError

USES = {
    "str()": [str, "{}".format],
    "use as a number": [int, float, complex, round, operator.index, math.floor],
    "os.fspath()": [os.fspath],
    "the truth value": [bool, operator.not_],
    "`in`": [lambda node: 1 in node],
    "comparison": [
        lambda node: node < 1,
        lambda node: node >= 1,
        lambda node: node == 1,
        lambda node: node != 1,
        lambda node: node in [1, 2],
    ],
    "len()": [len],
    "iteration": [list, next, lambda node: [*node]],
    "[...]": [lambda node: node[0], lambda node: node["a"]],
    "arithmetic": [
        lambda node: node + 1,
        lambda node: 2**node,
        lambda node: node @ node,
        lambda node: -node,
        lambda node: 1 | node,
        lambda node: ~node,
    ],
    "call": [lambda node: node(1)],
    "`with`": [lambda node: node.__enter__()],
    ".columns": [lambda node: node.columns],
    ".result": [lambda node: node.result()],
    ".wait": [lambda node: node.wait()],
}


@pytest.mark.parametrize("made", [Node("clean"), Parameter("limit")], ids=["node", "parameter"])
@pytest.mark.parametrize(("use", "do"), [(use, do) for use, all_ in USES.items() for do in all_])
def test_a_value_to_come_cannot_be_used(made, use, do):
    """Each use of it raises, naming the use and the thing, and says what to do instead."""
    with pytest.raises(TracingError, match="its value does not exist yet; ") as caught:
        do(made)
    if do is not math.floor:  # which asks for a float by a way of its own
        assert str(caught.value).startswith(use)
    what = "the result of task 'clean'" if made._name == "clean" else "parameter 'limit'"
    assert f" of {what} while the flow is traced (test_placeholders.py:" in str(caught.value)


def test_looking_at_one_is_harmless():
    """A debugger or a test may show a node, and ask it for what Python asks of any object."""
    assert repr(Node("clean")) == "<the result of task 'clean'>"
    assert repr(Parameter("limit")) == "<parameter 'limit'>"
    assert not hasattr(Node("clean"), "_ipython_display_")
    assert len({Node("clean"), Parameter("limit")}) == 2


def test_one_is_known_by_its_identity():
    """It can be the key of a dict or in a set, where the same one is found without a comparison."""
    node, parameter = Node("clean"), Parameter("clean")
    assert {node: 1, parameter: 2}[node] == 1
    assert node in {node, parameter}


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"])
@pytest.mark.parametrize("made", [Node("clean"), Parameter("limit")], ids=["node", "parameter"])
def test_one_cannot_be_pickled(made, dumps):
    """One inside of a value that is not looked into is refused before it goes astray."""
    with pytest.raises(TracingError) as caught:
        dumps({"k": made})
    what = "the result of task 'clean'" if made._name == "clean" else "parameter 'limit'"
    assert str(caught.value) == (
        f"{what} is inside of a value that daskflow does not look into; pass it as an argument "
        "of its own, or in a list, tuple, set or dict"
    )


@pytest.mark.parametrize("name", ["_name_", "_repr_html_", "__len__x"])
def test_private_names_are_absent(name):
    """What a debugger or a notebook asks for is an `AttributeError`; `.name` is no way in."""
    with pytest.raises(AttributeError):
        getattr(Node("clean"), name)
    with pytest.raises(TracingError, match=r"^\.name of the result of task 'clean'"):
        _ = Node("clean").name


def test_the_cures_say_what_to_do():
    """A branch is left to a task, a loop to .map, all else to the inside of a task."""

    def told(do):
        with pytest.raises(TracingError) as caught:
            do(Node("clean"))
        return str(caught.value).partition("its value does not exist yet; ")[2]

    branch = "branch by `case`, `switch` or `ifelse`, or let a task decide and raise Skip"
    assert told(bool) == told(lambda node: 1 in node) == branch
    inside = "do this where the flow is traced, or under its `with`"
    assert told(lambda node: node == 1) == told(lambda node: node + 1) == inside
    loop = "to call a task for each element use .map(...); to take parts of it write a task"
    assert told(list) == loop
    assert told(int) == "do this inside a task that gets the value as an argument"


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (Node("a"), True),
        ([1, (2, {"k": Node("a")})], True),
        ({Parameter("p"): 1}, True),
        ({1, 2}, False),
        ([[], {}, ()], False),
        ("a", False),
    ],
)
def test_whether_a_value_holds_one_to_come(value, holds):
    """Plain containers are looked into, at any depth."""
    assert holds_placeholder(value) is holds
