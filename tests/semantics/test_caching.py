"""Caching: what is found, what is kept, by what a key goes, and what is told of it."""

import threading
from datetime import timedelta

import numpy as np
import pytest

from daskflow import (
    FLOW_PARAMETERS,
    INPUTS,
    RUN_ID,
    CacheKeyError,
    Fail,
    Loop,
    MemoryStore,
    Pause,
    Skip,
    Succeed,
    context,
    flow,
    task,
    unmapped,
)
from daskflow.questions import Question
from daskflow.runtime import caches
from daskflow.states import Cached, Failed, Success
from daskflow.stores import answering
from tests.semantics.bodies import ident, inc, kinds, short


@pytest.fixture
def store():
    """A store of this test's own."""
    return MemoryStore()


@pytest.fixture
def cached(ledger):
    """Make a task of a function whose starts are counted, and which is cached."""

    def cached(function, **options):
        word = {} if any(word.startswith("cache_") for word in options) else {"cache": True}
        return ledger.task(function, **word, **options)

    return cached


@pytest.fixture
def rerun(executor, block_size, store):
    """Make a flow of a function, on this test's store."""

    def rerun(function, **options):
        return flow(function, executor=executor, block_size=block_size, store=store, **options)

    return rerun


def states_of(made, node, *values):
    """Run a flow of one parameter once for each value; return the states of a node in short."""
    return [short(made.run(value)[node].state) for value in values]


def test_29_a_cache_by_inputs(cached, rerun, ledger):
    """P = 1, 1, 2, 1: the body runs at the first and the third only, and the values are right."""
    load = cached(inc)
    made = rerun(lambda p: load(p))
    runs = [made.run(p) for p in (1, 1, 2, 1)]
    assert [kinds(run) for run in runs] == [{"inc": kind} for kind in ("S", "C", "S", "C")]
    assert [run.result() for run in runs] == [2, 2, 3, 2]
    assert ledger.starts() == {"inc": 2}
    assert [run[load].attempt for run in runs] == [1, 0, 1, 0]
    first = f"{runs[0].id}/inc"
    assert runs[3][load].state.message == f"made by {first}"
    assert runs[3][load].state.timestamp >= runs[0][load].state.timestamp


def test_a_hit_is_a_success_downstream(cached, rerun, ledger):
    """What depends on it gets its value and runs, a trigger counts it, a map goes over it."""
    numbers = cached(lambda n: list(range(n)), name="numbers")
    after = ledger.task(inc)

    def case(n):
        return after.map(numbers(n))

    made = rerun(case)
    assert [made.run(3).result() for _ in range(2)] == [[1, 2, 3], [1, 2, 3]]
    assert kinds(made.run(3)) == {"numbers": "C", "inc": "M[S,S,S]"}


def test_the_trigger_is_asked_before_the_cache(cached, rerun, do):
    """Though a result is there: a failed upstream gives TriggerFailed, a skipped one Skipped."""
    load = cached(ident)

    def case(end):
        maybe = task(end_as, name="maybe")(end)
        return load(1, wait_for=[maybe])

    made = rerun(case)
    assert states_of(made, load, "ok", "ok", "fail", "skip", "ok") == ["S", "C", "TF", "SK", "C"]


def end_as(end):
    if end == "fail":
        raise ValueError("no")
    if end == "skip":
        raise Skip("so")


def test_mapped_children_are_keyed_by_their_own_inputs(cached, rerun, ledger):
    """Each finds its own value, whatever its place; only what is new runs."""
    double = cached(lambda x, y: (x, y), name="double")
    made = rerun(lambda xs: double.map(xs, unmapped("y")))
    assert made.run([1, 2, 3]).result() == [(1, "y"), (2, "y"), (3, "y")]
    run = made.run([3, 4, 1])
    assert short(run[double].state) == "M[C,S,C]"
    assert run.result() == [(3, "y"), (4, "y"), (1, "y")]
    assert sum(ledger.starts().values()) == 4


