"""A flow as a `dask.delayed` graph: the state that its run would have, under Dask's schedulers."""

import dask
import pytest
from distributed import Client

from daskflow import (
    DefinitionError,
    LocalExecutor,
    Loop,
    ParameterError,
    Pause,
    Retry,
    context,
    flow,
    manual_only,
    task,
    unmapped,
)
from daskflow.states import Failed, Paused, Success


@pytest.fixture(params=["synchronous", "threads", "cluster"])
def compute(request):
    """Compute under each scheduler in turn; on the cluster no client is the default one."""
    if request.param != "cluster":
        yield lambda delayed: delayed.compute(scheduler=request.param)
        return
    address = request.getfixturevalue("cluster").scheduler_address
    with Client(address, set_as_default=False) as client:
        yield lambda delayed: client.compute(delayed, optimize_graph=True).result(60)


class OddError(Exception):
    pass


def fail_odd(x):
    if x % 2:
        raise OddError(x)
    return x


def numbers(do):
    return do.total(do.inc.map(do.ident.map([1, 2, 3])))


def failures(do):
    odd = do.ident.with_options(name="odd")
    return do.inc.map(task(fail_odd).map(odd.map([2, 3, 4, 5]))), do.boom()


def skips(do):
    return do.collect(do.skip2.map([1, 2, 3])), do.ident(do.skip())


def retries(do):
    often = do.third_time.with_options(retries=2)
    return do.collect(often.map(do.ident.map([1, 2]))), do.inc(do.boom.with_options(retries=1)())


def widths(do):
    """Retries and failures in a map whose width shows late, behind one that was known."""
    late = do.fail2_once.with_options(retries=1).map(do.ident.map(do.rng(do.total([1, 3]))))
    known = do.total(do.inc.map([1, 2]))
    return do.add.map(late, unmapped(known)), do.ident(known), do.fail2.map(late)


def lanes(do):
    @flow
    def lane(n):
        return do.total(do.fail2_once.with_options(retries=1).map(do.rng(n)))

    return do.collect(lane.map([3, 0, 1]))


def wide_constant(do):
    """Large constants that go to blocks, in slices and whole, and to what is left."""
    large = ["x" * 50_000, "y" * 50_000]

    @flow
    def lane(x, unused):
        return do.inc(x)

    both = task(lambda *given: given, name="both")
    late = do.rng(2)
    known = do.ident(large), do.ident.map(large)
    return known, both.map(late, large, unmapped(large)), lane.map(late, large)


def loop_thrice(x):
    """Loop with retries and pauses in it."""
    if context.loop_count == 1 and context.attempt == 1:
        raise ValueError("once")
    if context.loop_count == 2 and not context.resumed:
        raise Pause(seconds=0.01)
    if context.loop_count < 3:
        raise Loop(result=[x, *(context.loop_result or [])])
    return context.loop_result


def loops(do):
    looping = task(loop_thrice, retries=1)
    return do.ident.map(looping.map(do.inc.map([1, 2]))), looping.map(do.rng(do.ok()))


def ready_at_three(x):
    if context.attempt < 3:
        raise Retry(delay=0.01)
    return x


def signals(do):
    waiting = task(ready_at_three)
    return do.total(waiting.map(do.ident.map([1, 2]))), waiting.map(do.rng(do.ok()))


@pytest.mark.parametrize("block_size", [1, None], ids=["single", "grouped"])
@pytest.mark.parametrize(
    "function", [numbers, failures, skips, retries, widths, lanes, wide_constant, loops, signals]
)
def test_the_state_is_that_of_a_run(function, compute, block_size, do, ledger):
    """The same kind of state, message and exception, and each body started as often."""
    name = function.__name__
    made = flow(lambda: function(do), name=name, block_size=block_size, executor=LocalExecutor())
    run = made.run()
    starts = ledger.starts()
    state = compute(made.to_delayed())
    assert (type(state), state.message) == (type(run.state), run.state.message)
    assert ledger.starts() == {name: 2 * count for name, count in starts.items()}
    if isinstance(state, Failed):
        with pytest.raises(type(state.exception)) as raised:
            run.result()
        assert state.exception.args == raised.value.args


