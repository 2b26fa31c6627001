"""Tags for what happens under a `with`: for tasks called there, or for runs started there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from daskflow.errors import DefinitionError

# A flow's function is traced without those around it: its graph is kept for later runs.
active_tags: ContextVar[frozenset[str]] = ContextVar("daskflow_tags", default=frozenset())


@contextmanager
def tags(*words: str) -> Iterator[None]:
    """Give tags to the tasks that are called inside, or to the flow runs that are started inside.

    Inside a flow they go to each call of a task, on top of the task's own, also to those in flows
    that are called there. Around a call of a flow they go to the run, for this time only.

    Parameters
    ----------
    words
        The tags, one string each.

    Raises
    ------
    DefinitionError
        A tag is no string.

    Examples
    --------
    >>> from daskflow import LocalExecutor, context, flow, tags, task
    >>> @task
    ... def seen() -> list[str]:
    ...     return sorted(context.tags)
    >>> @flow(executor=LocalExecutor())
    ... def told():
    ...     with tags("db"):
    ...         return seen()
    >>> with tags("nightly"):
    ...     print(told())
    ['db', 'nightly']
    >>> told()
    ['db']
    """
    for word in words:
        if not isinstance(word, str):
            msg = f"tags({word!r}): a tag is a string; several are given one by one: tags('a', 'b')"
            raise DefinitionError(msg)
    token = active_tags.set(active_tags.get() | frozenset(words))
    try:
        yield
    finally:
        active_tags.reset(token)


@contextmanager
def no_tags() -> Iterator[None]:
    """Leave those around aside meanwhile."""
    token = active_tags.set(frozenset())
    try:
        yield
    finally:
        active_tags.reset(token)
