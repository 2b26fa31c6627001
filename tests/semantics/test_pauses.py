"""What waits for a person: `Pause`, `manual_only`, approval and rejection, parked runs."""

import gc
import threading
from weakref import ref

import pytest

from daskflow import (
    FlowRunPausedError,
    IllegalMoveError,
    LocalExecutor,
    Pause,
    TaskRunError,
    TriggerFailedError,
    all_finished,
    any_failed,
    context,
    flow,
    manual_only,
)
from daskflow.states import Paused, Running, Success
from tests.contract.waiting import Gate, eventually
from tests.semantics.bodies import kinds, short

L = [1, 2, 3]


def pause2(x):
    """Wait for a person with the input 2."""
    if x == 2 and not context.resumed:
        raise Pause("look at two")
    return x


def pause(x):
    if not context.resumed:
        raise Pause
    return x


def told(run, name):
    """Return the states that were told of a run, in short."""
    return [short(event.state) for event in run.events() if event.name == name]


def test_27_a_pause_in_a_map(play, do, ledger):
    """Children that pause are Paused; one approved goes on alone; all approved, the flow is S."""
    pausing = ledger.task(pause)

    def case():
        return do.total(do.inc.map(pausing.map(L)))

    run = play(case)
    assert kinds(run) == {"pause": "M[PA,PA,PA]", "inc": "M[P,P,P]", "total": "P"}
    assert isinstance(run.state, Paused)
    assert run.state.message == "waits for approval: pause[0], pause[1], pause[2]"
    assert ledger.starts() == {"pause[0]": 1, "pause[1]": 1, "pause[2]": 1}
    assert run.approve(pausing, 1) == ["pause[1]"]
    assert kinds(run) == {"pause": "M[PA,S,PA]", "inc": "M[P,S,P]", "total": "P"}
    assert run.state.message == "waits for approval: pause[0], pause[2]"
    assert ledger.starts() == {"pause[0]": 1, "pause[1]": 2, "pause[2]": 1, "inc[1]": 1}
    assert run.approve() == ["pause[0]", "pause[2]"]
    assert kinds(run) == {"pause": "M[S,S,S]", "inc": "M[S,S,S]", "total": "S"}
    assert isinstance(run.state, Success)
    assert run.result() == 9
    assert ledger.starts() == {
        **dict.fromkeys(["pause[0]", "pause[1]", "pause[2]"], 2),
        **dict.fromkeys(["inc[0]", "inc[1]", "inc[2]", "total"], 1),
    }


def test_a_pause_holds_up_its_own_lane_only(play, do, ledger):
    """Other lanes go to their end, a reduce waits, and nothing runs twice."""
    pausing = ledger.task(pause2)

    def case():
        return do.total(do.inc.map(pausing.map(do.ident.map(L))))

    run = play(case)
    assert kinds(run) == {
        "ident": "M[S,S,S]",
        "pause2": "M[S,PA,S]",
        "inc": "M[S,P,S]",
        "total": "P",
    }
    assert run["pause2"][1].state.message == "look at two"
    assert run["pause2"][1].state.scheduled_for is None
    run.approve("pause2[1]")
    assert run.result() == 9
    starts = ledger.starts()
    assert starts.pop("pause2[1]") == 2
    assert set(starts.values()) == {1}


@pytest.mark.parametrize("upstream", ["ok", "boom", "skip"])
def test_manual_only_pauses_whatever_happened_upstream(play, do, ledger, upstream):
    """Nothing is started; approved it runs behind a failure and a skip too, and sees them."""
    manual = do.collect.with_options(trigger=manual_only)

    def case():
        return manual(getattr(do, upstream)())

    run = play(case)
    assert short(run["collect"].state) == "PA"
    assert run["collect"].state.message == "waits for approval"
    assert ledger.starts() == {upstream: 1}
    run.approve(manual)
    assert short(run["collect"].state) == short(run.state) == "S"
    assert repr(run.result()) == {"ok": "1", "boom": "ValueError('no')", "skip": "None"}[upstream]
    assert ledger.starts() == {upstream: 1, "collect": 1}


