"""State handlers, which may replace a state, and hooks, which only observe; of tasks and flows."""

import os
import threading

import pytest

from daskflow import (
    Fail,
    FlowRunFailedError,
    FlowRunPausedError,
    IllegalMoveError,
    LocalExecutor,
    Loop,
    Pause,
    Retry,
    Skip,
    TaskRunError,
    all_finished,
    context,
    flow,
    manual_only,
    task,
)
from daskflow.states import (
    Cancelled,
    Crashed,
    Failed,
    Looped,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Running,
    Skipped,
    Success,
)
from tests.contract.waiting import Gate, eventually
from tests.semantics.bodies import boom, kinds, short
from tests.semantics.ledger import Ledger


class Diary(Ledger):
    """Writes down what handlers and hooks are asked, in whichever process."""

    def handler(self, replace=lambda old, new: None):
        """Return a state handler that notes each change and may replace the new state."""

        def noting(task, old, new):
            who = context.task_run_name if context.get() is not None else task.name
            self.note(f"{who}: {type(old).__name__} {type(new).__name__}")
            return replace(old, new)

        return noting

    def hook(self, word):
        """Return a hook that notes its word, the task, the run, the attempt and the state."""

        def hooked(task, run, state):
            self.note(f"{word} {task.name} {run.task_run_name} {run.attempt} {short(state)}")

        return hooked

    def hooks(self):
        """Return all hooks, as options of a task."""
        words = ("on_completion", "on_failure", "on_retry", "on_cancellation", "on_crashed")
        return {word: self.hook(word) for word in words}


@pytest.fixture
def diary(tmp_path):
    return Diary(tmp_path / "diary")


def rescue(old, new):
    return Success("rescued", result=42) if new.is_failed() else None


def test_28_a_handler_rescues_a_failure(play, do, ledger, diary):
    """F becomes S with the handler's message and value; downstream gets that value."""
    rescued = ledger.task(boom, state_handlers=[diary.handler(rescue)])

    def case():
        return do.inc(rescued())

    run = play(case)
    assert kinds(run) == {"boom": "S", "inc": "S"}
    assert run["boom"].state.message == "rescued"
    assert run["boom"].traceback == ""
    assert run["boom"].result() == 42
    assert run.result() == 43
    assert diary.lines() == ["boom: Pending Running", "boom: Running Failed"]
    assert ledger.starts() == {"boom": 1, "inc": 1}


def test_the_value_of_a_handler_can_be_mapped_over(play, do, ledger):
    """A rescued failure gives a width like any value; a large one comes along as well."""
    rescued = ledger.task(
        boom, state_handlers=lambda t, o, n: Success(result=[7, 8]) if n.is_failed() else None
    )
    large = ledger.task(
        boom, name="large", state_handlers=lambda t, o, n: n.is_failed() and Success(result=LARGE)
    )

    def case():
        return do.inc.map(rescued()), do.collect(large())

    # what is false, but not None, is no state
    run = play(case)
    assert run["inc"].result() == [8, 9]
    assert short(run["large"].state) == "F"


LARGE = "x" * 100_000


def replaced(handler, **options):
    """Return the options of a task with such a handler."""
    return {"state_handlers": handler, **options}


ENDS = {  # what the handler makes of Success: the kind, the message, what downstream gets
    "failed": (Failed("not that"), "F", "not that", "TaskRunError('failed: not that')"),
    "with": (Failed("no", exception=KeyError("k")), "F", "no", "KeyError('k')"),
    "fail": (Failed("no", exception=Fail("f", result=3)), "F", "no", "3"),
    "skipped": (Skipped("never mind"), "SK", "never mind", "None"),
    "other": (Success("better", result=[9]), "S", "better", "[9]"),
    "large": (Success("large", result=LARGE), "S", "large", repr(LARGE)),
    "told": (Success("only told"), "S", "only told", "1"),
    "crashed": (Crashed("c", reason="mine"), "CR", "c", "CrashedError('crashed: c')"),
    "cancelled": (Cancelled("c"), "CA", "c", "None"),
}


