"""Flows by hand run as traced ones do, and what is changed in a graph shows in the next run."""

import pytest

from daskflow import (
    CycleError,
    DefinitionError,
    Edge,
    Flow,
    LocalExecutor,
    Parameter,
    Skip,
    Static,
    Task,
    all_finished,
    flow,
    task,
    unmapped,
)
from tests.semantics.bodies import ident, inc, kinds, ok, total


@pytest.fixture
def options(executor, block_size):
    """How flows are run: on each executor, single and grouped."""
    return {"executor": executor, "block_size": block_size}


def test_row_37_a_circle_is_refused_at_the_call():
    """A circle by `set_upstream` is an error at that call, which names it."""

    @flow(executor=LocalExecutor())
    def case():
        a = task(inc, name="a")(1)
        b = task(inc, name="b")(a)
        c = task(inc, name="c")(b)
        with pytest.raises(CycleError, match=r"closes a circle: a -> b -> c -> a$"):
            a.set_upstream(c)
        return c

    assert case() == 4  # and it is not in the graph


class Scale(Task):
    """A task with a value of its own."""

    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def run(self, x, plus=0):
        if x < 0:
            raise Skip("negative")
        return self.factor * x + plus


def test_a_flow_by_hand_runs_like_a_traced_one(options, ledger):
    """Nodes fed by edges, mapped and whole, and tasks of a class: each called once for a value."""
    numbers = ledger.task(ident, name="numbers")
    each, add_up = Scale(10), ledger.task(total, trigger=all_finished)
    f = Flow("f", **options)
    for one in (add_up, each, ledger.task(ok), numbers):
        f.add_task(one)
    f.add_edge(each, add_up, key="xs")
    f.add_edge(numbers, each, key="x", mapped=True)
    f.add_edge("ok", each, key="plus")
    f.add_edge(Parameter("xs", annotation=list[int]), numbers, key="x")
    f.chain("ok", numbers)
    f.set_returned({"sum": f.add_task(Scale(2, name="double"), 4), "each": Parameter("xs")})

    run = f.run(xs=["1", 2, 3])
    assert run[add_up].result() == 63
    assert run[each].result() == [11, 21, 31]
    assert run.result() == {"sum": 8, "each": [1, 2, 3]}
    assert kinds(run)["Scale"] == "M[S,S,S]"
    assert ledger.lines() == ["ok", "numbers", "total"]
    assert kinds(f.run(xs=[-1]))["Scale"] == "M[SK]"


def test_what_becomes_mapped_later_takes_along_what_maps_over_it(options):
    """Two maps in a row, joined from the end: lane by lane, a failure stays in its own."""
    f = Flow("f", **options)
    first, second = f.add_task(Scale(1, retries=1), name="first"), f.add_task(Scale(2))
    last = f.add_task(task(list))
    f.add_edge(second, last, key="iterable")
    f.add_edge(first, second, key="x", mapped=True)
    f.add_edge(f.add_task(task(ident), [1, -1, "a"]), first, key="x", mapped=True)
    run = f.run()
    assert kinds(run) == {
        "first": "M[S,SK,F]",
        "Scale": "M[S,SK,TF]",
        "list": "TF",
        "ident": "S",
    }
    assert run["first"][2].attempt == 2


def test_changes_show_in_the_next_run(options):
    """Another task, another edge, other reference tasks: the run before keeps what it had."""

    @flow(**options)
    def case(x):
        return task(inc, name="last")(task(inc, name="first")(x))

    before = case.run(1)
    case.replace("first", Scale(10))
    case.add_task(task(total), name="odd")
    case.add_edge("first", "odd", "xs")
    case.graph().add_edge(Edge("odd", "last"))
    case.set_reference_tasks(["first"])
    after = case.run(1)
    assert (before.result(), kinds(before)) == (3, {"first": "S", "last": "S"})
    assert kinds(after) == {"first": "S", "last": "TF", "odd": "F"}
    assert after.state.is_successful()
    assert after["first"].result() == 10


def test_a_flow_by_hand_is_a_part_of_another(options):
    """Called or mapped over, on its own lanes, as a flow with a function is."""
    with Flow("part") as part:
        x = Parameter("x", annotation=int)
        scaled = Scale(10).map(task(ident)([x, x + 1]), unmapped(Parameter("plus", default=0)))
        part.set_returned(task(total)(scaled) + x)

    @flow(**options)
    def case(xs):
        return [part(x=3), part.map(x=xs, plus=unmapped(task(ok)()))]

    run = case.run([1, 2, -5])
    assert run["part.total"].result() == 70
    assert run.result() == [73, [33, 54, None]]
    assert kinds(run)["part-2.Scale"] == "M[M[S,S],M[S,S],M[SK,SK]]"
    assert part.with_options(**options)(x="1") == 31


def test_update_joins_flows(options):
    """Two flows with one parameter run as one."""
    with Flow("load") as load:
        loaded = task(ident, name="load")(Parameter("xs"))
    f = Flow("all", **options)
    f.update(load)
    f.set_returned(f.add_task(task(total), Parameter("xs"), wait_for=[]))
    f.chain("load", "total")
    run = f.run(xs=[1, 2])
    assert run.result() == 3
    assert run["load"].result() == [1, 2]
    with pytest.raises(DefinitionError, match="belongs to another flow"):
        f.add_edge(loaded, "total")


def test_static_parameters_run(options):
    """Each value has its own graph, on workers as here; validation comes before tracing."""

    @flow(**options)
    def case(n: Static[int], x: int):
        for step in range(n):
            x = task(inc).named(f"step-{step}")(x)
        return x

    assert [case(0, 1), case("2", 1), case(2, x=5)] == [1, 3, 7]
    assert [progress.node for progress in case.run(2, 0).progress()] == ["step-0", "step-1"]
