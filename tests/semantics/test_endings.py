"""How a call can end, and what a downstream task, a trigger and the user get of it."""

import importlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import pytest

from daskflow import (
    CrashedError,
    Fail,
    LocalExecutor,
    ParameterError,
    PortableError,
    ResultGoneError,
    Skip,
    TaskRunError,
    TriggerFailedError,
    all_finished,
    flow,
    task,
)
from daskflow.errors import FlowRunFailedError
from tests.semantics.bodies import kinds, short


def describe(xs):
    return [x if x is None or isinstance(x, int) else f"{type(x).__name__}: {x}" for x in xs]


def fail_with_result():
    raise Fail("not good", result=7)


def fail_without_result():
    raise Fail("not good")


def swallow():
    """Try to keep a signal from leaving, as code that knows nothing of signals does."""
    try:
        raise Skip("later")
    except Exception:  # noqa: BLE001 - that is what is tested
        return 1


def test_what_downstream_gets(play, do, ledger):
    """A value, an exception, a TriggerFailedError, None, or the result of Fail."""
    describing = ledger.task(describe, trigger=all_finished, skip_on_upstream_skip=False)
    with_result, without = ledger.task(fail_with_result), ledger.task(fail_without_result)

    def case():
        failed = do.boom()
        upstream = [do.ok(), failed, do.ident(failed), do.skip(), with_result(), without()]
        return describing(upstream)

    run = play(case)
    assert list(kinds(run).values()) == ["F", "S", "TF", "SK", "F", "F", "S"]
    value, failure, refused, skipped, result, no_result = run.result()
    assert (value, failure, skipped, result) == (1, "ValueError: no", None, 7)
    assert refused.startswith("TriggerFailedError: ")
    assert no_result is None
    assert "not good" in run["fail_with_result"].state.message
    with pytest.raises(TaskRunError, match=r"^fail_with_result: Fail: not good$") as caught:
        run["fail_with_result"].result()
    assert isinstance(caught.value.__cause__, Fail)
    assert isinstance(run["fail_with_result"].state.exception, Fail)
    assert caught.value.__cause__.result == 7


def test_a_skip_inside_a_task_is_no_exception_to_swallow(play, ledger):
    """``except Exception`` in a body lets a signal pass."""
    swallowing = ledger.task(swallow)

    def case():
        return swallowing()

    run = play(case)
    assert kinds(run) == {"swallow": "SK"}
    assert run["swallow"].state.message == "later"
    assert run["swallow"].result() is None