def test_what_a_handler_makes_of_a_success(play, do, ledger):
    """Each end it may give counts, with its message; its value goes downstream."""
    passed = do.collect.with_options(trigger=all_finished, skip_on_upstream_skip=False)

    def ending(name):
        made = ENDS[name][0]
        handler = lambda task, old, new: made if new.is_successful() else None  # noqa: E731
        return do.ok.with_options(state_handlers=handler, retries=2).named(name)

    def case():
        return {name: passed.named(f"after_{name}")(ending(name)()) for name in ENDS}

    run = play(case)
    for name, (_, kind, message, value) in ENDS.items():
        assert (name, short(run[name].state), run[name].state.message) == (name, kind, message)
        assert repr(run[f"after_{name}"].result()) == value
        assert run[name].attempt == 1  # an end that a handler gives is not retried
    assert run["crashed"].state.reason == "mine"
    assert run["skipped"].result() is None
    with pytest.raises(KeyError, match="k"):
        run["with"].result()


def broken(task, old, new):
    if new.is_finished():
        raise KeyError("broken")


class Odd:
    """No state."""


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (
            broken,
            "state handler broken raised KeyError('broken') at the change from Running to Success",
        ),
        (lambda t, o, n: Odd if n.is_finished() else None, "which may not follow Running"),
        (lambda t, o, n: Pending() if n.is_finished() else None, "returned Pending("),
        (lambda t, o, n: Running() if n.is_finished() else None, "returned Running("),
        (lambda t, o, n: Looped() if n.is_finished() else None, "returned Looped("),
        (lambda t, o, n: Mapped() if n.is_finished() else None, "returned Mapped("),
    ],
)
def test_a_handler_that_goes_wrong_fails_its_task_run(play, do, ledger, handler, message):
    """It raises, or returns what may not follow: F, naming it; no retry; others are not touched."""

    def case():
        return do.ident(do.ok.with_options(retries=3, state_handlers=handler)()), do.inc(1)

    run = play(case)
    assert kinds(run) == {"ok": "F", "ident": "TF", "inc": "S"}
    assert message in run["ok"].state.message
    assert "state handler" in run["ok"].state.message
    assert ledger.starts() == {"ok": 1, "inc": 1}


def test_a_handler_that_raises_is_shown(play, do):
    """The exception is that of the task run, with its traceback."""

    def case():
        return do.ok.with_options(state_handlers=broken)()

    run = play(case)
    assert "in broken" in run["ok"].traceback
    with pytest.raises(KeyError, match="broken"):
        run.result()


def test_what_a_handler_gives_must_travel(play, do):
    """A value that cannot be pickled crashes the task run, as if the body had returned it."""

    def locked(task, old, new):
        return Success(result=threading.Lock()) if new.is_finished() else None

    def case():
        return do.ok.with_options(state_handlers=locked)()

    run = play(case)
    assert kinds(run) == {"ok": "CR"}
    assert run["ok"].state.reason == "unserializable"


def test_handlers_are_asked_one_after_another(play, do, diary):
    """Each sees what the one before it made of the change."""

    def skip(old, new):
        return Skipped("by the first") if new.is_successful() else None

    handlers = [diary.handler(skip), diary.handler()]

    def case():
        return do.ok.with_options(state_handlers=handlers)()

    run = play(case)
    assert kinds(run) == {"ok": "SK"}
    assert diary.lines() == [
        *["ok: Pending Running"] * 2,
        "ok: Running Success",
        "ok: Running Skipped",
    ]


@pytest.mark.parametrize(
    "made", [Skipped("on holiday"), Failed("no"), Success("known", result=5)], ids=short
)
def test_a_handler_may_keep_a_body_from_starting(play, do, diary, made):
    """At the change to Running it gives an end instead: the body is never called."""
    kind = short(made)

    def end(old, new):
        return made if isinstance(new, Running) else None

    stopped = do.ok.with_options(state_handlers=diary.handler(end), **diary.hooks(), retries=1)

    def case():
        return do.collect.with_options(trigger=all_finished)(stopped())

    run = play(case)
    assert short(run["ok"].state) == kind
    assert run["ok"].state.message == made.message
    assert (run["ok"].attempt, run["ok"].started) == (0, None)
    if kind == "S":
        assert run.result() == run["ok"].result() == 5
    word = "on_failure" if kind == "F" else "on_completion"
    assert diary.lines() == ["ok: Pending Running", f"{word} ok ok 0 {kind}"]