def test_lanes_and_their_maps(cached, rerun):
    """A lane that is cached goes on in its own lane; a reduce gets all values."""
    first, second = cached(inc), cached(lambda x: x * 10, name="ten")
    made = rerun(lambda xs: task(sum)(second.map(first.map(xs))))
    assert made.run([1, 2]).result() == 50
    run = made.run([2, 5])
    assert kinds(run) == {"inc": "M[C,S]", "ten": "M[C,S]", "sum": "S"}
    assert run.result() == 90


def test_none_is_a_value(cached, rerun, ledger):
    """It is kept and found like any other."""
    nothing = cached(lambda x: None, name="nothing")
    made = rerun(lambda x: ident_task(nothing(x)))
    assert [made.run(1).result() for _ in range(2)] == [None, None]
    assert ledger.starts() == {"nothing": 1}
    assert kinds(made.run(1)) == {"nothing": "C", "ident": "S"}


ident_task = task(ident)


def fail():
    raise ValueError("no")


def fail_with():
    raise Fail("no", result=1)


def skip():
    raise Skip("so")


def succeed():
    raise Succeed("enough", result=1)


def unserializable():
    return threading.Lock()


@pytest.mark.parametrize(
    ("end", "kind"),
    [(fail, "F"), (fail_with, "F"), (skip, "SK"), (succeed, "S"), (unserializable, "CR")],
)
def test_what_is_never_kept(cached, rerun, store, end, kind):
    """Failures, skips, what a signal made a success, what cannot travel: each runs again."""
    never = cached(end, name="never")
    made = rerun(lambda: never())
    assert [short(made.run()[never].state) for _ in range(2)] == [kind, kind]
    assert len(store.cache) == 0


def rescue(task, old, new):
    return Success("rescued", result=7) if isinstance(new, Failed | Cached | Success) else None


@pytest.mark.parametrize("body", [fail, lambda: 1], ids=["failed", "returned"])
def test_what_a_state_handler_made_a_success_is_not_kept(cached, rerun, store, body):
    """Its value is not what the inputs give."""
    rescued = cached(body, name="rescued", state_handlers=rescue)
    made = rerun(lambda: rescued())
    for _ in range(2):
        run = made.run()
        assert (short(run[rescued].state), run.result()) == ("S", 7)
    assert len(store.cache) == 0


def only_watch(task, old, new):
    return new


def test_a_state_handler_that_changes_nothing(cached, rerun):
    """What it has seen is kept, and it may replace what was found."""
    watched = cached(ident, state_handlers=only_watch)
    assert states_of(rerun(lambda x: watched(x)), watched, 1, 1) == ["S", "C"]
    replaced = watched.with_options(state_handlers=rescue)
    run = rerun(lambda x: replaced(x)).run(1)
    assert (short(run[replaced].state), run.result()) == ("S", 7)


def test_a_retried_task_run_is_kept_when_it_succeeds(cached, rerun, ledger, store, monkeypatch):
    """The cache is asked before the first body only, and kept behind the last."""
    asked = []
    get = store.cache.get
    monkeypatch.setattr(store.cache, "get", lambda *args: asked.append(1) or get(*args))

    def third_time(x):
        if context.attempt < 3:
            raise ValueError("again")
        return x

    again = cached(third_time, retries=2)
    made = rerun(lambda x: again(x))
    assert states_of(made, again, 1, 1) == ["S", "C"]
    assert ledger.starts() == {"third_time": 3}
    assert len(asked) == 2


def test_of_a_loop_the_last_value_is_kept(cached, rerun, ledger):
    """Not that of an iteration before."""

    def loop(x):
        if context.loop_count < 2:
            raise Loop(result=-1)
        return x

    looped = cached(loop)
    made = rerun(lambda x: looped(x))
    runs = [made.run(5), made.run(5)]
    assert [short(run[looped].state) for run in runs] == ["S", "C"]
    assert [run.result() for run in runs] == [5, 5]
    assert ledger.starts() == {"loop": 3}


def test_a_pause_by_the_body(cached, rerun, ledger):
    """A task run that was paused is kept when it has gone on."""

    def pause(x):
        if not context.resumed:
            raise Pause("look", seconds=0)
        return x

    paused = cached(pause)
    assert states_of(rerun(lambda x: paused(x)), paused, 1, 1) == ["S", "C"]


