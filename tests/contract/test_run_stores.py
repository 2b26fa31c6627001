"""What whoever reads runs may expect of a store, whatever it is kept in: one suite for all."""

from __future__ import annotations

import fcntl
import pickle
import sqlite3
import threading
from array import array
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import pytest

from daskflow import MemoryStore, Settings
from daskflow.entries import RunMoved, SegmentTold, SpaceEnded, SpaceOpened, TaskRunMoved
from daskflow.errors import LeaseLostError, TamperedError, UnknownRunError
from daskflow.events import Note, Segment
from daskflow.lines import Line, Piece
from daskflow.states import Failed, Running, Success
from daskflow.stores import sqlite
from daskflow.stores.choice import choose_store, close_stores
from daskflow.stores.history import Holder, RunRow, Wanted

ME = Holder("me", "here", 1)
RUN = RunRow(
    "ab" * 16,
    "calm-owl",
    "etl",
    Running(),
    100.0,
    tags=frozenset({"nightly"}),
    parameters=b"parameters",
    code={"load": "c0de"},
    graph={"nodes": {"load": {}}},
)
OPENED: list[str] = []  # by whoever unpickled a `TrapError`


class TrapError(Exception):
    """Tells when it is unpickled."""

    def __reduce__(self):
        return _opened, ()


def _opened():
    OPENED.append("opened")
    return TrapError()


def segment(**note):
    """Return what a block told of one task run."""
    columns = bytearray([Failed.code]), array("H", [1]), array("d", [1.0]), array("d", [2.0])
    return Segment("load", 0, *columns, [pickle.dumps(TrapError())], {0: Note(**note)}, None)


ENTRIES = [
    RunMoved(1.0, Running()),
    SpaceOpened("load", 0, 1),
    SegmentTold(1, "w", segment(message="no", trace="tr", failure=pickle.dumps(TrapError()))),
    TaskRunMoved(2.0, "load", (0,), 0, Success("given", result=TrapError()), is_driver=True),
    SpaceEnded("other", 0, Failed("no width", exception=TrapError())),
]


def piece(task_run, tape=1, first=1, **fields):
    """Return a piece of one line."""
    return Piece(task_run, 1, tape, "w", first, (Line(1.0, 20, "mine", "text"),), **fields)