class TwoArgumentsError(Exception):
    """Pickles, but cannot be unpickled: its class wants two arguments and remembers one."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")


class HoldsLockError(Exception):
    """Cannot even be pickled."""

    def __init__(self):
        super().__init__("locked", threading.Lock())


class MuteError(Exception):
    """Cannot be shown."""

    def __str__(self):
        raise RuntimeError("no words")


def raise_two_arguments():
    raise TwoArgumentsError(404, "gone")


def raise_holds_lock():
    raise HoldsLockError


def raise_mute():
    raise MuteError


def test_an_exception_that_cannot_travel(play, ledger):
    """It becomes a PortableError with type, message and traceback, on every executor alike."""
    describing = ledger.task(describe, trigger=all_finished)
    bodies = [ledger.task(body) for body in (raise_two_arguments, raise_holds_lock)]

    def case():
        return describing([body() for body in bodies])

    run = play(case)
    assert list(kinds(run).values()) == ["F", "F", "S"]
    gone, locked = run.result()
    assert gone.startswith("PortableError: ")
    for words in ("TwoArgumentsError: 404: gone", "in raise_two_arguments"):
        assert words in gone
    assert "HoldsLockError" in locked
    assert "404: gone" in run["raise_two_arguments"].state.message
    with pytest.raises(PortableError, match="404: gone"):
        run["raise_two_arguments"].result()


def test_an_exception_that_cannot_be_shown(play, ledger):
    """A broken __str__ hides neither the failure nor its type."""
    mute = ledger.task(raise_mute)

    def case():
        mute()

    run = play(case)
    assert kinds(run) == {"raise_mute": "F"}
    assert "MuteError" in run["raise_mute"].state.message


def locked():
    return threading.Lock()


def locked_within():
    return {"deep": [threading.Lock()]}


def numbers():
    return (n for n in range(3))


def is_locked(x):
    return repr(x)


def test_a_value_that_cannot_travel(play, do, ledger):
    """It is Crashed(unserializable), naming task and type, and only that task run, unretried."""
    bodies = [ledger.task(body, retries=2) for body in (locked, locked_within, numbers)]
    consumer = ledger.task(is_locked)

    def case():
        for body in bodies:
            value = body()
            consumer.named(f"after_{body.name}")(value)
            do.ident.with_options(trigger=all_finished).named(f"given_{body.name}")(value)
        do.ok()

    run = play(case)
    found = kinds(run)
    for name, kind in [("locked", "lock"), ("locked_within", "dict"), ("numbers", "generator")]:
        assert (found[name], found[f"after_{name}"], found[f"given_{name}"]) == ("CR", "TF", "S")
        state = run[name].state
        assert state.reason == "unserializable"
        assert f"task {name!r} returned a {kind}" in state.message
        assert run[name].attempt == 1
        assert isinstance(run[f"given_{name}"].result(), CrashedError)
        with pytest.raises(CrashedError, match=kind):
            run[name].result()
    assert found["ok"] == "S"


def test_a_value_that_cannot_travel_in_a_lane(play, do, ledger):
    """In a map it costs its own lane only, also where its consumer shares the block."""
    consumer = ledger.task(is_locked)
    body = ledger.task(lock_at_two)

    def case():
        return consumer.map(body.map([1, 2, 3]))

    assert kinds(play(case)) == {"lock_at_two": "M[S,CR,S]", "is_locked": "M[S,TF,S]"}


def lock_at_two(x):
    return threading.Lock() if x == 2 else x


def fail_with_lock():
    raise Fail("no", result=threading.Lock())


def test_the_result_of_fail_must_travel_too(play, do, ledger):
    """What Fail passes on is checked like a value that was returned."""
    body = ledger.task(fail_with_lock)

    def case():
        do.ident.with_options(trigger=all_finished)(0, wait_for=[body()])

    run = play(case)
    assert kinds(run) == {"fail_with_lock": "CR", "ident": "S"}
    assert run["fail_with_lock"].state.reason == "unserializable"


def test_calling_a_flow_raises_the_original_exception(executor, block_size):
    """f() raises what the task raised, with a note that names the task run and the others."""

    @flow(executor=executor, block_size=block_size)
    def case():
        return task(divide).map([1, 2, 3], [1, 0, 0]), task(divide).named("other")(1, 0)

    with pytest.raises(ZeroDivisionError) as caught:
        case()
    notes = "\n".join(caught.value.__notes__)
    assert "in task run divide[1], attempt 1" in notes
    assert "of flow run" in notes
    assert notes.count("; others that failed: 2") == 1
    assert "not started" not in notes


def divide(x, y):
    return x / y


def test_calling_a_flow_shows_where_it_failed(executor, block_size):
    """The line of the task that raised is to be read, whichever process it was in."""
    import traceback

    @flow(executor=executor, block_size=block_size)
    def case():
        return task(divide)(1, 0)

    with pytest.raises(ZeroDivisionError) as caught:
        case()
    assert "return x / y" in "".join(traceback.format_exception(caught.value))


def test_calling_a_flow_goes_back_to_the_first_cause(executor, block_size):
    """Where a reference task's trigger failed, the failure before it is raised."""

    @flow(executor=executor, block_size=block_size)
    def case():
        return task(abs)(task(abs).named("second")(task(divide)(1, 0)))

    with pytest.raises(ZeroDivisionError):
        case()


def never(states):
    return False


def test_calling_a_flow_that_only_a_trigger_stopped(executor, block_size):
    """Where nothing but a trigger said no, a TriggerFailedError is raised."""

    @flow(executor=executor, block_size=block_size)
    def case():
        return task(abs).with_options(trigger=never)(task(zero)())

    with pytest.raises(TriggerFailedError, match=r"abs: .*never said no"):
        case()


def test_the_result_of_a_run(play, do):
    """run.result() raises the failure; what is not there is a ResultGoneError or its exception."""

    def case():
        return do.ident(do.boom())

    run = play(case)
    with pytest.raises(ValueError, match="no"):
        run.result()
    with pytest.raises(ValueError, match="no"):
        run["boom"].result()
    with pytest.raises(TriggerFailedError, match="all_successful said no"):
        run["ident"].result()
    assert "ValueError: no" in run["boom"].traceback
    assert run["ident"].traceback == ""
    assert [found.name for found in run.failures()] == ["boom", "ident"]


def test_a_failed_state_has_its_exception(play, do):
    """run[task].state is Failed with the exception, of a child of a map too."""

    def case():
        do.boom()
        do.fail2.map([1, 2])

    run = play(case)
    assert repr(run["boom"].state.exception) == "ValueError('no')"
    assert repr(run["fail2"][1].state.exception) == "ValueError('two')"
    assert repr(run["fail2"].state.children[1].exception) == "ValueError('two')"


def test_a_value_is_not_there_before_the_task_ran(tmp_path, ledger):
    """Asked too early, result() says so; events() and wait() follow the run to its end."""
    gate = threading.Event()

    @flow(executor=LocalExecutor(threads=1))
    def case():
        return task(gate.wait)(60)

    run = case.submit()
    try:
        with pytest.raises(ResultGoneError, match="wait is not finished"):
            run["wait"].result()
        with pytest.raises(TimeoutError, match="has not ended within 0"):
            run.wait(0)
    finally:
        gate.set()
    assert [short(event.state) for event in run.events()] == ["running", "S"]
    assert run.wait().result() is True


