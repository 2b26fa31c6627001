"""A task whose calls end as told, and what becomes of it in a book."""

from __future__ import annotations

from daskflow import all_finished, context, task
from tests.unit.runtime.book import Book


def calls(*ends, **options):
    """Make a task whose n-th call ends as told: returns it, or raises it."""
    left = iter(ends)
    seen = []

    def body(x=None):
        seen.append((context.attempt, context.loop_count, context.loop_result, context.resumed))
        end = next(left)
        if isinstance(end, BaseException):
            raise end
        return end

    made = task(body, name="t", **options)
    return made, seen


def played(made, **parameters):
    return Book(lambda: made(), **parameters).play()


def state(book, name="t"):
    return book.record.state(name, 0)


def go_on(book):
    """Wake what is due next, and play on."""
    book.record.wake(book.record.next_due())
    return book.play()


def handled(*ends, handler, **options):
    """Play a task with a state handler, and what gets its value."""
    made, seen = calls(*ends, state_handlers=[handler], **options)
    after = task(lambda x: x, name="after", trigger=all_finished, skip_on_upstream_skip=False)
    return Book(lambda: after(made()), kept={"after", "t"}).play(), seen
