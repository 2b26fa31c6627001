"""A clock that stands still: what moves it, and who waits for it."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from daskflow import LocalExecutor, Pause, context, flow, task
from daskflow.testing import frozen_time
from daskflow.timing import now, stands_still, wait_until
from tests.contract.waiting import eventually

SIX = datetime(2026, 3, 1, 6, tzinfo=UTC)


@task(retries=2, retry_delay_seconds=[3600, 86_400])
def third_time():
    if context.attempt < 3:
        raise OSError(f"attempt {context.attempt}")
    return "page"


@task
def rest():
    if context.attempt == 1:
        raise Pause("for the night", seconds=8 * 3600)
    return "rested"


@flow(executor=LocalExecutor())
def page():
    return third_time()


@flow(executor=LocalExecutor(threads=2))
def night():
    return rest(), third_time()


def test_it_stands_where_it_was_put():
    """Seconds, and an aware datetime; behind the block the machine's clock is back."""
    with frozen_time(SIX) as time:
        assert now() == time.now() == SIX.timestamp()
        assert time.moment == SIX
        assert stands_still()
    assert not stands_still()
    assert now() > SIX.timestamp()


def test_it_stands_at_the_present():
    """Without a moment it is the present one that lasts."""
    before = now()
    with frozen_time() as time:
        assert before <= time.now() == now()


def test_retries_in_hours_run_now():
    """The clock goes to each instant for which the run waits, exactly there."""
    with frozen_time("2026-03-01T06:00Z") as time:
        run = page.run()
        assert time.moment == SIX + timedelta(hours=25)
    assert (run.result(), run["third_time"].attempt) == ("page", 3)
    told = [event.state for event in run.events() if event.name == "third_time"]
    assert [state.scheduled_for for state in told] == [
        SIX + timedelta(hours=1),
        SIX + timedelta(hours=25),
    ]
    assert run["third_time"].started == run.ended == SIX + timedelta(hours=25)


def test_whatever_is_due_first_goes_first():
    """A pause of hours between two retries, on threads."""
    with frozen_time(SIX):
        run = night.run()
    assert run.result() == ("rested", "page")
    assert run["rest"].started == SIX + timedelta(hours=8)
    assert run["third_time"].started == SIX + timedelta(hours=25)


def test_a_test_may_move_it_itself():
    """Without jumps a live run waits until the time has come."""
    with frozen_time(SIX, jumps=False) as time:
        run = page.submit()
        waiting = run["third_time"]
        eventually(lambda: waiting.attempt == 1)
        assert str(waiting.state).startswith("Retrying")
        time.advance(minutes=59)
        with pytest.raises(TimeoutError):
            run.wait(0.05)
        assert waiting.attempt == 1
        time.advance(timedelta(minutes=1))
        eventually(lambda: waiting.attempt == 2)
        time.move_to("2026-03-02T07:00+00:00")
        assert run.wait(15).result() == "page"


def test_who_waits_for_an_instant_is_let_go():
    """`wait_until` goes there, or waits until somebody else does."""
    with frozen_time(SIX) as time:
        wait_until(SIX.timestamp() + 60)
        wait_until(SIX.timestamp())
        assert time.moment == SIX + timedelta(minutes=1)
    with frozen_time(SIX, jumps=False) as time:
        waiting = threading.Thread(target=wait_until, args=(SIX.timestamp() + 60,))
        waiting.start()
        time.advance(seconds=59)
        assert waiting.is_alive()
        time.advance(seconds=1)
        waiting.join(15)
        assert not waiting.is_alive()


def test_a_delayed_flow_waits_by_the_same_clock():
    """Where no driver stands behind the blocks, nothing sleeps either."""
    with frozen_time(SIX) as time:
        state = page.to_delayed().compute(scheduler="synchronous")
        assert time.moment >= SIX + timedelta(hours=25)
    assert state.is_successful()


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-03-01T05:59Z", "time goes on only: 2026-03-01 05:59:00"),
        ("2026-03-01T08:00", "says no time zone; in UTC it is '2026-03-01T08:00:00Z'"),
        (datetime(2026, 3, 1, 8), "says no time zone"),  # noqa: DTZ001 - that is the point
    ],
)
def test_moments_that_cannot_be_meant(moment, told):
    """The past, and what says no time zone."""
    with frozen_time(SIX) as time, pytest.raises(ValueError, match=told):
        time.move_to(moment)
