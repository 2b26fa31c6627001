"""Shell commands as tasks: the exit code is the state, and output goes into the log as it comes.

The command runs in a process group of its own. When its shell has ended, or the body is interrupted
(by a timeout, by Ctrl-C), what is left of the group is ended: asked, then killed.
"""

from __future__ import annotations

import inspect
import math
import os
import selectors
import shlex
import signal
import subprocess
import textwrap
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any, Literal, Unpack, overload

from daskflow.context import get_run_logger
from daskflow.definition.task_rules import TaskOptions
from daskflow.definition.tasks import Task
from daskflow.errors import DefinitionError, ShellError
from daskflow.timing import monotonic

_LOOK_SECONDS = 0.2  # in which a body that waits for output can be interrupted
_GRACE_SECONDS = 0.5  # for a group that is asked to end; less than it takes until a timeout repeats
_CHUNK = 65_536
_LONGEST = 1 << 20  # characters that wait for an end of line
_TOLD = 10  # last lines of stderr in an error
_SHOWN = 500  # characters of a command in an error


@overload
def shell(
    command: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    shell: str = "bash",
    return_all: Literal[False] = False,
    **options: Unpack[TaskOptions],
) -> Task[..., str]: ...
@overload
def shell(
    command: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    shell: str = "bash",
    return_all: Literal[True],
    **options: Unpack[TaskOptions],
) -> Task[..., list[str]]: ...
def shell(
    command: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    shell: str = "bash",
    return_all: bool = False,
    **options: Unpack[TaskOptions],
) -> Task[..., Any]:
    r"""Make a task of a shell command.

    It succeeds with exit code 0; with any other it fails, and is retried as other tasks are. What
    it writes to stdout and stderr goes into its log line by line, while it runs. What it leaves in
    the background ends with it.

    Parameters
    ----------
    command
        What the shell is given. Names in ``{braces}`` are the task's parameters; their values stand
        there quoted, those of a list one behind the other. ``{{`` and ``}}`` are braces.
    env
        Variables besides those of the worker.
    cwd
        The folder in which it runs; default: that of the worker.
    shell
        Which shell, found by its name: ``sh``, ``zsh``. As any shell, it goes on behind a command
        that fails, unless it is told otherwise: ``set -euo pipefail``.
    return_all
        Whether the result is a list of all lines of stdout; else it is the last of them, empty
        where there was none.
    options
        Of the task; see `task`. Its name is that of the program, where nothing is said.

    Raises
    ------
    DefinitionError
        A name in braces is none, or an option does not exist.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, shell
    >>> count = shell("printf '%s\n' {words} | wc -l", name="count", retries=2)
    >>> @flow(executor=LocalExecutor())
    ... def counted(words: list[str]):
    ...     return count(words)
    >>> counted(["it's", "quoted"])
    '2'
    """
    text = textwrap.dedent(command).strip()
    options.setdefault("name", _name_of(text))
    given = tuple(sorted((env or {}).items()))
    folder = os.fspath(cwd) if cwd is not None else None
    return Task(ShellCommand(text, given, folder, shell, return_all), **options)


def _name_of(text: str) -> str:
    """Return the name of the program that a command begins with, where that is a name."""
    first = (text.split() or [""])[0].rpartition("/")[2]
    return (
        first
        if first.replace("-", "").replace("_", "").isalnum() and first[0].isalpha()
        else "shell"
    )


