"""A clock that stands still, so that a retry in an hour runs now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Condition

from daskflow.timing import as_datetime, now, use_clock


class FrozenTime:
    """A clock that moves only when it is moved; made by `frozen_time`.

    Parameters
    ----------
    instant
        Seconds since the epoch at which it stands.
    jumps
        Whether it goes by itself to the next instant for which a run waits.
    """

    stands_still = True

    def __init__(self, instant: float, *, jumps: bool = True) -> None:
        self.jumps = jumps
        self._instant = instant
        self._moved = Condition()

    def now(self) -> float:
        """Return where it stands, in seconds since the epoch."""
        return self._instant

    @property
    def moment(self) -> datetime:
        """Where it stands, as an aware datetime."""
        return as_datetime(self._instant)

    def move_to(self, moment: datetime | str) -> None:
        """Let it be that time; what is due by then goes on.

        Parameters
        ----------
        moment
            An aware datetime, or such a one as text: ``2026-03-01T06:00Z``.

        Raises
        ------
        ValueError
            It is earlier than now, or says no time zone.

        Examples
        --------
        >>> from daskflow.testing import frozen_time
        >>> with frozen_time("2026-03-01T06:00Z") as time:
        ...     time.move_to("2026-03-02T06:00Z")
        ...     print(time.moment)
        2026-03-02 06:00:00+00:00
        """
        instant = _instant_of(moment)
        if instant < self._instant:
            msg = f"time goes on only: {as_datetime(instant)} is before {self.moment}"
            raise ValueError(msg)
        self._set(instant)

    def advance(self, span: timedelta | None = None, /, **parts: float) -> None:
        """Let some time go by.

        Parameters
        ----------
        parts
            As `datetime.timedelta` takes them: ``hours=1``.

        Examples
        --------
        >>> from daskflow.testing import frozen_time
        >>> with frozen_time("2026-03-01T06:00Z") as time:
        ...     time.advance(hours=1)
        ...     print(time.moment)
        2026-03-01 07:00:00+00:00
        """
        self.move_to(self.moment + (span or timedelta()) + timedelta(**parts))

    def wait_until(self, instant: float) -> None:
        """Go to that instant, or wait until somebody has moved the clock so far."""
        self.skip_to(instant)
        with self._moved:
            self._moved.wait_for(lambda: self._instant >= instant)

    def skip_to(self, instant: float) -> None:
        """Go to an instant until which nothing is to be done."""
        if self.jumps:
            self._set(instant)

    def _set(self, instant: float) -> None:
        with self._moved:
            self._instant = max(self._instant, instant)
            self._moved.notify_all()


@contextmanager
def frozen_time(
    moment: datetime | str | None = None, *, jumps: bool = True
) -> Iterator[FrozenTime]:
    """Let daskflow's clock stand still in this process meanwhile.

    Where all that is left of a run waits, for a retry or the end of a pause, the clock goes on to
    that instant: nothing sleeps. Timeouts and the time that your own code reads stay real, and
    so does that of the workers of a cluster.

    Parameters
    ----------
    moment
        Where it stands, an aware datetime, or such a one as text; None: now.
    jumps
        False: it is moved by ``time.advance(...)`` and ``time.move_to(...)`` only.

    Examples
    --------
    >>> from daskflow import LocalExecutor, context, flow, task
    >>> from daskflow.testing import frozen_time
    >>> @task(retries=1, retry_delay_seconds=3600)
    ... def fetch() -> str:
    ...     if context.attempt == 1:
    ...         raise OSError("no network")
    ...     return "page"
    >>> @flow(executor=LocalExecutor())
    ... def page():
    ...     return fetch()
    >>> with frozen_time("2026-03-01T06:00Z"):
    ...     run = page.run()
    >>> run.result(), str(run[fetch].started)
    ('page', '2026-03-01 07:00:00+00:00')
    """
    clock = FrozenTime(now() if moment is None else _instant_of(moment), jumps=jumps)
    with use_clock(clock):
        yield clock


def _instant_of(moment: datetime | str) -> float:
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if found.tzinfo is None:
        msg = f"{moment!s} says no time zone; in UTC it is '{found.isoformat()}Z'"
        raise ValueError(msg)
    return found.timestamp()
