"""Under which key the result of a task run is kept, and found again. Pure: values in, a key out.

A policy says what a key is made of: `INPUTS`, `TASK_SOURCE`, `RUN_ID`, `FLOW_PARAMETERS`, functions
of the user's, added up. Of each thing a digest is made by `dask.tokenize`, with determinism
ensured, and of all digests the key; they stay with the result, so that a miss can be explained. The
task's name is part of the key, so a task finds only what one of the same name has left. A
``cache_key=`` is the key itself, and shared by all tasks that come to the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from inspect import Parameter
from string import Formatter
from typing import Any, NamedTuple

from daskflow.context import TaskRunContext
from daskflow.errors import CacheKeyError, DefinitionError
from daskflow.signals import RunInterrupted
from daskflow.timing import as_seconds

# Called with the context of the task run and its inputs by name; None: this one is not cached.
KeyFunction = Callable[[TaskRunContext, dict[str, Any]], Any]

_REST = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # in the text of what has no text of its own


class Part(Enum):
    """What a key can be made of without a function of the user's."""

    INPUTS = "inputs"  # the arguments of the call, defaults included
    TASK_SOURCE = "task source"  # the code of the task
    RUN_ID = "run id"  # so nothing of another run is found
    FLOW_PARAMETERS = "flow parameters"


@dataclass(frozen=True)
class CacheFacts:
    """What the driver hashes for all task runs of a run, because a worker may not have it."""

    sources: Mapping[str, str] = field(default_factory=dict)  # digests of tasks, by node
    # digests by name; empty: it cannot be hashed
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a task, for which a key is wanted."""

    task: str  # name
    inputs: Mapping[str, Any]  # by argument, defaults included
    context: TaskRunContext
    source: str = ""  # digest
    parameters: Mapping[str, str] = field(default_factory=dict)  # digests; see `CacheFacts`


class CacheKey(NamedTuple):
    """A key, and the digests that it was made of."""

    key: str
    digests: Mapping[str, str]  # by what was hashed: argument 'x', source, ...


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A result that was kept."""

    key: str
    value: bytes  # pickled, and never unpickled but by a task run that finds it
    digests: Mapping[str, str]
    task: str  # name of the task
    made_by: str  # id of the task run
    created: float  # instant
    expires: float | None = None  # instant from which it is not found any more


@dataclass(frozen=True, slots=True)
class CacheMiss:
    """Why nothing was found under a key: how it differs from the nearest result that was kept."""

    task: str  # name
    changed: tuple[str, ...] = ()  # argument 'x', source, ...: what is not what it was then
    made_by: str = ""  # id of the task run whose result was the nearest; empty: there was none
    created: float = 0.0  # instant at which that was kept
    expired: float | None = None  # instant at which it expired, where that was the reason

    def __str__(self) -> str:
        if not self.made_by:
            return f"nothing of task {self.task!r} had been kept"
        if not self.changed:
            why = "had expired" if self.expired is not None else "was made meanwhile"
            return f"the result of {self.made_by} {why}"
        verb = "has" if len(self.changed) == 1 else "have"
        return f"{', '.join(self.changed)} {verb} changed since {self.made_by}"


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """What the key of a cached result is made of: `INPUTS`, `TASK_SOURCE` and the like, added up.

    Examples
    --------
    >>> from daskflow import INPUTS, TASK_SOURCE, LocalExecutor, flow, task
    >>> def by_day(context, inputs):
    ...     return context.scheduled_for.date()
    >>> @task(cache_policy=INPUTS + TASK_SOURCE + by_day - "verbose")
    ... def load(path: str, verbose: bool) -> str:
    ...     return f"content of {path}"
    >>> @flow(executor=LocalExecutor())
    ... def loaded(verbose: bool):
    ...     return load("a.csv", verbose)
    >>> str(loaded.run(verbose=False)[load].state)
    'Success'
    >>> type(loaded.run(verbose=True)[load].state).__name__
    'Cached'
    """

    parts: tuple[Part | KeyFunction, ...] = ()
    left_out: frozenset[str] = frozenset()  # arguments, and parameters of the flow

    @classmethod
    def of(cls, given: Any) -> CachePolicy | None:
        """Return a policy, or a function of the user's as one; None for anything else."""
        if isinstance(given, CachePolicy):
            return given
        return cls((given,)) if callable(given) else None

    def __add__(self, other: CachePolicy | KeyFunction) -> CachePolicy:
        more = self.of(other)
        if more is None:
            return NotImplemented
        parts = dict.fromkeys(self.parts + more.parts)
        return CachePolicy(tuple(parts), self.left_out | more.left_out)

    def __radd__(self, other: KeyFunction) -> CachePolicy:
        before = self.of(other)
        return NotImplemented if before is None else before + self

    def __sub__(self, argument: str) -> CachePolicy:
        if not isinstance(argument, str):
            return NotImplemented
        return CachePolicy(self.parts, self.left_out | {argument})

    def digests(self, call: Call) -> dict[str, str] | None:
        """Return the digests of what a key is made of; None: a function wants nothing cached.

        Raises
        ------
        CacheKeyError
            Something cannot be hashed, or a function raised.
        """
        found: dict[str, str] = {}
        for part in self.parts:
            if isinstance(part, Part):
                found.update(_DIGESTS[part](call, self.left_out))
                continue
            name = f"{getattr(part, '__name__', type(part).__name__)}()"
            made = _ask(part, name, call)
            if made is None:
                return None
            while name in found:  # another function of the same name
                name += "'"
            found[name] = digest_of(made, f"what {name} returned for task {call.task!r}")
        return found


