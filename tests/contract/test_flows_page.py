"""The Flows pages in a scheduler's dashboard: where they are, and what drivers tell them."""

from contextlib import contextmanager, suppress
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from distributed import Client, LocalCluster
from distributed.dashboard.scheduler import template_variables

from daskflow import DaskExecutor, flow, get_run_logger, task, unmapped
from daskflow.dashboard.documents import PAGES
from daskflow.dashboard.mounting import URLS
from daskflow.definition.outlining import nodes_of
from daskflow.errors import StoreBusyError, UnknownRunError
from daskflow.executors.tracker import Tracker
from tests.contract.processes import scheduler, worker
from tests.contract.waiting import Gate, eventually


@task
def inc(x):
    return x + 1


@flow
def incs(xs):
    return inc.map(xs)


@task
def held(x, gate):
    gate.wait()
    return x


@flow
def helds(xs, gate):
    return held.map(inc.map(xs), unmapped(gate))


def read(address):
    with urlopen(address) as answer:
        return answer.read().decode()


def read_of_dask(address):
    """Return one of Dask's own pages; while others in this process draw, they fail now and then."""
    with suppress(HTTPError):
        return read(address)
    return ""


def is_missing(address):
    """Return whether there is no such page."""
    try:
        read(address)
    except HTTPError as error:
        error.close()
        return error.code == 404
    return False


def home_of(run):
    """Return where the dashboard is in which a run is shown."""
    return run.link.rpartition("/")[0]


def runs_on(cluster):
    """Return what is known on a scheduler in this process."""
    return cluster.scheduler.plugins["daskflow-1"].pages.runs


def run_on(where, *args, of=incs, **options):
    executor = DaskExecutor(**where)
    return of.with_options(executor=executor, store="memory://", **options).run(*args)


def test_each_document_has_its_address():
    """What is mounted is the table from addresses to documents."""
    assert set(URLS) == set(PAGES)


def test_the_dashboard_leads_to_the_page_of_a_run(near_cluster):
    """An entry in the navigation of Dask's own pages; a run's link opens its page."""
    run = run_on({"cluster": near_cluster}, [1, 2])
    assert run.link.endswith(f"/flow-run?id={run.id}")
    assert "<style>" in read(run.link)
    eventually(lambda: '<a href="flows">Flows</a>' in read_of_dask(f"{home_of(run)}/status"))
    assert '<a href="status">Status</a>' in read(f"{home_of(run)}/flows")
    runs = runs_on(near_cluster)

    def row():
        """The driver has told the end."""
        (found,) = [row for row in runs.runs() if row.id == run.id]
        return found if found.state.is_finished() else None

    told = eventually(row)
    assert (told.name, told.flow_name, str(told.state)) == (run.name, "incs", "Success")
    assert runs.progress(run.id) == ({"Success": 2}, True)


def test_a_history_is_told_while_somebody_looks(near_cluster, tmp_path, monkeypatch):
    """Nothing of it before; then what is kept of the run, in order, without values; to its end."""
    run_on({"cluster": near_cluster}, [1])  # the tracker is there
    told = []
    before = near_cluster.scheduler.handlers["daskflow_1_history"]

    def noted(**words):
        told.append(words["told"])
        return before(**words)

    monkeypatch.setitem(near_cluster.scheduler.handlers, "daskflow_1_history", noted)
    gate = Gate(tmp_path / "gate")
    executor = DaskExecutor(cluster=near_cluster)
    run = helds.with_options(executor=executor, store="memory://").submit([1, 2, 3], gate)
    runs = runs_on(near_cluster)
    eventually(lambda: any(row.id == run.id for row in runs.runs()))
    assert told == []
    with pytest.raises(StoreBusyError):
        runs.run(run.id)

    def graph():
        """The driver has told its graph."""
        try:
            return runs.run(run.id).graph
        except StoreBusyError:
            return None

    assert set(nodes_of(eventually(graph))) == {"inc", "held"}
    gate.open()
    run.wait()
    kept = run._keeper.store.entries(run.id, with_values=False)
    eventually(lambda: len(runs.entries(run.id)) == len(kept))
    assert [one.version for one in runs.entries(run.id)] == [one.version for one in kept]
    assert runs.run(run.id).state.is_successful()
    assert all(row.get("payload") is None for piece in told for _, _, row in piece["entries"])


def test_a_run_that_nobody_looks_at_tells_no_history(near_cluster, monkeypatch):
    """Only summaries go to the scheduler, a few for each run."""
    calls = []
    run_on({"cluster": near_cluster}, [1])  # the tracker is there
    for name in ("summary", "history"):
        before = near_cluster.scheduler.handlers[f"daskflow_1_{name}"]

        def counted(name=name, before=before, **words):
            calls.append(name)
            return before(**words)

        monkeypatch.setitem(near_cluster.scheduler.handlers, f"daskflow_1_{name}", counted)
    run_on({"cluster": near_cluster}, list(range(100)))
    eventually(lambda: len(calls) >= 2)
    assert calls.count("history") == 0
    assert calls.count("summary") <= 5


@task
def says(x, gate):
    log = get_run_logger()
    log.info("%s waits", x)
    gate.wait()
    log.info("%s goes on", x)


