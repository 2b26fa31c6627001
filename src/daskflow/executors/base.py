"""The protocols between a run, an executor, and the process in which a block runs.

An `Executor` is a description, cheap and reusable. `open` makes a `Session` of it for one run. In
the process where a block runs, the shim talks to a `Port`: where the run's spec is, and where its
report goes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeVar

from daskflow.demands import Demand
from daskflow.events import Complaint, Report, Segment, Tell
from daskflow.executors.showing import Shown, Teller
from daskflow.lines import Batch
from daskflow.questions import ASK_SECONDS, Answerer, Question

A = TypeVar("A")
# takes lines that a run's bodies have logged, packed, and how many were dropped on the way
TakeLines = Callable[[bytes, int], None]


class Session(Protocol):
    """One run's hold on an executor. Used by one thread, the driver's."""

    link: str  # address of a page that shows what goes on; empty: none

    @property
    def threads(self) -> int:
        """How many task runs can run at a time, as far as is known now."""

    def submit(self, layer: dict[Any, Any], *, urgent: bool, demands: Mapping[Any, Demand]) -> None:
        """Take the nodes of a plan's graph.

        Every node's key is held until `release`.

        Parameters
        ----------
        urgent
            They go before what was taken earlier, among those of the same priority.
        demands
            What the nodes ask of the worker that runs them; those that are not named, nothing.
        """

    def wait(self, timeout: float | None) -> list[Report]:
        """Return the reports that came as soon as there are some; none when time is over.

        The session may look up sooner than after those seconds, and return none as well.
        A block that cannot come back any more is reported with an `error`; one that was lost with
        its worker, finished or not, with its `fate`.
        """

    def answer_with(self, answer: Answerer) -> None:
        """Let this answer what the run's blocks ask, until the session is closed.

        It is called in `wait`, in the driver's thread; where blocks run in this process, in theirs.
        """

    def tell_lines(self, take: TakeLines) -> None:
        """Let this take what the run's bodies log, until the session is closed.

        It is called in any thread. It has what a block logged before `wait` returns the report of
        that block, or of its loss.
        """

    def show(self, shown: Shown) -> Teller:
        """Let people look at the run on pages of the executor's; return what tells them of it."""

    def complaints(self) -> list[Complaint]:
        """Return which blocks were found meanwhile that nobody can run; told once for each task.

        They go on waiting. What starts soon, because somebody came who can run it, is not told.
        """

    def workers(self) -> list[str]:
        """Return the workers that there are now."""

    def homes(self, demands: Sequence[Demand], but: Collection[str] = ()) -> list[str]:
        """Return a worker for each of these demands, and none twice, as far as there are some.

        Parameters
        ----------
        but
            Workers that are not to be among them.
        """

    def fetch(self, keys: Iterable[Any]) -> list[Any]:
        """Return the values of blocks that are held: their segments.

        Raises
        ------
        KeyError
            One of them was released, or never was.
        """

    def release(self, keys: Iterable[Any]) -> None:
        """Let go of what no consumer needs any more; unknown keys are no error."""

    def cancel(self, before: int) -> None:
        """Let no block with a smaller number begin anything more, and interrupt what can be.

        Blocks report as ever what they have done; those that have not begun are reported without
        segments. Called from any thread; twice is no error.
        """

    def finish(self) -> None:
        """Note that the run has ended: nothing more is submitted; values stay until `close`."""

    def close(self) -> None:
        """End the run's hold: nothing of it stays. Calling it twice is no error."""

    def closer(self) -> Callable[[], None]:
        """Return what does so when nobody has the run any more, and keeps no values until then.

        Values of this process lead to the run itself, by the frames of exceptions: what keeps them
        keeps the run, and it would never be closed.
        """


class PackedSpec(bytes):
    """The bytes in which a spec travels.

    Attributes
    ----------
    named
        Top-level names of what the code imports, wherever in it, and does not bring along.
    needed
        Modules that have to be there already: what travels refers to something in them by name.
    folder
        URL of a folder of this machine, or of this process's memory, that all have to reach.
    """

    named: frozenset[str]
    needed: frozenset[str]
    folder: str

    @classmethod
    def of(
        cls, data: bytes, named: Iterable[str], needed: Iterable[str], folder: str = ""
    ) -> PackedSpec:
        """Return the bytes with those names."""
        packed = cls(data)
        packed.named, packed.needed = frozenset(named), frozenset(needed)
        packed.folder = folder
        return packed


