"""What a scheduler knows of its clients' runs: asked of drivers, told piece by piece, bounded."""

import pytest

from daskflow import LocalExecutor, Skip, flow, get_run_logger, task
from daskflow.dashboard import live
from daskflow.dashboard.live import LiveRuns
from daskflow.definition.outlining import nodes_of
from daskflow.errors import StoreBusyError, UnknownRunError
from daskflow.showing import ShownRun
from daskflow.states import Running, Success
from daskflow.stores.history import Wanted
from daskflow.stores.memory import MemoryStore

ADA, BOB = "client-ada", "client-bob"


@task
def half(x):
    get_run_logger().info("%s is halved", x)
    if x == 3:
        raise Skip("odd")
    return x // 2


@flow(executor=LocalExecutor())
def halves(xs):
    return half.map(xs)


class Told:
    """A run that has ended, as its driver tells of it."""

    def __init__(self, store, **options):
        self.run = halves.with_options(store=store, **options).run([2, 3, 4])
        self.shown = ShownRun.of(store.run(self.run.id), store)

    def summary(self, state=None, ended=None):
        state = self.run.state if state is None else state
        return self.shown.summary(state, self.run.started_at, ended, self.run.record)


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def asked():
    """Who was asked to tell more: clients, runs, versions."""
    return []


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""

    class Clock:
        seconds = 1_000.0

    monkeypatch.setattr(live, "monotonic", lambda: Clock.seconds)
    return Clock


@pytest.fixture
def runs(asked):
    return LiveRuns(lambda *look: asked.append(look))


def tell(runs, one, client=ADA, behind=0):
    """Tell the history of a run as far as it is wanted; return what was answered last."""
    answer = None
    for told in one.shown.history(behind):
        answer = runs.history(client, one.run.id, told)
    return answer


def test_a_summary_is_enough_for_the_list(runs, asked, store):
    """Rows, the newest first, and how far each is; nobody is asked for it."""
    first, second = Told(store, tags={"nightly"}), Told(store)
    for one in (first, second):
        runs.summary(ADA, one.summary())
    assert [row.id for row in runs.runs()] == [second.run.id, first.run.id]
    assert [row.id for row in runs.runs(Wanted(tag="nightly"))] == [first.run.id]
    assert len(runs.runs(Wanted(limit=1))) == 1
    assert runs.progress(first.run.id) == ({"Success": 2, "Skipped": 1}, True)
    assert asked == []


def test_a_history_is_asked_for_once(runs, asked, store):
    """The first look asks; while the driver is about to tell, nobody else does."""
    one = Told(store)
    runs.summary(ADA, one.summary())
    for _ in range(2):
        with pytest.raises(StoreBusyError, match="was asked for it just now"):
            runs.run(one.run.id)
    assert asked == [(ADA, one.run.id, 0)]
    assert tell(runs, one) == (-1, {})  # it has ended: that is all
    found = runs.run(one.run.id)
    kept = store.entries(one.run.id, with_values=False)
    assert [e.version for e in runs.entries(one.run.id)] == [e.version for e in kept]
    assert set(nodes_of(found.graph)) == {"half"}
    assert [e.version for e in runs.entries(one.run.id, found.version - 1)] == [found.version]
    assert len(asked) == 1


def test_a_driver_tells_as_long_as_somebody_looks(runs, asked, store, clock):
    """Where nobody has looked for a while it is told so; one that does not answer is asked anew."""
    one = Told(store)
    runs.summary(ADA, one.summary(Running()))
    runs.entries(one.run.id)
    (told,) = one.shown.history(0)
    open_piece = {**told, "is_last": False}
    version, _ = runs.history(ADA, one.run.id, open_piece)
    assert version == runs.entries(one.run.id)[-1].version
    clock.seconds += 6.0
    nothing = {"graph": "", "entries": [], "is_last": False}
    assert runs.history(ADA, one.run.id, nothing) == (-1, {})
    runs.entries(one.run.id)
    clock.seconds += 16.0
    runs.entries(one.run.id)
    assert asked == [(ADA, one.run.id, 0), *[(ADA, one.run.id, version)] * 2]


def test_pieces_that_do_not_fit_are_left_out(runs, store):
    """One that leaves a gap, or comes twice, or that nobody asked this client for."""
    one = Told(store)
    runs.summary(ADA, one.summary())
    (told,) = one.shown.history(0)
    late = {**told, "entries": told["entries"][1:]}
    assert runs.history(BOB, one.run.id, told) == (-1, {})
    assert runs.history(ADA, "nobody", told) == (-1, {})
    runs.history(ADA, one.run.id, late)
    assert runs.entries(one.run.id) == []
    runs.history(ADA, one.run.id, told)
    runs.history(ADA, one.run.id, told)
    versions = [entry.version for entry in runs.entries(one.run.id)]
    assert versions == list(range(1, len(versions) + 1))