def test_7_with_nothing_upstream_manual_only_pauses(play, do, ledger):
    """A root waits, and so does what comes after an empty map; then each runs once."""
    manual = do.ident.with_options(trigger=manual_only)

    def case():
        return manual.named("root")(1), manual.named("after")(do.inc.map([]))

    run = play(case)
    assert kinds(run) == {"root": "PA", "inc": "M[]", "after": "PA"}
    assert ledger.starts() == {}
    assert run.approve() == ["root", "after"]
    assert run.result() == (1, [])
    assert ledger.starts() == {"root": 1, "after": 1}


def test_manual_only_in_a_map(play, do, ledger):
    """Each child waits for its own approval; a failed lane does so too, and then sees why."""
    manual = do.collect.with_options(trigger=manual_only)

    def case():
        return manual.map(do.fail2.map(L))

    run = play(case)
    assert kinds(run) == {"fail2": "M[S,F,S]", "collect": "M[PA,PA,PA]"}
    run.approve(manual, 1)
    assert kinds(run)["collect"] == "M[PA,S,PA]"
    assert repr(run["collect"][1].result()) == "ValueError('two')"
    run.approve("collect")
    assert [repr(value) for value in run.result()] == ["1", "ValueError('two')", "3"]


def test_manual_only_in_lanes_of_a_flow(play, do, ledger):
    """In a mapped sub-flow a child is named by its whole index, a lane by the beginning of it."""
    manual = do.inc.with_options(trigger=manual_only)

    @flow
    def lane(n):
        return do.collect(manual.map(do.rng(n)))

    def case():
        return lane.map([2, 0, 3])

    run = play(case)
    assert run.approve("lane.inc", (2, 1)) == ["lane.inc[2, 1]"]
    assert run.approve("lane.inc[0]") == ["lane.inc[0, 0]", "lane.inc[0, 1]"]
    assert short(run["lane.collect"].state) == "M[S,S,P]"
    with pytest.raises(IllegalMoveError, match=r"lane\.inc\[1\] is not paused; waiting for"):
        run.approve("lane.inc[1]")
    run.approve()
    assert run.result() == [[1, 2], [], [1, 2, 3]]


def test_a_second_trigger_asks_for_less_than_approval(play, do):
    """Behind what manual_only let through, another trigger still decides."""

    def case():
        approved = do.collect.with_options(trigger=manual_only)(do.boom())
        return do.ident(do.ok(), wait_for=[approved]), do.inc(5, wait_for=[do.boom()])

    run = play(case)
    run.approve()
    assert kinds(run)["ident"] == "S"
    assert kinds(run)["inc"] == "TF"


def test_a_rejected_task_run_failed(play, do, ledger):
    """It failed for the reason that was given; downstream its triggers decide."""
    manual = do.ident.with_options(trigger=manual_only)

    def case():
        x = manual(1)
        return (
            do.inc(x),
            do.collect.with_options(trigger=all_finished)(x),
            do.ok.with_options(trigger=any_failed)(wait_for=[x]),
        )

    run = play(case)
    assert run.reject("ident", message="too early") == ["ident"]
    assert kinds(run) == {"ident": "F", "inc": "TF", "collect": "S", "ok": "S"}
    assert run["ident"].state.message == "rejected: too early"
    assert (run["ident"].attempt, run["ident"].started) == (0, None)
    assert short(run.state) == "F"
    assert ledger.starts() == {"collect": 1, "ok": 1}
    seen = run["collect"].result()
    assert (type(seen), str(seen)) == (TaskRunError, "ident: rejected: too early")
    with pytest.raises(TaskRunError, match="ident: rejected: too early"):
        run.result()


def test_a_rejected_child_is_a_failed_lane(play, do, ledger):
    """The other children can still be approved, wherever their block had put their inputs."""
    pausing = ledger.task(pause)

    def case():
        return do.inc.map(pausing.map(do.ident.map([0, 1, 2, 3])))

    run = play(case)
    run.reject(pausing, 0)
    run.reject("pause[2]")
    assert kinds(run) == {
        "ident": "M[S,S,S,S]",
        "pause": "M[F,PA,F,PA]",
        "inc": "M[TF,P,TF,P]",
    }
    assert run["pause"][0].state.message == "rejected"
    run.approve("pause", 3)
    run.approve("pause", 1)
    assert kinds(run)["inc"] == "M[TF,S,TF,S]"
    assert [run["inc"][i].result() for i in (1, 3)] == [2, 4]
    with pytest.raises(TriggerFailedError):
        run["inc"][0].result()
    assert ledger.starts()["ident[1]"] == 1


