"""What the task runs of a run have logged, read from its store: by now, and while it goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from daskflow.context import split_label
from daskflow.definition.outlining import graph_of
from daskflow.errors import UnknownTaskError
from daskflow.graph import listed
from daskflow.lines import LogLine, Reader
from daskflow.stores.history import RunReader, RunRow

_LOOK_SECONDS = 0.3
_QUIET_LOOKS = 3  # at which nobody drives an unfinished run, before it counts as left by its driver


def check_task(row: RunRow, task: str | None) -> None:
    """Raise `UnknownTaskError` for a task that a run does not have.

    Parameters
    ----------
    task
        ``clean``, ``clean[3]``, or None.
    """
    nodes = graph_of(row.graph).nodes
    label = split_label(task) if task is not None else None
    node = task if task in nodes or label is None else label[0]
    if node is not None and node not in nodes:
        msg = f"the run has no task {node!r}; its tasks: {listed(nodes)}"
        raise UnknownTaskError(msg)


class Follower:
    """Reads the lines of a run that are new since it last looked.

    Parameters
    ----------
    task
        Of which task runs: ``clean`` with all its children, or ``clean[3]``; None: of all.
    level
        The lowest, as `logging` counts.
    """

    def __init__(
        self, store: RunReader, run_id: str, task: str | None = None, level: int = 0
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._task = task
        self._reader = Reader(level)
        self._behind = 0

    def look(self) -> list[LogLine]:
        """Return them in the order of their times."""
        found = self._store.logs(self._run_id, self._task, self._behind)
        if found:
            self._behind = found[-1].version
        lines = self._reader.read(one.piece for one in found)
        return sorted(lines, key=lambda line: line.at)

    def follow(self) -> Iterator[list[LogLine]]:
        """Iterate over the new lines, until the run has ended, or nobody drives it any more."""
        quiet = 0
        while quiet < _QUIET_LOOKS:
            is_driven = self._store.holder(self._run_id) is not None
            is_finished = self._store.run(self._run_id).state.is_finished()
            yield self.look()
            if is_finished and not is_driven:
                return
            quiet = 0 if is_driven else quiet + 1
            threading.Event().wait(_LOOK_SECONDS)
        yield self.look()
