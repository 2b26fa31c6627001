"""Whether a task run may start, asked once all its upstream task runs are finished.

Pure decisions. A trigger is any function of ``{Edge: State}`` that returns a truth value or raises
a signal. The ones here decide on counts, so the shim can ask them without building a state for
each of a hundred thousand children. Success, Cached, Skipped and Mapped count as successful;
Failed and its kin as failed; Cancelled as neither. Constants are not task runs and never count.
With no upstream task run every trigger says yes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from daskflow.context import run_label
from daskflow.errors import DefinitionError, shown
from daskflow.graph import Edge
from daskflow.signals import Fail, Loop, Pause, Retry, RunInterrupted, Signal, Skip, Succeed
from daskflow.states import (
    FAILED,
    FINISHED,
    PICKED,
    SUCCESSFUL,
    Cancelled,
    Failed,
    Looped,
    Paused,
    Retrying,
    Skipped,
    State,
    Success,
    TriggerFailed,
)

Trigger = Callable[[Mapping[Edge, State]], Any]


class Counts(NamedTuple):
    """How many upstream task runs ended how."""

    total: int = 0
    successful: int = 0
    skipped: int = 0  # these are among the successful ones
    failed: int = 0
    skips: int = 0  # upstream nodes of which all task runs were skipped
    unfinished: int = 0


NO_UPSTREAM = Counts()


def count_codes(codes: Iterable[bytes]) -> Counts:
    """Count the upstream task runs given as columns of state codes, one for each node."""
    counted = list(map(_count_column, codes))
    if len(counted) == 1:
        return counted[0]
    return Counts(*map(sum, zip(*counted, strict=True))) if counted else NO_UPSTREAM


@lru_cache(maxsize=64)  # each child of a map asks about the same columns of what it needs whole
def _count_column(column: bytes) -> Counts:
    total = len(column)
    skipped = column.count(Skipped.code)
    return Counts(
        total,
        sum(map(column.count, SUCCESSFUL)),
        skipped,
        sum(map(column.count, FAILED)),
        int(0 < skipped == total),
        total - sum(map(column.count, FINISHED)),
    )


@dataclass(frozen=True)
class CountTrigger:
    """A trigger that needs to know only how many upstream task runs ended how.

    Examples
    --------
    >>> from daskflow import LocalExecutor, any_failed, flow, task
    >>> @task
    ... def divide(x: int, y: int) -> float:
    ...     return x / y
    >>> @task(trigger=any_failed)
    ... def explain(result: float | Exception) -> str:
    ...     return f"it was {result!r}"
    >>> @flow(executor=LocalExecutor())
    ... def careful():
    ...     return explain(divide(1, 0))
    >>> careful()
    "it was ZeroDivisionError('division by zero')"
    """

    name: str
    rule: Callable[[Counts], bool]

    def __call__(self, states: Mapping[Edge, State]) -> bool:
        """Decide from the states of the upstream task runs."""
        return self.decide(count_codes(bytes([state.code]) for state in states.values()))

    def decide(self, counts: Counts) -> bool:
        """Decide from the counts; true where there is nothing upstream."""
        return not counts.total or self.rule(counts)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self.name if self.name.isidentifier() else super().__reduce__()


def _rule_all_successful(counts: Counts) -> bool:
    return counts.successful == counts.total


def _rule_all_failed(counts: Counts) -> bool:
    return counts.failed == counts.total


def _rule_all_finished(counts: Counts) -> bool:
    return True


def _rule_any_successful(counts: Counts) -> bool:
    return counts.successful > 0


def _rule_any_failed(counts: Counts) -> bool:
    return counts.failed > 0


def _rule_not_all_skipped(counts: Counts) -> bool:
    if counts.skipped == counts.total:
        msg = "all upstream task runs were skipped"
        raise Skip(msg)
    return counts.successful == counts.total


all_successful = CountTrigger("all_successful", _rule_all_successful)
all_failed = CountTrigger("all_failed", _rule_all_failed)
all_finished = CountTrigger("all_finished", _rule_all_finished)
always_run = all_finished
any_successful = CountTrigger("any_successful", _rule_any_successful)
any_failed = CountTrigger("any_failed", _rule_any_failed)
not_all_skipped = CountTrigger("not_all_skipped", _rule_not_all_skipped)
manual_only = CountTrigger("manual_only", _rule_all_finished)  # the shim pauses where it is asked


@dataclass(frozen=True)
class _Between:
    """A rule: the count of one kind lies between two bounds, each a number or a share."""

    kind: str
    at_least: float | None
    at_most: float | None

    def __call__(self, counts: Counts) -> bool:
        count = getattr(counts, self.kind)
        share = count / counts.total  # 7 / 25 is 0.28, but 0.28 * 25 is more than 7
        low, high = self.at_least, self.at_most
        return (low is None or low <= (share if isinstance(low, float) else count)) and (
            high is None or high >= (share if isinstance(high, float) else count)
        )


def _check_bounds(name: str, **bounds: float | None) -> None:
    if all(bound is None for bound in bounds.values()):
        msg = f"{name} needs at_least= or at_most="
        raise DefinitionError(msg)
    for word, bound in bounds.items():
        if isinstance(bound, float) and not 0 <= bound <= 1:
            msg = f"{name}({word}={bound}): a float is a share from 0.0 to 1.0; an int counts"
            raise DefinitionError(msg)
        if bound is not None and bound < 0:
            msg = f"{name}({word}={bound}): must not be negative"
            raise DefinitionError(msg)


def some_successful(at_least: float | None = None, at_most: float | None = None) -> CountTrigger:
    """Return a trigger that asks how many upstream task runs were successful.

    Parameters
    ----------
    at_least, at_most
        An int counts task runs; a float from 0.0 to 1.0 is a share of all, 1.0 is all of them.

    Examples
    --------
    >>> some_successful(at_least=0.5).decide(Counts(total=4, successful=2, failed=2))
    True
    """
    _check_bounds("some_successful", at_least=at_least, at_most=at_most)
    name = f"some_successful(at_least={at_least}, at_most={at_most})"
    return CountTrigger(name, _Between("successful", at_least, at_most))


def some_failed(at_least: float | None = None, at_most: float | None = None) -> CountTrigger:
    """Return a trigger that asks how many upstream task runs failed.

    Parameters
    ----------
    at_least, at_most
        An int counts task runs; a float from 0.0 to 1.0 is a share of all, 1.0 is all of them.

    Examples
    --------
    >>> some_failed(at_most=1).decide(Counts(total=4, successful=2, failed=2))
    False
    """
    _check_bounds("some_failed", at_least=at_least, at_most=at_most)
    name = f"some_failed(at_least={at_least}, at_most={at_most})"
    return CountTrigger(name, _Between("failed", at_least, at_most))


def passes_skips(trigger: Trigger) -> bool:
    """Return whether this trigger by itself lets a skipped upstream through."""
    return trigger == not_all_skipped or is_cleanup(trigger)


def is_manual(trigger: Trigger) -> bool:
    """Return whether this trigger lets nothing start before a person has approved it."""
    return trigger is manual_only


def refusal(
    trigger: Trigger,
    counts: Counts,
    states: Mapping[Edge, State],
    *,
    skips_with_upstream: bool,
) -> State | None:
    """Return the state that keeps a task run from starting; None where it may start.

    The trigger is asked first, then the skip rule: any skipped and none failed is skipped, where
    a mapped upstream counts as skipped only when all of its children were.

    Parameters
    ----------
    counts
        How the upstream task runs ended.
    states
        The same in full; looked at only by triggers of the user's.

    Raises
    ------
    Signal
        The trigger raised it.
    """
    if not counts.total:
        return None
    try:
        if isinstance(trigger, CountTrigger):
            may_start = trigger.decide(counts)
        else:
            may_start = bool(trigger(states))
    except (Signal, RunInterrupted):
        raise
    except BaseException as error:  # noqa: BLE001 - the user's code, as in a body
        return TriggerFailed(f"its trigger raised {shown(error)}", exception=error)
    if not may_start:
        return TriggerFailed(_explain(trigger, counts, states))
    if skips_with_upstream and counts.skips and not counts.failed:
        return Skipped(f"because of {_root(states, {Skipped.code}, 'because of ')}")
    return None


def closed(counts: Counts, states: Mapping[Edge, State]) -> State | None:
    """Return the state that keeps a task run out of its case; None where it may go in.

    Asked before the trigger, which never hears of cases. Failure outranks skip here too.

    Parameters
    ----------
    counts
        How the task runs of its cases ended.
    states
        The same in full; looked at only where they keep it out.
    """
    if counts.successful < counts.total:
        told = "the case it is in was not decided"
        if counts.failed:
            return TriggerFailed(f"{told}{_FIRST}{_root(states, FAILED, _FIRST)}")
        return TriggerFailed(f"{told}; cancelled: {_root(states, {Cancelled.code}, _FIRST)}")
    if counts.skips:
        return Skipped(f"because of {_root(states, {Skipped.code}, 'because of ')}")
    return None


@dataclass(frozen=True)
class AfterSetup:
    """The trigger of what cleans up: yes whenever the setup succeeded, whatever came then.

    Where it did not, there is nothing to clean up, and the task is skipped.
    """

    key: str  # the argument that gets what the setup returned
    name: str = "after_setup"

    def __call__(self, states: Mapping[Edge, State]) -> bool:
        """Decide from the state of the setup."""
        setups = [state for edge, state in states.items() if edge.key == self.key]
        if any(state.code not in PICKED for state in setups):
            msg = "the setup did not succeed, so there is nothing to clean up"
            raise Skip(msg)
        return True


def is_cleanup(trigger: Trigger) -> bool:
    """Return whether this trigger is that of what cleans up, which decides no flow by default."""
    return isinstance(trigger, AfterSetup)


def state_of_signal(signal: Signal) -> State:
    """Return the state in which a signal ends its task run."""
    match signal:
        case Skip():
            return Skipped(signal.message)
        case Fail():
            return Failed(signal.message, exception=signal)
        case Succeed():
            return Success(signal.message)
        case Retry():
            return Retrying(signal.message or "asked to be run again")
        case Pause():
            return Paused(signal.message or "waits for approval")
        case Loop():
            return Looped(signal.message, result=signal.result)
    msg = f"{signal!r} is not a signal of daskflow's"
    raise TypeError(msg) from signal


def _explain(trigger: Trigger, counts: Counts, states: Mapping[Edge, State]) -> str:
    name = getattr(trigger, "name", None) or getattr(trigger, "__name__", repr(trigger))
    told = (
        f"trigger {name} said no: of {counts.total} upstream task runs "
        f"{counts.failed} failed, {counts.successful} succeeded ({counts.skipped} skipped)"
    )
    return f"{told}{_FIRST}{_root(states, FAILED, _FIRST)}" if counts.failed else told


_FIRST = "; first failed: "


def _root(states: Mapping[Edge, State], codes: Collection[int], marker: str) -> str:
    """Name the first upstream task run in one of these states, and why it is in it.

    One that is so because of another passes on what its own message says behind the marker, so
    the root cause reaches the end of a chain.
    """
    edge, state = next(item for item in states.items() if item[1].code in codes)
    _, found, root = state.message.partition(marker)
    if found:
        return root
    label = run_label(edge.upstream, edge.map_index)
    return f"{label}: {state.message}" if state.message else label
