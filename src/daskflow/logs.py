"""Logging of task runs: what a body logs, with the names of its task run on every record.

`RunLogger` is what bodies log to; it is an adapter of the standard logger ``daskflow.task_runs``.
Records go where the user's own logging configuration leads, and through one `Sink`, which can be
replaced: it is the only place where records leave. The one that is there at first writes lines to
stderr where the user has configured nothing.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    LoggerAdapter = logging.LoggerAdapter[logging.Logger]
else:
    LoggerAdapter = logging.LoggerAdapter

NAME = "daskflow.task_runs"
PREFIX = "daskflow_"  # of the attributes of records that are ours

_logger = logging.getLogger(NAME)


class Sink(Protocol):
    """Where the records of task runs leave this process."""

    def take(self, record: logging.LogRecord) -> None:
        """Take a record, in the thread that logged it, at the same time as in other threads.

        What is raised is told on stderr.
        """


class RunLogger(LoggerAdapter):
    """A logger whose records tell of which task run they are.

    Parameters
    ----------
    names
        What each record gets as attributes, under these names behind ``daskflow_``.
    threshold
        The lowest level that is let through; None: what the user's logging configuration says,
        INFO where there is none.

    Examples
    --------
    >>> RunLogger({"task_run": "clean[3]"}).process("text", {})
    ('text', {'extra': {'daskflow_task_run': 'clean[3]'}})
    """

    def __init__(
        self,
        names: Mapping[str, Any] = MappingProxyType({}),
        threshold: int | None = None,
    ) -> None:
        super().__init__(_logger, {PREFIX + name: value for name, value in names.items()})
        self.threshold = threshold

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the word of `logging`
        """Return whether a record of this level is let through."""
        if _logger.manager.disable >= level:
            return False
        if self.threshold is None and is_configured():
            return _logger.isEnabledFor(level)
        return level >= (logging.INFO if self.threshold is None else self.threshold)

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the names of the task run to what the caller gives as ``extra``."""
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message with its arguments."""
        if self.isEnabledFor(level):
            msg, kwargs = self.process(msg, kwargs)  # type: ignore[assignment]
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1  # this is not who logs
            _logger._log(level, msg, args, **kwargs)  # noqa: SLF001 - `log` would ask again


def is_configured() -> bool:
    """Return whether the user has said where these records go, or which of them."""
    named = [logger for logger in _loggers() if logger is not logging.root]  # that has a level
    return has_handlers() or any(logger.level for logger in named)


def has_handlers() -> bool:
    """Return whether the user has said where these records go."""
    return any(one is not _outlet for logger in _loggers() for one in logger.handlers)


def _loggers() -> Iterator[logging.Logger]:
    """Return the loggers that these records pass, up to the root."""
    logger: logging.Logger | None = _logger
    while logger is not None:
        yield logger
        logger = logger.parent if logger.propagate else None


class RunFormatter(logging.Formatter):
    """Writes a record as ``12:03:04 INFO clean[3] attempt 2 | text``.

    Examples
    --------
    >>> names = {"daskflow_task_run": "clean[3]", "daskflow_attempt": 2}
    >>> record = logging.makeLogRecord({"msg": "text", "levelname": "INFO", **names})
    >>> RunFormatter().format(record)
    '... INFO clean[3] attempt 2 | text'
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(daskflow_who)s| %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as above
        """Return the line of a record, without a traceback."""
        told = vars(record)
        name, attempt = told.get(PREFIX + "task_run"), told.get(PREFIX + "attempt")
        record.daskflow_who = f"{name} attempt {attempt} " if name else ""
        return super().formatMessage(record)


class StderrSink:
    """Writes records to stderr, unless the user's own logging configuration has them already."""

    def __init__(self) -> None:
        self._formatter = RunFormatter()

    def take(self, record: logging.LogRecord) -> None:
        """Write one record, in one piece."""
        if not has_handlers():
            sys.stderr.write(self._formatter.format(record) + "\n")
            sys.stderr.flush()


class _Outlet(logging.Handler):
    """Hands records to the sink."""

    sink: Sink = StderrSink()

    def createLock(self) -> None:  # noqa: N802 - as above
        self.lock = None  # a sink sees to its own order; tasks do not wait for each other here

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.sink.take(record)
        except Exception:  # noqa: BLE001 - logging never ends what it tells of
            self.handleError(record)


_outlet = _Outlet()
_logger.addHandler(_outlet)


def send_to(sink: Sink) -> Sink:
    """Let records leave through this sink from now on; return the one before.

    Examples
    --------
    >>> class Silence:
    ...     def take(self, record): ...
    >>> before = send_to(Silence())
    >>> send_to(before)
    <...Silence object at ...>
    """
    before, _outlet.sink = _outlet.sink, sink
    return before


class PrintedLines:
    """What a body prints, made into records, line by line; empty lines are left out.

    Text without an end of line waits for it, until `end`.
    """

    def __init__(self, logger: RunLogger) -> None:
        self._logger = logger
        self._lock = threading.Lock()  # a body may print in several threads
        self._rest = ""

    def write(self, text: str) -> bool:
        """Take what was printed; False: it is to be printed after all.

        That is so of what the user's own logging prints while it shows one of these lines.
        """
        if _telling.is_on:
            return False
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
        self._tell(lines)
        return True

    def end(self) -> None:
        """Make a record of what is left."""
        with self._lock:
            rest, self._rest = self._rest, ""
        self._tell([rest])

    def _tell(self, lines: list[str]) -> None:
        _telling.is_on = True
        try:
            for line in filter(None, lines):
                self._logger.info("%s", line)
        finally:
            _telling.is_on = False


class _Telling(threading.local):
    """Whether a thread is at making records of what was printed."""

    is_on = False


_telling = _Telling()
