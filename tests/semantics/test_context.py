"""What a body can read of its task run, its flow run and what it depends on."""

import threading
from datetime import UTC, datetime

import pytest

from daskflow import (
    DaskExecutor,
    LocalExecutor,
    Loop,
    Pause,
    all_finished,
    context,
    flow,
    task,
    unmapped,
)
from tests.contract.waiting import eventually
from tests.semantics.bodies import boom, ident, skip, third_time


def tell(x=None):
    """Return all that there is about the task run that this body is of."""
    here = context.get()
    return {
        "flow": (context.flow_name, context.run_id, context.run_name, dict(context.parameters)),
        "task": (context.task_name, context.node, context.map_index, sorted(context.tags)),
        "names": (context.task_run_name, context.task_run_id),
        "counts": (context.attempt, context.loop_count, context.loop_result, context.resumed),
        "parents": (context.parent_run_id, context.run.parents),
        "scheduled_for": context.scheduled_for,
        "worker": context.worker,
        "is_one": here.logger.extra == context.logger.extra and here is context.get(),
    }


def test_all_fields(executor, block_size):
    """Names, numbers, parameters, tags, times and place, of mapped and of plain task runs."""
    telling = task(tell, tags="of the task", retries=2)

    @flow(executor=executor, block_size=block_size, run_name="at {hour}", tags="of the flow")
    def fields(hour, names):
        return telling.named("first")(hour), telling.map(names)

    before = datetime.now(UTC)
    run = fields.run(7, names=["a", "b"])
    first, children = run.result()
    parameters = {"hour": 7, "names": ["a", "b"]}
    for told, node, index in [
        (first, "first", ()),
        *((child, "tell", (i,)) for i, child in enumerate(children)),
    ]:
        label = f"{node}{list(index) or ''}"
        assert told["flow"] == ("fields", run.id, "at 7", parameters)
        assert told["task"] == ("tell", node, index, ["of the flow", "of the task"])
        assert told["names"] == (label, f"{run.id}/{label}")
        assert told["counts"] == (1, 0, None, False)
        assert told["parents"] == (None, ())
        assert before <= told["scheduled_for"] <= datetime.now(UTC)
        assert told["is_one"]
    workers = {one.worker for one in run.task_runs}
    assert {first["worker"], *(child["worker"] for child in children)} <= workers
    assert context.get() is None


def test_attempts_iterations_and_pauses_are_counted(play, ledger):
    """Of this iteration, where the task loops; and whether it was paused before."""

    def loop():
        if context.loop_count < 2 and context.attempt == 2:
            raise Loop(result=context.loop_count * 10)
        if context.attempt == 1:
            raise ValueError("again")
        return context.attempt, context.loop_count, context.loop_result

    def pause():
        if not context.resumed:
            raise Pause("so", seconds=0)
        return context.attempt, context.resumed

    looping, pausing = task(loop, retries=1), task(pause)
    assert play(lambda: (looping(), pausing())).result() == ((2, 2, 10), (2, True))


def read_upstream(*_, **__):
    """Return what is told of everything upstream, first of all."""
    return {
        run.name: (
            run.edge.key,
            type(run.state).__name__,
            run.state.message,
            run.state.attempt,
            run.started is not None and run.started.tzinfo is UTC and run.started <= run.ended,
        )
        for run in context.upstream
    }


def test_a_body_reads_what_it_depends_on(play, ledger):
    """Kind, attempt, times and message of data and of what is waited for, mapped or not."""
    words = {"trigger": all_finished, "skip_on_upstream_skip": False}
    reading = ledger.task(read_upstream, **words)
    again, same = ledger.task(third_time, retries=2), ledger.task(ident)
    failing, skipping = ledger.task(boom), ledger.task(skip)

    def case():
        a, b, c = again(1), failing(), skipping()
        lanes = same.map([5, 6])
        return (
            reading(a, x=[b], wait_for=[c]),
            reading(lanes),
            reading.map(lanes, unmapped(a), wait_for=[unmapped(b)]),
            reading(same(b), wait_for=[lanes]),
        )

    run = play(case, reference_tasks=["read_upstream", "read_upstream-3"])
    third = ("Success", "", 3, True)
    failed = ("Failed", "ValueError: no", 1, True)
    plain, reduce, children, behind = run.result()
    first, *_ = (argument.key for argument in run.record.graph.upstream("read_upstream"))
    assert plain == {
        "third_time": (first, *third),
        "boom": ("x", *failed),
        "skip": (None, "Skipped", "nothing to do", 1, True),
    }
    assert reduce == {f"ident[{i}]": (first, "Success", "", 1, True) for i in range(2)}
    for i, child in enumerate(children):
        assert [(name, *told[1:]) for name, told in child.items()] == [
            (f"ident[{i}]", "Success", "", 1, True),
            ("third_time", *third),
            ("boom", *failed),
        ]
        assert child["boom"][0] is None
    key, kind, message, attempt, has_run = behind.pop("ident-2")
    assert (key, kind, attempt, has_run) == (first, "TriggerFailed", 0, False)
    assert "boom" in message
    assert behind == {f"ident[{i}]": (None, "Success", "", 1, True) for i in range(2)}


THREADS = 8


def tell_twice(x, diary):
    """Tell who this is, before and after all others have been here at the same time."""
    before = (context.task_run_name, context.map_index, context.attempt)
    diary.note("here")
    eventually(lambda: len(diary.lines()) >= THREADS)
    upstream = [run.name for run in context.upstream]
    after = (context.task_run_name, context.map_index, context.attempt)
    diary.note("gone")
    eventually(lambda: len(diary.lines()) >= 2 * THREADS)
    return before == after, after, upstream, threading.get_ident()


@pytest.fixture(scope="module")
def wide_cluster():
    """A cluster within this process, of one worker with eight threads."""
    from distributed import LocalCluster

    words = {"processes": False, "n_workers": 1, "threads_per_worker": THREADS}
    with LocalCluster(**words, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL") as cluster:
        yield cluster


@pytest.mark.parametrize("kind", ["threads", "cluster"])
def test_each_of_many_threads_has_its_own(kind, request, ledger):
    """Eight bodies at a time in one worker, each of them sees its own task run."""
    executor = LocalExecutor(threads=THREADS)
    if kind == "cluster":
        executor = DaskExecutor(cluster=request.getfixturevalue("wide_cluster"))
    telling = task(tell_twice)
    made = flow(
        lambda xs: telling.map(task(ident).map(xs), unmapped(ledger)),
        executor=executor,
        block_size=1,
    )
    found = made(list(range(THREADS)))
    assert [(same, who, upstream) for same, who, upstream, _ in found] == [
        (True, (f"tell_twice[{i}]", (i,), 1), [f"ident[{i}]"]) for i in range(THREADS)
    ]
    assert len({thread for *_, thread in found}) == THREADS
