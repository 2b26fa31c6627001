"""Blocks in this process: one after another in the caller's thread, or on a pool of threads."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Any, TypeVar

from daskflow.demands import Demand
from daskflow.errors import DefinitionError, UnansweredError
from daskflow.events import Complaint, Meanwhile, Report, Segment, Tell
from daskflow.executors.at_work import call_off
from daskflow.executors.base import NOWHERE, Gauge, Mark, PackedSpec, TakeLines, use_port
from daskflow.executors.showing import Shown, Silent, Teller
from daskflow.executors.wire import is_block, is_portion
from daskflow.garbage import collected
from daskflow.lines import Batch, pack_batch
from daskflow.questions import ASK_SECONDS, Answerer, Question, answer_nothing
from daskflow.signals import RunInterrupted

A = TypeVar("A")


class LocalExecutor:
    """Run in this process, which has whatever a task demands of a worker.

    Parameters
    ----------
    threads
        How many task runs run at a time. None: one after another in the calling thread, so that
        ``pdb`` works inside tasks.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow(executor=LocalExecutor(threads=2))
    ... def doubled():
    ...     return double.map([1, 2, 3])
    >>> doubled()
    [2, 4, 6]
    """

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            msg = f"LocalExecutor(threads={threads}): at least one, or None for the calling thread"
            raise DefinitionError(msg)
        self.threads = threads

    def open(self, run_id: str, spec: Any, pack: Callable[[Any], PackedSpec]) -> LocalSession:
        """Begin a run."""
        return LocalSession(run_id, spec, self.threads)

    def __repr__(self) -> str:
        return f"LocalExecutor(threads={self.threads})" if self.threads else "LocalExecutor()"


class LocalSession:
    """A run in this process: the nodes that wait, those that are ready, and their values.

    Parameters
    ----------
    threads
        See `LocalExecutor`.
    values
        Of nodes that were computed elsewhere, by their keys.
    """

    link = ""

    def __init__(
        self,
        run_id: str,
        spec: Any,
        threads: int | None = None,
        values: Mapping[Any, Any] = MappingProxyType({}),
    ) -> None:
        self.threads = threads or 1
        self._run_id = run_id
        self._spec = spec
        self._pool = ThreadPoolExecutor(threads, "daskflow") if threads else None
        self._lock = threading.Lock()
        self._ready: deque[Any] = deque()  # those that no thread has begun
        self._coming: set[Any] = set()  # keys of all nodes that have not ended
        self._waiting: dict[Any, set[Any]] = {}  # node -> keys it still needs
        self._consumers: dict[Any, list[Any]] = {}  # key -> nodes that need it
        self._values = dict(values)
        self._uses: Counter[Any] = Counter()  # parts of values: by how many nodes still needed
        self._torn: dict[Any, str] = {}  # large literals that could not be read, and why
        self._reports: SimpleQueue[Report] = SimpleQueue()
        self.answer: Answerer = answer_nothing  # called in the threads of blocks
        self._take_lines: TakeLines | None = None
        self._process = os.getpid()

    def submit(self, layer: dict[Any, Any], *, urgent: bool, demands: Mapping[Any, Demand]) -> None:
        """Take the nodes of a plan's graph; demands are met here by definition."""
        ready, hopeless = [], []
        with self._lock:
            self._coming.update(layer)
            for key, node in layer.items():
                self._uses.update(filter(is_portion, node.dependencies))
                needed = {k for k in node.dependencies if k not in self._values}
                if never := needed - self._coming:
                    hopeless.append((node, self._why_never(never)))
                    continue
                for other in needed:
                    self._consumers.setdefault(other, []).append(node)
                if needed:
                    self._waiting[key] = needed
                else:
                    ready.append(node)
        self._start(ready, urgent=urgent)
        for node, error in hopeless:
            self._fail(node, error, is_origin=True)

    def _why_never(self, keys: set[Any]) -> str:
        """Return why what a node needs will never be there."""
        torn = [self._torn[key] for key in keys if key in self._torn]
        return torn[0] if torn else f"what it needs is not held here: {min(map(str, keys))}"

    def wait(self, timeout: float | None) -> list[Report]:
        """Return reports; without a pool, run the next node here to have one."""
        while self._pool is None and self._ready and self._reports.empty():
            with collected():
                self._run(self._ready.popleft())
        reports: list[Report] = []
        try:
            reports.append(self._reports.get(timeout=timeout))
            while True:
                reports.append(self._reports.get_nowait())
        except Empty:
            return reports

    def answer_with(self, answer: Answerer) -> None:
        """Let this answer what the run's blocks ask; it is called in their threads."""
        self.answer = answer

    def tell_lines(self, take: TakeLines) -> None:
        """Let this take what the run's bodies log."""
        self._take_lines = take

    def lines_to(self) -> Callable[[Batch], None] | None:
        """Return what takes away what bodies log; None in a process that one of them has forked."""
        take = self._take_lines
        if take is None or os.getpid() != self._process:
            return None
        return lambda batch: take(pack_batch(batch), 0)

    def show(self, shown: Shown) -> Teller:
        """Show it nobody: there is no page."""
        return Silent()

    def complaints(self) -> list[Complaint]:
        """Return none: this process can run every block."""
        return []

    def workers(self) -> list[str]:
        """Return none: there is only this process."""
        return []

    def homes(self, demands: Sequence[Demand], but: Collection[str] = ()) -> list[str]:
        """Return none: here nothing is lost, so nothing has to be alone."""
        return []

    def fetch(self, keys: Iterable[Any]) -> list[Any]:
        """Return the values of blocks."""
        return [self._values[key] for key in keys]

    def release(self, keys: Iterable[Any]) -> None:
        """Let go of values."""
        for key in keys:
            self._values.pop(key, None)

    def cancel(self, before: int) -> None:
        """Call blocks off; those that no thread has begun are reported at once."""
        call_off(self._run_id, before)
        with self._lock:
            keys = [*(node.key for node in self._ready.copy()), *self._waiting]
        for key in keys:
            if is_block(key) and key[1] < before:
                self._reports.put(Report(self._run_id, key[1], "local"))

    def finish(self) -> None:
        """Do nothing: there is nothing to be written down."""

    def close(self) -> None:
        """Drop all values and end the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._ready.clear()
        self._values.clear()
        self.answer = answer_nothing
        self._take_lines = None

    def closer(self) -> Callable[[], None]:
        """Return what ends the threads; the values go with the session."""
        if self._pool is None:
            return lambda: None
        return partial(self._pool.shutdown, wait=False, cancel_futures=True)

    def _start(self, nodes: list[Any], *, urgent: bool = False) -> None:
        if urgent:
            self._ready.extendleft(reversed(nodes))
        else:
            self._ready.extend(nodes)
        if self._pool is not None:
            for _ in nodes:
                self._pool.submit(self._run_next)

    def _run_next(self) -> None:
        with suppress(IndexError):  # the session was closed meanwhile
            self._run(self._ready.popleft())

    def _run(self, node: Any) -> None:
        port = _LocalPort(self, self._spec)
        try:
            with use_port(port):
                value = node({key: self._values[key] for key in node.dependencies})
        except RunInterrupted:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the run must go on
            self._fail(node, f"{type(error).__name__}: {error}", is_origin=True)
            return
        worker = threading.current_thread().name
        with self._lock:
            self._values[node.key] = value  # first: who hears of it may ask for it at once
            self._coming.discard(node.key)
            if port.segments is not None:  # before any consumer can begin, and report
                self._reports.put(Report(self._run_id, node.key[1], worker, port.segments))
            ready = self._now_ready(node.key)
            self._used(node)
        self._start(ready)

    def telling(self, block: int) -> Tell | None:
        """Return what tells the driver of a block that goes on; None: it would not hear of it."""
        if self._pool is None:
            return None
        report = partial(Report, self._run_id, block, threading.current_thread().name)

        def tell(news: Meanwhile) -> None:
            segments, given_back, begun, _ = news
            self._reports.put(report(segments, is_early=True, given_back=given_back, begun=begun))

        return tell

    def _used(self, node: Any) -> None:
        """Let go of the parts of values that nobody needs behind this node."""
        for key in filter(is_portion, node.dependencies):
            self._uses[key] -= 1
            if not self._uses[key]:
                del self._uses[key], self._values[key]

    def _now_ready(self, key: Any) -> list[Any]:
        ready = []
        for node in self._consumers.pop(key, ()):
            needed = self._waiting.get(node.key)
            if needed is not None:
                needed.discard(key)
                if not needed:
                    del self._waiting[node.key]
                    ready.append(node)
        return ready

    def _fail(self, node: Any, error: str, *, is_origin: bool) -> None:
        """Report a block that cannot end, and all that need it; of a literal those alone."""
        lost = [(node, is_origin)]
        while lost:
            node, is_origin = lost.pop()
            is_literal = not is_block(node.key)
            if not is_literal:
                number = node.key[1]
                report = Report(self._run_id, number, "local", error=error, is_origin=is_origin)
                self._reports.put(report)
            with self._lock:
                self._coming.discard(node.key)
                if is_literal:
                    self._torn[node.key] = error
                for consumer in self._consumers.pop(node.key, []):
                    if self._waiting.pop(consumer.key, None) is not None:
                        lost.append((consumer, is_literal))


class _LocalPort:
    """The shim's way to this process's session."""

    is_local = True
    worker = ""

    def __init__(self, session: LocalSession, spec: Any) -> None:
        self._session = session
        self._spec = spec
        self.segments: tuple[Segment, ...] | None = None

    def fetch_spec(self, run_id: str) -> Any:
        return self._spec

    def mark(self) -> Mark | None:
        return None

    def begin(self, run_id: str, block: int) -> Gauge:
        return NOWHERE

    def end(self) -> None:
        """Do nothing: nobody was told that it began."""

    def report(self, run_id: str, block: int, segments: tuple[Segment, ...]) -> None:
        self.segments = segments

    def telling(self, run_id: str, block: int) -> Tell | None:
        """Return what tells the driver; None where it has to wait for the block itself."""
        return self._session.telling(block)

    def lines_to(self, run_id: str) -> Callable[[Batch], None] | None:
        return self._session.lines_to()

    def ask(self, run_id: str, question: Question[A], seconds: float = ASK_SECONDS) -> A:
        try:
            told: A = self._session.answer(question)
        except Exception as error:
            msg = f"{type(error).__name__}: {error}"
            raise UnansweredError(msg) from error
        return told

    def nested(self) -> AbstractContextManager[LocalExecutor]:
        """Give this process, one task after another in the thread that calls: it holds no other."""
        return nullcontext(LocalExecutor())