def test_a_handler_may_let_it_wait(play, do, ledger, diary):
    """At the change to Running it may give Paused or Retrying: asked again when that is over."""

    def wait(old, new):
        count = len(diary.lines())
        if isinstance(new, Running) and count == 1:
            return Retrying("not yet")
        return Paused("look first") if isinstance(new, Running) and count == 2 else None

    def case():
        return do.ok.with_options(state_handlers=diary.handler(wait))()

    run = play(case)
    assert kinds(run) == {"ok": "PA"}
    assert run["ok"].state.message == "look first"
    run.approve()
    assert run.result() == 1
    assert diary.lines() == [
        *["ok: Pending Running"] * 2,
        "ok: Paused Pending",
        "ok: Pending Running",
        "ok: Running Success",
    ]
    assert ledger.starts() == {"ok": 1}


def test_a_handler_may_ask_for_another_attempt(play, do, ledger, diary):
    """Failed replaced by Retrying is a retry, whatever the retries were."""

    def again(old, new):
        return Retrying("once more") if new.is_failed() and context.attempt < 3 else None

    def case():
        return do.boom.with_options(state_handlers=diary.handler(again), **diary.hooks())()

    run = play(case)
    assert kinds(run) == {"boom": "F"}
    assert run["boom"].attempt == 3
    assert [line for line in diary.lines() if line.startswith("on_")] == [
        "on_retry boom boom 1 R",
        "on_retry boom boom 2 R",
        "on_failure boom boom 3 F",
    ]


def fail_once():
    if context.attempt == 1:
        raise ValueError("once")
    return context.attempt


def test_hooks_of_a_retry(play, ledger, diary):
    """on_retry at each retry, on_failure only when it is final, on_completion at the end."""
    once = ledger.task(fail_once, retries=3, **diary.hooks())
    never = ledger.task(boom, retries=2, **diary.hooks())

    def case():
        return once(), never()

    play(case)
    lines = diary.lines()
    assert [line for line in lines if "fail_once" in line] == [
        "on_retry fail_once fail_once 1 R",
        "on_completion fail_once fail_once 2 S",
    ]
    assert [line for line in lines if "boom" in line] == [
        "on_retry boom boom 1 R",
        "on_retry boom boom 2 R",
        "on_failure boom boom 3 F",
    ]


def hooked_end(kind):
    if kind == "lock":
        return threading.Lock()
    raise {"skip": Skip, "retry": Retry, "fail": Fail}[kind]


def test_hooks_of_all_ends(play, do, ledger, diary, monkeypatch):
    """A skip is a completion, a trigger failure a failure, what cannot travel a crash."""
    monkeypatch.setenv("DASKFLOW_ENGINE__MAX_SIGNALLED_RETRIES", "1")
    ending = ledger.task(hooked_end, **diary.hooks())
    after = do.inc.with_options(**diary.hooks())

    def case():
        return after.map(ending.map(["lock", "skip", "retry", "fail"]))

    run = play(case)
    assert kinds(run) == {"hooked_end": "M[CR,SK,F,F]", "inc": "M[TF,SK,TF,TF]"}
    assert sorted(diary.lines()) == [
        "on_completion hooked_end hooked_end[1] 1 SK",
        "on_completion inc inc[1] 0 SK",
        "on_crashed hooked_end hooked_end[0] 1 CR",
        "on_failure hooked_end hooked_end[2] 2 F",
        "on_failure hooked_end hooked_end[3] 1 F",
        "on_failure inc inc[0] 0 TF",
        "on_failure inc inc[2] 0 TF",
        "on_failure inc inc[3] 0 TF",
        "on_retry hooked_end hooked_end[2] 1 R",
    ]


class Hollow:
    """Has a length, and no elements."""

    def __len__(self):
        return 1

    def __getitem__(self, place):
        raise ValueError("hollow")


def hollow():
    return Hollow()