class RunStoreContract:
    """What every `RunStore` does for its readers. A store's tests derive from this."""

    @pytest.fixture
    def store(self):
        """Give a store with nothing in it."""
        raise NotImplementedError

    @pytest.fixture
    def add(self, store):
        """Take in a run like `RUN`, with what is said otherwise."""

        def add(**fields):
            store.create(replace(RUN, **fields), uuid4().hex)

        return add

    @pytest.fixture
    def history(self, store, add):
        """Write a history; give its run's id."""
        add()
        lease = store.lease(RUN.id, ME)
        store.write(lease, ENTRIES, uuid4().hex)
        lease.release()
        OPENED.clear()
        return RUN.id

    def found(self, store, **wanted):
        return [row.name for row in store.runs(Wanted(**wanted))]

    def test_a_list_comes_without_what_is_heavy(self, store, add):
        """A run alone has it: its parameters, the digests of its code, its graph."""
        add()
        (listed,) = store.runs()
        assert (listed.parameters, listed.code, listed.graph) == (b"", {}, {})
        whole = store.run(RUN.id)
        assert (whole.code, whole.graph) == (RUN.code, RUN.graph)
        assert store.parameters(RUN.id) == b"parameters"
        assert replace(whole, parameters=b"", code={}, graph={}) == listed

    def test_what_is_wanted(self, store, add):
        """By flow, states and time, the newest first, and no more than were asked for."""
        add(id="1", name="one", created=1.0, state=Success())
        add(id="2", name="two", created=2.0, flow_name="other")
        add(id="3", name="three", created=3.0)
        assert self.found(store) == ["three", "two", "one"]
        assert self.found(store, flow="etl") == ["three", "one"]
        assert self.found(store, states={"Running"}) == ["three", "two"]
        assert self.found(store, states=["Success", "Failed"]) == ["one"]
        assert self.found(store, states=()) == []
        assert self.found(store, since=2.0) == ["three", "two"]
        assert self.found(store, limit=2) == ["three", "two"]
        assert self.found(store, flow="etl", limit=1, since=0.0) == ["three"]

    def test_what_a_run_is_called(self, store, add):
        """Its name, its id, or the beginning of that; nothing in it is a wildcard."""
        add(id="ab12", name="calm-owl")
        add(id="ab34", name="etl 100%")
        assert self.found(store, called="calm-owl") == ["calm-owl"]
        assert self.found(store, called="ab34") == ["etl 100%"]
        assert sorted(self.found(store, called="ab")) == ["calm-owl", "etl 100%"]
        for nothing in ("calm", "b12", "%", "a_12", "ab12x"):
            assert self.found(store, called=nothing) == []

    @pytest.mark.parametrize("tag", ["nightly", 'say "a"', "a, b", "ü", "back\\slash", "a\nb"])
    def test_a_tag_is_a_whole_one(self, store, add, tag):
        """No part of one is found, nor one that is written otherwise, nor what joins two."""
        add(id="1", name="one", tags=frozenset({tag, "b"}))
        add(id="2", name="two", tags=frozenset({f"{tag}-2", tag.upper() + "!", "other"}))
        assert self.found(store, tag=tag) == ["one"]
        for nothing in (tag[1:], tag[:-1], f"x{tag}", '", "', ""):
            assert self.found(store, tag=nothing) == []
        assert self.found(store, tag="other", limit=1) == ["two"]

    def test_a_history_without_values_unpickles_nothing(self, store, history):
        """Whatever of the user's is in it; all else is there."""
        entries = [one.entry for one in store.entries(history, with_values=False)]
        assert OPENED == []
        told = entries[2].segment
        assert (told.smalls, told.notes[0].failure) == ([None], None)
        assert (told.notes[0].message, told.notes[0].trace) == ("no", "tr")
        assert (entries[3].state.message, entries[3].state.result) == ("given", None)
        assert (entries[4].state.message, entries[4].state.exception) == ("no width", None)
        assert entries[:2] == ENTRIES[:2]

    def test_a_history_with_values_has_them(self, store, history):
        """As they were written, in order, behind the version that is known."""
        numbered = store.entries(history)
        assert [one.version for one in numbered] == [1, 2, 3, 4, 5]
        assert isinstance(numbered[3].entry.state.result, TrapError)
        assert [one.version for one in store.entries(history, 3, with_values=False)] == [4, 5]

    def test_what_was_written_is_whole(self, store, history):
        """No entry is told to be spoiled; of a run that there is not, nothing is."""
        assert store.spoiled(history) == []
        with pytest.raises(UnknownRunError):
            store.spoiled("nothing")

    def test_a_run_that_is_driven_is_not_forgotten(self, store, history):
        """One that nobody drives is, with its history; afterwards there is none."""
        lease = store.lease(history, ME)
        assert store.delete([history], "first") == 0
        lease.release()
        assert store.delete([history, "nothing"], "second") == 1
        assert store.runs() == []
        with pytest.raises(UnknownRunError):
            store.run(history)
        with pytest.raises(UnknownRunError):
            store.lease(history, ME)

    @pytest.fixture
    def lease(self, store, add):
        """Drive a run meanwhile."""
        add()
        lease = store.lease(RUN.id, ME)
        yield lease
        lease.release()

    def test_lines_come_back_as_they_came(self, store, lease):
        """Whatever is in them, in the order in which they were written."""
        texts = "plain", "ü 漢 \ud800", "a\nb", '"quotes"', "\0"
        lines = tuple(Line(1.5 + i, 20 + i, "mine", text) for i, text in enumerate(texts))
        told = [Piece("load[1]", 2, 2**62 - 1, "tcp://w", 7, lines), piece("load", tape=2)]
        store.add_logs(lease, told[:1], "first")
        store.add_logs(lease, told[1:], "second")
        store.add_logs(lease, [], "nothing")
        found = store.logs(RUN.id)
        assert [one.piece for one in found] == told
        first, second = (one.version for one in found)
        assert first < second
        assert [one.piece for one in store.logs(RUN.id, behind=first)] == told[1:]
        assert store.logs(RUN.id, behind=second) == []
        with pytest.raises(UnknownRunError):
            store.logs("nothing")

    def test_lines_are_no_history(self, store, lease):
        """The run's version does not count them, and what folds its entries never sees them."""
        store.add_logs(lease, [piece("load")], "lines")
        store.write(lease, ENTRIES[:1], "entry")
        assert store.run(RUN.id).version == 1
        assert len(store.entries(RUN.id)) == 1
        assert store.spoiled(RUN.id) == []

    @pytest.mark.parametrize(
        ("task", "expected"),
        [
            (None, ["load[1]", "load[1, 2]", "load[12]", "Load[1]", "load_2", "load%"]),
            ("load", ["load[1]", "load[1, 2]", "load[12]"]),
            ("load[1]", ["load[1]", "load[1, 2]"]),
            ("load_2", ["load_2"]),
            ("load%", ["load%"]),
            ("l", []),
        ],
    )
    def test_lines_of_a_task(self, store, lease, task, expected):
        """Of all its task runs, or of one and those below it; nothing in a name is a wildcard."""
        names = ["load[1]", "load[1, 2]", "load[12]", "Load[1]", "load_2", "load%"]
        store.add_logs(lease, [piece(name, tape=i) for i, name in enumerate(names)], "op")
        assert [one.piece.task_run for one in store.logs(RUN.id, task)] == expected

    def test_what_is_written_twice_is_there_once(self, store, lease):
        """The answer to the first may have been lost."""
        for _ in range(2):
            store.add_logs(lease, [piece("load")], "once")
        assert len(store.logs(RUN.id)) == 1

    def test_a_long_tape_does_not_grow(self, store, lease):
        """Of its last lines those are forgotten whose time is over, and no others."""
        store.add_logs(lease, [piece("load", first=1), piece("other", tape=2, first=6)], "begin")
        for first in range(6, 40):
            newest = piece("load", first=first, kept_to=1, kept_from=first - 2)
            store.add_logs(lease, [newest], f"piece {first}")
        told = [(one.piece.task_run, one.piece.first) for one in store.logs(RUN.id)]
        assert told == [("load", 1), ("other", 6), *(("load", n) for n in (37, 38, 39))]
        end = replace(newest, first=38, lines=newest.lines * 2, kept_from=40)
        store.add_logs(lease, [piece("load", first=39), end, piece("load", first=40)], "end")
        told = [(one.piece.task_run, one.piece.first) for one in store.logs(RUN.id)]
        assert told == [("load", 1), ("other", 6), ("load", 38), ("load", 40)]
        versions = [one.version for one in store.logs(RUN.id)]
        assert versions == sorted(set(versions))

    def test_lines_of_who_lost_the_run_are_refused(self, store, lease):
        """As all that he writes."""
        lease.release()
        newer = store.lease(RUN.id, ME)
        with pytest.raises(LeaseLostError):
            store.add_logs(lease, [piece("load")], "late")
        newer.release()
        assert store.logs(RUN.id) == []

    def test_lines_are_forgotten_with_their_run(self, store, lease):
        """None is left for a run of the same id."""
        store.add_logs(lease, [piece("load")], "op")
        lease.release()
        assert store.delete([RUN.id], "delete") == 1
        store.create(RUN, "again")
        assert store.logs(RUN.id) == []

    def test_who_looks_keeps_nobody_from_driving(self, store, add):
        """However many look at the moment in which a driver comes."""
        add()
        is_over = threading.Event()

        def look():
            while not is_over.is_set():
                store.holder(RUN.id)

        lookers = [threading.Thread(target=look) for _ in range(3)]
        for looker in lookers:
            looker.start()
        try:
            for _ in range(50):
                lease = store.lease(RUN.id, ME)
                assert store.holder(RUN.id) is not None
                lease.release()
        finally:
            is_over.set()
            for looker in lookers:
                looker.join()
        assert store.holder(RUN.id) is None


