"""Every exception that daskflow raises, in one tree.

::

    DaskflowError
    ├── DefinitionError            a task or a flow is declared or called wrongly
    │   ├── TracingError           a value was looked at that does not exist yet
    │   └── CycleError             an edge would close a circle
    ├── ParameterError             unknown, missing or invalid flow parameters
    ├── TargetError                FILE:flow or module:flow does not lead to a flow
    ├── ExecutorError              the executor cannot be reached or cannot do it
    │   ├── CodeMissingError       a worker cannot load the code of a flow
    │   └── SchedulerLostError     a run's scheduler is gone
    ├── StoreError                 a store is not there, or cannot do it
    ├── CacheKeyError              no key can be made for a result that is to be cached
    ├── UnansweredError            what a task run asked its driver got no answer
    ├── IllegalMoveError           a state that may not follow the one before it
    ├── TaskRunError               what a task run that did not succeed passes on
    │   ├── TriggerFailedError     its trigger said no
    │   ├── TaskTimeoutError       it ran longer than it may
    │   ├── CrashedError           the world failed it, not its code
    │   └── PortableError          stands for an exception that cannot travel
    ├── StoreError                 what is kept of runs cannot be read or written
    │   ├── StoreBusyError         it cannot be written now: locked, full, read-only
    │   ├── UnknownRunError        there is no such run, or several
    │   ├── UnknownTaskError       there is no such task run in it
    │   ├── LeaseTakenError        somebody else drives the run
    │   ├── LeaseLostError         somebody else has taken the run over
    │   └── TamperedError          what is kept is not what was written
    ├── ShellError                 a shell command ended with an exit code that is not 0
    ├── FlowRunFailedError         a flow run failed and no exception tells why
    ├── FlowRunPausedError         a flow run waits for a person
    └── ResultGoneError            a value that was not kept

A message names the thing and the cure. Signals are not errors and live in `signals`.
"""

from __future__ import annotations

from typing import ClassVar


class DaskflowError(Exception):
    """The root: ``except DaskflowError`` catches all that daskflow itself raises."""


class DefinitionError(DaskflowError):
    """A task or a flow is declared or called in a way that cannot work."""


class TracingError(DefinitionError):
    """A flow looked at a value that exists only once its task has run.

    No `TypeError`: libraries catch those, try something else, and hide the cure.
    """


class CycleError(DefinitionError):
    """An edge would make a task wait for itself; the message names the circle."""


class ParameterError(DaskflowError, ValueError):
    """Flow parameters are unknown, missing or not of the annotated type."""


class TargetError(DaskflowError):
    """A target such as ``flows.py:etl`` does not lead to a flow."""


class ExecutorError(DaskflowError):
    """An executor cannot be reached, or refuses what the run needs."""


class CodeMissingError(ExecutorError):
    """A worker cannot load the code of a flow: it lacks a module, or has another one."""

    MARK: ClassVar = "code missing: "  # how its text begins when it comes from a worker

    def __repr__(self) -> str:
        return f"{self.MARK}{self}"


class SchedulerLostError(ExecutorError):
    """The scheduler of a run is gone, and with it all that the run had there.

    Attributes
    ----------
    is_final
        Whether it was left on purpose, so that the run is not to go on with another one.
    """

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


class CacheKeyError(DaskflowError):
    """No cache key can be made for a call of a task; the message names what is to blame."""


class UnansweredError(DaskflowError):
    """A task run has asked the driver of its run something, and there is no answer."""


class IllegalMoveError(DaskflowError):
    """A state was to follow one that it may not follow."""


class TaskRunError(DaskflowError):
    """The root of what a task run that did not succeed passes downstream."""


class TriggerFailedError(TaskRunError):
    """The trigger of a task run said no, so its body never ran."""


class TaskTimeoutError(TaskRunError):
    """A task run took longer than its ``timeout_seconds``."""


class CrashedError(TaskRunError):
    """A task run was failed by the world (worker lost, unserializable), not by its code."""


class PortableError(TaskRunError):
    """Stands for an exception that cannot be pickled or unpickled.

    Its message holds the type, the message and the traceback of the original as text.
    """


class StoreError(DaskflowError):
    """A store is not there, or what is kept in it cannot be read or written."""


class StoreBusyError(StoreError):
    """The store cannot be written now: it is locked, full or read-only. It may be later."""


class UnknownRunError(StoreError):
    """There is no run of that id or name, or there are several."""


class UnknownTaskError(StoreError):
    """There is no task run of that name in a run."""


class LeaseTakenError(StoreError):
    """Somebody else drives the run; the message tells who."""


class LeaseLostError(StoreError):
    """Somebody else has taken the run over, so this process may not write its history any more."""


class TamperedError(StoreError):
    """What is kept is not what was written: it was changed, or signed with another key."""


class ShellError(DaskflowError):
    """A shell command did not end well; the message has its exit code and its last complaints.

    Attributes
    ----------
    exit_code
        As the shell gave it; below 0: the signal that ended the shell.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type[ShellError], tuple[str, int]]:
        return type(self), (str(self), self.exit_code)


class FlowRunFailedError(DaskflowError):
    """A flow run ended without success and no exception of a task tells why."""


class FlowRunPausedError(DaskflowError):
    """A flow run has no value yet: it waits until somebody approves a task run of it."""


class ResultGoneError(DaskflowError):
    """A value was asked for that was not kept after the run."""


def shown(error: BaseException) -> str:
    """Return an exception in short, its class alone where it cannot be shown.

    Examples
    --------
    >>> shown(KeyError("x"))
    "KeyError('x')"
    """
    try:
        return repr(error)
    except Exception:  # noqa: BLE001 - a broken repr must not hide the message it was meant for
        return type(error).__name__