def test_a_crash_in_a_step_of_ours_is_seen(play, do, ledger, diary):
    """Where an input cannot be read handlers and hooks hear of it, and may make more of it."""
    giving = ledger.task(hollow)
    seeing = do.inc.with_options(state_handlers=diary.handler(), **diary.hooks())
    saving = do.inc.with_options(state_handlers=diary.handler(rescue))

    def case():
        x = giving()
        return seeing.named("seen").map(x), saving.named("saved").map(x)

    run = play(case)
    assert kinds(run) == {"hollow": "S", "seen": "M[CR]", "saved": "M[S]"}
    assert run["saved"].result() == [42]
    assert [line for line in diary.lines() if "seen" in line] == [
        "seen[0]: Pending Running",
        "seen[0]: Pending Crashed",
        "on_crashed inc seen[0] 0 CR",
    ]


def test_hooks_of_a_mapped_task_that_ends_without_children(play, do, diary):
    """Its parent failed or was skipped: that is seen once, with the index of the lane."""
    add = do.add.with_options(**diary.hooks())
    inc = do.inc.with_options(**diary.hooks())

    def case():
        return add.map([1, 2, 3], [10, 20]), inc.map(do.skip())

    run = play(case)
    assert kinds(run) == {"add": "F", "inc": "SK", "skip": "SK"}
    assert sorted(diary.lines()) == ["on_completion inc inc 0 SK", "on_failure add add 0 F"]


def test_a_hook_that_raises_is_logged(executor, do, caplog):
    """It changes nothing, and the others are called; the log names it."""

    def hook(task, run, state):
        raise KeyError("hook")

    seen = []

    def after(flow, run, state):
        seen.append(short(state))

    made = flow(
        lambda: do.ok.with_options(on_completion=hook)(),
        executor=executor,
        on_completion=[hook, after],
    )
    assert made() == 1
    assert seen == ["S"]
    logged = [record for record in caplog.records if record.name == "daskflow"]
    assert any("hook" in record.getMessage() for record in logged)
    assert logged[-1].exc_info[0] is KeyError


def test_a_tasks_handlers_run_on_the_worker(play, do, diary):
    """For what a block does, in its process; for what only the driver can do, in this one."""

    def where(old, new):
        diary.note(f"{'here' if os.getpid() == driver else 'there'} {type(new).__name__}")

    driver = os.getpid()
    manual = do.ok.with_options(trigger=manual_only, state_handlers=diary.handler(where))

    def case():
        return manual.named("approved")(), manual.named("rejected")()

    run = play(case)
    run.approve("approved")
    run.reject("rejected")
    found = [line for line in diary.lines() if "ere" in line]
    workers = "there" if run["approved"].worker.startswith("tcp") else "here"
    assert found == [
        *[f"{workers} Paused"] * 2,
        "here Pending",
        f"{workers} Running",
        f"{workers} Success",
        "here Failed",
    ]


def test_handlers_at_approval_and_rejection(play, do, diary):
    """They see the change, may refuse an approval, make an end of it, or rescue a rejection."""

    def decide(old, new):
        if not isinstance(old, Paused):
            return None
        return {
            "refused": old,
            "failed": Failed("not by me"),
            "skipped": Skipped("instead"),
            "rescued": Success("anyway", result=[5]),
            "wrong": Retrying("later"),
            "broken": 1 / 0 if context.task_run_name == "broken" else None,
        }[context.task_run_name]

    manual = do.ok.with_options(
        trigger=manual_only, state_handlers=diary.handler(decide), **diary.hooks()
    )
    passed = do.collect.with_options(trigger=all_finished, skip_on_upstream_skip=False)

    def case():
        names = ("refused", "failed", "skipped", "rescued", "wrong", "broken")
        made = {name: manual.named(name)() for name in names}
        return [passed(made["rescued"]), do.inc.map(made["rescued"])]

    run = play(case)
    run.reject("rescued")
    run.approve()
    found = {name: kind for name, kind in kinds(run).items() if name in decide_names()}
    assert found == {
        "refused": "PA",
        "failed": "F",
        "skipped": "SK",
        "rescued": "S",
        "wrong": "F",
        "broken": "F",
    }
    assert run["rescued"].result() == [5]
    assert run["collect"].result() == [5]
    assert run["inc"].result() == [6]
    assert "may not follow Paused" in run["wrong"].state.message
    assert "ZeroDivisionError" in run["broken"].state.message
    hooks = sorted(line for line in diary.lines() if line.startswith("on_"))
    assert hooks == [
        "on_completion ok rescued 0 S",
        "on_completion ok skipped 0 SK",
        "on_failure ok broken 0 F",
        "on_failure ok failed 0 F",
        "on_failure ok wrong 0 F",
    ]
    assert isinstance(run.state, Paused)