def pause_for_a_moment(x):
    if not context.resumed:
        raise Pause("cools down", seconds=0.05)
    return x


def test_a_pause_for_seconds_goes_on_by_itself(play, do, ledger):
    """The run stays for it and ends; the state says until when it waits."""
    pausing = ledger.task(pause_for_a_moment)

    def case():
        return do.total(pausing.map(L))

    run = play(case)
    assert run.result() == 6
    states = [event.state for event in run.events() if event.name == "pause_for_a_moment[1]"]
    assert [short(state) for state in states] == ["PA"]
    assert (states[0].scheduled_for - states[0].timestamp).total_seconds() == pytest.approx(
        0.05, abs=1e-4
    )
    assert run["pause_for_a_moment"][1].started >= states[0].scheduled_for
    assert told(run, run.name) == ["running", "S"]


def pause_long(x):
    if not context.resumed:
        raise Pause(seconds=3600)
    return x


def test_a_pause_for_seconds_can_be_approved_sooner(executor, block_size, ledger):
    """The run is live as long as it waits; approved, the task run does not wait any longer."""
    pausing = ledger.task(pause_long)
    made = flow(lambda: pausing.map(L), executor=executor, block_size=block_size)
    run = made.submit()
    eventually(lambda: kinds(run) == {"pause_long": "M[PA,PA,PA]"})
    assert isinstance(run.state, Running)
    with pytest.raises(TimeoutError):
        run.wait(0)
    assert run.approve("pause_long[0]") == ["pause_long[0]"]
    eventually(lambda: kinds(run) == {"pause_long": "M[S,PA,PA]"})
    run.reject("pause_long[1]")
    run.approve()
    assert kinds(run.wait(60)) == {"pause_long": "M[S,F,S]"}


def retry_then_pause(x):
    """Fail, wait for a person, fail, and succeed."""
    if context.attempt in (1, 3):
        raise ValueError(f"attempt {context.attempt}")
    if not context.resumed:
        raise Pause
    return context.attempt, context.resumed, x


def test_a_pause_within_retries(play, do, ledger):
    """It costs none of them; the retry behind it knows that it was approved."""
    both = ledger.task(retry_then_pause, retries=2)

    def case():
        return both(do.inc(0))

    run = play(case)
    assert told(run, "retry_then_pause") == ["R", "PA"]
    run.approve()
    assert told(run, "retry_then_pause") == ["R", "PA", "P", "R"]
    messages = [e.state.message for e in run.events() if e.name == "retry_then_pause"]
    assert messages[2:] == ["approved", "attempt 2 of 3 failed: ValueError: attempt 3"]
    assert run.result() == (4, True, 1)
    assert ledger.starts() == {"inc": 1, "retry_then_pause": 4}


def pause_twice(x):
    if context.attempt < 3:
        raise Pause(f"look {context.attempt}")
    return x


def test_a_task_may_pause_again(play, ledger):
    """Each time it waits for another approval."""
    pausing = ledger.task(pause_twice)

    def case():
        return pausing(1)

    run = play(case)
    run.approve()
    assert (short(run["pause_twice"].state), run["pause_twice"].state.message) == ("PA", "look 2")
    run.approve()
    assert run.result() == 1
    assert told(run, run.name) == ["running", "PA", "running", "PA", "running", "S"]


def test_what_a_parked_run_says(executor, block_size, do):
    """result() and the call of the flow raise, naming who waits; the state has an end to come."""
    manual = do.ident.with_options(trigger=manual_only)
    made = flow(lambda: manual.map([1, 2, 3, 4]), executor=executor, block_size=block_size)
    run = made.run()
    assert run.state.message == "waits for approval: ident[0], ident[1], ident[2] and 1 more"
    assert run.ended is None
    with pytest.raises(FlowRunPausedError, match=r"ident\[0\], .* and 1 more; approve\(\) of"):
        run.result()
    with pytest.raises(FlowRunPausedError, match="waits for approval"):
        made()
    assert run.wait(0) is run
    assert told(run, run.name) == ["running", "PA"]


