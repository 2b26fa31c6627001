"""What the cache has stands for a body's result; seen in runs in this process."""

import pytest

from daskflow import (
    CacheKeyError,
    LocalExecutor,
    Loop,
    MemoryStore,
    Skip,
    Succeed,
    all_finished,
    flow,
    task,
)
from daskflow.states import Cached, Failed, Success


@pytest.fixture
def rerun():
    """Run a function as a flow, always with the same store."""
    store = MemoryStore()

    def rerun(function, *args):
        made = flow(function, name="case", executor=LocalExecutor(), store=store)
        return made.run(*args)

    rerun.store = store
    return rerun


def counted(function=lambda x: [x], **options):
    """Make a cached task; return it with the list of the inputs that its bodies were given."""
    seen = []

    def body(x):
        seen.append(x)
        return function(x)

    return task(body, name="t", cache=True, **options), seen


def test_what_is_there_is_not_made_again(rerun):
    """It is Cached, says who made it, has its value, and is mapped over by its length."""
    made, seen = counted()
    ident = task(lambda x: x, name="ident")
    runs = [rerun(lambda x: ident.map(made(x)), x) for x in (1, 1, 2)]
    assert [type(run["t"].state) for run in runs] == [Success, Cached, Success]
    assert runs[1]["t"].state.message == f"made by {runs[0].id}/t"
    assert [run["ident"].result() for run in runs] == [[1], [1], [2]]
    assert seen == [1, 2]


def test_without_a_cache_there_is_none(rerun):
    """A task that is not to be cached runs each time, beside one that is."""
    seen = []
    plain = task(lambda x: seen.append(x), name="plain")
    made, _ = counted()
    for _ in range(2):
        run = rerun(lambda: plain(made(1)))
    assert (type(run["t"].state), type(run["plain"].state)) == (Cached, Success)
    assert seen == [[1], [1]]
    assert len(rerun.store.cache) == 1


def test_what_can_have_no_key(rerun):
    """Its task run fails before its body, and its consumers get the error."""
    made, seen = counted()
    after = task(lambda x: type(x).__name__, name="after", trigger=all_finished)
    odd = task(lambda: object(), name="odd")
    run = rerun(lambda: after(made(odd())))
    assert (type(run["t"].state), seen) == (Failed, [])
    assert isinstance(run["t"].state.exception, CacheKeyError)
    assert run["after"].result() == "CacheKeyError"


def raising(signal):
    def body(x):
        raise signal

    return body


@pytest.mark.parametrize(
    "body", [raising(ValueError("so")), raising(Skip("so")), raising(Succeed("so", result=1))]
)
def test_what_did_not_return_is_not_kept(body, rerun):
    """A failure, a skip, and what a signal passes on are made anew each time."""
    made, seen = counted(body)
    kinds = [type(rerun(lambda: made(1))["t"].state) for _ in range(2)]
    assert kinds[0] is kinds[1]
    assert (len(seen), len(rerun.store.cache)) == (2, 0)


def test_what_a_handler_made_of_it_is_not_kept(rerun):
    """Nor is a value in place of which a handler gave another."""

    def other(owner, old, new):
        return Success("other", result=2) if isinstance(new, Success) else None

    made, _ = counted(state_handlers=[other])
    assert rerun(lambda: made(1)).task_runs[0].result() == 2
    assert len(rerun.store.cache) == 0


def test_the_last_of_a_loop_is_kept(rerun):
    """Its iterations are not looked up one by one."""
    ends = iter([Loop(result=1), Loop(result=2)])

    def body(x):
        for signal in ends:
            raise signal
        return "end"

    made, seen = counted(body)
    runs = [rerun(lambda: made(1)) for _ in range(2)]
    assert [type(run["t"].state) for run in runs] == [Success, Cached]
    assert [run["t"].result() for run in runs] == ["end", "end"]
    assert len(seen) == 3