def test_equal_calls_behind_one_another_in_a_run(cached, rerun, ledger):
    """The second finds what the first has left, in the same block and in another."""
    load = cached(ident)

    def case(x):
        first = load(x)
        return load(x, wait_for=[first])

    run = rerun(case).run(1)
    assert kinds(run) == {"ident": "S", "ident-2": "C"}
    assert run["ident-2"].state.message == f"made by {run.id}/ident"


def test_other_inputs_by_any_way_are_other_keys(cached, rerun, ledger):
    """By position, by name or by default: the same arguments have the same key."""

    def load(x, y=2):
        return x, y

    cached_load = cached(load)

    def case():
        first = cached_load(1)
        second = cached_load(1, 2, wait_for=[first])
        third = cached_load(y=2, x=1, wait_for=[second])
        return cached_load(1, 3, wait_for=[third])

    run = rerun(case).run()
    assert list(kinds(run).values()) == ["S", "C", "C", "S"]


def test_arrays_are_told_apart_by_what_is_in_them(cached, rerun):
    """Large inputs and large results as well."""
    double = cached(lambda x: x * 2, name="double")
    made = rerun(lambda x: double(x))
    ones, other = np.ones(50_000), np.ones(50_000)
    other[49_999] = 2.0
    assert states_of(made, double, ones, ones.copy(), other) == ["S", "C", "S"]
    run = made.run(other)
    assert short(run[double].state) == "C"
    assert (run.result() == other * 2).all()


def test_what_is_found_is_a_copy(cached, rerun, executor):
    """Whoever changes a value that was found does not change the cache."""
    load = cached(lambda: [1], name="load")

    def change(xs):
        xs.append(2)
        return list(xs)

    made = rerun(lambda: task(change)(load()))
    assert [made.run().result() for _ in range(3)] == [[1, 2]] * 3


# ----------------------------------------------------------------------------------- what a key is


def test_inputs_alone_go_by_the_name_of_the_task(cached, rerun):
    """Another code of the same name finds it; another task does not."""
    by_inputs = {"cache_policy": INPUTS}
    one = cached(lambda x: x, name="load", **by_inputs)
    two = cached(lambda x: x + 1, name="load", **by_inputs)
    other = cached(lambda x: x, name="other", **by_inputs)
    assert states_of(rerun(lambda x: one(x)), "load", 1) == ["S"]
    assert states_of(rerun(lambda x: two(x)), "load", 1) == ["C"]
    assert states_of(rerun(lambda x: other(x)), "other", 1) == ["S"]


def test_the_default_goes_by_the_source_too(cached, rerun):
    """A task whose code was changed runs again, and what it was before is found again."""
    one = cached(lambda x: x + 10, name="load")
    two = cached(lambda x: x + 20, name="load")
    first, second = rerun(lambda x: one(x)), rerun(lambda x: two(x))
    runs = [made.run(1) for made in (first, second, first, second)]
    assert [short(run["load"].state) for run in runs] == ["S", "S", "C", "C"]
    assert [run.result() for run in runs] == [11, 21, 11, 21]


def test_an_argument_can_be_left_out(cached, rerun, ledger):
    """It plays no part in the key."""
    load = cached(lambda x, log: x, name="load", cache_policy=INPUTS - "log")

    def case(x, log):
        return load(x, log)

    made = rerun(case)
    assert [short(made.run(1, log)["load"].state) for log in "abc"] == ["S", "C", "C"]
    assert short(made.run(2, "a")["load"].state) == "S"


def test_run_id_keeps_a_cache_within_its_run(cached, rerun):
    """Nothing of another run is found."""
    load = cached(ident, cache_policy=INPUTS + RUN_ID)
    made = rerun(lambda x: load(x, wait_for=[load(x)]))
    for _ in range(2):
        assert kinds(made.run(1)) == {"ident": "S", "ident-2": "C"}


