"""Keeps the measuring of coverage alive while bodies of tasks are interrupted.

What interrupts a thread's Python code may hit it between the taking and the giving back of the lock
that coverage's tracers share, as that is done in Python; all threads would wait for it for ever. So
tracers get the lock's own methods, within which no Python code runs.
"""

from contextlib import suppress


def mend():
    """Let all tracers, those that are there and those to come, use the lock itself."""
    with suppress(ImportError):
        from coverage import Coverage
        from coverage.collector import Collector

        Collector.lock_data = property(lambda collector: collector.data_lock.acquire)
        Collector.unlock_data = property(lambda collector: collector.data_lock.release)
        running = Coverage.current()
        collector = running._collector if running is not None else None
        for tracer in collector.tracers if collector is not None else ():
            tracer.lock_data, tracer.unlock_data = collector.lock_data, collector.unlock_data
