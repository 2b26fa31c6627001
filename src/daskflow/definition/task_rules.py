"""The rules of a task: the words that `task` takes, held against what they may say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypedDict, cast

from daskflow.caching import (
    CachePolicy,
    CacheRule,
    KeyFunction,
    make_cache_rule,
)
from daskflow.demands import NO_DEMAND, Demand, make_demand
from daskflow.errors import DefinitionError
from daskflow.hooks import NOBODY, Hook, StateHandler, Watchers, make_watchers
from daskflow.retries import Delays, RetryPolicy
from daskflow.timing import as_seconds
from daskflow.triggers import Trigger, all_successful, passes_skips


class TaskOptions(TypedDict, total=False):
    """The words that `task` and `Task.with_options` take."""

    name: str  # default: the function's
    tags: Iterable[str]
    trigger: Trigger  # default: all_successful
    skip_on_upstream_skip: bool  # default: True, but False for not_all_skipped
    retries: int  # attempts after the first
    retry_delay_seconds: Delays  # a number, a timedelta, a list, or a function of the attempt
    retry_jitter_factor: float  # share of the delay that is added at random at most
    retry_on: type[BaseException] | tuple[type[BaseException], ...]  # default: whatever it raises
    retry_condition: Callable[[BaseException], Any] | None  # asked last, with the exception
    resources: Mapping[str, float] | None  # what a Dask worker has to offer, as {"GPU": 1}
    priority: int  # on Dask: higher goes first; default 0
    workers: str | Iterable[str] | None  # names, hosts or addresses of the Dask workers for it
    infra_retries: int  # attempts that vanished with a worker and are repeated; default: 3
    persist_result: bool | None  # whether results are durable; default: as the flow says
    on_lost: Literal["rerun"]  # what becomes of a result or an attempt that was lost
    timeout_seconds: float | timedelta | None  # how long one attempt may take
    cache: bool | None  # keep results, by INPUTS + TASK_SOURCE where nothing else is said
    cache_policy: CachePolicy | KeyFunction | None  # what the key of a result is made of
    cache_key: str | None  # the key itself; may hold {arguments} and {parameters}
    cache_expiration: float | timedelta | None  # how long a result can be found; default: ever
    state_handlers: StateHandler | Iterable[StateHandler]  # may replace a state
    on_completion: Hook | Iterable[Hook]  # it succeeded, was skipped or found in a cache
    on_failure: Hook | Iterable[Hook]  # it failed for good
    on_retry: Hook | Iterable[Hook]
    on_cancellation: Hook | Iterable[Hook]
    on_crashed: Hook | Iterable[Hook]
    log_prints: bool | None  # whether what it prints is logged; default: what the flow says
    nout: int | None  # values that it returns, to be unpacked; default: by a tuple annotation


_DEMANDS = ("resources", "priority", "workers")  # of these words a task's demand is made
_PREFECT_1 = {
    "max_retries": "retries",
    "retry_delay": "retry_delay_seconds",
    "upstream_tasks": "wait_for",
    "cache_for": "cache_expiration",
    "cache_key_fn": "cache_policy",
}


@dataclass(frozen=True)
class TaskRules:
    """When a task runs and what follows when it fails."""

    trigger: Trigger = all_successful
    skips_with_upstream: bool = True
    retry: RetryPolicy = RetryPolicy()
    tags: frozenset[str] = frozenset()
    demand: Demand = NO_DEMAND
    timeout: float | None = None  # seconds that one attempt, or iteration, may take
    watchers: Watchers = NOBODY
    persists: bool | None = None  # whether results are durable; None: as the flow says
    infra_retries: int = 3  # how often an attempt that vanished is repeated
    cache: CacheRule | None = None
    log_prints: bool | None = None  # None: what the flow says


def make_rules(name: str, options: Mapping[str, Any]) -> TaskRules:
    """Return the rules that options come to.

    Raises
    ------
    DefinitionError
        One is unknown, or its value makes no sense.
    """
    check_words(f"task {name!r}", options, TaskOptions.__annotations__)
    retries = options.get("retries", 0)
    if not isinstance(retries, int) or retries < 0:
        msg = f"task {name!r}: retries={retries!r} must be a whole number from 0"
        raise DefinitionError(msg)
    nout = options.get("nout")
    if nout is not None and (not isinstance(nout, int) or nout < 0):
        msg = f"task {name!r}: nout={nout!r} must be a whole number from 0, or None"
        raise DefinitionError(msg)
    trigger = options.get("trigger", all_successful)
    if not callable(trigger):
        msg = f"task {name!r}: trigger={trigger!r} must be a function of {{edge: state}}"
        raise DefinitionError(msg)
    policy = RetryPolicy(
        retries,
        _checked_delay(name, options.get("retry_delay_seconds", 0.0)),
        options.get("retry_jitter_factor", 0.0),
        _checked_classes(name, options.get("retry_on", ())),
        options.get("retry_condition"),
    )
    skips = options.get("skip_on_upstream_skip", True) and not passes_skips(trigger)
    demand = _checked_demand(name, options)
    tags = as_tags(options.get("tags", ()))
    timeout = _checked_timeout(name, options.get("timeout_seconds"))
    watchers = make_watchers(f"task {name!r}", options)
    infra_retries = options.get("infra_retries", 3)
    if not isinstance(infra_retries, int) or infra_retries < 0:
        msg = f"task {name!r}: infra_retries={infra_retries!r} must be a whole number from 0"
        raise DefinitionError(msg)
    persists = checked_persistence(f"task {name!r}", options)
    cache = make_cache_rule(name, options)
    prints = options.get("log_prints")
    return TaskRules(
        trigger,
        skips,
        policy,
        tags,
        demand,
        timeout,
        watchers,
        cache=cache,
        log_prints=prints,
        persists=persists,
        infra_retries=infra_retries,
    )


def checked_persistence(what: str, options: Mapping[str, Any]) -> bool | None:
    """Return what the options say of durable results; refuse what does not exist (yet)."""
    persists = options.get("persist_result")
    if persists not in (True, False, None):
        msg = f"{what}: persist_result={persists!r} must be True, False, or None"
        raise DefinitionError(msg)
    on_lost = options.get("on_lost", "rerun")
    if on_lost == "crash":
        msg = f'{what}: on_lost="crash" comes with a later version; until then say "rerun"'
        raise DefinitionError(msg)
    if on_lost != "rerun":
        msg = f'{what}: on_lost={on_lost!r} must be "rerun"'
        raise DefinitionError(msg)
    return persists


def _checked_timeout(name: str, timeout: Any) -> float | None:
    if timeout is None:
        return None
    with suppress(ValueError):
        if isinstance(timeout, int | float | timedelta) and as_seconds(timeout) > 0:
            return as_seconds(timeout)
    msg = f"task {name!r}: timeout_seconds={timeout!r} must be a time above 0, or None"
    raise DefinitionError(msg)


def _checked_demand(name: str, options: Mapping[str, Any]) -> Demand:
    asked = {word: options[word] for word in _DEMANDS if word in options}
    try:
        return make_demand(**asked)
    except DefinitionError as error:
        msg = f"task {name!r}: {error}"
        raise DefinitionError(msg) from None


def _checked_delay(name: str, delay: Any) -> Delays:
    numbers = [] if callable(delay) else list(delay) if isinstance(delay, list | tuple) else [delay]
    for number in numbers:
        if not isinstance(number, int | float | timedelta):
            msg = (
                f"task {name!r}: retry_delay_seconds={delay!r} must be a number, a timedelta, "
                "a list of them, or a function of the attempt"
            )
            raise DefinitionError(msg)
    return cast(Delays, delay)


def _checked_classes(name: str, retry_on: Any) -> tuple[type[BaseException], ...]:
    classes = retry_on if isinstance(retry_on, tuple) else (retry_on,)
    for kind in classes:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            msg = (
                f"task {name!r}: retry_on={retry_on!r} must be a class of exceptions, "
                "or a tuple of them"
            )
            raise DefinitionError(msg)
    return classes


def as_tags(tags: Iterable[str]) -> frozenset[str]:
    """Return tags as a set; one string is one tag."""
    return frozenset([tags] if isinstance(tags, str) else tags)


def check_words(what: str, options: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise `DefinitionError` for an option that does not exist, naming the right word."""
    for word in options:
        if word in _PREFECT_1:
            msg = f"{what}: {word}= is called {_PREFECT_1[word]}= here"
            raise DefinitionError(msg)
        if word not in known:
            msg = f"{what}: no option is called {word}=; there are: {', '.join(known)}"
            raise DefinitionError(msg)