class Executor(Protocol):
    """Where the blocks of a flow run."""

    def open(self, run_id: str, spec: Any, pack: Callable[[Any], PackedSpec]) -> Session:
        """Begin a run: make its spec known to every process in which its blocks may run.

        Parameters
        ----------
        pack
            Makes the bytes in which the spec travels to other processes.

        Raises
        ------
        ExecutorError
            It cannot be reached, or refuses; the message names the cure.
        """


class Mark(StrEnum):
    """What others have noted about a block before it begins; its name on Dask's wire."""

    TAKEN = "daskflow-taken"  # it was begun before, and taken away
    CALLED_OFF = "daskflow-called-off"  # its run was cancelled


class Gauge(Protocol):
    """Where a block notes, as item 0, which of its task runs is at work: the place in its walk."""

    def __setitem__(self, index: Literal[0], place: int, /) -> None: ...


NOWHERE: Gauge = [0]  # who ends with this process need not know


class Port(Protocol):
    """What the shim has of the process it runs in."""

    is_local: bool  # whether the driver lives in the same process

    @property
    def worker(self) -> str:
        """The address of the Dask worker; empty: there is none."""

    def fetch_spec(self, run_id: str) -> Any:
        """Return the spec of a run: itself, or where it comes from elsewhere its bytes."""

    def mark(self) -> Mark | None:
        """Return why the bodies of this block are not called; None: they are."""

    def begin(self, run_id: str, block: int) -> Gauge:
        """Return where a block that begins is to note how far it is."""

    def end(self) -> None:
        """Note that all of the block has run, or that it was broken off."""

    def report(self, run_id: str, block: int, segments: tuple[Segment, ...]) -> None:
        """Send what became of a block, no later than its values are seen."""

    def telling(self, run_id: str, block: int) -> Tell | None:
        """Return what tells of a block while it goes on, from any thread; None: nobody listens.

        It does not wait. What it told arrives before what is reported later.
        """

    def lines_to(self, run_id: str) -> Callable[[Batch], None] | None:
        """Return what takes away, from any thread, what the bodies of a run log; None: nobody does.

        It does not wait. What it took arrives before what is reported later.
        """

    def ask(self, run_id: str, question: Question[A], seconds: float = ASK_SECONDS) -> A:
        """Return what the driver answers to a question; waits for it in this thread.

        Parameters
        ----------
        seconds
            In which the answer has to be there, where it has a way to go.

        Raises
        ------
        UnansweredError
            There is no answer: not in time, or the driver or the run is gone, or it could not
            tell. The question may have been heard all the same.
        """

    def nested(self) -> AbstractContextManager[Executor]:
        """Give what runs the flows that a task calls, as long as the task waits for such runs.

        That is where the task itself runs. However many tasks wait at a time, it gets on.
        """


class _Block(threading.local):
    """The port of the block that a thread runs."""

    port: Port | None = None


_block = _Block()
_port: ContextVar[Port | None] = ContextVar("daskflow_port", default=None)  # see `port_of_body`


class use_port:  # noqa: N801 - as contextlib names its own; a generator costs each block more
    """Let blocks that run in this thread meanwhile talk to this port."""

    __slots__ = ("_before", "_port", "_token")

    def __init__(self, port: Port) -> None:
        self._port = port

    def __enter__(self) -> None:
        self._before, _block.port = _block.port, self._port
        self._token = _port.set(self._port)

    def __exit__(self, *_: object) -> None:
        _port.reset(self._token)
        _block.port = self._before


def port_of_thread() -> Port | None:
    """Return the port that `use_port` gave to this very thread; None: no one did.

    The context of a thread would not do: Dask starts a block in that of whoever made room for it.
    """
    return _block.port


def port_of_body() -> Port | None:
    """Return the port of the block whose body this is, in whichever thread; None: of none."""
    return _port.get()