def decide_names():
    return {"refused", "failed", "skipped", "rescued", "wrong", "broken"}


def test_handlers_at_iterations(play, diary):
    """They see each end of an iteration, and may end the loop, or change what it passes on."""

    def change(old, new):
        if isinstance(new, Looped) and new.result == 1:
            return Looped(result=10)
        if isinstance(new, Looped) and new.result == 12:
            return Success("enough", result=99)
        return None

    def count():
        raise Loop(result=(context.loop_result or 0) + 1)

    counting = task(count, state_handlers=diary.handler(change), **diary.hooks())
    run = play(lambda: counting())
    assert (kinds(run), run.result()) == ({"count": "S"}, 99)
    assert run["count"].state.message == "enough"
    assert diary.lines() == [
        "count: Pending Running",
        "count: Running Looped",
        "count: Looped Running",
        "count: Running Looped",
        "count: Looped Running",
        "count: Running Looped",
        "on_completion count count 1 S",
    ]


def lock(old, new):
    return Looped(result=threading.Lock()) if isinstance(new, Looped) else None


def skip(old, new):
    return Skipped("so") if isinstance(new, Looped) else None


@pytest.mark.parametrize(("change", "kind"), [(lock, "CR"), (skip, "SK")])
def test_what_handlers_make_of_an_iteration(play, do, diary, change, kind):
    """A result that cannot travel crashes it; a skip skips it and passes nothing on."""

    def count():
        raise Loop(result=5)

    passed = do.collect.with_options(trigger=all_finished, skip_on_upstream_skip=False)
    counting = task(count, state_handlers=diary.handler(change))
    run = play(lambda: passed(counting()))
    assert kinds(run) == {"count": kind, "collect": "S"}
    assert run["count"].attempt == 1
    if kind == "SK":
        assert run.result() is None


def test_handlers_see_pauses_and_retries(play, ledger, diary):
    """Paused and Retrying are told as states like others, and may be replaced."""

    def body():
        if context.attempt == 1:
            raise Retry
        if not context.resumed:
            raise Pause("look")
        return context.attempt

    def replace(old, new):
        return Failed("nobody looks at night") if isinstance(new, Paused) else None

    seen = ledger.task(body, state_handlers=diary.handler(replace), retries=3)

    def case():
        return seen()

    run = play(case)
    assert kinds(run) == {"body": "F"}
    assert run["body"].state.message == "nobody looks at night"
    assert diary.lines() == [
        "body: Pending Running",
        "body: Running Retrying",
        "body: Pending Running",
        "body: Running Paused",
    ]


def test_handlers_at_cancellation(do, diary, tmp_path):
    """What the driver cancels after Ctrl-C is seen by handlers and hooks, in this process."""
    import signal

    def interrupt():
        signal.raise_signal(signal.SIGINT)

    stop = task(interrupt, **diary.hooks())
    after = do.ident.with_options(state_handlers=diary.handler(rescue_cancelled), **diary.hooks())
    made = flow(lambda: after.map([stop(), 1]), executor=LocalExecutor(), block_size=1)
    from daskflow.starting import prepare

    run = prepare(made, {})
    with pytest.raises(KeyboardInterrupt):
        run.drive()
    assert kinds(run)["interrupt"] == "CA"
    assert short(run.state) == "CA"
    lines = diary.lines()
    assert "on_cancellation interrupt interrupt 1 CA" in lines
    assert "ident[0]: Pending Cancelled" in lines
    assert short(run["ident"].state.children[0]) == "S"


def rescue_cancelled(old, new):
    return Success(result="kept") if isinstance(new, Cancelled) else None


# ------------------------------------------------------------------------------------- of flows