INPUTS = CachePolicy((Part.INPUTS,))
TASK_SOURCE = CachePolicy((Part.TASK_SOURCE,))
RUN_ID = CachePolicy((Part.RUN_ID,))
FLOW_PARAMETERS = CachePolicy((Part.FLOW_PARAMETERS,))
DEFAULT_POLICY = INPUTS + TASK_SOURCE


@dataclass(frozen=True, slots=True)
class CacheRule:
    """How the results of one task are kept."""

    policy: CachePolicy = DEFAULT_POLICY
    template: str | None = None  # of the key itself; then the policy plays no part
    lasts: float | None = None  # seconds for which a result can be found; None: without end

    def goes_by(self, part: Part) -> bool:
        """Return whether a key is made of this, among others."""
        return self.template is None and part in self.policy.parts


def make_key(rule: CacheRule, call: Call) -> CacheKey | None:
    """Return the key of a call's result; None: a function of the user's wants it not cached.

    Raises
    ------
    CacheKeyError
        There can be none; the message names the task and what is to blame.
    """
    if rule.template is not None:
        text = _filled(rule.template, call)
        return CacheKey(text, {"cache_key": text})
    digests = rule.policy.digests(call)
    if digests is None:
        return None
    token = digest_of(sorted(digests.items()), "the digests")
    return CacheKey(f"{call.task}-{token}", digests)


def explain_miss(
    task: str, digests: Mapping[str, str], kept: Iterable[CacheEntry], now: float
) -> CacheMiss:
    """Return why a task found nothing: by what its key differs from the nearest one.

    That is the one that differs in the fewest things; of several, the latest.

    Parameters
    ----------
    digests
        Of what the key was made of.
    kept
        Entries of the same task; their values do not matter.
    now
        The instant at which it found nothing.

    Examples
    --------
    >>> kept = CacheEntry("k", b"", {"argument 'x'": "a1", "source": "s1"}, "load", "run/load", 5.0)
    >>> miss = explain_miss("load", {"argument 'x'": "a2", "source": "s1"}, [kept], 9.0)
    >>> str(miss)
    "argument 'x' has changed since run/load"
    """
    found = [(differing(digests, entry.digests), entry) for entry in kept]
    if not found:
        return CacheMiss(task)
    changed, nearest = min(found, key=lambda one: (len(one[0]), -one[1].created))
    is_over = nearest.expires is not None and nearest.expires <= now and not changed
    expired = nearest.expires if is_over else None
    return CacheMiss(task, changed, nearest.made_by, nearest.created, expired)