def test_a_flow_that_fails_without_an_exception():
    """FlowRunFailedError is the last resort, and a public name."""
    import daskflow

    assert daskflow.FlowRunFailedError is FlowRunFailedError


def test_events_tell_what_was_not_happy(play, do):
    """The flow run's states, and each task run's that was not plain success, in order."""

    def case():
        do.third_time.with_options(retries=2)(do.ident(do.skip.with_options(retries=1)()))
        do.ident(do.boom())
        do.fail2.map([1, 2])

    run = play(case)
    told = [(event.name, short(event.state)) for event in run.events()]
    assert (told[0], told[-1]) == ((run.name, "running"), (run.name, "F"))
    assert sorted(told[1:-1]) == [
        ("boom", "F"),
        ("fail2[1]", "F"),
        ("ident", "SK"),
        ("ident-2", "TF"),
        ("skip", "SK"),
        ("third_time", "SK"),
    ]
    assert [event.at for event in run.events()] == sorted(event.at for event in run.events())


def zero():
    return 0


def sleepless():
    raise Skip("weekend")


def test_the_root_cause_is_passed_along(play, do, ledger):
    """The end of a chain tells which task run failed, or skipped itself, and why."""
    skipping = ledger.task(sleepless)

    def case():
        do.ident(do.inc(do.inc.map(do.fail2.map([1, 2]))))
        do.collect(do.ident.named("later")(skipping()))

    run = play(case)
    counted = "trigger all_successful said no: of {} upstream task runs {} failed, {} succeeded "
    root = "(0 skipped); first failed: fail2[1]: ValueError: two"
    assert run["inc"][1].state.message == counted.format(1, 1, 0) + root
    assert run["inc-2"].state.message == counted.format(2, 1, 1) + root
    assert run["ident"].state.message == counted.format(1, 1, 0) + root
    assert run["later"].state.message == "because of sleepless: weekend"
    assert run["collect"].state.message == "because of sleepless: weekend"


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt("me"), GeneratorExit("out"), Fail("no", result=1)]
)
def test_a_call_never_raises_what_would_end_its_caller(executor, block_size, error):
    """What is no `Exception` comes as a `TaskRunError` with the original as its cause."""

    @flow(executor=executor, block_size=block_size)
    def case(error):
        return task(give_up)(error)

    run = case.run(error)
    name = type(error).__name__
    for ask in (lambda: case(error), run.result, run["give_up"].result):
        with pytest.raises(TaskRunError) as caught:
            ask()
        assert type(caught.value) is TaskRunError
        assert str(caught.value) == f"give_up: {name}: {error}"
        assert type(caught.value.__cause__) is type(error)
    assert type(run["give_up"].state.exception) is type(error)


def give_up(error):
    raise error


def test_a_run_and_its_states_have_instants(executor):
    """Of a flow run people get datetimes, programs floats; its state is as old as its end."""
    run = flow(lambda: task(divide)(1, 1), executor=executor).submit().wait(60)
    assert (run.started.timestamp(), run.ended.timestamp()) == pytest.approx(
        (run.started_at, run.ended_at)
    )
    assert run.started.tzinfo is not None
    assert run.started_at <= run["divide"].started.timestamp() <= run.ended_at
    assert run.state.timestamp >= run.ended
    told = [event.state.timestamp for event in run.events()]
    assert None not in told
    assert told == sorted(told)


@pytest.mark.parametrize("template", ["{day", "{nothing}", "{0}", "{day.nothing}", "{day:d}"])
def test_a_run_name_that_does_not_fit(template):
    """Whatever is wrong with the template is a `ParameterError` that shows it."""

    @flow(executor=LocalExecutor(), run_name=template)
    def case(day):
        return task(str, name="text")(day)

    with pytest.raises(ParameterError, match="does not fit the flow's parameters") as caught:
        case("monday")
    assert repr(template) in str(caught.value)


MODULE = """
from daskflow import LocalExecutor, flow, task

def helper(x):
    return x + {shift}

@task
def shift(x):
    return helper(x)

@flow(executor=LocalExecutor(), block_size=1)
def shifted(xs):
    return shift.map(shift.map(xs))
"""


def test_two_flows_of_a_loose_module_from_four_threads(tmp_path, monkeypatch):
    """What one run does to the way functions are pickled does not disturb another."""
    for shift in (1, 10):
        (tmp_path / f"loose{shift}.py").write_text(MODULE.format(shift=shift), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    flows = {shift: importlib.import_module(f"loose{shift}").shifted for shift in (1, 10)}
    before = cloudpickle.list_registry_pickle_by_value()
    start = threading.Barrier(4)

    def work(shift):
        start.wait(30)
        return [flows[shift]([n, n + 1]) == [n + 2 * shift, n + 1 + 2 * shift] for n in range(20)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, [1, 10, 1, 10]))
    assert found == [[True] * 20] * 4
    assert cloudpickle.list_registry_pickle_by_value() == before
    for shift in (1, 10):
        del sys.modules[f"loose{shift}"]