def test_what_is_not_paused_cannot_be_approved(play, do):
    """A wrong name, a wrong index, and a run that has ended are told what does wait."""
    manual = do.ident.with_options(trigger=manual_only)

    def case():
        return manual.map([1, 2]), do.ok()

    run = play(case)
    for wrong in ("ok", "ident[2]", "nobody", "ident[0, 1]"):
        with pytest.raises(IllegalMoveError, match="is not paused; waiting for approval: ident"):
            run.approve(wrong)
    with pytest.raises(IllegalMoveError, match=r"ident\[7\] is not paused"):
        run.reject(manual, 7)
    run.approve()
    with pytest.raises(IllegalMoveError, match="nothing is"):
        run.approve()
    assert run.result() == ([1, 2], 1)


def test_a_submitted_run_goes_on_in_the_background(executor, block_size, ledger):
    """Approved when it is parked, it is driven again in a thread of its own."""
    pausing = ledger.task(pause2)
    made = flow(lambda: pausing.map(L), executor=executor, block_size=block_size)
    run = made.submit()
    assert isinstance(run.wait(60).state, Paused)
    assert kinds(run) == {"pause2": "M[S,PA,S]"}
    assert run.approve("pause2", 1) == ["pause2[1]"]
    assert run.wait(60).result() == L


def hold(gate):
    gate.wait()
    return True


@pytest.mark.parametrize("executor", ["threads", "cluster"], indirect=True)
def test_approval_while_the_run_is_live(executor, ledger, tmp_path):
    """What was approved goes on at once, though another task is still at work."""
    gate = Gate(tmp_path / "gate")
    pausing, holding = ledger.task(pause), ledger.task(hold)
    made = flow(lambda: (pausing.map([1, 2]), holding(gate)), executor=executor, block_size=1)
    run = made.submit()
    eventually(lambda: kinds(run)["pause"] == "M[PA,PA]")
    run.approve("pause[0]")
    eventually(lambda: kinds(run) == {"pause": "M[S,PA]", "hold": "running"})
    run.reject("pause[1]", message="no")
    eventually(lambda: kinds(run) == {"pause": "M[S,F]", "hold": "running"})
    gate.open()
    assert short(run.wait(60).state) == "F"


def test_many_approve_while_it_parks(executor, ledger):
    """From many threads, at any moment, each approval counts once, and the run ends once."""
    ended = []
    pausing = ledger.task(pause)
    made = flow(
        lambda: pausing.map(list(range(12))),
        executor=executor,
        block_size=1,
        on_completion=lambda *_: ended.append(1),
    )
    run = made.submit()

    def approve(index):
        """Approve one child again and again until it is done."""
        while short(run["pause"].state.children[index]) != "S":
            try:
                run.approve("pause", index)
            except IllegalMoveError:
                run.wait(60) if index % 2 else None  # some look when it is parked, some always

    eventually(lambda: len(run["pause"]) == 12)
    threads = [threading.Thread(target=approve, args=[index]) for index in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert run.wait(60).result() == list(range(12))
    assert set(ledger.starts().values()) == {2}
    assert ended == [1]


def test_events_end_where_the_run_is_parked(play, do):
    """Whoever reads them gets those so far; after an approval there are more."""
    manual = do.ident.with_options(trigger=manual_only)

    def case():
        return manual(1)

    run = play(case)
    assert [short(event.state) for event in run.events()] == ["running", "PA", "PA"]
    run.approve()
    assert [short(event.state) for event in run.events()] == [
        *("running", "PA", "PA"),
        *("running", "P", "S"),
    ]


def test_ctrl_c_at_an_approval_cancels(ledger):
    """The run goes on in the caller's thread: interrupted there it is Cancelled."""
    import signal

    def interrupt(x):
        if not context.resumed:
            raise Pause
        signal.raise_signal(signal.SIGINT)

    pausing = ledger.task(interrupt)
    run = flow(lambda: pausing.map([1, 2]), executor=LocalExecutor()).run()
    with pytest.raises(KeyboardInterrupt):
        run.approve("interrupt[0]")
    assert kinds(run) == {"interrupt": "M[CA,CA]"}
    assert short(run.state) == "CA"
    with pytest.raises(IllegalMoveError):
        run.approve()


@pytest.mark.parametrize("start", ["run", "submit"])
def test_a_parked_run_that_nobody_has_gives_everything_back(start, do):
    """What it held for its going on is let go with it."""
    manual = do.ident.with_options(trigger=manual_only)
    made = flow(lambda: manual(do.ok()), executor=LocalExecutor(threads=2))
    run = getattr(made, start)().wait(60)
    session = ref(run._session)
    assert session()._values
    del run
    eventually(lambda: gc.collect() >= 0 and session() is None)