def differing(digests: Mapping[str, str], others: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the keys of two calls differ in, by the digests they were made of."""
    names = dict.fromkeys((*digests, *others))
    return tuple(name for name in names if digests.get(name) != others.get(name))


def digest_of(value: Any, what: str, cure: str = "") -> str:
    """Return a hash that is the same for equal values, in every process.

    Parameters
    ----------
    what
        The value, for the message.
    cure
        What to do about it, the same.

    Raises
    ------
    CacheKeyError
        There is none: the value has an identity rather than a content, as a lock has.
    """
    from dask.tokenize import tokenize

    try:
        return str(tokenize(value, ensure_deterministic=True))
    except RunInterrupted:
        raise
    except BaseException as error:
        kind = type(value).__name__
        reason = f"{type(error).__name__}: {error}"
        msg = f"{what} is a {kind} that cannot be hashed for a cache key ({reason}){cure}"
        raise CacheKeyError(msg) from error


def _inputs(call: Call, left_out: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, value in call.inputs.items():
        if name not in left_out:
            what = f"argument {name!r} of task {call.task!r}"
            cure = f"; leave it out: cache_policy=INPUTS - {name!r}"
            yield f"argument {name!r}", digest_of(value, what, cure)


def _source(call: Call, left_out: frozenset[str]) -> Iterator[tuple[str, str]]:
    yield "source", call.source


def _run_id(call: Call, left_out: frozenset[str]) -> Iterator[tuple[str, str]]:
    yield "run id", call.context.run_id


def _flow_parameters(call: Call, left_out: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, digest in call.parameters.items():
        if name in left_out:
            continue
        if not digest:
            msg = (
                f"the flow's parameter {name!r} cannot be hashed for the cache key of task "
                f"{call.task!r}; leave it out: cache_policy=FLOW_PARAMETERS - {name!r}"
            )
            raise CacheKeyError(msg)
        yield f"parameter {name!r}", digest


_DIGESTS: dict[Part, Callable[[Call, frozenset[str]], Iterator[tuple[str, str]]]] = {
    Part.INPUTS: _inputs,
    Part.TASK_SOURCE: _source,
    Part.RUN_ID: _run_id,
    Part.FLOW_PARAMETERS: _flow_parameters,
}


def _ask(function: KeyFunction, name: str, call: Call) -> Any:
    try:
        return function(call.context, dict(call.inputs))
    except RunInterrupted:
        raise
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
        msg = f"the cache policy of task {call.task!r}: {name} raised {reason}"
        raise CacheKeyError(msg) from error


def _filled(template: str, call: Call) -> str:
    """Return the text of a key, its fields filled with arguments, else with flow parameters."""
    known = {**call.context.parameters, **call.inputs}
    try:
        text = template.format_map(known)
    except RunInterrupted:
        raise
    except KeyError as error:
        names = ", ".join(known) or "none"
        msg = f"task {call.task!r}: cache_key={template!r} names {error}; there are: {names}"
        raise CacheKeyError(msg) from None
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
        msg = f"task {call.task!r}: cache_key={template!r} cannot be filled ({reason})"
        raise CacheKeyError(msg) from error
    if _ADDRESS.search(text):
        msg = f"task {call.task!r}: cache_key={template!r} gives {text!r}, an address in memory"
        raise CacheKeyError(msg)
    return text


# -------------------------------------------------------------------------------- the task's words


def make_cache_rule(task: str, options: Mapping[str, Any]) -> CacheRule | None:
    """Return how results of a task are kept by its options; None: they are not.

    Raises
    ------
    DefinitionError
        The words make no sense, or not together.
    """
    given = {word: options.get(word) for word in ("cache_policy", "cache_key", "cache_expiration")}
    policy, template, expiration = given.values()
    cache = options.get("cache")
    if cache is not None and not isinstance(cache, bool):
        msg = f"task {task!r}: cache={cache!r} is True or False; what it goes by is cache_policy="
        raise DefinitionError(msg)
    is_off = "cache" in options and not cache
    if is_off or (cache is None and all(value is None for value in given.values())):
        return None
    if policy is not None and template is not None:
        msg = f"task {task!r}: cache_policy= or cache_key=, not both; None takes one away"
        raise DefinitionError(msg)
    lasts = _checked_expiration(task, expiration)
    return CacheRule(_checked_policy(task, policy), _checked_template(task, template), lasts)


def check_left_out(task: str, rule: CacheRule, parameters: Mapping[str, Parameter]) -> None:
    """Raise `DefinitionError` where a policy leaves out an argument that there is not.

    Parameters
    ----------
    parameters
        Of the task's function.
    """
    takes_any = any(one.kind in _REST for one in parameters.values())
    unknown = sorted(rule.policy.left_out - parameters.keys())
    if unknown and not takes_any and not rule.goes_by(Part.FLOW_PARAMETERS):
        names = ", ".join(parameters) or "none"
        msg = f"task {task!r}: its cache_policy leaves out {unknown[0]!r}; its arguments: {names}"
        raise DefinitionError(msg)


def _checked_policy(task: str, given: Any) -> CachePolicy:
    policy = DEFAULT_POLICY if given is None else CachePolicy.of(given)
    if policy is None:
        msg = (
            f"task {task!r}: cache_policy={given!r} must be INPUTS, TASK_SOURCE, RUN_ID, "
            "FLOW_PARAMETERS, a sum of them, or a function of context and inputs"
        )
        raise DefinitionError(msg)
    return policy


def _checked_template(task: str, given: Any) -> str | None:
    if given is None:
        return None
    try:
        fields = [name for _, name, _, _ in Formatter().parse(given) if name is not None]
    except (TypeError, ValueError) as error:
        msg = f"task {task!r}: cache_key={given!r} is no template such as '{{x}}-{{y}}': {error}"
        raise DefinitionError(msg) from None
    if not given or any(not name or name[0].isdigit() for name in fields):
        msg = f"task {task!r}: cache_key={given!r} must name arguments, as in '{{x}}-{{y}}'"
        raise DefinitionError(msg)
    return str(given)


def _checked_expiration(task: str, given: Any) -> float | None:
    if given is None:
        return None
    seconds = as_seconds(given) if isinstance(given, int | float | timedelta) else 0.0
    if seconds <= 0:
        msg = f"task {task!r}: cache_expiration={given!r} must be a time above 0, or None"
        raise DefinitionError(msg)
    return seconds