class TestMemoryRuns(RunStoreContract):
    """Runs in this process."""

    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestSqliteRuns(RunStoreContract):
    """Runs in a file."""

    @pytest.fixture
    def file(self, tmp_path):
        return tmp_path / "runs.db"

    @pytest.fixture
    def store(self, file, monkeypatch):
        monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{file}")
        yield choose_store(None, Settings())
        close_stores()

    @pytest.mark.parametrize(
        ("change", "spoiled"),
        [
            ('UPDATE events SET state = \'{"kind": "Success"}\' WHERE version = 1', [1]),
            ("UPDATE spaces SET width = 2 WHERE version = 2", [2]),
            ("UPDATE segments SET codes = x'08'", [3]),
            ("UPDATE segments SET payload = NULL", [3]),
            ("UPDATE events SET at = at + 1", [1, 4]),
            ("UPDATE runs SET target = '/tmp/evil.py:flow'", [0]),
            ("UPDATE runs SET kind = 'Failed'", []),  # it changes anyway; an audit compares it
        ],
    )
    def test_a_row_that_was_edited_is_seen(self, store, history, file, change, spoiled):
        """Whatever is changed in a history, and what is imported for a run."""
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(change)
        assert store.spoiled(history) == spoiled

    @pytest.fixture
    def looker(self, add, file):
        """Look whether a run is driven, from another process as it were, and do not finish."""
        add()
        with file.with_name("runs.db.leases").joinpath(RUN.id).open("w") as looked_at:
            fcntl.flock(looked_at, fcntl.LOCK_SH)
            yield looked_at

    def test_two_may_look_at_a_time(self, store, looker):
        """Neither takes the other for a driver."""
        assert store.holder(RUN.id) is None

    def test_a_driver_waits_until_somebody_has_looked(self, store, looker, monkeypatch):
        """It is not told that the run is driven."""
        asked = []

        def clock():
            asked.append("time")
            if len(asked) == 2:  # it was tried once, and the time is looked at before it waits
                fcntl.flock(looker, fcntl.LOCK_UN)
            return 0.0

        monkeypatch.setattr(sqlite, "monotonic", clock)
        lease = store.lease(RUN.id, ME)
        assert store.holder(RUN.id) is not None
        lease.release()

    @pytest.mark.parametrize(
        ("table", "told"), [("events", "entry 1 of run ab"), ("runs", "the row of run ab")]
    )
    def test_what_makes_no_sense(self, store, history, file, table, told):
        """The error names it; it is no bug of whoever reads."""
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(f"UPDATE {table} SET state = 'nothing'")
        read = store.run if table == "runs" else store.entries
        with pytest.raises(TamperedError, match=f"{told}.* makes no sense"):
            read(history)

    def test_nothing_is_left_of_what_was_forgotten(self, store, history, file):
        """Neither in the tables nor beside them."""
        lease = store.lease(history, ME)
        store.add_logs(lease, [piece("load")], "lines")
        lease.release()
        leases = file.with_name("runs.db.leases")
        assert [path.name for path in leases.iterdir()] == [history]
        store.delete([history], "op")
        assert list(leases.iterdir()) == []
        with closing(sqlite3.connect(file)) as connection:
            for table in ("events", "spaces", "segments", "logs", "runs"):
                assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)

    def test_who_reads_does_not_wait_for_who_writes(self, store, history, file):
        """A store that another process has locked is opened, and read."""
        close_stores()
        with file.with_name("runs.db.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            store = choose_store(None, Settings())
            assert [row.id for row in store.runs()] == [history]
            assert len(store.entries(history, with_values=False)) == len(ENTRIES)

    def test_tables_of_an_earlier_version_are_changed(self, store, history, file):
        """What was in them is there, and lines can be kept from then on."""
        close_stores()
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("DROP TABLE logs")
            connection.execute("DROP TABLE orders")
            connection.execute("UPDATE alembic_version SET version_num = '0001'")
        store = choose_store(None, Settings())
        assert len(store.entries(history, with_values=False)) == len(ENTRIES)
        lease = store.lease(history, ME)
        store.add_logs(lease, [piece("load")], "lines")
        lease.release()
        assert len(store.logs(history)) == 1

    def test_a_list_is_made_by_an_index(self, store, file):
        """The newest runs are found without looking at all."""
        with closing(sqlite3.connect(file)) as connection:
            query = "EXPLAIN QUERY PLAN SELECT id FROM runs ORDER BY created DESC, id LIMIT 50"
            plan = " ".join(str(row) for row in connection.execute(query))
        assert "runs_created" in plan
