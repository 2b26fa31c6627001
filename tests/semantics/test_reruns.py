"""A run made anew: what of the one before is kept, what runs again, and that it is its own."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from daskflow import (
    LocalExecutor,
    MemoryStore,
    Retry,
    Settings,
    all_finished,
    case,
    context,
    flatten,
    flow,
    manual_only,
    merge,
    resource_manager,
    states,
    unmapped,
)
from daskflow.errors import DefinitionError, LeaseTakenError, UnknownRunError
from daskflow.stores.choice import choose_store, close_stores
from tests.contract.waiting import Gate, eventually
from tests.semantics.bodies import add, collect, ident, inc, kinds, rng, skip2, total
from tests.semantics.ledger import Ledger

ROWS = 2_000  # of 8 bytes: more than what rides with a state


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path, monkeypatch):
    """A store in this process, then one in a file."""
    monkeypatch.setenv("DASKFLOW_RESULTS__URL", str(tmp_path / "results"))
    if request.param == "memory":
        yield MemoryStore()
        return
    monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'runs.db'}")
    yield choose_store(None, Settings())
    close_stores()


@pytest.fixture
def made(executor, block_size, store):
    """Make a flow that runs on the executor in turn and is kept in the store in turn."""

    def made(function, **options):
        words = {"executor": executor, "block_size": block_size, "store": store, **options}
        return flow(function, **words)

    return made


@pytest.fixture
def mended(tmp_path):
    """A file without which some bodies fail."""
    return tmp_path / "mended"


@pytest.fixture
def shaky(ledger, mended):
    """Make a task that fails for 2 until something is mended."""
    path = str(mended)

    def shaky(x):
        if x == 2 and not Path(path).exists():
            raise ValueError("two")
        return x

    def make(**options):
        return ledger.task(shaky, name="shaky", **options)

    make.mend = mended.touch
    return make


def array(n):
    return np.arange(n, n + ROWS, dtype="float64")


def first(xs):
    return float(xs[0])


def news(ledger, call):
    """Return what a call gives, and the bodies that it started."""
    before = ledger.starts()
    got = call()
    counted = {name: count - before.get(name, 0) for name, count in ledger.starts().items()}
    return got, {name: count for name, count in counted.items() if count}


def files(tmp_path):
    return [path for path in (tmp_path / "results").rglob("*") if path.is_file()]


def test_what_failed_runs_again_child_by_child(made, ledger, shaky, store):
    """One lane of three failed: it alone runs again, and what reduces all of them."""
    risky, up, summed = shaky(), ledger.task(inc), ledger.task(total)
    f = made(lambda: summed(up.map(risky.map([1, 2, 3]))), name="f")
    run = f.run()
    assert kinds(run) == {"shaky": "M[S,F,S]", "inc": "M[S,TF,S]", "total": "TF"}
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == 9
    assert started == {"shaky[1]": 1, "inc[1]": 1, "total": 1}
    assert kinds(again) == {"shaky": "M[S,S,S]", "inc": "M[S,S,S]", "total": "S"}
    assert again["inc"].result() == [2, 3, 4]
    assert (again.id != run.id, store.run(again.id).parent) == (True, run.id)
    assert type(store.run(run.id).state) is states.Failed
    assert again["inc"][0].ended == run["inc"][0].ended


def test_it_fails_again(made, ledger, shaky):
    """What is not mended fails in the new run too, which can be repeated in its turn."""
    risky, up = shaky(), ledger.task(inc)
    f = made(lambda: up.map(risky.map([1, 2, 3])), name="f")
    first_run = f.run()
    second = f.rerun(first_run.id, failed=True)
    third, started = news(ledger, lambda: f.rerun(second.name, failed=True))
    assert kinds(third) == {"shaky": "M[S,F,S]", "inc": "M[S,TF,S]"}
    assert started == {"shaky[1]": 1}


def test_a_success_that_hangs_on_a_failure_runs_again(made, ledger, shaky):
    """What was given an exception is given the value that there is now."""
    risky, told = shaky(), ledger.task(lambda x: repr(x), name="told", trigger=all_finished)
    beside = ledger.task(ident)
    f = made(lambda: (told(risky(2)), beside(7)), name="f", reference_tasks=["shaky"])
    run = f.run()
    assert run[told].result() == "ValueError('two')"
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == ("2", 7)
    assert started == {"shaky": 1, "told": 1}


def test_what_was_skipped_stays_skipped(made, ledger, shaky):
    """A lane that was left out is left out again, without asking its body."""
    picked, up, risky = ledger.task(skip2), ledger.task(inc), shaky()
    f = made(lambda: (up.map(picked.map([1, 2, 3])), risky(2)), name="f")
    run = f.run()
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == ([2, None, 4], 2)
    assert started == {"shaky": 1}
    assert again["skip2"][1].state.message == "two"


def test_attempts_begin_anew(made, ledger, mended):
    """What runs again has all its retries; what is kept still tells how often it was tried."""
    path = str(mended)

    def late(x):
        if context.attempt < 3 or (x == 2 and not Path(path).exists()):
            raise ValueError(f"attempt {context.attempt}")
        return x

    lagging = ledger.task(late, retries=2)
    f = made(lambda: lagging.map([1, 2]), name="f")
    run = f.run()
    assert kinds(run) == {"late": "M[S,F]"}
    mended.touch()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == [1, 2]
    assert started == {"late[1]": 3}
    assert [child.attempt for child in again["late"]] == [3, 3]


def test_lanes_of_a_mapped_flow(made, ledger, shaky):
    """Maps inside of lanes, of different widths: only the lane that failed is lowered again."""
    spread, risky, summed = ledger.task(rng), shaky(), ledger.task(total)
    alls = ledger.task(collect)

    @flow
    def lane(n):
        return summed(risky.map(spread(n)))

    f = made(lambda: alls(lane.map([2, 4, 0, 1])), name="f")
    run = f.run()
    assert type(run["lane.total"][1].state) is states.TriggerFailed
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == [1, 6, 0, 0]
    assert started == {"lane.shaky[1, 2]": 1, "lane.total[1]": 1, "collect": 1}
    assert again["lane.shaky"][1, 3].result() == 3


def test_a_width_that_was_given_by_what_failed(made, ledger, mended):
    """What was to be mapped over failed: now there are children, of all that hung on it."""
    path = str(mended)

    def listed(n):
        if not Path(path).exists():
            raise OSError("no list")
        return list(range(n))

    spread, up, summed = ledger.task(listed), ledger.task(inc), ledger.task(total)
    f = made(lambda: summed(up.map(spread(3))), name="f")
    run = f.run()
    assert kinds(run) == {"listed": "F", "inc": "TF", "total": "TF"}
    mended.touch()
    again = f.rerun(run.id, failed=True)
    assert again.result() == 6


def test_a_width_that_changes(made, ledger, mended):
    """A repeated task returns a longer list: its children come into being anew, all of them."""
    path = str(mended)
    spread = ledger.task(lambda: [1, 2, 3] if Path(path).exists() else [1], name="spread")
    up, flat, summed = ledger.task(inc), ledger.task(ident), ledger.task(total)
    f = made(lambda: summed(flat.map(flatten(ledger.task(rng).map(up.map(spread()))))), name="f")
    run = f.run()
    assert run.result() == 0 + 1
    mended.touch()
    again, started = news(ledger, lambda: f.rerun(run.id, from_task="spread"))
    assert again.result() == (0 + 1) + (0 + 1 + 2) + (0 + 1 + 2 + 3)
    assert started["inc[0]"] == started["inc[2]"] == started["ident[8]"] == 1


def test_a_part_of_a_flattened_map(made, ledger, shaky):
    """One of the lists is made again, so the elements of all of them are counted anew."""
    risky, spread, flat = shaky(), ledger.task(rng), ledger.task(ident)
    f = made(lambda: flat.map(flatten(spread.map(risky.map([1, 2, 3])))), name="f")
    run = f.run()
    assert kinds(run)["ident"] == "M[S,TF,S,S,S]"
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == [0, 0, 1, 0, 1, 2]
    assert {"shaky[1]", "rng[1]", "ident[5]"} <= started.keys()
    assert "rng[0]" not in started
    kept = f.rerun(again.id, from_task="ident[3]")
    assert kept.result() == [0, 0, 1, 0, 1, 2]


def test_an_elementwise_map_over_flattened_values_is_kept(made, ledger, shaky):
    """Where nothing that was counted is repeated, the elements keep their places."""
    spread, risky = ledger.task(rng), shaky()
    f = made(lambda: risky.map(flatten(spread.map([1, 3]))), name="f")
    run = f.run()
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == [0, 0, 1, 2]
    assert started == {"shaky[3]": 1}


def test_durable_results_are_the_new_runs_own(made, ledger, shaky, store, tmp_path):
    """Large ones are read by consumers, and stay when the earlier run and its files are gone."""
    make, told, risky = ledger.task(array, persist_result=True), ledger.task(first), shaky()
    odd = ledger.task(lambda: ("x" * 9_000, {1, 2}), name="odd", persist_result=True)

    def sums():
        arrays = make.map([1, 2, 3])
        return told.map(arrays, wait_for=[unmapped(risky(2))]), arrays, odd()

    f = made(sums, name="f")
    run = f.run()
    assert set(ledger.starts()) == {"array[0]", "array[1]", "array[2]", "odd", "shaky"}
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result()[0] == [1.0, 2.0, 3.0]
    assert set(started) == {"shaky", "first[0]", "first[1]", "first[2]"}
    assert store.delete([run.id], "op") == 1
    shutil.rmtree(tmp_path / "results" / run.id)
    _, arrays, kept = again.result()
    assert [value[0] for value in arrays] == [1.0, 2.0, 3.0]
    assert kept == ("x" * 9_000, {1, 2})
    assert len(files(tmp_path)) == 4
    last, started = news(ledger, lambda: f.rerun(again.id, from_task=told))
    assert (last.result()[0], len(started)) == ([1.0, 2.0, 3.0], 3)


def test_a_value_that_is_lost_is_made_again(made, ledger, shaky):
    """It was large and not durable: its task runs again where it is needed, and says why."""
    make, told, risky = ledger.task(array), ledger.task(first), shaky()
    unneeded = ledger.task(array, name="unneeded")
    f = made(lambda: (told(make(1), wait_for=[risky(2)]), first_of(unneeded(1))), name="f")
    first_of = ledger.task(first, name="first_of")
    run = f.run()
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == (1.0, 1.0)
    assert started == {"array": 1, "shaky": 1, "first": 1}
    assert ("array", "its value was not kept: it runs again") in [
        (event.name, event.state.message) for event in again.events()
    ]


@pytest.mark.parametrize("harm", ["removed", "changed"])
def test_a_durable_result_that_is_no_good_is_made_again(made, ledger, shaky, tmp_path, harm):
    """Its file is gone, or was changed: it counts as lost."""
    make, told, risky = ledger.task(array, persist_result=True), ledger.task(first), shaky()
    f = made(lambda: told.map(make.map([1, 2]), wait_for=[unmapped(risky(2))]), name="f")
    run = f.run()
    one = files(tmp_path)[0]
    one.unlink() if harm == "removed" else one.write_bytes(one.read_bytes()[:-1] + b"?")
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == [1.0, 2.0]
    assert sorted(count for name, count in started.items() if "array" in name) == [1]


def test_from_a_task_on(made, ledger, shaky):
    """A task and all that hangs on it run again; everything else stays, failed or not."""
    up, twice, summed, risky = (ledger.task(inc), ledger.task(add), ledger.task(total), shaky())
    f = made(
        lambda: (summed([up(1), twice(up.named("inc-b")(2), 1)]), risky(2)),
        name="f",
        reference_tasks=["total"],
    )
    run = f.run()
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, from_task=twice))
    assert started == {"add": 1, "total": 1}
    assert kinds(again) == {"inc": "S", "inc-b": "S", "add": "S", "total": "S", "shaky": "F"}
    assert type(again["shaky"].state.exception) is ValueError
    both, started = news(ledger, lambda: f.rerun(run.id, failed=True, from_task="inc"))
    assert started == {"inc": 1, "total": 1, "shaky": 1}
    assert both.result() == (6, 2)


def test_from_one_child_on(made, ledger):
    """One child runs again, with its lane and what reduces all; its siblings do not."""
    up, down, summed = ledger.task(inc), ledger.task(ident), ledger.task(total)

    @flow
    def lane(x):
        return down(up(x))

    f = made(lambda: (summed(down.map(up.map([1, 2, 3]))), lane.map([4, 5])), name="f")
    run = f.run()
    _, started = news(ledger, lambda: f.rerun(run.id, from_task="inc[2]"))
    assert started == {"inc[2]": 1, "ident[2]": 1, "total": 1}
    _, started = news(ledger, lambda: f.rerun("last", from_task="lane.inc[1]"))
    assert started == {"lane.inc[1]": 1, "lane.ident[1]": 1}
    _, started = news(ledger, lambda: f.rerun(run.id, from_task="inc"))
    assert started == {f"inc[{i}]": 1 for i in range(3)} | {f"ident[{i}]": 1 for i in range(3)} | {
        "total": 1
    }


def test_all_of_it(made, ledger, store):
    """With nothing more said all runs again, with the parameters of then."""
    up = ledger.task(inc)

    def case_of(xs: list[int], tag: str = "then"):
        return up.map(xs), tag

    f = made(case_of, tags={"mine"})
    run = f.run([1, 2], tag="x")
    again, started = news(ledger, lambda: f.rerun(run.id))
    assert again.result() == ([2, 3], "x")
    assert started == {"inc[0]": 1, "inc[1]": 1}
    assert (again.parameters, store.run(again.id).tags) == (run.parameters, {"mine"})


def test_branches(made, ledger, shaky):
    """The branch that was not taken stays skipped, unless what decided is repeated."""
    asked, yes, no = shaky(), ledger.task(inc), ledger.task(ident)
    other = ledger.task(ident, name="other")

    def f():
        kind = other("a")
        with case(kind, "a"):
            one = yes(asked(2))
        with case(kind, "b"):
            two = no.map(ledger.task(rng)(3))
        return merge(one, two)

    f = made(f)
    run = f.run()
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == 3
    assert {"shaky", "inc"} <= started.keys()
    assert not started.keys() & {"other", "ident", "rng"}
    assert kinds(again)["ident"] == "SK"
    last, started = news(ledger, lambda: f.rerun(again.id, from_task=other))
    assert last.result() == 3
    assert {"other", "shaky", "inc"} <= started.keys()


def test_a_resource_is_set_up_again(made, ledger, shaky, tmp_path):
    """What failed inside runs in a resource of its own, with all that had used the old one."""
    diary, risky, up = Ledger(tmp_path / "diary"), shaky(), ledger.task(inc)

    @resource_manager
    class Tray:
        def setup(self):
            diary.note("setup")
            return "tray"

        def cleanup(self, tray):
            diary.note("cleanup")

    def f():
        outside = up(1)
        with Tray() as tray:
            inside = up.named("inside")(1, wait_for=[tray])
            risky(2)
        return outside, inside

    f = made(f)
    run = f.run()
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.state.is_successful()
    assert started == {"inside": 1, "shaky": 1}
    assert diary.lines() == ["setup", "cleanup"] * 2
    _, started = news(ledger, lambda: f.rerun(again.id, from_task="inc"))
    assert started == {"inc": 1}
    assert diary.lines() == ["setup", "cleanup"] * 2


def test_states_that_are_given(made, ledger, shaky):
    """They stand in place of what was kept, and what hangs on them runs again."""
    risky, up, summed = shaky(), ledger.task(inc), ledger.task(total)
    f = made(lambda: (up(risky(2)), summed(ledger.task(ident).map([1, 2]))), name="f")
    run = f.run()
    given = f.with_options(
        states={"shaky": states.Success(result=20), "ident[1]": states.Success(result=9)}
    )
    again, started = news(ledger, lambda: given.rerun(run.id, failed=True))
    assert again.result() == (21, 10)
    assert started == {"inc": 1, "total": 1}
    kept, started = news(ledger, lambda: f.rerun(again.id, failed=True))
    assert (kept.result(), started) == ((21, 10), {})


def test_a_rerun_whose_driver_is_lost(made, ledger, shaky):
    """Its history is whole: it is resumed like any other, with what it had taken over."""
    risky, up, told = shaky(), ledger.task(inc), ledger.task(first)
    make = ledger.task(array, persist_result=True)
    wait = ledger.task(ident, trigger=manual_only)
    f = made(lambda: (up.map(risky.map([1, 2])), told(make(5), wait_for=[wait(1)])), name="f")
    run = f.run()
    run._keeper.close()
    shaky.mend()
    again = f.rerun(run.id, failed=True)
    assert type(again.state) is states.Paused
    again._session.close()
    again._keeper.close()
    resumed, started = news(ledger, lambda: f.resume(again.id))
    resumed.approve()
    assert resumed.result() == ([2, 3], 5.0)
    assert started == {}
    assert ledger.starts() == {
        "shaky[0]": 1,
        "shaky[1]": 2,
        "inc[0]": 1,
        "inc[1]": 1,
        "array": 1,
        "ident": 1,
        "first": 1,
    }


def test_a_rejected_task_run_is_asked_for_again(made, ledger):
    """What a person turned down waits for approval once more; what was approved is kept."""
    wait = ledger.task(ident, trigger=manual_only)
    f = made(lambda: wait.map([1, 2]), name="f")
    run = f.run()
    run.approve(index=0, task=wait)
    run.reject()
    assert kinds(run) == {"ident": "M[S,F]"}
    again = f.rerun(run.id, failed=True)
    assert type(again.state) is states.Paused
    assert kinds(again) == {"ident": "M[S,PA]"}
    again.approve()
    assert again.result() == [1, 2]


def test_what_was_cancelled_runs(made, ledger):
    """A run that was interrupted leaves what it had not begun; a rerun begins it."""
    up, stop = ledger.task(inc), ledger.task(ident, retry_delay_seconds=60)
    gone = ledger.task(lambda x: x if context.run_name == "again" else _later(), name="gone")
    f = made(lambda: (up(1), stop(gone(1))), name="f")
    run = f.submit()
    eventually(lambda: type(run["gone"].state) is states.Retrying)
    run._session.close()
    run._keeper.close()
    named = f.with_options(run_name="again")
    again, started = news(ledger, lambda: named.rerun(run.id, from_task="inc"))
    assert again.result() == (2, 1)
    assert started == {"inc": 1, "gone": 1, "ident": 1}


def _later():
    raise Retry("later", delay=3600)


def test_what_cannot_be_repeated(ledger, tmp_path):
    """A run that goes on, or that there is not, and tasks that there are not."""
    gate = Gate(tmp_path / "gate")
    wait = ledger.task(lambda x: gate.wait(), name="wait")
    store = MemoryStore()
    f = flow(lambda: wait.map([1, 2]), name="f", store=store, executor=LocalExecutor(threads=2))
    run = f.submit()
    eventually(ledger.starts)
    with pytest.raises(LeaseTakenError, match=rf"run '{run.name}' is driven by .*, process \d+"):
        f.rerun(run.id)
    gate.open()
    run.wait(30)
    with pytest.raises(UnknownRunError):
        f.rerun("nobody")
    with pytest.raises(DefinitionError, match="no node 'waite'; its nodes: wait"):
        f.rerun(run.id, from_task="waite")
    with pytest.raises(DefinitionError, match=r"no task run wait\[2\]"):
        f.rerun(run.id, from_task="wait[2]")
    with pytest.raises(DefinitionError, match="no node 'inc'"):
        f.rerun(run.id, from_task=ledger.task(inc))
    assert len(store.runs()) == 1


def test_a_flow_that_has_changed(ledger, mended):
    """Nodes that are new run, and what hangs on them; what is gone is forgotten."""
    store = MemoryStore()
    words = {"name": "f", "store": store, "executor": LocalExecutor()}
    up, twice, summed, old = (ledger.task(fn) for fn in (inc, add, total, ident))
    before = flow(lambda: (summed([up(1), 2]), old(1)), **words)
    after = flow(lambda: (summed([up(1), twice(1, 1)]), 1), **words)
    run = before.run()
    again, started = news(ledger, lambda: after.rerun(run.id, failed=True))
    assert again.result() == (4, 1)
    assert started == {"add": 1, "total": 1}


def test_a_lane_in_which_a_map_never_came(made, ledger, shaky):
    """It was skipped there, and stays so; where what was asked for it is repeated, it is asked."""
    picked, spread, risky = ledger.task(skip2), ledger.task(rng), shaky()
    summed = ledger.task(total)

    @flow
    def lane(n):
        return summed(risky.map(spread(picked(n))))

    f = made(lambda: lane.map([1, 2, 3]), name="f")
    run = f.run()
    assert kinds(run)["lane.shaky"] == "M[M[S],SK,M[S,S,F]]"
    shaky.mend()
    again, started = news(ledger, lambda: f.rerun(run.id, failed=True))
    assert again.result() == [0, None, 3]
    assert started == {"lane.shaky[2, 2]": 1, "lane.total[2]": 1}
    assert kinds(again)["lane.shaky"] == "M[M[S],SK,M[S,S,S]]"
    last, started = news(ledger, lambda: f.rerun(again.id, from_task="lane.skip2[1]"))
    assert last.result() == [0, None, 3]
    assert started == {"lane.skip2[1]": 1}
    whole, started = news(ledger, lambda: f.rerun(again.id, from_task="lane.rng[2]"))
    assert whole.result() == [0, None, 3]
    assert {f"lane.shaky[2, {i}]" for i in range(3)} <= started.keys()
    assert "lane.shaky[0, 0]" not in started


def test_lanes_that_do_not_look_at_what_gave_them(made, ledger, mended):
    """There are more of them now: what they return is asked for anew, and what hangs on that."""
    path = str(mended)
    spread = ledger.task(lambda: [1, 2, 3] if Path(path).exists() else [1], name="spread")
    one, alls = ledger.task(lambda: 7, name="one"), ledger.task(collect)

    @flow
    def lane(x):
        return one()

    f = made(lambda: alls(lane.map(spread())), name="f")
    run = f.run()
    assert run.result() == [7]
    mended.touch()
    again = f.rerun(run.id, from_task="spread")
    assert again.result() == [7, 7, 7]