@dataclass(frozen=True)
class ShellCommand:
    """A command to be run with values for its names: what a `shell` task calls."""

    text: str
    env: tuple[tuple[str, str], ...] = ()
    folder: str | None = None
    shell: str = "bash"
    returns_all: bool = False

    def __post_init__(self) -> None:
        for name in self._names():
            if not name.isidentifier():
                msg = f"shell({self.text!r}): {{{name}}} is no name; a brace itself is written {{{{"
                raise DefinitionError(msg)

    def _names(self) -> list[str]:
        """Return the names in braces, in the order in which they come."""
        try:
            fields = [field for _, field, _, _ in Formatter().parse(self.text) if field is not None]
        except ValueError as error:
            msg = f"shell({self.text!r}): {error}; a brace itself is written {{{{ or }}}}"
            raise DefinitionError(msg) from None
        return list(dict.fromkeys(field.partition(".")[0].partition("[")[0] for field in fields))

    @property
    def __signature__(self) -> inspect.Signature:
        """Its parameters: the names in the command."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(name, kind) for name in self._names()]
        returned = list[str] if self.returns_all else str
        return inspect.Signature(parameters, return_annotation=returned)

    def filled(self, *args: Any, **kwargs: Any) -> str:
        """Return the command with these values.

        Examples
        --------
        >>> print(ShellCommand("wc -l {files} > {out}").filled(["a", "b c"], out="d;e"))
        wc -l a 'b c' > 'd;e'
        """
        given = self.__signature__.bind(*args, **kwargs).arguments
        return _Quoting().vformat(self.text, (), given)

    def __call__(self, *args: Any, **kwargs: Any) -> str | list[str]:
        """Run it; return what it wrote to stdout.

        Raises
        ------
        ShellError
            It did not end with exit code 0.
        """
        command = self.filled(*args, **kwargs)
        log = get_run_logger().info
        printed: deque[str] = deque(maxlen=None if self.returns_all else 1)
        complained: deque[str] = deque(maxlen=_TOLD)
        with self._running(command) as process:
            _follow(process, _Lines(log, printed), _Lines(log, complained))
        if process.returncode:
            raise ShellError(_why(command, process.returncode, complained), process.returncode)
        return list(printed) if self.returns_all else "".join(printed)

    @contextmanager
    def _running(self, command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run it meanwhile; afterwards nothing of it is left."""
        process = subprocess.Popen(
            [self.shell, "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**os.environ, **dict(self.env)},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            try:
                _end(process)
            finally:
                for pipe in (process.stdout, process.stderr):
                    if pipe is not None:
                        pipe.close()


class _Quoting(Formatter):
    """Fills in values as a shell takes them for one word each."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, list | tuple):
            return " ".join(self.format_field(one, format_spec) for one in value)
        return shlex.quote(format(value, format_spec) if format_spec else str(value))


@dataclass
class _Lines:
    """Makes lines of what comes, logs and keeps them."""

    log: Callable[..., None]
    kept: deque[str]
    rest: bytes = b""

    def take(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > _LONGEST:
            lines, self.rest = [*lines, self.rest], b""
        for line in lines:
            self._tell(line)

    def end(self) -> None:
        if self.rest:
            self._tell(self.rest)
            self.rest = b""

    def _tell(self, line: bytes) -> None:
        # of what overwrites itself, as bars do, the last
        text = line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")
        self.kept.append(text)
        self.log("%s", text)


def _follow(process: subprocess.Popen[bytes], out: _Lines, complaints: _Lines) -> None:
    """Read what a process writes, until its shell has ended and nothing more is there."""
    with selectors.DefaultSelector() as selector:
        for pipe, lines in ((process.stdout, out), (process.stderr, complaints)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, lines)
        end = math.inf
        while selector.get_map() and monotonic() < end:
            is_over = process.poll() is not None
            ready = selector.select(0.0 if is_over else _LOOK_SECONDS)
            if is_over and not ready:  # what it left in the background still holds the pipes
                break
            if is_over:  # and may write on and on
                end = min(end, monotonic() + _GRACE_SECONDS)
            for key, _ in ready:
                data = os.read(key.fd, _CHUNK)
                key.data.take(data)
                if not data:
                    selector.unregister(key.fileobj)
    while process.poll() is None:  # it has closed its output, and goes on
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_SECONDS)
    out.end()
    complaints.end()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a process's group: ask, then kill."""
    try:
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left of it
        os.killpg(process.pid, number)


def _why(command: str, code: int, complained: deque[str]) -> str:
    """Return why a command failed."""
    how = f"exit code {code}" if code > 0 else f"it was ended by {signal.Signals(-code).name}"
    shown = command if len(command) <= _SHOWN else f"{command[:_SHOWN]}..."
    told = "".join(f"\n  {line}" for line in complained)
    return f"{how}: {shown}" + (f"\nthe last it wrote to stderr:{told}" if told else "")
