"""What is found out about blocks that were lost, from what a nanny tells."""

import asyncio
import pickle
from types import SimpleNamespace

import pytest

from daskflow.events import AT_BEGIN, ENDED, NOT_BEGUN, UNKNOWN, Fate
from daskflow.executors import losses
from daskflow.executors.black_box import BlackBox, Found
from daskflow.executors.losses import Death, Losses, Worker, fate_of, places_of, story_of
from daskflow.executors.nannies import attend

PID = 71
WORKER = Worker("tcp://10.0.0.7:40001", PID, "10.0.0.7")
MINE, OTHER, FOREIGN, LITERAL = ("a-ab12", 1), ("a-ab12", 2), "sum-3f", ("literal-ab12", "x")
STRANGER = ("a-cd34", 1)


MINES = {MINE, OTHER, STRANGER}


def box(*, pid=PID, is_whole=True, **places):
    named = {name.replace("_", " "): place for name, place in places.items()}
    return Death(-9, Found(pid, is_whole, named))


def places(death, keys=(MINE, OTHER, FOREIGN, LITERAL)):
    return list(places_of(death, PID, keys, MINES).values())


def test_a_box_tells_how_far_each_block_was():
    """What is not in it was not begun; of what is not ours it says nothing."""
    assert places(box(ab12_1=3)) == [3, NOT_BEGUN, UNKNOWN, UNKNOWN]
    assert places(box(ab12_1=AT_BEGIN, ab12_2=ENDED), [MINE, OTHER]) == [AT_BEGIN, ENDED]


@pytest.mark.parametrize("death", [None, Death(3, None), box(pid=PID + 1, ab12_1=3)])
def test_without_a_box_of_this_very_process_nobody_knows(death):
    """No nanny, a worker that noted nothing, the box of an earlier worker at that address."""
    assert set(places(death)) == {UNKNOWN}


def test_of_what_a_full_box_has_not_nobody_knows():
    """It may have been begun."""
    assert places(box(is_whole=False, ab12_1=3), [MINE, OTHER]) == [3, UNKNOWN]


@pytest.mark.parametrize(
    ("found", "beside", "kin"),
    [
        ({MINE: 3}, 0, 0),
        ({MINE: 3, OTHER: NOT_BEGUN}, 0, 0),
        ({MINE: 3, OTHER: ENDED}, 1, 1),
        ({MINE: 3, STRANGER: 1, FOREIGN: UNKNOWN}, 2, 0),
        ({MINE: 3, OTHER: UNKNOWN, LITERAL: UNKNOWN}, 2, 2),
    ],
)
def test_what_was_beside_a_block(found, beside, kin):
    """All that may have been at work there; of those which are of the same run."""
    fate = fate_of(MINE, WORKER, Death(-9, None), found)
    assert (fate.place, fate.beside, fate.kin) == (3, beside, kin)
    assert fate.worker == WORKER.address
    assert fate.story.endswith("was killed by signal 9 (SIGKILL)")


def test_who_went_over_its_memory_is_told_apart():
    """Its nanny said so, whatever signal it used."""
    fate = fate_of(MINE, WORKER._replace(limit=2 * 10**9, was_hog=True), Death(-15, None), {})
    assert fate == Fate(
        WORKER.address,
        "tcp://10.0.0.7:40001 (pid 71 on 10.0.0.7) went over its memory limit of 2.0 GB, "
        "and its nanny ended it",
        "out of memory",
        UNKNOWN,
        0,
        0,
    )


@pytest.mark.parametrize(
    ("code", "memory", "told"),
    [
        (3, 0, "exited with status 3"),
        (-11, 0, "was killed by signal 11 (SIGSEGV)"),
        (-99, 0, "was killed by signal 99"),
        (-9, 1.9e9, "was killed by signal 9 (SIGKILL); it last had 1.9 of its 2.0 GB of memory"),
        (-9, 1.1e9, "was killed by signal 9 (SIGKILL)"),
    ],
)
def test_how_a_worker_ended_is_told(code, memory, told):
    """By the code of its process; much memory is worth a word."""
    worker = WORKER._replace(memory=int(memory), limit=2 * 10**9)
    assert (
        story_of(worker, Death(code, None)) == f"tcp://10.0.0.7:40001 (pid 71 on 10.0.0.7) {told}"
    )