def test_the_exception_says_where_it_comes_from(compute):
    """It is the one that the body raised, of its own class, with the note of a run's."""

    @flow(run_name="tonight")
    def case(xs: list[int]):
        return task(fail_odd).map(xs)

    state = compute(case.to_delayed([2, 3, 5]))
    assert state.message == "2 of 3 reference task runs failed: fail_odd[1], fail_odd[2]"
    assert type(state.exception) is OddError
    note = "in task run fail_odd[1], attempt 1, of flow run 'tonight'; others that failed: 1"
    assert state.exception.__notes__[0] == note


def test_it_goes_into_other_graphs(compute, do):
    """Another delayed call takes flows as arguments, with and without Dask's optimizations."""

    def report(*states):
        return [str(state) for state in states]

    good = flow(lambda x: do.inc(do.ident(do.inc(x))), name="good")
    late = flow(lambda: do.total(do.inc.map(do.rng(2))), name="late")
    both = dask.delayed(report)(good.to_delayed(1), late.to_delayed())
    assert compute(both) == ["Success", "Success"]
    with dask.config.set({"optimization.fuse.delayed": True}):
        assert compute(both) == ["Success", "Success"]


@pytest.mark.slow
def test_it_runs_in_processes(do, ledger):
    """Each process of Dask's own pool unpacks the flow for itself."""
    made = flow(lambda: widths(do), name="widths")
    state = made.to_delayed().compute(scheduler="processes", num_workers=2)
    assert state.message == "1 of 9 reference task runs failed: fail2[2]"
    assert ledger.starts()["fail2_once[2]"] == 2


def test_each_computation_is_a_new_one(do, ledger):
    """Making it runs nothing, each computation all of it; no two of them share a key."""

    class Closed:
        def open(self, *args):
            raise AssertionError("no executor is needed")

    made = flow(lambda: do.boom(), name="case", executor=Closed())
    first, second = made.to_delayed(), made.to_delayed()
    assert ledger.starts() == {}
    assert not set(first.dask) & set(second.dask)
    states = [first.compute(scheduler="synchronous") for _ in range(2)]
    assert [type(state) for state in states] == [Failed, Failed]
    assert ledger.starts() == {"boom": 2}


def test_the_graph_is_one_of_dasks(do):
    """One layer that validates, whose last node is the key, for `dask.visualize` to draw."""
    delayed = flow(lambda: lanes(do), name="lanes").to_delayed()
    graph = delayed.__dask_graph__()
    graph.validate()
    assert list(graph.layers) == [delayed.key]
    assert delayed.key.startswith("lanes-")
    assert all(node.dependencies <= set(graph) for node in graph.values())


def test_values_stay_where_they_are(do):
    """The last node gets reports; of blocks only those right before what is left to be run."""

    def sources(case):
        delayed = flow(case, name="case", block_size=1).to_delayed()
        return sorted(key[0].rpartition("-")[0] for key in delayed.dask[delayed.key].dependencies)

    assert sources(lambda: do.inc(do.ident(1))) == ["inc", "report"]
    assert sources(lambda: do.inc.map(do.rng(do.ident(3)))) == ["report", "rng"]


def test_a_report_keeps_no_values(do):
    """What a block gives has no value that none needs, neither of a first nor a later attempt."""

    def case():
        return do.inc.map(do.third_time.with_options(retries=2).map(do.ident.map([1, 2])))

    delayed = flow(case, name="case", block_size=2).to_delayed()
    (block,) = delayed.dask[delayed.key].dependencies
    segments = delayed.dask[block]()
    assert [(s.node, bytes(s.codes), s.attempts.tolist(), s.values) for s in segments] == [
        ("ident", bytes([Success.code] * 2), [1, 1], {}),
        ("third_time", bytes([Success.code] * 2), [3, 3], {}),
        ("inc", bytes([Success.code] * 2), [1, 1], {}),
    ]


