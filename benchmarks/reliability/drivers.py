"""Many drivers on one SQLite file, while another process reads and forgets; eight for one run.

``python -m benchmarks.reliability.drivers [--count 100] [--seed 1] [--runs 20]``. First `DRIVERS`
processes drive `--runs` runs each, while one more lists, reads and deletes without a pause. Then
they resume one run at a barrier, `--count` times, while one more asks without a pause who drives
it: one has to go on, the others are told who does.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reliability import kills, rig
from benchmarks.reliability.rig import Place
from daskflow import LocalExecutor, _crash_points, flow
from daskflow.errors import LeaseTakenError
from daskflow.stores.choice import close_stores
from tests.contract.waiting import eventually
from tests.semantics.ledger import Ledger

DRIVERS = 8
KEPT = 10  # ended runs that are not forgotten
_LIMIT = 600.0  # seconds for all drivers
_ROUND = 60.0  # for one round


def drive(place: Place, who: int, runs: int, width: int) -> None:
    """Drive one run after the other. In a child."""
    for number in range(runs):
        kills.drive(place, kills.Case("numbers", width), f"run-{who}-{number}")


def meddle(place: Place) -> None:
    """List runs, read their histories and forget old ones, until the end. In a child."""
    rig.quietly(place.folder)
    store, told = place.store(), Ledger(place.folder / "meddler")
    while not (place.folder / "end").exists():
        rows = store.runs()
        for row in rows:
            store.holder(row.id)
            store.entries(row.id)
        ended = [row.id for row in rows if row.state.is_finished()]
        told.note(f"{len(rows)} {store.delete(ended[KEPT:], uuid.uuid4().hex)}")
    close_stores()


def prepare(place: Place, name: str) -> None:
    """Begin a run, and die when it is in the store. In a child."""
    _crash_points.arm("run.leased", lambda: os.kill(os.getpid(), signal.SIGKILL))
    rig.quietly(place.folder)
    place.enter()
    _held(place, name).with_options(run_name=name).run()


def contend(place: Place, rounds: int, start: Any, end: Any) -> None:
    """Resume one run after the other, at the same time as others do. In a child."""
    rig.quietly(place.folder)
    place.enter()
    for number in range(rounds):
        name = f"round-{number}"
        told = Ledger(place.folder / f"{name}.told")
        start.wait()
        try:
            run = _held(place, name).resume(name)
            told.note(f"{run.state} {os.getpid()}")
        except LeaseTakenError as error:
            told.note(error)
        end.wait()
    close_stores()


def _held(place: Place, name: str) -> Any:
    """Return a flow that goes on when all but one were told that somebody else drives it."""
    told = Ledger(place.folder / f"{name}.told")

    def body() -> int:
        eventually(lambda: len(told.lines()) == DRIVERS - 1, 30.0)
        return 1

    held = place.ledger(name).task(body)
    # a flow is a function that calls a task, not the task
    return flow(lambda: held(), name="contended", executor=LocalExecutor())  # noqa: PLW0108


def ask(place: Place) -> None:
    """Ask of all runs that have not ended who drives them, until the end. In a child."""
    rig.quietly(place.folder)
    store = place.store()
    while not (place.folder / "end").exists():
        for row in store.runs():
            if not row.state.is_finished():
                store.holder(row.id)
    close_stores()


@dataclass
class Found:
    """What a harness has found out."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def crowd(place: Place, runs: int, width: int) -> Found:
    """Let many drivers drive at a time, and one more meddle."""
    found = Found()
    with ExitStack() as running:
        children = [rig.start(drive, place, who, runs, width) for who in range(DRIVERS)]
        meddler = running.enter_context(rig.killed_after(rig.start(meddle, place)))
        for child in children:
            running.enter_context(rig.killed_after(child)).join(_LIMIT)
        (place.folder / "end").touch()
        meddler.join(_LIMIT)
        codes = [child.exitcode for child in (*children, meddler)]
    if set(codes) != {0}:
        found.wrong.append(f"the processes ended with {codes}")
    for who in range(DRIVERS):
        for number in range(runs):
            told = Ledger(place.folder / f"run-{who}-{number}.result").lines()
            if told != [str(kills.flows.result_of_numbers(width))]:
                found.wrong.append(f"run-{who}-{number} returned {told}")
    for row in place.store().runs():
        found.wrong += [f"{row.name}: {what}" for what in rig.audit(place, row.id)]
        if not row.state.is_successful():
            found.wrong.append(f"{row.name} is {row.state}")
    looks = [line.split() for line in Ledger(place.folder / "meddler").lines()]
    found.counts.update(looks=len(looks), forgotten=sum(int(gone) for _, gone in looks))
    return found


def contest(place: Place, rounds: int) -> Found:
    """Let eight processes resume one run, again and again."""
    found = Found()
    start, end = rig.barrier(DRIVERS + 1), rig.barrier(DRIVERS + 1)
    with ExitStack() as running:
        for target, given in [(contend, (rounds, start, end))] * DRIVERS + [(ask, ())]:
            running.enter_context(rig.killed_after(rig.start(target, place, *given)))
        for number in range(rounds):
            name = f"round-{number}"
            with rig.killed_after(rig.start(prepare, place, name)) as child:
                child.join(_ROUND)
            start.wait(_ROUND)
            end.wait(_ROUND)
            lines = Ledger(place.folder / f"{name}.told").lines()
            winners = [line.split()[1] for line in lines if line.startswith("Success")]
            named = [line for line in lines if line.endswith(f"process {''.join(winners)} already")]
            if len(winners) != 1 or len(named) != DRIVERS - 1:
                found.wrong.append(f"{name}: {lines}")
            found.counts.update(went_on=len(winners), told=len(named))
            row: Any = kills.row_of(place.store(), name)
            found.wrong += [f"{name}: {what}" for what in rig.audit(place, row.id)]
        (place.folder / "end").touch()
        time.sleep(0.1)  # the one who asks sees it
    return found


def main(given: list[str] | None = None) -> int:
    """Do both, and tell what came of it; return how much was wrong."""
    parser = rig.arguments(__doc__ or "", 100)
    parser.add_argument("--runs", type=int, default=20, help="of each driver")
    parser.add_argument("--width", type=int, default=8, help="children of a mapped task")
    told = parser.parse_args(given)
    wrong = []
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        found = crowd(place, told.runs, told.width)
        wrong += found.wrong
        print(
            f"{DRIVERS} drivers on one file, {told.runs} runs each, beside one who looked at all "
            f"of it {found.counts['looks']} times and deleted {found.counts['forgotten']} runs: "
            f"wrong: {len(found.wrong)}; ledger {place.checksum()}"
        )
        close_stores()
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        found = contest(place, told.count)
        wrong += found.wrong
        print(
            f"{DRIVERS} processes resumed one run, {told.count} times: {found.counts['went_on']} "
            f"went on, {found.counts['told']} were told who does; wrong: {len(found.wrong)}; "
            f"seed {told.seed}, ledger {place.checksum()}"
        )
        close_stores()
    print(*wrong[:20], sep="\n", file=sys.stderr)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(1, main()))