def test_a_flows_handlers_and_hooks(executor, do, diary):
    """They see Running and the end, in this process; hooks can read the run, its result too."""
    seen = []

    def completed(flow, run, state):
        seen.append((flow.name, run.result(), len(list(run.events())), short(state), os.getpid()))
        assert run.wait() is run

    made = flow(
        lambda: do.inc(1),
        name="counted",
        executor=executor,
        state_handlers=diary.handler(),
        on_completion=completed,
        on_failure=lambda *_: seen.append("failed"),
    )
    assert made() == 2
    assert seen == [("counted", 2, 2, "S", os.getpid())]
    assert diary.lines() == ["counted: Pending Running", "counted: Running Success"]


def test_hooks_of_flows(executor, do, diary):
    """on_failure and on_cancellation and on_crashed each for its own end."""
    seen = []
    hooks = {
        word: lambda flow, run, state, word=word: seen.append(f"{word} {short(state)}")
        for word in ("on_completion", "on_failure", "on_cancellation", "on_crashed")
    }
    made = flow(lambda: do.boom(), executor=executor, **hooks)
    made.run()
    assert seen == ["on_failure F"]


def test_a_flows_handler_replaces_the_end(executor, do):
    """Failed by Success, with its result or the values there are; Success by Failed."""

    def case():
        return do.ok(), do.boom()

    def better(flow, old, new):
        return Success("good enough") if new.is_failed() else None

    run = flow(case, executor=executor, state_handlers=better).run()
    assert (short(run.state), run.state.message) == ("S", "good enough")
    assert repr(run.result()) == "(1, ValueError('no'))"
    given = flow(
        case,
        executor=executor,
        state_handlers=lambda f, o, n: Success(result=5) if n.is_failed() else None,
    )
    assert given() == 5
    worse = flow(
        lambda: do.ok(),
        executor=executor,
        state_handlers=lambda f, o, n: Failed("never good") if n.is_successful() else None,
    ).run()
    assert kinds(worse) == {"ok": "S"}
    with pytest.raises(FlowRunFailedError, match="never good"):
        worse.result()


def test_a_flows_handler_keeps_it_from_starting(executor, do, ledger):
    """At the change to Running it gives an end: no body is called, nothing is left waiting."""
    made = flow(
        lambda: do.inc.map(do.rng(do.ok())),
        executor=executor,
        state_handlers=lambda f, old, new: Skipped("holiday") if new.code == 5 else None,
    )
    run = made.run()
    assert (short(run.state), run.state.message) == ("SK", "holiday")
    assert kinds(run) == {"ok": "CA", "rng": "CA", "inc": "CA"}
    assert run["ok"].state.message == "holiday"
    assert run.result() is None
    assert run.ended is not None
    assert ledger.starts() == {}


@pytest.mark.parametrize("at", ["Running", "Success", "Paused"])
def test_a_flows_handler_that_raises(executor, do, ledger, at):
    """The flow run is F, names it, and has ended; all states can be read."""

    def strict(flow, old, new):
        if type(new).__name__ == at:
            raise KeyError("strict")

    manual = do.ident.with_options(trigger=manual_only)
    made = flow(
        lambda: (do.ok(), manual(1) if at == "Paused" else 1),
        executor=executor,
        state_handlers=strict,
    )
    run = made.run()
    assert short(run.state) == "F"
    assert run.state.message.startswith(
        "state handler test_a_flows_handler_that_raises.<locals>.strict raised KeyError('strict')"
    )
    assert run.ended is not None
    assert (
        kinds(run)
        == {
            "Running": {"ok": "CA"},
            "Success": {"ok": "S"},
            "Paused": {"ok": "S", "ident": "CA"},
        }[at]
    )
    with pytest.raises(FlowRunFailedError, match="strict") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, KeyError)
    if at == "Paused":
        with pytest.raises(IllegalMoveError, match="nothing is"):
            run.approve()


@pytest.mark.parametrize("made", [Pending(), Paused(), Retrying(), "Success"], ids=repr)
def test_a_flows_handler_that_returns_no_end(executor, do, made):
    """What may not follow makes it F, naming the handler."""
    run = flow(
        lambda: do.ok(),
        executor=executor,
        state_handlers=lambda f, o, n: made if n.is_finished() else None,
    ).run()
    assert short(run.state) == "F"
    assert "which may not follow Running" in run.state.message


