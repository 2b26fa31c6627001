"""What a run leaves in the store while it is driven: its row, and entry by entry its history."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from daskflow._crash_points import reach
from daskflow.definition.outlining import HERITAGE, outline_of
from daskflow.entries import Entry, RunMoved
from daskflow.errors import LeaseLostError, StoreError
from daskflow.hearing import Ear, ears
from daskflow.lines import Piece
from daskflow.persisting import pack_parameters
from daskflow.resuming import code_digests
from daskflow.runtime.spec import RunSpec, is_installed, own_code_by_value
from daskflow.states import Pending, State
from daskflow.stores.history import Holder, NumberedPiece, RunRow, RunStore, Wanted
from daskflow.stores.journal import Journal
from daskflow.stores.orders import OrderRow, Wish
from daskflow.timing import now

if TYPE_CHECKING:
    from daskflow.definition.flows import Flow


class Keeper(Protocol):
    """Keeps what happens in one run."""

    @property
    def is_durable(self) -> bool:
        """Whether what it keeps outlives this process."""

    def add(self, entry: Entry) -> None:
        """Keep an entry of its history."""

    def moved(self, at: float, state: State, **row: Any) -> None:
        """Keep a change of the flow run's state, and new values of its row."""

    def add_lines(self, pieces: Sequence[Piece], dropped: int = 0) -> None:
        """Keep what task runs have logged, and that so many lines of it were dropped before."""

    def logs(self, task: str | None) -> list[NumberedPiece]:
        """Return what is kept of what the task runs have logged, of a task or of all."""

    def may_go_on(self) -> bool:
        """Return whether what comes next can be kept; raise where the run is somebody else's."""

    def listen(self, hear: Callable[[OrderRow], None]) -> None:
        """Let this hear what other processes want of the run, in another thread, until `close`."""

    def answer(self, order: OrderRow, told: str, *, is_done: bool) -> None:
        """Keep what became of an order."""

    def settle(self) -> None:
        """Return when all of it is durable; what others want by then was heard."""

    def close(self) -> None:
        """Settle, and give the run back; somebody else may go on with it."""

    def go_on(self) -> None:
        """Take the run again that was given back; raise where it is somebody else's by now."""