def test_flow_parameters_go_into_the_key(cached, rerun):
    """Those that the task does not get as well, large ones too; some can be left out."""
    load = cached(lambda: 1, name="load", cache_policy=FLOW_PARAMETERS - "log")

    def case(day, frame, log=""):
        return load()

    made = rerun(case)
    small, large = np.zeros(3), np.zeros(50_000)
    given = [(1, small), (1, small), (2, small), (2, large), (2, large + 1), (2, large)]
    found = [short(made.run(*each)["load"].state) for each in given]
    assert found == ["S", "C", "S", "S", "S", "C"]
    assert short(made.run(1, small, "log")["load"].state) == "C"


def by_length(context, inputs):
    """Go by the length of a text and by the name of the flow."""
    return None if inputs["text"] == "secret" else (len(inputs["text"]), context.flow_name)


def test_a_function_can_make_the_key(cached, rerun, ledger):
    """It sees the context and the inputs; None: this one is not cached."""
    load = cached(lambda text: text, name="load", cache_policy=by_length)
    made = rerun(lambda text: load(text), name="one")
    texts = ("ab", "cd", "abc", "secret", "secret")
    assert states_of(made, load, *texts) == ["S", "C", "S", "S", "S"]
    assert made.run("xy").result() == "ab"
    assert states_of(rerun(lambda text: load(text), name="two"), load, "ab") == ["S"]


def test_a_key_of_the_users(cached, rerun):
    """A template over arguments and parameters; whoever comes to the same text shares it."""
    load = cached(lambda x, y: (x, y), name="load", cache_key="{x}-{y}-{day:%Y}")
    other = cached(lambda x: "other", name="other", cache_key="{x}-2-{day:%Y}")

    def case(day, x):
        return load(x, 2), other(x, wait_for=[load(x, 2)])

    from datetime import date

    run = rerun(case).run(date(2026, 1, 31), 1)
    assert run.result() == ((1, 2), (1, 2))
    run = rerun(case).run(date(2026, 12, 31), 1)
    assert set(kinds(run).values()) == {"C"}
    assert set(kinds(rerun(case).run(date(2027, 1, 1), 1)).values()) != {"C"}


@pytest.mark.parametrize("expiration", [1000, timedelta(seconds=1000)], ids=["seconds", "delta"])
def test_a_result_expires(cached, rerun, monkeypatch, expiration):
    """After that time it is not found any more, and is made anew."""
    instant = [1e9]
    monkeypatch.setattr(answering, "now", lambda: instant[0])
    load = cached(ident, cache_expiration=expiration)
    made = rerun(lambda x: load(x))
    found = []
    for seconds in (0, 999, 1, 999, 1):
        instant[0] += seconds
        found += states_of(made, load, 1)
    assert found == ["S", "C", "S", "C", "S"]


@pytest.mark.parametrize("off", [False, None])
def test_caching_is_switched_off(cached, rerun, store, off):
    """For one flow's call of a task that is cached elsewhere."""
    load = cached(ident, cache_expiration=60)
    assert states_of(rerun(lambda x: load.with_options(cache=off)(x)), load, 1, 1) == ["S", "S"]
    assert len(store.cache) == 0
    assert states_of(rerun(lambda x: load(x)), load, 1, 1) == ["S", "C"]


# -------------------------------------------------------------------------------- what goes wrong


def test_an_argument_that_cannot_be_hashed(cached, rerun, ledger):
    """The task run is Failed without a start, is not retried, and task and argument are named."""
    make = task(lambda: object(), name="make")
    load = cached(lambda x, it: x, name="load", retries=2)
    run = rerun(lambda: load(1, make())).run()
    assert short(run["load"].state) == "F"
    told = "argument 'it' of task 'load' is a object that cannot be hashed for a cache key"
    assert told in run["load"].state.message
    assert "cache_policy=INPUTS - 'it'" in run["load"].state.message
    with pytest.raises(CacheKeyError, match="argument 'it' of task 'load'"):
        run.result()
    assert ledger.starts() == {}


def test_of_a_map_only_the_child_fails_that_has_no_key(cached, rerun):
    """Each is on its own, as everywhere."""
    load = cached(ident)
    made = rerun(
        lambda: load.map([task(lambda: object(), name="make")(), task(lambda: 1, name="n")()])
    )
    assert short(made.run()[load].state) == "M[F,S]"


def broken(context, inputs):
    raise SystemExit(3)


