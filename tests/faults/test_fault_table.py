"""The table of faults on three workers: exact states, exact counts of bodies, nothing hangs.

Bodies write down when they begin and when they end, with their process. A body that begins and
does not end was lost with its worker: that many begins it may have more than one.
"""

import ctypes
import os
import signal
import threading
import time
from collections import Counter, defaultdict

import pytest

from daskflow import all_finished, context, flow, task, unmapped
from daskflow.states import Crashed, Success
from tests.contract.waiting import eventually

DEADLINE = 90  # seconds in which a run has to end, with workers that start again meanwhile


def die(way):
    """End this process in one of several ways."""
    if way == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    elif way == "SIGSEGV":
        ctypes.string_at(0)
    elif way == "SIGABRT":
        os.abort()
    os._exit(3)


TOLD = {
    "SIGKILL": "was killed by signal 9 (SIGKILL)",
    "SIGSEGV": "was killed by signal 11 (SIGSEGV)",
    "SIGABRT": "was killed by signal 6 (SIGABRT)",
    "exit": "exited with status 3",
}


def lives(ledger):
    """Return for each task run the processes in which it began, and how often it ended."""
    begun, ended = defaultdict(list), Counter()
    for line in ledger.lines():
        name, what, pid = line.rsplit(" ", 2)
        if what == "begins":
            begun[name].append(int(pid))
        elif what == "ends":
            ended[name] += 1
    return begun, ended


def tell(ledger, what):
    ledger.note(f"{context.get().task_run_name} {what} {os.getpid()}")


def has_company(ledger):
    """Somebody else began in this process, and has not ended."""
    begun, ended = lives(ledger)
    me = context.get().task_run_name
    return any(
        pids[-1] == os.getpid() and not ended[name] for name, pids in begun.items() if name != me
    )


def _is_death_elsewhere(line):
    _, what, pid = line.rsplit(" ", 2)
    return what == "dies" and int(pid) != os.getpid()


@task
def innocent(x, ledger):
    """Wait until somebody has died; if that is in this process, for its end."""
    tell(ledger, "begins")
    eventually(lambda: any(_is_death_elsewhere(line) for line in ledger.lines()), 30)
    tell(ledger, "ends")
    return x


def await_company(ledger):
    """Wait, the first time, until others are at work: past the mark that they begin."""
    if len(lives(ledger)[0][context.get().task_run_name]) == 1:
        deadline = time.monotonic() + 5
        while not has_company(ledger) and time.monotonic() < deadline:
            time.sleep(0.01)  # nobody tells


@task(infra_retries=0)
def killer(way, ledger):
    """Kill the worker, the first time where others are at work."""
    tell(ledger, "begins")
    await_company(ledger)
    tell(ledger, "dies")
    die(way)


@task(trigger=all_finished)
def survey(x):
    return repr(x)


def check_innocents(run, task, ledger):
    """Each ended once, in Success, and began once more for each time that it was lost."""
    begun, ended = lives(ledger)
    for found in run[task]:
        story = [*ledger.lines(), *(f"{e.at:.3f} {e.name} {e.state}" for e in run.events())]
        assert type(found.state) is Success
        assert ended[found.name] == 1, "\n".join(story)
        assert found.attempt == len(begun[found.name]), "\n".join(story)
    return sum(len(pids) - 1 for name, pids in begun.items() if name.startswith(task.name))


@pytest.mark.parametrize(
    "way",
    [
        "SIGKILL",
        "exit",
        pytest.param("SIGSEGV", marks=pytest.mark.heavy),
        pytest.param("SIGABRT", marks=pytest.mark.heavy),
    ],
)
def test_a_body_that_always_kills_its_worker(trio, ledger, way):
    """It is Crashed, with how; what depends on it asks its trigger; the innocents finish."""

    @flow(executor=trio, block_size=1)
    def deadly():
        return survey(killer(way, ledger)), innocent.map(range(5), unmapped(ledger))

    run = deadly.submit().wait(DEADLINE)
    lost = check_innocents(run, innocent, ledger)
    state, starts = run[killer].state, lives(ledger)[0]["killer"]
    assert (type(state), state.reason) == (Crashed, "worker lost")
    assert TOLD[way] in state.message
    assert f"(pid {starts[-1]} on 127.0.0.1)" in state.message
    assert run[killer].worker.startswith("tcp://127.0.0.1:")
    assert "worker was lost" in run[survey].result()
    assert lost >= 1  # somebody was beside it
    assert len(starts) == 2 == run[killer].attempt  # infra_retries + 2
    assert type(run.state) is Success