class NoKeeper:
    """Keeps nothing: for runs that belong to a computation of somebody else's."""

    is_durable = False

    def add(self, entry: Entry) -> None:
        """Do nothing."""

    def moved(self, at: float, state: State, **row: Any) -> None:
        """Do nothing."""

    def add_lines(self, pieces: Sequence[Piece], dropped: int = 0) -> None:
        """Do nothing."""

    def logs(self, task: str | None) -> list[NumberedPiece]:
        """Return none."""
        return []

    def may_go_on(self) -> bool:
        """Return that all is well."""
        return True

    def listen(self, hear: Callable[[OrderRow], None]) -> None:
        """Do nothing."""

    def answer(self, order: OrderRow, told: str, *, is_done: bool) -> None:
        """Do nothing."""

    def settle(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def go_on(self) -> None:
        """Do nothing."""


@dataclass
class StoreKeeper:
    """Keeps a run in a store, as long as it holds the run's lease."""

    store: RunStore
    run_id: str
    journal: Journal
    is_restoring: bool = field(default=False)  # what is folded then is kept already
    row: dict[str, Any] = field(default_factory=dict)  # of the run: goes with its next move
    given_back_at: int = field(default=0)  # the run's version by then
    state: State = field(default_factory=Pending)  # of the run
    mark: int = field(default=0)  # of its orders, before its lease was taken: none is missed
    # orders that were given before, and that nobody has carried out
    left: list[OrderRow] = field(default_factory=list)
    ear: Ear | None = field(default=None)

    @property
    def is_durable(self) -> bool:
        """Whether the store outlives this process."""
        return not self.store.url.startswith("memory:")

    def add(self, entry: Entry) -> None:
        """Keep an entry of its history."""
        if not self.is_restoring:
            self.journal.add(entry)

    def moved(self, at: float, state: State, **row: Any) -> None:
        """Keep a change of the flow run's state, and new values of its row."""
        news, self.row = self.row, {}
        self.state = state
        self.journal.add(RunMoved(at, state), {**news, "state": state, **row})

    def add_lines(self, pieces: Sequence[Piece], dropped: int = 0) -> None:
        """Keep what task runs have logged."""
        self.journal.add_lines(pieces, dropped)

    def logs(self, task: str | None) -> list[NumberedPiece]:
        """Return what is in the store by now of what the task runs have logged."""
        return self.store.logs(self.run_id, task)

    def may_go_on(self) -> bool:
        """Return whether the store takes what is written."""
        return self.journal.may_go_on()

    def listen(self, hear: Callable[[OrderRow], None]) -> None:
        """Let this hear what other processes want of the run."""
        behind = max((order.number for order in self.left), default=0)
        self.ear = Ear(self.store.orders, self.run_id, self.mark, hear, behind)
        ears.open(self.ear)
        left, self.left = self.left, []
        for order in left:
            hear(order)

    def answer(self, order: OrderRow, told: str, *, is_done: bool) -> None:
        """Keep what became of an order."""
        if self.ear is not None:
            self.ear.answer(order, told, is_done=is_done)

    def settle(self) -> None:
        """Return when all of it is durable."""
        self.journal.flush()
        if self.ear is not None:
            with suppress(StoreError):  # orders cannot be read: whoever gave one sees how it ends
                self.ear.look()

    def close(self) -> None:
        """Settle, and give the lease back."""
        try:
            self.journal.flush()
            self.given_back_at = self._version()
            if self.ear is not None:
                self.ear.close(self.state)
        finally:
            if self.ear is not None:
                ears.shut(self.ear)
                self.ear = None  # it leads to the run, and what keeps lines leads here
            self.journal.close()

    def _version(self) -> int:
        """Return how long the run's history is; nothing heavy is read for that."""
        found = self.store.runs(Wanted(called=self.run_id))
        return next((row.version for row in found if row.id == self.run_id), -1)

    def go_on(self) -> None:
        """Take the lease again.

        Raises
        ------
        LeaseTakenError
            Somebody else drives the run.
        LeaseLostError
            Somebody else has driven it meanwhile.
        """
        self.mark = self.store.orders.mark(self.run_id)
        lease = self.store.lease(self.run_id, holder())
        if self._version() != self.given_back_at:
            lease.release()
            msg = f"run {self.run_id} has gone on elsewhere: `Flow.resume` shows it as it is now"
            raise LeaseLostError(msg)
        self.journal = Journal(self.store, lease)


def row_of(
    flow: Flow[..., Any],
    spec: RunSpec,
    parameters: Mapping[str, Any],
    references: Sequence[str] = (),
) -> RunRow:
    """Return the row of a run that is about to begin.

    Parameters
    ----------
    references
        The nodes that decide how it ends.
    """
    with own_code_by_value([flow]):
        packed = pack_parameters(parameters, spec.storage)
    return RunRow(
        spec.run_id,
        spec.run_name,
        flow.name,
        Pending(),
        spec.scheduled_for,
        tags=spec.tags,
        parameters=packed,
        target=target_of(flow),
        folder=os.getcwd(),  # noqa: PTH109 - a string is what is kept
        code=code_digests(spec.graph),
        options=kept_options(flow),
        graph=outline_of(spec.graph, references, is_watched=flow.watchers.sees_cancels()),
        caller=spec.parents[-1] if spec.parents else "",
        parent=spec.parents[-1].partition("/")[0] if spec.parents else "",
    )


def with_parameters_told(row: RunRow, parameters: Mapping[str, Any]) -> RunRow:
    """Return a run's row with its parameters in words, for those who look and unpickle nothing."""
    from daskflow.drawing.forms import short

    told = {name: short(value) for name, value in parameters.items()}
    return replace(row, graph={**row.graph, "parameters": told})


def with_heritage(row: RunRow, blocks: int) -> RunRow:
    """Return a run's row that says up to which block what it has is kept of the one it repeats."""
    return replace(row, graph={**row.graph, HERITAGE: blocks}) if blocks else row


_KEPT = ("block_size", "persist_result", "reference_tasks")  # what decides how a run goes and ends


def kept_options(flow: Flow[..., Any]) -> dict[str, Any]:
    """Return the options that a run needs when it is gone on with: its flow is imported anew."""
    found: dict[str, Any] = {word: flow.options.get(word) for word in _KEPT}
    named = found["reference_tasks"]
    if named is not None and not isinstance(named, str):
        found["reference_tasks"] = list(named)
    return {word: value for word, value in found.items() if value is not None}


def target_of(flow: Flow[..., Any]) -> str:
    """Return how a flow can be imported again; empty where it cannot."""
    known = _globals_of(flow)
    name = next((n for one in (flow, flow.origin) for n in known if known[n] is one), "")
    module = sys.modules.get(flow.__module__)
    file = getattr(module, "__file__", None)
    if not name or module is None:
        return ""
    if file is not None and (flow.__module__ == "__main__" or not is_installed(Path(file))):
        return f"{Path(file).resolve()}:{name}"
    return f"{flow.__module__}:{name}" if flow.__module__ != "__main__" else ""


def _globals_of(flow: Flow[..., Any]) -> dict[str, Any]:
    return vars(sys.modules[flow.__module__]) if flow.__module__ in sys.modules else {}


def begin(store: RunStore, row: RunRow) -> StoreKeeper:
    """Take a new run into a store, and its lease."""
    me = holder()
    told = replace(row, user=me.user, host=me.host, pid=me.pid)
    reach("run.before_created")
    store.create(told, uuid.uuid4().hex)
    reach("run.created")
    mark = store.orders.mark(row.id)
    lease = store.lease(row.id, me)
    reach("run.leased")
    return StoreKeeper(store, row.id, Journal(store, lease), mark=mark)


def take_over(store: RunStore, run_id: str) -> StoreKeeper:
    """Take the lease of a run that is in a store.

    Raises
    ------
    LeaseTakenError
        Somebody else drives it.
    """
    mark = store.orders.mark(run_id)
    journal = Journal(store, store.lease(run_id, holder()))
    keeper = StoreKeeper(store, run_id, journal, is_restoring=True, mark=mark)
    keeper.left = list(_left_by_others(store, run_id))
    return keeper


def _left_by_others(store: RunStore, run_id: str) -> Iterator[OrderRow]:
    """Return the orders that a driver did not carry out before it was lost.

    What was to be cancelled was resumed since, which is the newer wish.
    """
    for order in store.orders.of(run_id):
        if order.answer is None and order.wish is Wish.CANCEL:
            store.orders.answer(order.number, "the run was taken up again since", is_done=False)
        elif order.answer is None:
            yield order


def holder() -> Holder:
    """Return who this process is."""
    return Holder(_user(), socket.gethostname(), os.getpid(), now())


def _user(ask: Callable[[], str] = getpass.getuser) -> str:
    try:
        return ask()
    except (KeyError, OSError):  # a container without a name for its user
        return str(os.getuid())
