"""What a run costs, counted: a change that makes each task run dearer shows here, on any machine.

The bounds are a little above what was counted when they were set. Who has made something cheaper
sets them lower; who has to set one higher says in the commit what that buys.
"""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from distributed import SchedulerPlugin

from daskflow import DaskExecutor, LocalExecutor, context, flow, get_run_logger, task
from daskflow.executors.wire import LINES
from daskflow.lines import LogLimits
from daskflow.stores import journal
from tests.contract.work import Calls, calls, statements, traffic_of

pytestmark = pytest.mark.outside

WIDTH, DEPTH, LEAVES = 1000, 500, 512
ROOT = Path(__file__).parents[2]


@task
def same(x=None):
    return x


@task
def first(x, y):
    return x


@task
def count(xs):
    return len(xs)


@task(retries=1)
def stumble(x):
    if x % 100 == 0 and context.get().attempt == 1:
        raise ConnectionError(x)
    return x


@flow
def mapped():
    return count(same.map(range(WIDTH)))


@flow
def retried():
    return count(stumble.map(range(WIDTH)))


@flow
def chain():
    x = same(0)
    for _ in range(DEPTH - 1):
        x = same(x)
    return x


@flow
def tree():
    level = [same(0) for _ in range(LEAVES)]
    while len(level) > 1:
        level = [first(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
    return level[0]


@dataclass(frozen=True)
class Case:
    """A flow, and the most that it may cost on two worker processes of one thread each."""

    flow: object
    task_runs: int
    dask_tasks: int  # of all its plans, exactly
    messages: int  # to the scheduler and from it, but for those that come by chance
    plan_bytes: int
    report_bytes: int
    calls_of_shim: int
    calls_of_driver: int
    options: dict = field(default_factory=dict)


CASES = {
    "map": Case(mapped, WIDTH + 1, 9, 65, 1_900, 37_000, 28_000, 3_000),
    "map, not grouped": Case(
        mapped, WIDTH + 1, WIDTH + 1, 2_300, 150_000, 125_000, 122_000, 160_000, {"block_size": 1}
    ),
    "chain": Case(chain, DEPTH, 1, 20, 6_000, 20_000, 15_000, 9_500),
    "tree": Case(tree, 2 * LEAVES - 1, 8, 40, 23_000, 75_000, 32_000, 23_000),
    "map, 1 % retried": Case(retried, WIDTH + 1, 14, 110, 3_400, 42_000, 31_000, 7_000),
}
STATEMENTS = 20  # for all that a run writes, beside one for each hundred of its blocks


@pytest.fixture(autouse=True)
def legal_walks():
    """Look at no run's history here: that makes calls and statements of its own."""


@pytest.fixture(autouse=True)
def by_width(monkeypatch):
    """Let no clock decide where a block ends, or how many there are at a time."""
    monkeypatch.setenv("DASKFLOW_ENGINE__BLOCK_SECONDS", "600")
    monkeypatch.setenv("DASKFLOW_ENGINE__WINDOW", str(10 * WIDTH))
    monkeypatch.setenv("DASKFLOW_ENGINE__RETRY_WINDOW", "3")  # longer than the first pass takes


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def on(cluster, case, url):
    """Return a case's flow as it runs on the cluster."""
    executor = DaskExecutor(address=cluster.scheduler_address)
    return case.flow.with_options(executor=executor, store=url, **case.options)


@pytest.mark.slow
def test_what_dask_has_to_do(cluster, monkeypatch, case):
    """So many Dask tasks, messages to and from the scheduler, and bytes of plans and reports."""
    made = on(cluster, case, "memory://")
    made.run()  # the workers get to know the code
    with traffic_of(cluster, monkeypatch) as traffic:
        run = made.run()
    assert len(run.task_runs) == case.task_runs
    assert run.state.is_successful()
    assert traffic.dask_tasks == traffic.reports == case.dask_tasks
    assert traffic.ops[LINES] == 0  # nothing was logged
    assert traffic.messages <= case.messages, traffic.ops
    assert traffic.plan_bytes <= case.plan_bytes
    assert traffic.report_bytes <= case.report_bytes


class Queued(SchedulerPlugin):
    """Counts the tasks that a scheduler holds back, until a worker has told of one before."""

    name, count = "queued", 0

    def transition(self, key, start, finish, *args, **words):
        self.count += finish == "queued"


@pytest.mark.slow
@pytest.mark.parametrize(("small", "held_back"), [(True, range(65)), (False, range(500, 1000))])
def test_quick_blocks_wait_for_no_answer_of_the_scheduler(cluster, monkeypatch, small, held_back):
    """But for the first, of which nobody knows how they are; what leaves much may be held back."""
    monkeypatch.setenv("DASKFLOW_ENGINE__WINDOW", "16")
    executor = DaskExecutor(address=cluster.scheduler_address)
    leave = task(lambda x: bytes(1 if small else 10_000), name="leave")
    made = flow(lambda: leave.map(range(WIDTH)), store="memory://", block_size=1, executor=executor)
    cluster.scheduler.add_plugin(queued := Queued())
    try:
        assert made.run().state.is_successful()
    finally:
        cluster.scheduler.remove_plugin(queued.name)
    assert queued.count in held_back


@pytest.mark.slow
def test_polls_are_for_many_reports_at_a_time(cluster, monkeypatch):
    """However many blocks end, the driver asks a few dozen times a second at most."""
    made = on(cluster, CASES["map, not grouped"], "memory://")
    with traffic_of(cluster, monkeypatch) as traffic:
        made.run()
    assert traffic.ops["daskflow_1_reports"] <= WIDTH / 2


@task
def flood(x):
    log = get_run_logger()
    for number in range(20_000):
        log.info("line %d of %d", number, x)


@pytest.mark.slow
def test_a_flood_of_lines_costs_a_few_messages(cluster, monkeypatch):
    """The first lines go, and of the others ten times a second a few: the rest stays behind."""
    executor = DaskExecutor(address=cluster.scheduler_address)
    made = flow(lambda: flood.map([1, 2]), executor=executor, store="memory://", block_size=1)
    with traffic_of(cluster, monkeypatch) as traffic:
        run = made.run()
    assert len(run.logs()) == 2 * (LogLimits().lines + 1)  # and one that tells of the others
    took = sum((one.ended - one.started).total_seconds() for one in run.task_runs)
    assert traffic.ops[LINES] <= took / 0.1 + 4
    assert traffic.line_bytes <= 2 * LogLimits().lines * 120 + traffic.ops[LINES] * 30 * 120


@pytest.mark.slow
def test_what_the_store_has_to_do(cluster, monkeypatch, tmp_path, case):
    """Entries that are there together are written together, a hundred with each statement."""
    monkeypatch.setattr(journal, "_GATHER_SECONDS", 600.0)  # else it depends on the time
    made = on(cluster, case, f"sqlite:///{tmp_path}/runs.db")
    made.run()  # it makes the tables
    with statements() as counts:
        made.run()
    assert sum(counts.values()) <= STATEMENTS + case.dask_tasks // 100, counts


def tell_calls(name):
    """Print how many calls a case makes, in the shim and in the driver."""
    case = CASES[name]
    made = case.flow.with_options(executor=LocalExecutor(), store="memory://", **case.options)
    made.run()  # what is found out once in a process
    made.run()  # the first loaded modules, and who comes next looks at all of them
    with calls() as counts:
        made.run()
    sys.stdout.write(f"{counts.of_shim} {counts.of_driver}")


def calls_of(name):
    """Return the same from a process of its own: what others leave behind in one costs calls."""
    code = f"from tests.contract import test_work; test_work.tell_calls({name!r})"
    told = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True, timeout=100)
    return Calls(*map(int, told.split()))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_python_has_to_do(name):
    """So many calls of Python functions in the shim, and in the driver, tracing included."""
    case, counts = CASES[name], calls_of(name)
    assert counts.of_shim <= case.calls_of_shim
    assert counts.of_driver <= case.calls_of_driver


def test_the_driver_does_nothing_for_a_mapped_task_run():
    """It sees columns: a map of twice the width costs it hardly a call more."""
    counted = []
    for width in (5 * WIDTH, 10 * WIDTH):
        made = flow(lambda xs: count(same.map(xs)), name="wide", executor=LocalExecutor())
        made.run(range(width))
        made.run(range(width))
        with calls() as counts:
            made.run(range(width))
        counted.append(counts.of_driver)
    assert counted[1] - counted[0] <= WIDTH / 5