def test_two_killers_among_many_innocents(trio, ledger):
    """Both are Crashed after `infra_retries + 2` starts at most, and nobody else is."""
    deadly = killer.with_options(infra_retries=1)

    @flow(executor=trio, block_size=1)
    def massacre():
        deadly.map(["SIGKILL", "exit"], unmapped(ledger))
        return innocent.map(range(20), unmapped(ledger))

    run = massacre.submit().wait(DEADLINE)
    check_innocents(run, innocent, ledger)
    for found in run["killer"]:
        assert (type(found.state), found.state.reason) == (Crashed, "worker lost")
        assert len(lives(ledger)[0][found.name]) in {2, 3}


@task
def dies_once(ledger):
    tell(ledger, "begins")
    if context.get().attempt == 1:
        die("SIGKILL")
    tell(ledger, "ends")
    return context.get().attempt


def test_a_worker_is_killed_in_a_body(trio, ledger):
    """The body runs again, as another attempt, with the reason in the history."""
    run = flow(executor=trio)(lambda: dies_once(ledger)).submit().wait(DEADLINE)
    assert (run.result(), run[dies_once].attempt) == (2, 2)
    assert len(lives(ledger)[0]["dies_once"]) == 2
    told = [(e.state.message, e.state.attempt) for e in run.events() if e.name == "dies_once"]
    assert told == [("its worker was lost: it runs again", 1)]


@task
def leaves_a_mine(ledger):
    """Return at once; the process ends a little later."""
    tell(ledger, "begins")
    threading.Timer(0.5, die, ["SIGKILL"]).start()
    tell(ledger, "ends")
    return 1


@task
def after(x, ledger):
    tell(ledger, "begins")
    if context.get().attempt == 1:
        time.sleep(5)  # its worker goes first
    tell(ledger, "ends")
    return x


def test_a_worker_is_killed_after_a_body(trio, ledger):
    """What was accepted does not run again; what ran on that worker by then does."""
    run = flow(executor=trio, block_size=1)(lambda: after(leaves_a_mine(ledger), ledger))
    run = run.submit().wait(DEADLINE)
    begun, ended = lives(ledger)
    assert (run.result(), run[leaves_a_mine].attempt) == (1, 1)
    assert (len(begun["leaves_a_mine"]), ended["leaves_a_mine"], ended["after"]) == (1, 1, 1)
    assert len(begun["after"]) == run[after].attempt == 2


class Bomb:
    """Ends the process that pickles it for the n-th time, counted for all processes together."""

    def __init__(self, ledger, n):
        self.ledger, self.n = ledger, n

    def __reduce__(self):
        self.ledger.note(f"bomb is-pickled {os.getpid()}")
        if sum("is-pickled" in line for line in self.ledger.lines()) == self.n:
            die("SIGKILL")
        return str, ("harmless" * 1000,)  # too large to ride with the state


@task
def bomb(ledger, n):
    tell(ledger, "begins")
    made = Bomb(ledger, n)
    tell(ledger, "ends")
    return made


@pytest.mark.parametrize("n", [1, 2], ids=["looked at", "written"])
def test_a_worker_is_killed_while_a_result_is(trio, ledger, tmp_path, n):
    """Nothing was accepted, so the body runs again, and its result is there then."""
    url = f"sqlite:///{tmp_path}/runs.db"
    keeping = flow(executor=trio, persist_result=True, store=url)(lambda: bomb(ledger, n))
    run = keeping.submit().wait(DEADLINE)
    assert run.result() == "harmless" * 1000
    assert len(lives(ledger)[0]["bomb"]) == run[bomb].attempt == 2


@task(infra_retries=0)
def hog(ledger):
    tell(ledger, "begins")
    await_company(ledger)  # which could not take another step while memory is taken
    tell(ledger, "dies")
    held = [b"x" * 100_000_000 for _ in range(7)]
    time.sleep(30)  # its nanny looks every 100 ms
    return len(held)


def test_a_body_that_takes_too_much_memory(trio, ledger):
    """Its nanny ends the worker: that is told apart, and costs nobody else anything."""

    @flow(executor=trio, block_size=1)
    def hungry():
        return survey(hog(ledger)), innocent.map(range(5), unmapped(ledger))

    run = hungry.submit().wait(DEADLINE)
    state = run[hog].state
    assert (type(state), state.reason) == (Crashed, "out of memory")
    assert "went over its memory limit of 0.7 GB" in state.message
    assert len(lives(ledger)[0]["hog"]) in {1, 2}
    check_innocents(run, innocent, ledger)
    assert "worker was lost" in run[survey].result()
