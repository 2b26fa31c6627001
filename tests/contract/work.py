"""Counts what a run costs in work, not in time: the same on a slow machine and on a busy one."""

import gc
import pickle
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

from distributed.batched import BatchedSend
from sqlalchemy import Engine, event

from daskflow.executors.mailbox import Mailbox
from daskflow.executors.session import DaskSession
from daskflow.executors.tracker import Tracker
from daskflow.runtime.shim import run_block

# messages whose number is a matter of time, or of where values happen to be
_BY_CHANCE = {
    *("heartbeat_worker", "heartbeat-client", "> adjust-heartbeat-interval", "log-event", "ping"),
    *("> free-keys", "release-worker-data", "add-keys", "set_metadata", "identity", "gather"),
    *("> steal-request", "steal-response", "daskflow_1_reports"),  # polls have a test of their own
}


@dataclass
class Traffic:
    """What went to a scheduler and from it meanwhile."""

    plans: int = 0
    dask_tasks: int = 0
    plan_bytes: int = 0
    reports: int = 0
    report_bytes: int = 0
    line_bytes: int = 0  # of what is logged
    ops: Counter = field(default_factory=Counter)  # messages, by what they ask for

    @property
    def messages(self):
        """How many messages there were, but for those whose number is a matter of chance."""
        return sum(count for op, count in self.ops.items() if op not in _BY_CHANCE)


class _Counted(dict):
    """Handlers of a scheduler's, counted when they are looked up to be called."""

    def __init__(self, handlers, ops):
        super().__init__(handlers)
        self._ops = ops

    def __getitem__(self, op):
        self._ops[op] += 1
        return super().__getitem__(op)


@contextmanager
def traffic_of(cluster, monkeypatch):
    """Count meanwhile what goes to a cluster whose scheduler is in this process, and back."""
    traffic, scheduler = Traffic(), cluster.scheduler
    submit, send, put = DaskSession.submit, BatchedSend.send, Tracker._put
    put_lines = Mailbox.put_lines

    def counted_submit(self, layer, **words):
        traffic.plans += 1
        traffic.dask_tasks += len(layer)
        traffic.plan_bytes += len(pickle.dumps(layer))
        submit(self, layer, **words)

    def counted_send(self, *messages):
        if self in {*scheduler.stream_comms.values(), *scheduler.client_comms.values()}:
            traffic.ops.update(f"> {message['op']}" for message in messages)
        send(self, *messages)

    def counted_put(self, report):
        traffic.reports += 1
        traffic.report_bytes += len(report.segments)
        put(self, report)

    def counted_lines(self, run_id, data, count):
        traffic.line_bytes += len(data)
        put_lines(self, run_id, data, count)

    with monkeypatch.context() as patch:  # Dask counts none of this
        patch.setattr(DaskSession, "submit", counted_submit)
        patch.setattr(BatchedSend, "send", counted_send)
        patch.setattr(Tracker, "_put", counted_put)
        patch.setattr(Mailbox, "put_lines", counted_lines)
        patch.setattr(scheduler, "handlers", _Counted(scheduler.handlers, traffic.ops))
        patch.setattr(
            scheduler, "stream_handlers", _Counted(scheduler.stream_handlers, traffic.ops)
        )
        yield traffic


@contextmanager
def statements():
    """Count meanwhile what is sent to SQL databases, by its first word."""
    counts = Counter()

    def count(connection, cursor, statement, *_):
        counts[statement.split(maxsplit=1)[0]] += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield counts
    finally:
        event.remove(Engine, "before_cursor_execute", count)


@dataclass
class Calls:
    """How many calls of functions that are written in Python were made in one thread."""

    of_shim: int = 0  # in `run_block`
    of_driver: int = 0  # elsewhere


@contextmanager
def calls():
    """Count meanwhile the calls of this thread, in which blocks run too.

    No garbage is collected meanwhile: who wants to be told of that is called by the interpreter, in
    a process that has tested other things before.
    """
    counts, inside = Calls(), 0
    block = run_block.__code__

    def count(frame, what, _):
        nonlocal inside
        if frame.f_code is block:
            inside += (what == "call") - (what == "return")
        if what == "call":
            if inside:
                counts.of_shim += 1
            else:
                counts.of_driver += 1

    before = sys.getprofile()
    gc.collect()
    gc.disable()
    sys.setprofile(count)
    try:
        yield counts
    finally:
        sys.setprofile(before)
        gc.enable()
