"""The tables. Their first version, and each change to it, is a migration under `migrations`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()


def _run_id() -> Column[str]:
    return Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)


def _version() -> Column[int]:
    return Column("version", BigInteger, primary_key=True, autoincrement=False)


runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("flow_name", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # of its state
    Column("state", Text, nullable=False),  # JSON
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("tags", Text, nullable=False),  # JSON, a line each
    Column("target", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("parent", String(32), nullable=False),
    Column("caller", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    # what may be large stands last, so that nobody reads over it who asks for the others
    Column("options", Text, nullable=False),  # JSON
    Column("code", Text, nullable=False),  # JSON
    Column("graph", Text, nullable=False),  # JSON
    Column("parameters", LargeBinary, nullable=False),  # signed
    Column("seal", LargeBinary, nullable=False),  # signature of what never changes in it
    Index("runs_created", "created"),
    Index("runs_flow", "flow_name", "created"),
)

spaces = Table(
    "spaces",
    metadata,
    _run_id(),
    _version(),
    Column("space", Text, nullable=False),
    Column("parent", BigInteger, nullable=False),
    Column("width", BigInteger),  # null: it ended without children
    Column("parts", LargeBinary),
    Column("state", Text),  # JSON
    Column("payload", LargeBinary),  # signed: the exception
    Column("seal", LargeBinary, nullable=False),  # signature of the row
)

segments = Table(
    "segments",
    metadata,
    _run_id(),
    _version(),
    Column("node", Text, nullable=False),  # of a stretch all of its nodes, as JSON
    Column("start", BigInteger, nullable=False),  # position
    Column("stop", BigInteger, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("worker", Text, nullable=False),
    Column("codes", LargeBinary, nullable=False),  # a byte for each task run
    Column("attempts", LargeBinary, nullable=False),
    Column("started", LargeBinary, nullable=False),
    Column("ended", LargeBinary, nullable=False),
    Column("notes", Text, nullable=False),  # JSON by offset; empty: none
    Column("payload", LargeBinary),  # signed: small results and exceptions
    Column("seal", LargeBinary, nullable=False),  # signature of the row
    Index("segments_node", "run_id", "node"),
)

events = Table(
    "events",
    metadata,
    _run_id(),
    _version(),
    Column("at", Float, nullable=False),
    Column("node", Text, nullable=False),  # empty: the flow run itself
    Column("map_index", Text, nullable=False),  # JSON
    Column("position", BigInteger, nullable=False),
    Column("is_driver", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", Text, nullable=False),  # JSON
    Column("payload", LargeBinary),  # signed: result or exception of a state that the driver made
    Column("seal", LargeBinary, nullable=False),  # signature of the row
)

logs = Table(
    "logs",
    metadata,
    _run_id(),
    _version(),  # in the order in which they came
    Column("task_run", Text, nullable=False),  # clean[3]; empty: the run itself
    Column("attempt", Integer, nullable=False),
    Column("tape", BigInteger, nullable=False),  # of an attempt: tells it from all others
    Column("worker", Text, nullable=False),
    Column("first", BigInteger, nullable=False),  # number of the first line
    Column("stop", BigInteger, nullable=False),  # number behind that of the last one
    Column("lines", Text, nullable=False),  # JSON
    Index("logs_tape", "run_id", "tape"),
)

cache = Table(
    "cache",
    metadata,
    Column("id", String(64), primary_key=True),  # digest of the key
    Column("key", Text, nullable=False),
    Column("task", Text, nullable=False),  # name
    Column("made_by", Text, nullable=False),  # id of the task run
    Column("digests", Text, nullable=False),  # JSON: what the key was made of
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("value", LargeBinary),  # signed; null: it is in a file, or has expired
    Column("url", Text, nullable=False),  # of that file
    Index("cache_task", "task", "created"),
    Index("cache_expires", "expires"),
)

orders = Table(
    "orders",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_id", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("wish", String(16), nullable=False),
    Column("task", Text, nullable=False),  # node or node[index]; empty: all that waits
    Column("message", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("answered", Float),
    Column("answer", Text),  # what became of it; null: nothing yet
    Column("is_done", Integer, nullable=False),
    Column("op_id", String(40), nullable=False, unique=True),
    Index("orders_run", "run_id", "number"),
    sqlite_autoincrement=True,  # no number is given twice
)

ops = Table(
    "ops",
    metadata,
    Column("op_id", String(40), primary_key=True),
    Column("at", Float, nullable=False),
)
