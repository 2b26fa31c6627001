"""What becomes of task runs whose block was lost with its worker.

Only the driver's thread is here. Who is to blame is decided in `suspects`; here is kept who was
charged how often, who is set apart, and where they run next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, takewhile

from daskflow.context import run_label
from daskflow.demands import Demand
from daskflow.events import Fate, Note
from daskflow.lowering.known import OWNED
from daskflow.lowering.plan import Plan
from daskflow.runtime.record import RunRecord
from daskflow.runtime.suspects import TaskRunKey, investigate
from daskflow.states import Pending

_AGAIN = "its worker was lost: it runs again"

FindHomes = Callable[[Sequence[Demand]], list[str]]  # workers, for as many of them as have one
Homes = Mapping[TaskRunKey, str]  # suspects, and where they run; empty: anywhere


class Losses:
    """The losses of a run: who was charged how often, and who is set apart."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._charged: Counter[TaskRunKey] = Counter()
        self._apart: set[TaskRunKey] = set()  # those that nothing may run beside
        self._homes: dict[int, str] = {}  # of blocks of those, while they run
        self._is_any = False  # whether there may be suspects

    def fold(self, block: int, fate: Fate) -> None:
        """Take in that a block was lost, and its values with it."""
        record = self._record
        record.keys.pop(block, None)
        if block not in record.in_flight:
            return
        lost = record.untold_runs(block)
        spans, _ = record.land(block)
        home = self._homes.pop(block, None)
        is_apart = home is not None and home in {"", fate.worker}
        found = investigate(spans, lost, fate, is_apart=is_apart)
        for run in found.begun:
            record.note_vanished(*run)
        for run in found.suspects:
            self._suspect(run, fate, is_charged=found.is_charged)
        self._open(block, [*found.begun, *found.rest], {*found.begun, *found.suspects})

    def _suspect(self, run: TaskRunKey, fate: Fate, *, is_charged: bool) -> None:
        """Charge a task run for its worker, or set it apart; crash it if it was once too often."""
        name, position = run
        if is_charged:
            self._charged[run] += 1
        else:
            self._apart.add(run)
        count = self._charged[run]
        if count > self._record.graph.nodes[name].task.rules.infra_retries:
            times = f" {count} times, the last" if count > 1 else ""
            message = f"its worker was lost{times}: {fate.story}"
            more = Note(trace=self._with_last_lines(run, message), worker=fate.worker)
            self._record.crash(name, position, message, fate.reason, more)
        else:
            self._is_any = True
            self._record.nodes[name].held.add(position)

    def _with_last_lines(self, run: TaskRunKey, message: str) -> str:
        """Return a message with the last lines that a task run has logged, where it has."""
        name, position = run
        lines = self._record.last_lines(run_label(name, self._record.index(name, position)))
        if not lines:
            return message
        return "\n".join([f"{message}; the last that it logged:", *(one.message for one in lines)])

    def _open(self, block: int, runs: list[TaskRunKey], told: set[TaskRunKey]) -> None:
        """Open what is not Crashed; tell of what was begun."""
        for name, position in runs:
            node = self._record.nodes[name]
            if node.codes[position] == OWNED:
                self._record.reclaim(block, (name, position))
                if (name, position) in told:
                    again = Pending(_AGAIN, attempt=node.attempts[position])
                    self._record.tell(name, position, again)

    def clear(self) -> bool:
        """Forget the suspects that have come back; return whether there are others."""
        if self._is_any:
            self._is_any = False
            for name, node in self._record.nodes.items():
                gone = {p for p in node.held if node.codes[p] not in _NOT_BACK}
                node.held -= gone
                self._apart -= {(name, position) for position in gone}
                self._is_any |= bool(node.held)
        return self._is_any

    @property
    def is_busy(self) -> bool:
        """Whether something that was set apart is running: nothing may run beside it."""
        self._homes = {b: home for b, home in self._homes.items() if b in self._record.in_flight}
        return bool(self._homes)

    def charged(self, limit: int, find_homes: FindHomes) -> Homes:
        """Return who was charged and runs next, beside whatever is running."""
        return self._sent_home(self._ready(is_apart=False), limit, find_homes)

    def set_apart(self, limit: int, find_homes: FindHomes) -> Homes:
        """Return who was set apart and runs next, while nothing else does."""
        return self._sent_home(self._ready(is_apart=True), limit, find_homes)

    def _ready(self, *, is_apart: bool) -> Iterator[tuple[TaskRunKey, Demand]]:
        """Return the suspects that wait for nobody, and what they demand of workers."""
        record = self._record
        for name, node in record.nodes.items():
            demand = record.graph.nodes[name].task.rules.demand
            for position in sorted(node.held):
                is_meant = ((name, position) in self._apart) is is_apart
                is_open = node.codes[position] == Pending.code
                if is_meant and is_open and record.upstream_is_finished(name, position):
                    yield (name, position), demand

    def _sent_home(
        self, ready: Iterator[tuple[TaskRunKey, Demand]], limit: int, find_homes: FindHomes
    ) -> Homes:
        """Return where suspects run, so many at most, each on a worker of its own.

        Those that demand to be on certain workers go one at a time, for they cannot choose; so they
        do where there is no worker, and wait for whoever comes.
        """
        first = next(ready, None)
        if first is None:
            return {}
        if first[1].workers:
            return {first[0]: ""}
        free = takewhile(lambda each: not each[1].workers, ready)
        found = [first, *islice(free, limit - 1)]
        homes = find_homes([demand for _, demand in found])
        placed = {run: home for (run, _), home in zip(found, homes, strict=False)}
        return placed or {first[0]: ""}

    def sent(self, plan: Plan, homes: Homes) -> None:
        """Note what of the suspects is on its way now."""
        for block in plan.blocks:
            name, start, _ = next(block.spans())
            if (name, start) in self._apart:
                self._homes[block.number] = homes[name, start]


_NOT_BACK = frozenset({Pending.code, OWNED})
