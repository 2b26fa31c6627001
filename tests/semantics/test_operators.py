"""Operators, ``[...]`` and unpacking on values to come: the same as on the values themselves."""

import math
import operator

import numpy as np
import pandas as pd
import pytest

from daskflow import DefinitionError, LocalExecutor, TracingError, flow, task
from tests.semantics.bodies import add, ident, inc, kinds, ok, rng

BRANCH = "branch by `case`, `switch` or `ifelse`, or let a task decide and raise Skip"
OUTSIDE = "do this where the flow is traced, or under its `with`"


@pytest.fixture
def run(executor, block_size):
    """Run a function as a flow."""

    def run(function, *args):
        return flow(function, executor=executor, block_size=block_size).run(*args)

    return run


BINARY = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "floor_divide": lambda x, y: x // y,
    "modulo": lambda x, y: x % y,
    "power": lambda x, y: x**y,
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x ^ y,
    "shift_left": lambda x, y: x << y,
    "shift_right": lambda x, y: x >> y,
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "equal": lambda x, y: x == y,
    "not_equal": lambda x, y: x != y,
    "greater_equal": lambda x, y: x >= y,
    "greater": lambda x, y: x > y,
}
UNARY = {
    "negative": operator.neg,
    "positive": operator.pos,
    "invert": operator.invert,
    "absolute": abs,
}
MIRRORED = {"less": "greater", "less_equal": "greater_equal"}


def as_flow(function, *args):
    """Return what a function gives as a flow, and the names of its nodes."""
    made = flow(function, name="case", executor=LocalExecutor())
    return made(*args), list(made.graph().nodes)


@pytest.mark.parametrize("name", BINARY)
def test_a_binary_operator_is_a_node(name):
    """Between two values to come, and with a constant on either side."""
    apply = BINARY[name]
    mirrored = {**MIRRORED, **{there: here for here, there in MIRRORED.items()}}.get(name, name)

    def case(p):
        x = task(ident)(7)
        return [apply(x, p), apply(x, 2), apply(9, p)]

    values, nodes = as_flow(case, 3)
    assert values == [apply(7, 3), apply(7, 2), apply(9, 3)]
    assert nodes == ["ident", name, f"{name}-2", f"{name}-3" if mirrored == name else mirrored]


@pytest.mark.parametrize("name", UNARY)
def test_a_unary_operator_is_a_node(name):
    """Of the result of a task and of a parameter."""
    apply = UNARY[name]
    values, nodes = as_flow(lambda p: [apply(task(ident)(-7)), apply(p)], 3)
    assert values == [apply(-7), apply(3)]
    assert nodes == ["ident", name, f"{name}-2"]


def test_operators_on_every_executor(run):
    """Arithmetic, items, slices, frames and unpacking, where Dask carries them out too."""

    @task
    def split(x) -> tuple[int, str]:
        return x, str(x)

    def case(p):
        numbers = task(rng)(10)
        first, second = split(numbers[p])
        frame = task(pd.DataFrame)({"a": numbers})
        return {
            "sum": numbers[1] + 2 * p - task(ok)(),
            "slices": [numbers[p : p + 3], numbers[::-4], numbers[: -task(ok)()]],
            "unpacked": [first, second],
            "corner": task(np.size)(task(np.ones)((3, 4))[: task(ok)(), p:]),
            "matrix": np.array([1, 2]) @ task(ident)(np.array([3, 4])),
            "array": np.array([1, 2]) + task(ok)(),
            "frame": (frame["a"] > p) & (frame["a"] < 5),
            "cell": task(ident)({"k": [1, (2, 3)]})["k"][p - 1][0],
        }

    ended = run(case, 2)
    value = ended.result()
    assert list(value.pop("frame")) == [2 < place < 5 for place in range(10)]
    assert value.pop("array").tolist() == [2, 3]
    assert value == {
        "sum": 4,
        "slices": [[2, 3, 4], [9, 5, 1], list(range(9))],
        "unpacked": [2, "2"],
        "corner": 2,
        "matrix": 11,
        "cell": 2,
    }


def test_arrays_and_frames_leave_the_operator_to_the_node():
    """With numpy or pandas on the left: one node for all of it, not one for each element."""
    for values in (np.arange(3), pd.Series([0, 1, 2]), pd.DataFrame({"a": [0, 1, 2]})):
        result, nodes = as_flow(lambda: values + task(ok)())  # noqa: B023 - at once
        assert type(result) is type(values)
        assert np.asarray(result).ravel().tolist() == [1, 2, 3]
        assert nodes == ["ok", "add"]


def test_a_map_stands_for_the_list_of_its_results(run):
    """As Python's operators do on a list; in a mapped sub-flow they go lane by lane."""
    each = flow(lambda x: task(inc)(x) * 10 + x, name="each")

    def case(xs, more):
        children = task(inc).map(xs)
        return [children + more, children[0], children[1:], children * 2, each.map(xs)]

    value = run(case, [1, 2, 3], [0]).result()
    assert value == [[2, 3, 4, 0], 2, [3, 4], [2, 3, 4, 2, 3, 4], [21, 32, 43]]


