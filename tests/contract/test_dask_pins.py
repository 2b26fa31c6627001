"""What we rely on of Dask beyond its documentation: a test for each, to fail when Dask changes."""

import asyncio
import inspect
import threading
from types import SimpleNamespace

import pytest
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from dask.task_spec import Task, TaskRef
from distributed import Client, LocalCluster, SchedulerPlugin, get_worker
from distributed.nanny import WorkerProcess

from daskflow.executors.client import OwnClient
from tests.contract.waiting import eventually


class Watcher(SchedulerPlugin):
    """Writes down the calls of the hooks that the tracker has."""

    name = "watcher"

    def __init__(self):
        self.calls = []

    def start(self, scheduler):
        self.scheduler = scheduler

    def update_graph(self, scheduler, **arguments):
        arguments["states"] = {key: scheduler.tasks[key].state for key in arguments["tasks"]}
        self.calls.append(("graph", arguments))

    def transition(self, key, start, finish, *args, **kwargs):
        blame = self.scheduler.tasks[key].exception_blame
        told = {**kwargs, "blame": blame and (blame.key, blame.exception_text)}
        self.calls.append((key, start, finish, told))

    def log_event(self, topic, msg):
        self.calls.append(("event", topic, msg))

    def remove_worker(self, scheduler, worker, **words):
        self.calls.append(("worker left", worker, words["stimulus_id"]))

    def remove_client(self, scheduler, client):
        self.calls.append(("left", client, set(scheduler.clients)))

    def ends(self, key, finish):
        """Return what was told when a key came into a state."""
        return [call[3] for call in list(self.calls) if call[0] == key and call[2] == finish]


@pytest.fixture
def dask_client(near_cluster):
    with OwnClient(near_cluster.scheduler_address, set_as_default=False) as client:
        yield client


@pytest.fixture
def watcher(dask_client, near_cluster):
    dask_client.register_plugin(Watcher())
    yield near_cluster.scheduler.plugins["watcher"]
    dask_client.unregister_scheduler_plugin("watcher")


def leave_metadata(value):
    """Put a word into the running task's metadata, as the worker's port does."""
    worker = get_worker()
    worker.state.tasks[worker.get_current_task()].metadata["word"] = value
    return value


def fail():
    raise ValueError("on purpose")


def submit(client, tasks, wanted):
    """Send tasks as one layer, wanting the values of some."""
    layer = {task.key: task for task in tasks}
    graph = HighLevelGraph({"layer": MaterializedLayer(layer)}, {"layer": set()})
    return client.get(graph, wanted, sync=False)


def test_metadata_rides_on_the_message_that_a_task_is_done(dask_client, watcher):
    """`TaskState.metadata` of a worker arrives in the keywords of the transition to memory."""
    (future,) = submit(
        dask_client, [Task("pin-metadata", leave_metadata, b"here")], ["pin-metadata"]
    )
    assert future.result() == b"here"
    (told,) = watcher.ends("pin-metadata", "memory")
    assert told["metadata"]["word"] == b"here"
    assert told["worker"] in watcher.scheduler.workers


def test_the_graph_hook_comes_before_the_transitions(dask_client, watcher):
    """`update_graph` names all tasks of a graph, and the wanted ones, while they are released."""
    tasks = [Task("pin-a", int), Task("pin-b", str, TaskRef("pin-a"))]
    (future,) = submit(dask_client, tasks, ["pin-b"])
    future.result()
    kinds = [call[0] for call in watcher.calls]
    told = watcher.calls[kinds.index("graph")][1]
    assert kinds.index("graph") < min(kinds.index("pin-a"), kinds.index("pin-b"))
    assert set(told["tasks"]) == {"pin-a", "pin-b"}
    assert set(told["keys"]) == {"pin-b"}
    assert set(told["states"].values()) == {"released"}
    assert told["client"] == dask_client.id


def test_the_graph_hook_names_tasks_of_earlier_graphs_too(dask_client, watcher):
    """Those have another state than new ones: so the tracker holds nothing a second time."""
    (early,) = submit(dask_client, [Task("pin-early", int)], ["pin-early"])
    early.result()
    (late,) = submit(dask_client, [Task("pin-late", str, TaskRef("pin-early"))], ["pin-late"])
    assert late.result() == "0"
    told = [call[1]["states"] for call in watcher.calls if call[0] == "graph"][-1]
    assert told["pin-early"] == "memory"
    assert told["pin-late"] == "released"


def test_the_blame_for_a_failure_is_told(dask_client, watcher):
    """Of a task that erred, and of one behind it that never began: whose failure it is."""
    tasks = [Task("pin-bad", fail), Task("pin-behind", str, TaskRef("pin-bad"))]
    (future,) = submit(dask_client, tasks, ["pin-behind"])
    assert isinstance(future.exception(), ValueError)
    for key in ("pin-bad", "pin-behind"):
        (told,) = watcher.ends(key, "erred")
        assert told["blame"] == ("pin-bad", "ValueError('on purpose')")