def test_what_dask_knows_of_a_worker():
    """Its last heartbeat may never have come."""
    state = SimpleNamespace(address="a", pid=1, host="h", metrics={"memory": 5.0}, memory_limit=7)
    assert Worker.of(state, was_hog=False) == Worker("a", 1, "h", 5, 7)
    state.metrics, state.memory_limit = None, None
    assert Worker.of(state, was_hog=True) == Worker("a", 1, "h", 0, 0, was_hog=True)


class Nanny:
    """Is asked to tell of its worker's death; cannot where it is broken."""

    def __init__(self, answer):
        self.answer = answer

    async def run(self, function):
        assert pickle.loads(function) is attend
        if self.answer is None:
            raise OSError("gone")
        return {"status": self.answer}


class Office:
    """Losses on a scheduler with one worker, and what they tell."""

    def __init__(self, nanny="OK", *, has_read=True):
        self.told = []
        self.worker = SimpleNamespace(
            address=WORKER.address,
            pid=PID,
            host=WORKER.host,
            nanny="tcp://10.0.0.7:1" if nanny != "none" else None,
            metrics={},
            memory_limit=0,
        )
        wanted = SimpleNamespace(who_wants={"a client"}, waiters=None)
        self.tasks = dict.fromkeys(MINES, wanted)
        scheduler = SimpleNamespace(
            workers={WORKER.address: self.worker},
            rpc=lambda address: Nanny(nanny),
            tasks=self.tasks,
        )
        self.losses = Losses(
            scheduler,
            lambda key: key in MINES,
            lambda run_id, worker: has_read,
            lambda key, fate: self.told.append((key, fate)),
        )

    def remove(self, *at_work, kept=(), is_expected=False):
        """Do what Dask does when a worker is gone."""
        self.losses.heard("all", {"action": "retire-workers"})
        told = {"processing-tasks": set(at_work), "expected": is_expected}
        self.losses.heard("all", {"action": "remove-worker", "worker": WORKER.address, **told})
        for key in at_work:
            self.losses.took(key, had_value=False)
        for key in kept:
            self.losses.took(key, had_value=True)
        self.losses.left(WORKER.address)

    def die(self, code=-9, **places):
        """Do what a nanny does."""
        found = box(**places).box if places else None
        self.losses.died(WORKER.address, code, None if found is None else tuple(found))

    def places(self):
        return {key: (fate.place, fate.beside) for key, fate in self.told}


