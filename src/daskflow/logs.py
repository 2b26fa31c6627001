"""Logging of task runs: what a body logs, with the names of its task run on every record.

`RunLogger` is what bodies log to; it is an adapter of the standard logger ``daskflow.task_runs``. A
record goes two ways. A `Recorder` takes it to whoever drives the run: to the store, and where that
is another process, to be shown there (`show`). And it is shown where it is made: as the user's own
logging configuration says, and through one `Sink`, which can be replaced. The one that is there at
first writes lines to stderr, where the user has configured nothing and nobody else shows them.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from daskflow.errors import shown
from daskflow.lines import LogLine

if TYPE_CHECKING:
    LoggerAdapter = logging.LoggerAdapter[logging.Logger]
else:
    LoggerAdapter = logging.LoggerAdapter

NAME = "daskflow.task_runs"
PREFIX = "daskflow_"  # of the attributes of records that are ours

_logger = logging.getLogger(NAME)


class Sink(Protocol):
    """Where this process shows the records of task runs: of its own, and of runs that it drives."""

    def take(self, record: logging.LogRecord) -> None:
        """Take a record, in the thread that logged it, at the same time as in other threads.

        What is raised is told on stderr.
        """


class Recorder(Protocol):
    """Takes what one attempt logs to whoever drives its run."""

    @property
    def is_away(self) -> bool:
        """Whether that is another process, which shows it."""

    def take(self, record: logging.LogRecord) -> bool:
        """Take a record, in the thread that logged it; False: it does not get there."""


class RunLogger(LoggerAdapter):
    """A logger whose records tell of which task run they are.

    Parameters
    ----------
    names
        What each record gets as attributes, under these names behind ``daskflow_``.
    threshold
        The lowest level that is let through; None: INFO, and to be shown here, what the user's
        logging configuration says.
    open_recorder
        Returns what records are taken by; asked once something is logged.

    Examples
    --------
    >>> RunLogger({"task_run": "clean[3]"}).process("text", {})
    ('text', {'extra': {'daskflow_task_run': 'clean[3]'}})
    """

    def __init__(
        self,
        names: Mapping[str, Any] = MappingProxyType({}),
        threshold: int | None = None,
        open_recorder: Callable[[], Recorder | None] = lambda: None,
    ) -> None:
        super().__init__(_logger, {PREFIX + name: value for name, value in names.items()})
        self.threshold = threshold
        self._open_recorder = open_recorder
        self._recorder: Recorder | None = None

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the word of `logging`
        """Return whether a record of this level is let through."""
        return is_shown(level, self.threshold) or self._recorder_for(level) is not None

    def _recorder_for(self, level: int) -> Recorder | None:
        """Return what takes records of a level; None: nothing does."""
        lowest = logging.INFO if self.threshold is None else self.threshold
        if level < lowest or _logger.manager.disable >= level:
            return None
        if self._recorder is None:
            self._recorder = self._open_recorder()
        return self._recorder

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the names of the task run to what the caller gives as ``extra``."""
        kwargs["extra"] = {**(kwargs.get("extra") or {}), **(self.extra or {})}
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message with its arguments."""
        recorder, is_seen = self._recorder_for(level), is_shown(level, self.threshold)
        if recorder is None and not is_seen:
            return
        msg, kwargs = self.process(msg, kwargs)  # type: ignore[assignment]
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 2  # neither this is who logs
        record = _record_of(level, msg, args, **kwargs)
        is_taken = recorder is not None and recorder.take(record)
        if is_seen:
            is_away = is_taken and recorder is not None and recorder.is_away
            vars(record)[_AWAY] = is_away
            _logger.handle(record)


_AWAY = PREFIX + "is_away"  # on a record: another process shows it


def _record_of(  # noqa: PLR0913 - the words of `logging`
    level: int,
    msg: object,
    args: tuple[object, ...],
    *,
    exc_info: Any = None,
    extra: Mapping[str, Any] | None = None,
    stack_info: bool = False,
    stacklevel: int = 1,
) -> logging.LogRecord:
    """Make a record as `logging` does, which would not give it to us."""
    file, line, function, stack = _logger.findCaller(stack_info, stacklevel)
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    elif exc_info and not isinstance(exc_info, tuple):
        exc_info = sys.exc_info()
    where = (NAME, level, file, line)
    return _logger.makeRecord(*where, msg, args, exc_info, function, extra, stack)


def is_shown(level: int, threshold: int | None = None) -> bool:
    """Return whether records of a level are shown in this process.

    Parameters
    ----------
    threshold
        The lowest level that is; None: what the user's logging configuration says, INFO where there
        is none.
    """
    if _logger.manager.disable >= level:
        return False
    if threshold is None and is_configured():
        return _logger.isEnabledFor(level)
    return level >= (logging.INFO if threshold is None else threshold)


def lowest_level(threshold: int | None) -> int | None:
    """Return the threshold for processes that know nothing of this one's logging configuration.

    Where that shows more than INFO and above, they let through as much.
    """
    if threshold is None and is_configured() and _logger.isEnabledFor(logging.INFO - 1):
        return _logger.getEffectiveLevel()
    return threshold


def show(line: LogLine, names: Mapping[str, Any], threshold: int | None = None) -> None:
    """Show here what a task run has logged in another process, as if it had been in this one.

    Parameters
    ----------
    names
        Of its run; see `RunLogger`.
    """
    if not is_shown(line.level, threshold):
        return
    sink = _outlet.sink
    if type(sink) is StderrSink and _is_as_it_came():
        sink.show(line)
        return
    told = {
        **names,
        "task_run": line.task_run,
        "task_run_id": f"{names.get('run_id', '')}/{line.task_run}",
        "attempt": line.attempt,
        "worker": line.worker,
    }
    record = logging.makeLogRecord(
        {
            "name": line.logger,
            "levelno": line.level,
            "levelname": logging.getLevelName(line.level),
            "msg": line.message,
            "created": line.at,
            "msecs": int(line.at % 1 * 1000),
            **{PREFIX + name: value for name, value in told.items()},
        }
    )
    _logger.handle(record)


def text_of(record: logging.LogRecord) -> str:
    """Return a record's message, with the traceback that it may have; it never raises."""
    try:
        return screened(_formatter.format(record))
    except Exception as error:  # noqa: BLE001 - as `logging` itself: a message ends no task
        return f"a message of {record.filename}, line {record.lineno}: {shown(error)}"