def test_keys_are_held_in_the_name_of_nobody(dask_client, near_cluster):
    """`client_desires_keys` holds for a name that has no connection, until it releases them."""
    scheduler = near_cluster.scheduler
    (future,) = submit(dask_client, [Task("pin-held", int)], ["pin-held"])
    future.result()

    async def hold():
        scheduler.client_desires_keys(["pin-held"], "nobody")

    async def let_go():
        scheduler.client_releases_keys(["pin-held"], "nobody")
        del scheduler.clients["nobody"]

    near_cluster.sync(hold)
    future.release()
    holder = scheduler.clients["nobody"]
    eventually(lambda: scheduler.tasks["pin-held"].who_wants == {holder})
    assert scheduler.tasks["pin-held"].state == "memory"
    near_cluster.sync(let_go)
    eventually(lambda: "pin-held" not in scheduler.tasks)


def test_a_graph_may_refer_to_a_key_of_an_earlier_one(dask_client):
    """A `TaskRef` to a key that is on the scheduler needs no node in the new graph."""
    (early,) = submit(dask_client, [Task("pin-there", leave_metadata, 7)], ["pin-there"])
    early.result()
    (late,) = submit(dask_client, [Task("pin-again", str, TaskRef("pin-there"))], ["pin-again"])
    assert late.result() == "7"


def test_a_released_key_that_something_is_built_on_is_made_again(dask_client, tmp_path):
    """That is why a session never asks for what it has let go."""
    file = tmp_path / "made"

    def make(path):
        with open(path, "a", encoding="utf-8") as made:  # noqa: PTH123 - runs on a worker
            made.write("x")
        return 1

    tasks = [Task("pin-made", make, str(file)), Task("pin-on", str, TaskRef("pin-made"))]
    (future,) = submit(dask_client, tasks, ["pin-on"])
    future.result()
    (again,) = submit(dask_client, [Task("pin-ask", str, TaskRef("pin-made"))], ["pin-ask"])
    again.result()
    assert file.read_text(encoding="utf-8") == "xx"


def test_a_worker_calls_what_a_plugin_offers(dask_client, near_cluster):
    """A name in `scheduler.handlers` can be called from a task's thread by `worker.scheduler`."""
    near_cluster.scheduler.handlers["pin_double"] = lambda x: 2 * x

    def ask():
        worker = get_worker()
        asked = worker.scheduler.pin_double(x=b"ab")
        return asyncio.run_coroutine_threadsafe(asked, worker.loop.asyncio_loop).result(10)

    try:
        assert dask_client.submit(ask, pure=False).result() == b"abab"
    finally:
        del near_cluster.scheduler.handlers["pin_double"]


def test_a_name_that_nobody_offers_is_answered_with_none(dask_client):
    """So a scheduler can be asked whether the tracker is there."""
    assert dask_client.sync(dask_client.scheduler.pin_nobody) is None


def test_a_worker_that_goes_is_told_with_what_it_had(dask_client, near_cluster, watcher):
    """First an event with its keys, then their transitions, then the hook: all in one go."""
    scheduler = near_cluster.scheduler
    near_cluster.scale(2)
    near_cluster.wait_for_workers(2)
    address = max(scheduler.workers)
    words = {"workers": [address], "allow_other_workers": True, "pure": False}
    kept = dask_client.submit(int, key="pin-kept", **words)
    kept.result()
    held = dask_client.submit(work, key="pin-work", **words)
    eventually(lambda: scheduler.workers[address].processing)
    near_cluster.sync(scheduler.remove_worker, address, stimulus_id="pin")
    done.set()
    dask_client.gather([kept, held])
    calls = [call[:3] for call in watcher.calls]
    (told,) = [
        call[2] for call in watcher.calls if call[:2] == ("event", "all") and _is_removal(call)
    ]
    assert (told["worker"], told["expected"]) == (address, False)
    assert set(told["processing-tasks"]) == {"pin-work"}
    first = calls.index(("event", "all", told))
    last = calls.index(("worker left", address, "pin"))
    between = calls[first:last]
    assert ("pin-work", "processing", "released") in between
    assert ("pin-kept", "memory", "released") in between
    near_cluster.scale(1)
    eventually(lambda: len(scheduler.workers) == 1)


done = threading.Event()


def work():
    done.wait(10)


def _is_removal(call):
    return call[2].get("action") == "remove-worker"


def test_a_nanny_tells_whoever_asks_how_its_worker_ended():
    """`WorkerProcess.on_exit` is called with the exit code; the worker's address is left."""
    assert "on_exit" in inspect.signature(WorkerProcess).parameters
    told = []
    words = dict.fromkeys(inspect.signature(WorkerProcess).parameters)
    process = WorkerProcess(**{**words, "config": {}, "on_exit": told.append})
    process.on_exit = told.append
    process.worker_address = "tcp://here"
    process.process = SimpleNamespace(exitcode=-9, pid=1, close=lambda: None)
    process.running = process.stopped = asyncio.Event()
    process.mark_stopped()
    assert told == [-9]
    assert process.worker_address == "tcp://here"


