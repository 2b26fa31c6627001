"""Static parameters: values that a flow's function may look at, with a graph for each of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from typing import TYPE_CHECKING, Annotated, Optional

import pytest

from daskflow import (
    DefinitionError,
    Edge,
    Flow,
    LocalExecutor,
    Parameter,
    ParameterError,
    Static,
    flow,
    task,
    unmapped,
)

if TYPE_CHECKING:
    from decimal import Decimal


@task
def inc(x):
    return x + 1


@dataclasses.dataclass
class Plan:
    names: list[str]


def traces():
    """Return a flow that counts up, and the list of the values that it was traced with."""
    seen: list[int] = []

    def up(n: Static[int], x: float = 0.0):
        seen.append(n)
        for step in range(n):
            if step % 2 == 0:
                x = inc.named(f"step-{step}")(x)
        return x

    return flow(up, executor=LocalExecutor()), seen


def test_a_static_value_is_ordinary_while_tracing():
    """Loops, branches and f-strings work on it, and the flow is traced once for each value."""
    up, seen = traces()
    assert seen == []
    assert [up(3), up(n=3, x=10.0), up("3"), up(5, x=1)] == [2.0, 12.0, 2.0, 4.0]
    assert seen == [3, 5]
    assert up.graph(n=5).order() == ["step-0", "step-2", "step-4"]
    assert len(up.graph(n="0")) == 0
    assert up.run(1).parameters == {"n": 1, "x": 0.0}
    assert seen == [3, 5, 0, 1]


def test_the_values_that_have_a_trace_of_their_own():
    """Equal values of one type share a trace, whichever objects they are made of."""
    seen = []

    @flow
    def case(plan: Static[object] = None, other: Static[object] = 1):
        seen.append((plan, other))

    text = str(b"ab", "ascii")
    for plan in (
        None,
        1,
        1.0,
        True,
        [text, text],
        ["ab", text],
        {"k": (text,)},
        Plan([text]),
        Plan(["ab"]),
        dt.date(2024, 1, 1),
    ):
        case.graph(plan=plan)
    case.graph(other=1)
    assert [repr(plan) for plan, _ in seen] == [
        "None",
        "1",
        "1.0",
        "True",
        "['ab', 'ab']",
        "{'k': ('ab',)}",
        "Plan(names=['ab'])",
        "datetime.date(2024, 1, 1)",
    ]


def test_a_value_without_bytes_is_refused():
    """What cannot be pickled has no trace that could be found again; it is named."""

    @flow
    def case(lock: Static[object]):
        return inc(1)

    told = "flow 'case': the value of its Static parameter 'lock' cannot be pickled, so its graph"
    for value in (threading.Lock(), lambda: 0):
        with pytest.raises(ParameterError, match=told):
            case.graph(lock=value)
        with pytest.raises(ParameterError, match=told):
            case.run(value)


def test_a_graph_needs_the_static_values():
    """Defaults count; a missing, invalid or other parameter is an error that names it."""
    up, seen = traces()
    with pytest.raises(ParameterError, match=r"missing: n. It takes \(n: Static\[int\]\)"):
        up.graph()
    with pytest.raises(ParameterError, match=r"unknown: x. It takes \(n: Static\[int\]\)"):
        up.graph(n=1, x=2)
    with pytest.raises(ParameterError, match=r"n: Input should be a valid integer.*\(got 'many'\)"):
        up.definition(n="many")
    with pytest.raises(ParameterError, match=r"missing: n. It takes \(n: Static\[int\], x: float"):
        up.run()
    with pytest.raises(ParameterError, match="missing: n"):
        up.validate()
    assert seen == []
    up.validate(n=2)
    assert up.definition(n=2).graph.order() == ["step-0"]
    with pytest.raises(ParameterError, match=r"unknown: x. It takes no parameters"):
        flow(lambda x: x, name="plain").graph(x=1)


def test_static_values_outlive_options_and_changes():
    """A graph of one value can be changed; what is for all values cannot."""
    up, seen = traces()
    up.graph(n=3).add_edge(Edge("step-0", "step-2"))
    other = up.with_options(run_name="tonight")
    assert len(other.definition(n=3).graph.upstream("step-2")) == 2
    assert len(up.definition(n=4).graph.upstream("step-2")) == 1
    assert seen == [3, 4]
    for change in (lambda: up.add_task(inc), lambda: up.chain("a", "b"), up.__enter__):
        with pytest.raises(DefinitionError, match=r"a graph for each value of n: .*graph\(n=...\)"):
            change()


def test_in_a_flow_a_static_argument_is_a_plain_value():
    """Called or mapped, a sub-flow gets it whole; a value to come is refused with the cure."""
    up, _ = traces()

    @flow(executor=LocalExecutor())
    def outer(x, m: Static[int]):
        return [up(m, x), *[up.map(n, [x, x]) for n in ("1", unmapped(m))], up(2)]

    assert outer(1.0, 3) == [3.0, [2.0, 2.0], [3.0, 3.0], 1.0]
    for call in (
        lambda x: up(x),
        lambda x: up(inc(1)),
        lambda x: up.map(inc(x), [1]),
        lambda x: up.map(unmapped(x), [1]),
    ):
        with pytest.raises(DefinitionError, match="'n' is Static and needs a plain value, not <"):
            flow(call, name="outer").graph()
    with pytest.raises(ParameterError, match="n: Input should be a valid integer"):
        flow(lambda: up.map([1, 2], [1.0, 2.0]), name="outer").graph()


def test_annotations_that_are_static():
    """Among others, as text or as objects; one that cannot be looked up hides no other."""

    def odd(amount: Decimal, n: Static[int], m: Annotated[int, "no"] = 1, o: Optional[int] = 2):  # noqa: UP045 - as old code has it
        return [amount, *[inc(m) for _ in range(n)], o]

    made = flow(odd, executor=LocalExecutor())
    assert made.signature.static == ("n",)
    assert made("1.5", 2) == ["1.5", 2, 2, 2]
    assert str(made.signature).startswith("(amount: 'Decimal', n: Static[int], m:")


def test_none_may_be_tested_of_a_static_value(recwarn):
    """No warning is due where the value is known."""

    @flow
    def case(limit: Static[int | None] = None):
        return inc(1) if limit is None else limit

    assert len(case.graph()) == 1
    assert len(case.graph(limit=3)) == 0
    assert not recwarn.list


def test_a_parameter_by_hand_cannot_be_static():
    """There is no function that could look at it."""
    with pytest.raises(DefinitionError, match="'n': Static belongs on a parameter of a function"):
        Parameter("n", annotation=Static[int])
    assert Flow("f").signature.static == ()