def test_an_entry_that_makes_no_sense_is_left_out(runs, store):
    """It is a later daskflow's; what comes behind it is known."""
    one = Told(store)
    runs.summary(ADA, one.summary())
    (told,) = one.shown.history(0)
    (version, table, row), *rest = told["entries"]
    odd = (version, table, {**row, "state": '{"kind": "Dreaming"}'})
    runs.history(ADA, one.run.id, {**told, "entries": [odd, *rest]})
    assert len(runs.entries(one.run.id)) == len(rest)


def test_who_left_is_asked_no_more_and_forgotten_later(asked, store, clock):
    """What was told stays for a while; a driver whose graph is not known is of no use."""
    runs = LiveRuns(lambda *look: asked.append(look), keep=60.0)
    one, other = Told(store), Told(store)
    for told in (one, other):
        runs.summary(ADA, told.summary())
    runs.entries(one.run.id)
    tell(runs, one)
    runs.left(ADA)
    assert runs.holder(one.run.id) is None
    with pytest.raises(UnknownRunError, match="its driver is gone; `daskflow dashboard`"):
        runs.run(other.run.id)
    assert runs.run(one.run.id).name == one.run.name
    assert len(asked) == 1
    clock.seconds += 61.0
    runs.sweep()
    with pytest.raises(UnknownRunError, match="there is no run"):
        runs.progress(one.run.id)


def test_somebody_else_goes_on_with_it(runs, asked, store):
    """The new driver is asked, from where the old one has told it."""
    one = Told(store)
    runs.summary(ADA, one.summary())
    runs.entries(one.run.id)
    tell(runs, one)
    known = runs.run(one.run.id).version
    runs.left(ADA)
    runs.summary(BOB, one.summary(Running()))
    runs.entries(one.run.id)
    assert asked == [(ADA, one.run.id, 0), (BOB, one.run.id, known)]


def test_who_drives_it(runs, store):
    """As long as it goes on."""
    one = Told(store)
    runs.summary(ADA, one.summary(Running()))
    assert runs.holder(one.run.id).pid == one.shown.row.pid
    runs.summary(ADA, one.summary(Success(), ended=2.0))
    assert runs.holder(one.run.id) is None


def test_there_is_a_limit(asked, store):
    """Of runs the newest stay; of histories those that were looked at last."""
    runs = LiveRuns(lambda *look: asked.append(look), most=2, most_bytes=1)
    told = [Told(store) for _ in range(3)]
    for one in told:
        runs.summary(ADA, one.summary())
    assert {row.id for row in runs.runs()} == {one.run.id for one in told[1:]}
    for one in told[1:]:
        runs.entries(one.run.id)
        tell(runs, one)
    assert runs.entries(told[2].run.id)
    assert runs.entries(told[1].run.id) == []
    assert asked[-1] == (ADA, told[1].run.id, 0)  # it is asked for anew


def lines_of(found):
    return [line.message for one in found for line in one.piece.lines]


def test_lines_are_wanted_of_who_is_looked_at(runs, asked, store):
    """Behind those that are known; to the last one, and then no more."""
    one = Told(store)
    runs.summary(ADA, one.summary())
    runs.entries(one.run.id)
    tell(runs, one)
    assert runs.logs(one.run.id, "half[2]") == []
    assert len(asked) == 2  # the history is whole: it is asked for the lines
    version = runs.run(one.run.id).version
    assert tell(runs, one, behind=version) == (-1, {"half[2]": 0})
    for told in one.shown.lines("half[2]", 0):
        runs.lines(ADA, one.run.id, {**told, "task": "half[2]"})
        runs.lines(BOB, one.run.id, {**told, "task": "half[2]"})
        runs.lines(ADA, one.run.id, {**told, "task": "half[0]"})  # nobody looks at that
    found = runs.logs(one.run.id, "half[2]")
    assert lines_of(found) == ["4 is halved"]
    assert runs.logs(one.run.id, "half[2]", found[-1].version) == []
    assert len(asked) == 2
    assert lines_of(runs.logs(one.run.id, "half[0]")) == []
    assert len(asked) == 3


def test_lines_of_few_are_kept(runs, store):
    """Who looks at many looks at the last ones."""
    one = Told(store)
    runs.summary(ADA, one.summary())
    runs.entries(one.run.id)
    for number in range(30):
        runs.logs(one.run.id, f"half[{number}]")
    _, wanted = tell(runs, one)
    assert list(wanted) == [f"half[{number}]" for number in range(10, 30)]


def test_lines_of_a_run_that_goes_on_again_are_wanted_again(runs, asked, store):
    """What was whole may be added to."""
    one = Told(store)
    runs.summary(ADA, one.summary())
    runs.logs(one.run.id, "half[0]")
    for told in one.shown.lines("half[0]", 0):
        runs.lines(ADA, one.run.id, {**told, "task": "half[0]"})
    tell(runs, one)
    before = len(asked)
    runs.logs(one.run.id, "half[0]")
    assert len(asked) == before
    runs.summary(ADA, one.summary(Running()))
    runs.logs(one.run.id, "half[0]")
    assert len(asked) == before + 1