def test_who_leaves_is_told_when_gone(near_cluster, watcher):
    """`remove_client` comes with the client's name, once nothing of it is left."""
    with Client(near_cluster.scheduler_address, set_as_default=False) as other:
        name = other.id
    eventually(lambda: [call for call in watcher.calls if call[:2] == ("left", name)])
    (left,) = [call for call in watcher.calls if call[:2] == ("left", name)]
    assert name not in left[2]


def test_a_client_closes_instead_of_coming_back():
    """`Client._reconnect` is what a lost scheduler calls; ours closes, and logs nothing."""
    with LocalCluster(
        processes=False, n_workers=0, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL"
    ) as cluster:
        client = OwnClient(cluster.scheduler_address, set_as_default=False)
        assert client.status == "running"
    eventually(lambda: client.status == "closed")
    assert client.scheduler is None


def submit_asking(client, tasks, **annotations):
    """Send tasks as one layer with annotations; return their futures."""
    layer = {task.key: task for task in tasks}
    made = MaterializedLayer(layer, annotations=annotations)
    graph = HighLevelGraph({"layer": made}, {"layer": set()})
    return client.get(graph, list(layer), sync=False)


def test_annotations_may_be_functions_of_the_key(dask_client, watcher):
    """Asked for each key of the layer; None is none, and then that of the graph counts."""
    tasks = [Task("pin-asks", int), Task("pin-asks-not", int)]
    futures = submit_asking(dask_client, tasks, priority={"pin-asks": 7.5}.get)
    dask_client.gather(futures)
    told = [call[1] for call in watcher.calls if call[0] == "graph"][-1]
    assert told["annotations"] == {"priority": {"pin-asks": 7.5}}
    priorities = {task.key: watcher.scheduler.tasks[task.key].priority[0] for task in tasks}
    assert priorities == {"pin-asks": -7.5, "pin-asks-not": 0}


def test_what_no_worker_can_run_is_unrunnable(dask_client, near_cluster):
    """With its restrictions: a name that no worker has is taken for that of a host."""
    scheduler = near_cluster.scheduler
    tasks = [Task("pin-named", int), Task("pin-rich", int)]
    futures = submit_asking(
        dask_client,
        tasks,
        workers={"pin-named": ["nobody"]}.get,
        resources={"pin-rich": {"GOLD": 1}}.get,
    )
    eventually(lambda: len(scheduler.unrunnable) == 2)
    named, rich = (scheduler.tasks[task.key] for task in tasks)
    assert (named.host_restrictions, named.worker_restrictions) == ({"nobody"}, None)
    assert named.annotations == {"workers": ["nobody"]}
    assert rich.annotations == {"resources": {"GOLD": 1}}
    assert [named.state, rich.state] == ["no-worker", "no-worker"]
    assert set(scheduler.unrunnable) == {named, rich}
    assert len(scheduler.running) == len(scheduler.workers) == 1
    for future in futures:
        future.release()
    eventually(lambda: not scheduler.unrunnable)


@pytest.mark.parametrize(("group", "held_back"), [("pin-{}-7", 0), ("pin-7", 17)])
def test_only_large_groups_are_held_back(dask_client, watcher, group, held_back):
    """Of tasks without inputs a worker is sent few at a time, if their group is twice its size."""
    tasks = [Task((group.format(number // 2), number), int) for number in range(20)]
    dask_client.gather(submit(dask_client, tasks, [task.key for task in tasks]))
    ends = [call[2] for call in watcher.calls if call[0] in {task.key for task in tasks}]
    assert ends.count("queued") == held_back
    assert {task.group.prefix.name for task in watcher.scheduler.tasks.values()} >= {"pin"}


def test_the_current_client_is_current_in_a_coroutine_of_its_own(dask_client):
    """So `performance_report`, which asks for it there, finds ours."""

    async def current():
        return Client.current(allow_global=False)

    with dask_client.as_current():
        assert dask_client.sync(current) is dask_client


def test_work_stealing_takes_requests(near_cluster):
    """The scheduler's extension moves a task on demand, when it is told from whom and to whom."""
    stealing = near_cluster.scheduler.extensions["stealing"]
    words = [*inspect.signature(stealing.move_task_request).parameters]
    assert words == ["ts", "victim", "thief"]


def say(value):
    """Send something on the stream to the scheduler, as the worker's port does; end at once."""
    worker = get_worker()
    worker.loop.add_callback(worker.batched_send, {"op": "pin-say", "word": value})
    return value


def test_what_a_worker_sends_arrives_before_the_end_of_its_task(dask_client, watcher):
    """By `Worker.batched_send`, at a handler of the scheduler's streams: it is told the worker."""
    scheduler = watcher.scheduler
    said = []
    scheduler.stream_handlers["pin-say"] = lambda worker, word: said.append(
        (word, worker, watcher.ends(f"pin-say-{word}", "memory"))
    )
    tasks = [Task(f"pin-say-{word}", say, word) for word in range(20)]
    futures = submit(dask_client, tasks, [task.key for task in tasks])
    assert dask_client.gather(futures) == [*range(20)]
    assert sorted(word for word, _, _ in said) == [*range(20)]
    assert {worker for _, worker, _ in said} == set(scheduler.workers)
    assert all(ended == [] for _, _, ended in said)
    del scheduler.stream_handlers["pin-say"]