def test_lines_are_told_of_who_is_looked_at(near_cluster, tmp_path, monkeypatch):
    """While the run goes on and when it has ended; those of its neighbours stay where they are."""
    run_on({"cluster": near_cluster}, [1])  # the tracker is there
    told = []
    before = near_cluster.scheduler.handlers["daskflow_1_lines"]

    def noted(**words):
        told.append(words["told"]["task"])
        return before(**words)

    monkeypatch.setitem(near_cluster.scheduler.handlers, "daskflow_1_lines", noted)
    gate = Gate(tmp_path / "gate")
    executor = DaskExecutor(cluster=near_cluster)
    talk = flow(lambda xs, gate: says.map(xs, unmapped(gate)), executor=executor, block_size=1)
    run = talk.with_options(store="memory://").submit([1, 2], gate)
    runs = runs_on(near_cluster)

    def seen(task):
        """The lines of a task run that a page would show."""
        with suppress(UnknownRunError, StoreBusyError):
            runs.entries(run.id)  # what a page reads beside them
            return [line[3] for one in runs.logs(run.id, task) for line in one.piece.lines]
        return []

    eventually(lambda: seen("says[1]") == ["2 waits"])
    gate.open()
    run.wait()
    eventually(lambda: seen("says[1]") == ["2 waits", "2 goes on"])
    assert set(told) == {"says[1]"}
    eventually(lambda: seen("says[0]") == ["1 waits", "1 goes on"])
    eventually(lambda: not runs._runs[run.id].tapes.wanted(0.0))  # and nothing is asked for again


def test_another_version_has_the_same_pages(near_cluster):
    """A tracker of another protocol joins, and leaves: neither breaks what the first one has."""

    class Later(Tracker):
        name = "daskflow-9"

        async def start(self, scheduler):
            before, streams = dict(scheduler.handlers), dict(scheduler.stream_handlers)
            await super().start(scheduler)
            scheduler.stream_handlers.update(streams)
            ours = {n.replace("_1_", "_9_"): scheduler.handlers[n] for n in scheduler.handlers}
            scheduler.handlers.clear()
            scheduler.handlers.update({**ours, **before})

    first = run_on({"cluster": near_cluster}, [1])
    with Client(near_cluster.scheduler_address, set_as_default=False) as other:
        other.register_plugin(Later())
        pages = read(f"{home_of(first)}/flows")
        assert pages.count('href="flows"') == 1
        told = {
            "run": {
                **dict.fromkeys(["flow_name", "created", "pid"], "nonsense"),
                "id": "odd",
                "name": "<b>odd</b>",
                "state": '{"kind": "Dreaming"}',
                "tags": "[]",
                "of_tomorrow": 1,
            },
            "progress": {"counts": {"Dreaming": 1}, "is_sure": True},
        }
        answer = other.sync(other.scheduler.daskflow_9_summary, client=other.id, told=told)
        assert answer is None
        second = run_on({"cluster": near_cluster}, [2])
        assert {first.id, second.id} <= {row.id for row in runs_on(near_cluster).runs()}
        other.unregister_scheduler_plugin("daskflow-9")
    eventually(lambda: "daskflow-9" not in near_cluster.scheduler.plugins)
    assert "<style>" in read(f"{home_of(first)}/flows")


def test_the_pages_go_with_the_tracker():
    """Without a trace; they are there again with the next tracker."""
    words = {"dashboard_address": "127.0.0.1:0", "silence_logs": "CRITICAL"}
    with (
        LocalCluster(processes=False, n_workers=0, **words) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        home = f"http://127.0.0.1:{cluster.scheduler.http_server.port}"
        for _ in range(2):
            client.register_plugin(Tracker())
            assert "<style>" in read(f"{home}/flows")
            client.unregister_scheduler_plugin("daskflow-1")
            eventually(lambda: is_missing(f"{home}/flows"))
            assert "flows" not in template_variables(cluster.scheduler)["pages"]


def test_without_a_dashboard_there_is_no_page(tmp_path):
    """A run goes on without, and its link leads to none."""
    with scheduler(tmp_path) as (_, address), worker(tmp_path, address):
        run = run_on({"address": address}, [1])
        assert run.state.is_successful()
        assert "flow-run" not in run.link


@contextmanager
def elsewhere(folder, *options):
    """Run a scheduler with a dashboard in another process, and a worker; give its address."""
    with scheduler(folder, *options, has_dashboard=True) as (_, address), worker(folder, address):
        yield address


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--dashboard-prefix", "/team"),
        ("--preload", "daskflow.executors.tracker", "--dashboard-prefix", "team"),
    ],
    ids=["registered", "prefix", "preload"],
)
def test_a_scheduler_elsewhere_has_the_pages(tmp_path, options):
    """With the tracker registered by a run or preloaded, and under a prefix."""
    with elsewhere(tmp_path, *options) as address:
        if "--preload" in options:
            with Client(address, set_as_default=False) as client:
                root = client.dashboard_link.removesuffix("status")
            assert 'href="flows"' in read(f"{root}team/status")
        run = run_on({"address": address}, [1, 2])
        assert ("/team/flow-run?id=" in run.link) == bool(options)
        assert "<style>" in read(run.link)
        assert 'href="flows"' in read(f"{home_of(run)}/status")


def test_what_is_unknown_says_what_to_do(near_cluster):
    """A run that the scheduler never heard of, or has forgotten."""
    run_on({"cluster": near_cluster}, [1])
    with pytest.raises(UnknownRunError, match="daskflow dashboard"):
        runs_on(near_cluster).run("nobody")