_formatter = logging.Formatter()


def screened(text: str) -> str:
    """Return a text as it may be kept and shown: every message passes here that we write down."""
    return text


def is_configured() -> bool:
    """Return whether the user has said where these records go, or which of them."""
    logger: logging.Logger | None = _logger
    while logger is not None:
        if logger.level and logger is not logging.root:  # that has a level from the beginning
            return True
        logger = logger.parent if logger.propagate else None
    return has_handlers()


def has_handlers() -> bool:
    """Return whether the user has said where these records go."""
    logger: logging.Logger | None = _logger  # and those that its records pass, up to the root
    while logger is not None:
        for one in logger.handlers:
            if one is not _outlet:
                return True
        logger = logger.parent if logger.propagate else None
    return False


def _is_as_it_came() -> bool:
    """Return whether nobody but our sink would see a record: then none has to be made."""
    is_ours = not (_logger.filters or _outlet.filters or _logger.disabled or _outlet.level)
    return is_ours and logging.getLogRecordFactory() is logging.LogRecord and not has_handlers()


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
        record.daskflow_who = _who(name, attempt)
        return screened(super().formatMessage(record))


def _who(task_run: str | None, attempt: int | None) -> str:
    return f"{task_run} attempt {attempt} " if task_run else ""


@lru_cache(maxsize=4)
def _clock(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


class StderrSink:
    """Writes records to stderr, where nobody else shows them.

    That is the user's own logging configuration, or the process that drives the run.
    """

    def __init__(self) -> None:
        self._formatter = RunFormatter()

    def take(self, record: logging.LogRecord) -> None:
        """Write one record, in one piece."""
        if not (has_handlers() or vars(record).get(_AWAY)):
            self._write(self._formatter.format(record))

    def show(self, line: LogLine) -> None:
        """Write what `take` would of a line's record, in a fourth of the time.

        For lines come by thousands, and who shows them shares a processor with who drives the run.
        """
        level, who = logging.getLevelName(line.level), _who(line.task_run, line.attempt)
        self._write(screened(f"{_clock(int(line.at))} {level} {who}| {line.message}"))

    def _write(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class _Outlet(logging.Handler):
    """Hands records to the sink."""

    sink: Sink = StderrSink()

    def handle(self, record: logging.LogRecord) -> bool:
        """Let a record out without a lock: a sink sees to its own order, and no task waits here."""
        kept = self.filter(record)
        if kept:
            self.emit(kept if isinstance(kept, logging.LogRecord) else record)
        return bool(kept)

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
