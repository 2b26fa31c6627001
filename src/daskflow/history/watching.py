"""A run that another process drives, watched through its store: only what is new is read.

What came since the last look is folded into the record that is there already, so a look at a run of
very many task runs costs no more than what happened in it meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from daskflow.definition.outlining import graph_of, heritage_of
from daskflow.entries import Entry, RunMoved
from daskflow.errors import StoreBusyError
from daskflow.events import StateChanged
from daskflow.history.following import Follower
from daskflow.history.reading import ReadRun, held_by, seen_state
from daskflow.lines import LogLine
from daskflow.resuming import find_run, is_orphan
from daskflow.runtime.record import RunRecord
from daskflow.runtime.restoring import Folding
from daskflow.runtime.views import NodeProgress, progress_of
from daskflow.states import Paused, State
from daskflow.stores.history import Holder, RunReader
from daskflow.timing import monotonic, now

_LOOK_SECONDS = 0.3  # between two looks
_QUIET_SECONDS = 1.0  # after which it is asked whether anybody drives a run of which nothing comes
_BIRTH_SECONDS = 2.0  # in which whoever has made a run has to have taken its lease
_PATIENCE = 30.0  # seconds in which a store has to become readable again


class WatchedRun:
    """A run as its store tells of it, look by look; what shows a `FlowRun` shows this as well.

    Parameters
    ----------
    wanted
        Its id, the beginning of one, its name, or ``last``.
    hear
        Is given what task runs log from now on, line by line; None: nobody wants to hear it.

    Raises
    ------
    UnknownRunError
        There is no such run.
    """

    link = ""  # of a page that shows what goes on: no store knows of one

    def __init__(
        self, store: RunReader, wanted: str, hear: Callable[[LogLine], object] | None = None
    ) -> None:
        self._store = store
        self._hear = hear
        self.row = find_run(store, wanted)  # as it was when its state was looked at
        self.is_over = False  # it has ended, waits for a person, or has lost its driver
        self.record = RunRecord(graph_of(self.row.graph), frozenset())
        self.record.heritage = heritage_of(self.row.graph)
        self._folding = Folding(self.record, self.row.name)
        self.version = 0  # of the last entry that was read
        self.holder: Holder | None = None  # who drives it
        self._read_at = self._seen_at = monotonic()
        self._fold()
        self._see()
        self._follower = Follower(store, self.row.id)
        if hear is not None and not self.is_over:
            self._follower.look()  # what was logged before is for `daskflow logs` to show

    @property
    def name(self) -> str:
        """Its name."""
        return self.row.name

    @property
    def flow_name(self) -> str:
        """The name of its flow."""
        return self.row.flow_name

    @property
    def state(self) -> State:
        """The state of the flow run; Crashed where it is to go on and nobody drives it."""
        return seen_state(self.row, is_held=self.holder is not None)

    @property
    def started_at(self) -> float:
        """The instant at which it was begun, or at least made."""
        return self.row.started if self.row.started is not None else self.row.created

    @property
    def ended_at(self) -> float | None:
        """The instant at which it ended; None: it has not."""
        return self.row.ended

    def read(self) -> ReadRun:
        """Return the run as it was found when it was looked at last."""
        return ReadRun(self.row, self.state, self.holder, self.record)

    def progress(self) -> list[NodeProgress]:
        """Return how far each node is, in the order of the flow."""
        return progress_of(self.record)

    def wait(self) -> None:
        """Look again and again until it is over."""
        for _ in self.events():
            pass

    def events(self) -> Iterator[StateChanged]:
        """Iterate over what the history tells, and on until it is over; looks again and again."""
        pause, place = threading.Event(), 0
        while True:
            is_over = self.is_over
            yield from self.record.events[place:]
            place = len(self.record.events)
            if is_over:
                return
            pause.wait(_LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Read what has come since the last look.

        Raises
        ------
        StoreBusyError
            The store could not be read, and not for long.
        """
        try:
            news = self._fold()
            moved = any(isinstance(entry, RunMoved) for entry in news)
            if moved or monotonic() - self._seen_at > _QUIET_SECONDS:
                self._see()
            self._listen()
        except StoreBusyError:
            if monotonic() - self._read_at > _PATIENCE:
                raise
        else:
            self._read_at = monotonic()

    def _listen(self) -> None:
        """Hand on what was logged since."""
        if self._hear is not None:
            for line in self._follower.look():
                self._hear(line)

    def _fold(self) -> list[Entry]:
        """Take in what is new, and return it."""
        found = self._store.entries(self.row.id, self.version, with_values=False)
        news = [one.entry for one in found]
        self.record.events += self._folding.take(news)
        self.version = found[-1].version if found else self.version
        return news

    def _see(self) -> None:
        """Look how the flow run itself stands, and who drives it."""
        self.row, self.holder = held_by(self._store, self._store.run(self.row.id))
        self._seen_at = monotonic()
        if self._rests():
            self._fold()  # what was written before it came to rest
            self.record.recount()
            self.is_over = True

    def _rests(self) -> bool:
        state = self.row.state
        if isinstance(state, Paused):  # while it is held, its driver may still go on with it
            return self.holder is None
        is_new = not self.row.token and now() - self.row.created < _BIRTH_SECONDS
        is_lost = is_orphan(state, is_held=self.holder is not None) and not is_new
        return state.is_finished() or is_lost