def test_a_retry_waits_for_its_own_instant(ledger):
    """First attempts come before any second; who is due first goes on, whoever waits longer."""

    def first_fails(*xs):
        if context.attempt == 1:
            raise ValueError("first")
        return xs

    def case():
        late = ledger.task(first_fails, name="late", retries=1, retry_delay_seconds=0.4)
        soon = ledger.task(first_fails, name="soon", retries=1)
        then = ledger.task(lambda *xs: xs, name="then")
        first = then.named("first").map([0])
        return then.named("joined").map(late.map(first), then.map(soon.map(first)))

    delayed = flow(case).to_delayed()
    assert len(delayed.dask) == 2  # all of it is in one block
    assert type(delayed.compute(scheduler="synchronous")) is Success
    starts = [line.removesuffix("[0]") for line in ledger.lines()]
    assert set(starts[1:3]) == {"late", "soon"}
    assert starts[:1] + starts[3:] == ["first", "soon", "then", "late", "joined"]


def test_parameters_are_those_of_the_flow(do):
    """Bound and validated as for a run, before anything is made; a mistake is told at once."""
    made = flow(lambda x: do.ident(x), name="case")
    with pytest.raises(ParameterError, match="case"):
        made.to_delayed(1, 2)
    with pytest.raises(DefinitionError, match=r"case.to_delayed\(\) inside a flow"):
        flow(lambda: made.to_delayed(1))()


def test_a_map_over_what_ended_without_children(do):
    """What the first plan decides by itself is known to the last node: no children, a refusal."""
    made = flow(lambda xs, ys: (do.inc.map(xs), do.add.map(xs, ys)), name="case")
    state = made.to_delayed([], [1]).compute(scheduler="synchronous")
    assert state.message == "1 of 1 reference task runs failed: add"
    assert isinstance(state.exception, DefinitionError)


@pytest.mark.parametrize("block_size", [1, None], ids=["single", "grouped"])
def test_what_waits_for_a_person_stays_paused(compute, block_size, do, ledger):
    """Nobody can approve it here: the state is Paused, and all that does not need it has run."""

    def pause_odd(x):
        if x % 2:
            raise Pause("look")
        return x

    manual = do.inc.with_options(trigger=manual_only)

    def case():
        return do.total(do.inc.map(task(pause_odd).map([1, 2]))), manual(do.rng(3))

    made = flow(case, executor=LocalExecutor(), block_size=block_size)
    run = made.run()
    starts = ledger.starts()
    state = compute(made.to_delayed())
    assert isinstance(state, Paused)
    assert state.message == run.state.message
    assert set(state.message.partition(": ")[2].split(", ")) == {"pause_odd[0]", "inc-2"}
    assert ledger.starts() == {name: 2 * count for name, count in starts.items()}


def test_handlers_are_asked_where_the_flow_is_computed(compute, do, ledger):
    """Those of tasks in their blocks, the flow's own in the last node."""

    def rescue(task, old, new):
        ledger.note(f"{task.name} {type(new).__name__}")
        return Success("rescued", result=5) if new.is_failed() else None

    def conclude(flow, state, references):
        ledger.note(f"{flow.name} {sorted(references)}")
        return Failed("never good enough")

    made = flow(
        lambda: do.inc(do.boom.with_options(state_handlers=rescue)()),
        name="judged",
        terminal_state_handler=conclude,
        state_handlers=rescue,
        on_completion=lambda flow, run, state: ledger.note(f"hook {run.flow_name} {state}"),
    )
    state = compute(made.to_delayed())
    assert (type(state), state.message) == (Success, "rescued")
    assert ledger.lines() == [
        "boom Running",
        "boom",
        "boom Failed",
        "inc",
        "judged Running",
        "judged ['inc']",
        "judged Failed",
        "hook judged Success('rescued')",
    ]