def test_a_flows_handler_sees_pauses(executor, do, diary):
    """Parked and going on are changes like others."""
    manual = do.ident.with_options(trigger=manual_only)
    made = flow(
        lambda: manual(1), name="watched", executor=executor, state_handlers=diary.handler()
    )
    run = made.run()
    run.approve()
    assert diary.lines() == [
        "watched: Pending Running",
        "watched: Running Paused",
        "watched: Paused Running",
        "watched: Running Success",
    ]


def test_a_handler_that_approves(executor, do):
    """A flow's handler may let it go on at the very change that parks it: it is not lost."""
    runs = []
    manual = do.ident.with_options(trigger=manual_only)

    def approve(flow, old, new):
        if isinstance(new, Paused):
            runs[0].approve()

    made = flow(lambda: manual(1), executor=executor, state_handlers=approve)
    from daskflow.starting import prepare

    runs.append(prepare(made, {}))
    runs[0].drive()
    assert runs[0].result() == 1


def test_the_terminal_state_handler(executor, do):
    """It is asked once at the end, with the verdict and the reference tasks, and decides."""
    asked = []

    def decide(flow, state, references):
        asked.append((short(state), {name: short(one) for name, one in references.items()}))
        return Success("one failure is fine") if state.is_failed() else None

    made = flow(
        lambda: (do.ok(), do.fail2.map([1, 2])), executor=executor, terminal_state_handler=decide
    )
    run = made.run()
    assert (short(run.state), run.state.message) == ("S", "one failure is fine")
    assert asked == [("F", {"ok": "S", "fail2": "M[S,F]"})]


@pytest.mark.parametrize(
    ("decide", "message"),
    [
        (lambda f, s, r: 1 / 0, "terminal_state_handler raised ZeroDivisionError"),
        (lambda f, s, r: Running(), "which is no finished state"),
        (lambda f, s, r: "fine", "returned 'fine', which is no finished state"),
    ],
)
def test_a_terminal_state_handler_that_goes_wrong(executor, do, decide, message):
    """The flow run is F and says why; the states of its task runs stay."""
    run = flow(lambda: do.ok(), executor=executor, terminal_state_handler=decide).run()
    assert short(run.state) == "F"
    assert message in run.state.message
    assert kinds(run) == {"ok": "S"}
    assert run["ok"].result() == 1
    with pytest.raises(FlowRunFailedError):
        run.result()


def test_a_parked_run_is_no_end_for_hooks(executor, do):
    """Neither completion nor failure is told, and no terminal state handler asked."""
    seen = []
    manual = do.ident.with_options(trigger=manual_only)
    made = flow(
        lambda: manual(1),
        executor=executor,
        on_completion=lambda *_: seen.append("completed"),
        on_failure=lambda *_: seen.append("failed"),
        terminal_state_handler=lambda *_: seen.append("asked"),
    )
    with pytest.raises(FlowRunPausedError):
        made()
    assert seen == []
    run = made.run()
    run.approve()
    assert seen == ["asked", "completed"]


@pytest.mark.parametrize("executor", ["threads", "cluster"], indirect=True)
def test_whoever_waits_waits_for_the_hooks(executor, do, tmp_path):
    """A script that ends behind run.wait() does not cut off what a hook is sending."""
    gate = Gate(tmp_path / "gate")
    order = []

    def completed(flow, run, state):
        gate.wait()
        order.append("hook")

    run = flow(lambda: do.ok(), executor=executor, on_completion=completed).submit()
    eventually(lambda: short(run.state) == "S")
    with pytest.raises(TimeoutError):
        run.wait(0.01)
    gate.open()
    run.wait(30)
    order.append("waited")
    assert order == ["hook", "waited"]
    assert isinstance(run.result(), int)


def test_errors_name_the_option(do):
    """What cannot be called is refused when the task or the flow is made."""
    from daskflow import DefinitionError

    with pytest.raises(DefinitionError, match="on_retry='mail' must be a function"):
        do.ok.with_options(on_retry="mail")
    with pytest.raises(DefinitionError, match="flow 'f': state_handlers="):
        flow(lambda: do.ok(), name="f", state_handlers=[len, 3])
    with pytest.raises(DefinitionError, match="flow 'f': terminal_state_handler=3 must be a"):
        flow(lambda: do.ok(), name="f", terminal_state_handler=3)
    with pytest.raises(TaskRunError):
        raise TaskRunError