def played(play):
    """Run a coroutine function; return what it returns, when all that it started is through."""

    async def run():
        result = await play()
        await asyncio.sleep(0.05)  # lets the loop go on
        return result

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Let nobody be waited for long."""
    monkeypatch.setattr(losses, "_WORD_SECONDS", 0.02)


@pytest.mark.parametrize("is_early", [True, False])
def test_the_word_of_a_nanny_is_waited_for(is_early):
    """Be it there before the scheduler notices, or behind that."""

    async def play():
        office = Office()
        await asyncio.sleep(0)  # lets the loop go on
        if is_early:
            office.die(ab12_1=3)
        office.remove(MINE, OTHER)
        assert office.told == []
        await asyncio.sleep(0)  # lets the loop go on
        if not is_early:
            office.die(ab12_1=3)
            office.die(ab12_1=4)  # told twice
        return office

    assert played(play).places() == {MINE: (3, 0), OTHER: (NOT_BEGUN, 1)}


@pytest.mark.parametrize("nanny", ["OK", "error", None, "none"])
def test_a_nanny_that_says_nothing_is_not_waited_for_without_end(nanny):
    """It is dead, cannot tell, or there is none: then nobody knows."""

    async def play():
        office = Office(nanny)
        await asyncio.sleep(0)  # lets the loop go on
        office.remove(MINE, OTHER)
        return office

    assert played(play).places() == {MINE: (UNKNOWN, 1), OTHER: (UNKNOWN, 1)}


def test_who_never_had_the_code_has_begun_nothing():
    """So its blocks are innocent, whatever else is not known."""

    async def play():
        office = Office("none", has_read=False)
        office.remove(MINE, FOREIGN)
        return office

    assert dict(played(play).told)[MINE].place == NOT_BEGUN


def test_values_that_are_gone_are_told_at_once():
    """Who needs them gives its task run back meanwhile."""

    async def play():
        office = Office()
        office.remove(MINE, kept=[OTHER])
        told = list(office.told)
        office.die(ab12_1=1)
        return office, told

    office, told = played(play)
    assert [key for key, _ in told] == [OTHER]
    assert [key for key, _ in office.told] == [OTHER, MINE]


def test_who_leaves_in_order_is_told_at_once():
    """Nobody is suspected for that."""

    async def play():
        office = Office()
        office.remove(MINE, is_expected=True)
        return list(office.told)

    ((key, fate),) = played(play)
    assert (key, fate.is_expected) == (MINE, True)
    assert fate.story == f"{WORKER.address} has left"


def test_what_is_taken_though_nobody_is_gone():
    """For whatever reason of Dask's: nobody is suspected either."""

    async def play():
        office = Office()
        office.losses.took(MINE, had_value=False)
        office.losses.took(OTHER, had_value=True)
        office.losses.left("tcp://nobody")  # has nothing to do with it, and came just then
        await asyncio.sleep(0.01)  # lets the loop go on
        return office

    assert [(key, fate.is_expected) for key, fate in played(play).told] == [
        (MINE, True),
        (OTHER, True),
    ]


def test_what_was_let_go_is_not_told():
    """That is what becomes of every block in the end: it is no loss."""

    async def play():
        office = Office()
        office.losses.took(MINE, had_value=True)
        office.losses.took(OTHER, had_value=True)
        del office.tasks[MINE]
        office.tasks[OTHER] = SimpleNamespace(who_wants=None, waiters=None)
        await asyncio.sleep(0.01)  # lets the loop go on
        return office

    assert played(play).told == []


def test_a_worker_that_was_ended_for_its_memory():
    """Its nanny has said so in an event of Dask's."""

    async def play():
        office = Office()
        await asyncio.sleep(0)  # lets the loop go on
        office.losses.heard("worker-restart-memory", {"worker": WORKER.address})
        office.remove(MINE)
        await asyncio.sleep(0)  # lets the loop go on
        office.die(-15, ab12_1=1)
        return office

    assert dict(played(play).told)[MINE].reason == "out of memory"


def test_a_scheduler_that_closes_waits_for_nobody():
    """What was waited for is not told any more: nobody would hear of it."""

    async def play():
        office = Office()
        await asyncio.sleep(0)  # lets the loop go on
        office.remove(MINE)
        await asyncio.sleep(0)  # lets the loop go on
        office.losses.close()
        return office

    assert played(play).told == []


def test_a_witness_tells_and_lets_the_nanny_go_on(tmp_path, monkeypatch):
    """Once it was asked, however often that is; when the scheduler is gone as well, it goes on."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    calls = []

    class Scheduler:
        async def daskflow_1_died(self, **told):
            calls.append(told)
            if len(calls) > 1:
                raise OSError("gone")

    process = SimpleNamespace(worker_address=WORKER.address, on_exit=calls.append)
    nanny = SimpleNamespace(process=process, scheduler=Scheduler())

    async def play():
        attend(nanny)
        attend(nanny)
        BlackBox(WORKER.address).begin("ab12", 1)
        process.on_exit(-9)
        await asyncio.sleep(0.01)  # lets the loop go on
        process.on_exit(3)

    played(play)
    (first, told, again, second) = calls
    assert (first, again) == (-9, 3)
    assert (told["worker"], told["code"]) == (WORKER.address, -9)
    assert Found(*told["box"]).places == {"ab12 1": AT_BEGIN}
    assert second == {"worker": WORKER.address, "code": 3, "box": None}