def test_a_policy_that_raises(cached, rerun):
    """Whatever it raises: the task run is Failed, and the function is named."""
    load = cached(ident, cache_policy=INPUTS + broken)
    run = rerun(lambda x: load(x)).run(1)
    assert short(run[load].state) == "F"
    assert "policy of task 'ident': broken() raised SystemExit: 3" in run[load].state.message


def test_a_result_that_cannot_be_read_any_more(cached, rerun, store, ledger):
    """It is made anew, and takes the place of the other."""
    load = cached(ident)
    made = rerun(lambda x: load(x))
    assert states_of(made, load, 1) == ["S"]
    for key, entry in list(store.cache._entries.items()):
        object.__setattr__(entry, "value", b"no pickle")
        assert store.cache._entries[key] is entry
    assert states_of(made, load, 1, 1) == ["S", "C"]
    assert ledger.starts() == {"ident": 2}


class Torn(MemoryStore):
    """A store whose cache is out of order, from a turn on."""

    def __init__(self, good=0):
        super().__init__()
        self.good = good
        self.turns = 0
        self.cache = self

    def _turn(self):
        self.turns += 1
        if self.turns > self.good:
            raise OSError("the disk is gone")

    def get(self, key, now):
        self._turn()

    def put(self, entry):
        self._turn()


@pytest.mark.parametrize("good", [0, 1], ids=["looking", "keeping"])
def test_a_store_that_is_out_of_order_costs_no_task_run(cached, rerun, good):
    """The body runs as without a cache, its value counts, and the state tells of it."""
    store = Torn(good)
    load = cached(ident)
    run = rerun(lambda x: load(x)).with_options(store=store).run(1)
    assert run.result() == 1
    assert str(run[load].state) == "Success('not cached: OSError: the disk is gone')"
    assert store.turns == good + 1


def test_a_result_too_large_to_be_sent_is_not_kept(cached, rerun, executor, monkeypatch):
    """It counts, and the state tells why."""
    if not hasattr(executor, "threads"):
        return  # the workers are other processes: the limit can only be lowered in this one
    monkeypatch.setattr(caches, "_LARGEST", 10_000)
    load = cached(lambda: bytes(20_000), name="load")
    run = rerun(lambda: load()).run()
    assert "not cached: its 20," in run[load].state.message
    assert len(run.result()) == 20_000


def test_what_a_key_was_made_of_is_noted(cached, rerun):
    """For each task run that is cached or could be: arguments and source, each by its digest."""
    load = cached(lambda x, y: x, name="load")

    def case(x, y):
        return load(x, y)

    made = rerun(case)
    notes = [made.run(1, y).record.nodes["load"].notes[0].digests for y in (1, 1, 2)]
    assert notes[0].keys() == {"argument 'x'", "argument 'y'", "source"}
    assert notes[0] == notes[1]
    changed = {what for what in notes[0] if notes[0][what] != notes[2][what]}
    assert changed == {"argument 'y'"}


def test_a_store_answers_only_what_it_is_asked_for():
    """Another question than those it knows is refused, and named."""
    with pytest.raises(LookupError, match="nobody answers a Question here"):
        answering.answers_of(MemoryStore())(Question())


def test_to_delayed_caches_nothing(cached, store, ledger):
    """There is no driver to be asked: each computation calls the bodies."""
    load = cached(ident)
    made = flow(lambda x: load(x), name="one", store=store)
    for _ in range(2):
        assert str(made.to_delayed(1).compute(scheduler="sync")) == "Success"
    assert ledger.starts() == {"ident": 2}


def test_flows_share_the_store_of_the_process(cached, executor, block_size):
    """Without a word, what one run has left another finds, of whichever flow."""
    load = cached(lambda x: x, name=f"load-{threading.get_native_id()}", cache_policy=INPUTS)
    one = flow(lambda x: load(x), name="one", executor=executor, block_size=block_size)
    two = flow(lambda x: load(x), name="two", executor=executor, block_size=block_size)
    value = object.__hash__(one)  # nobody else has cached that
    assert states_of(one, load, value) == ["S"]
    assert states_of(two, load, value) == ["C"]
