"""What the harnesses share: children to be killed, ledgers, and a look over what a store holds.

Children are forked from a server process that has imported all that they need, so one costs
hundredths of a second. Nothing here has threads when a child is forked.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from daskflow import Settings
from daskflow.entries import Entry, RunMoved, SegmentTold, TaskRunMoved
from daskflow.states import FINISHED, PICKED
from daskflow.stores.choice import choose_store
from daskflow.stores.history import Lease, Numbered, RunStore
from tests.semantics.ledger import Ledger
from tests.walks import flow_stumbles

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["benchmarks.reliability.flows", "benchmarks.reliability.warm", "daskflow.stores.sqlite"]
)


def arguments(text: str, count: int) -> argparse.ArgumentParser:
    """Return a parser that knows what every harness is told."""
    parser = argparse.ArgumentParser(description=text.partition("\n")[0])
    parser.add_argument("--count", type=int, default=count, help=f"default: {count}")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def drawing(seed: int) -> random.Random:
    """Return what a schedule is drawn from: the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - nothing is kept secret by it


@dataclass(frozen=True)
class Place:
    """A folder with a store, its results, and what is written down beside them."""

    folder: Path

    @property
    def file(self) -> Path:
        """The database."""
        return self.folder / "daskflow.db"

    @property
    def acks(self) -> Ledger:
        """What the store has acknowledged: run and number of entries, a line for each commit."""
        return Ledger(self.folder / "acks")

    def ledger(self, name: str) -> Ledger:
        """Return where the bodies of one run write down that they start."""
        return Ledger(self.folder / f"{name}.ledger")

    def enter(self) -> None:
        """Let this process use the store, and nothing else of the machine's."""
        for name in [name for name in os.environ if name.startswith("DASKFLOW_")]:
            del os.environ[name]
        os.environ["DASKFLOW_HOME"] = str(self.folder)
        os.environ["DASKFLOW_STORE__URL"] = f"sqlite:///{self.file}"

    def store(self) -> RunStore:
        """Return the store, as this process has it open."""
        self.enter()
        return choose_store(None, Settings())

    def checksum(self) -> str:
        """Return a checksum of all ledgers, byte by byte."""
        made = hashlib.sha256()
        for file in sorted(self.folder.glob("*.ledger")):
            made.update(file.read_bytes())
        return made.hexdigest()[:16]


def digest(told: Any) -> str:
    """Return a short checksum of what was drawn."""
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def start(target: Callable[..., None], *given: Any) -> BaseProcess:
    """Start a child that calls a function, and give its process."""
    child = _CONTEXT.Process(target=target, args=given, daemon=True)
    child.start()
    return child


def barrier(parties: int) -> Any:
    """Return a barrier for so many children."""
    return _CONTEXT.Barrier(parties)


@contextmanager
def killed_after(child: BaseProcess) -> Any:
    """Kill a child in the end, whatever happens."""
    try:
        yield child
    finally:
        child.kill()
        child.join()


def acknowledge(store: Any, acks: Ledger) -> None:
    """Have each commit of a store written down once it has returned."""
    write = store.write

    def told(lease: Lease, entries: Any, op_id: str, row: Any = ()) -> None:
        write(lease, entries, op_id, dict(row))
        acks.note(f"{lease.run_id} {len(entries)}")

    store.write = told


def acknowledged(place: Place, run_id: str) -> int:
    """Return how many entries of a run were acknowledged."""
    told = [line.split() for line in place.acks.lines()]
    return sum(int(count) for run, count in told if run == run_id)


def quietly(folder: Path) -> None:
    """Let what a child prints go to a file."""
    file = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())


def finished(entries: Iterable[Numbered]) -> dict[str, bool]:
    """Return the task runs that are finished, and whether their values are durable."""
    found: dict[str, bool] = {}
    for one in entries:
        for name, is_end, is_durable in _ends(one.entry):
            found.pop(name, None)
            if is_end:
                found[name] = is_durable
    return found


def _ends(entry: Entry) -> Iterable[tuple[str, bool, bool]]:
    """Return by position what an entry tells of task runs: is it an end, is its value durable."""
    if isinstance(entry, SegmentTold):
        for told in entry.segment.parts():
            for offset, code in enumerate(told.codes):
                note = told.notes.get(offset)
                is_kept = told.smalls[offset] is not None or bool(note and note.stored)
                name = f"{told.node}@{told.start + offset}"
                yield name, code in FINISHED, is_kept or code not in PICKED
    elif isinstance(entry, TaskRunMoved) and entry.is_driver:
        yield f"{entry.node}@{entry.position}", entry.state.is_finished(), True


def begun_again(entries: Iterable[Numbered]) -> set[str]:
    """Return the task runs whose history says that they run again, and why."""
    moved = [one.entry for one in entries if isinstance(one.entry, TaskRunMoved)]
    told = [entry for entry in moved if entry.state.message.endswith("runs again")]
    return {f"{entry.node}@{entry.position}" for entry in told}


def started(lines: Iterable[str]) -> set[str]:
    """Return the task runs that lines of a ledger name, as `finished` has them."""
    names = (line.partition("[") for line in lines)
    return {f"{node}@{index.rstrip(']') or 0}" for node, _, index in names}


def audit(place: Place, run_id: str) -> list[str]:
    """Return what is wrong with what a store holds of a run."""
    store = place.store()
    entries = store.entries(run_id)
    version = store.run(run_id).version
    wrong = []
    if [one.version for one in entries] != list(range(1, version + 1)):
        wrong.append(f"the versions are not 1 to {version}")
    if version < acknowledged(place, run_id):
        wrong.append(f"{acknowledged(place, run_id)} entries were acknowledged, {version} are left")
    done: set[str] = set()
    for one in entries:
        for name, is_end, _ in _ends(one.entry):
            if is_end and name in done:
                wrong.append(f"{name} was accepted twice")
            (done.add if is_end else done.discard)(name)
    moves = [one.entry.state for one in entries if isinstance(one.entry, RunMoved)]
    # a driver that is lost tells nobody: Running follows Running where somebody has taken over
    told = [s for k, s in enumerate(moves) if not k or type(s) is not type(moves[k - 1])]
    return wrong + flow_stumbles(told)