def test_an_operator_can_fail(run):
    """It is a task run like any other: what it raises is its failure, and nobody else's."""

    def case():
        return task(ident)(1) / 0, task(ident)([])[5], task(ident)(1) + 1

    ended = run(case)
    assert kinds(ended) == {
        "ident": "S",
        "divide": "F",
        "ident-2": "S",
        "getitem": "F",
        "ident-3": "S",
        "add": "S",
    }
    with pytest.raises(ZeroDivisionError):
        ended.result()
    assert isinstance(ended["getitem"].state.exception, IndexError)


# ----------------------------------------------------------------------------------- unpacking


def test_a_tuple_annotation_says_how_many_there_are():
    """Unpacked, starred or looped over, each part is a node; other code gets the tuple."""

    @task
    def three(x) -> "tuple[int, int, int]":
        return x, x + 1, x + 2

    def case(x):
        whole = three(x)
        a, b, c = whole
        first, *rest = three(a)
        return [whole, a, b, c, first, rest, [part * 2 for part in whole]]

    value, nodes = as_flow(case, 1)
    assert value == [(1, 2, 3), 1, 2, 3, 1, [2, 3], [2, 4, 6]]
    assert nodes.count("three-2") == 1


def test_an_option_says_how_many_there_are():
    """`nout` is for what has no annotation, and outranks it."""
    value, _ = as_flow(lambda: [*task(rng, nout=2)(2)])
    assert value == [0, 1]

    @task(nout=1)
    def two() -> tuple[int, int]:
        return 1, 2

    def lengths():
        assert (len(two()), len(two.with_options(nout=None)())) == (1, 2)

    flow(lengths).graph()
    assert two.outputs == 1
    assert two.with_options(nout=None).outputs == 2
    value, _ = as_flow(lambda: list(task(dict, nout=0)()))
    assert value == []


@pytest.mark.parametrize("nout", [-1, 1.5, "2"])
def test_nonsense_for_nout(nout):
    """It is a number of values."""
    with pytest.raises(DefinitionError, match=f"task 'ok': nout={nout!r} must be a whole number"):
        task(ok, nout=nout)


def test_what_cannot_be_unpacked():
    """Without a number, mapped, or not a node at all; a wrong number is Python's to tell."""

    def pair() -> tuple[int, int]:
        return 1, 2

    def any_number() -> tuple[int, ...]:
        return (1,)

    loop = r"iteration of .* to call a task for each element use \.map"
    for made in (ok, any_number, max):
        with pytest.raises(TracingError, match=loop):
            as_flow(lambda: [*task(made).named("x")()])  # noqa: B023 - at once
    with pytest.raises(TracingError, match=loop):
        as_flow(lambda p: [*p], 1)
    with pytest.raises(TracingError, match=r"it is mapped: unpack it inside a mapped sub-flow"):
        as_flow(lambda: [*task(add, nout=2).map([1], [2])])
    with pytest.raises(ValueError, match=r"not enough values to unpack \(expected 3, got 2\)"):
        as_flow(lambda: _three(task(pair)()))
    inner = flow(lambda x: sum(task(pair, nout=2)()) + x, name="inner")
    value, _ = as_flow(lambda: inner.map([10, 20]))
    assert value == [13, 23]


def _three(node):
    a, b, c = node
    return a, b, c


# ------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "use",
    [
        lambda x: 1 if x == 1 else 2,
        lambda x: x < 1 or x,
        lambda x: 0 < x < 3,
        lambda x: x in [1, 2],
        [1, 2].index,
        lambda x: max(x, 1),
        lambda x: sorted([x, 1]),
    ],
)
def test_a_comparison_does_not_decide(use):
    """Its value does not exist yet either: `bool` raises, with the cure."""
    with pytest.raises(TracingError, match=rf"the truth value of the result of task .*{BRANCH}"):
        flow(lambda: use(task(ok)())).graph()
    with pytest.raises(TracingError, match=rf"the truth value of the result of task .*{BRANCH}"):
        flow(lambda day: use(day)).graph()


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda x: x + 1, "arithmetic"),
        (lambda x: 1 - x, "arithmetic"),
        (lambda x: -x, "arithmetic"),
        (lambda x: x == 1, "comparison"),
        (lambda x: x[0], r"\[\.\.\.\]"),
        (lambda x: x[1 : x[0]], r"\[\.\.\.\]"),
        (lambda x: [*x], "iteration"),
    ],
)
def test_operators_need_a_flow(use, told):
    """Outside of the flow there is nowhere to record a node."""
    kept = []
    flow(lambda: kept.append(task(ok, nout=1)())).graph()
    with pytest.raises(TracingError, match=f"{told} of the result of task 'ok'") as caught:
        use(kept[0])
    assert told == "iteration" or OUTSIDE in str(caught.value)
    with pytest.raises(DefinitionError, match="belongs to another flow"):
        flow(lambda: use(kept[0])).graph()


def test_handles_are_still_kept_by_identity():
    """In sets and as keys, whatever `==` gives."""
    seen = []

    def case(p):
        x, y = task(ok)(), task(ok)()
        seen.extend([len({x, y, p}), {x: 1, y: 2}[y], x in [x, y], hash(x) == hash(x)])

    flow(case).graph()
    assert seen == [3, 2, True, True]


def test_what_python_has_no_operator_for_stays_refused():
    """Rounding, floors, division with remainder, and assignment to items."""
    for use in (round, math.floor, lambda x: x.__setitem__(0, 1), lambda x: x.__delitem__(0)):
        with pytest.raises(TracingError, match="do this inside a task"):
            flow(lambda: use(task(inc)(1))).graph()  # noqa: B023 - at once
