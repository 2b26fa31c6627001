"""A store in the memory of this process: as good as any other until the process ends."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Collection, Mapping

from daskflow.caching import CacheEntry, CacheMiss, explain_miss
from daskflow.stores.memory_history import MemoryHistory


class MemoryCache:
    """Results under their keys, in a dict. What has expired is dropped at the next `put`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, CacheEntry] = {}
        self._expiring: list[tuple[float, str]] = []  # heap of instants and keys

    def get(self, key: str, now: float) -> CacheEntry | None:
        """Return the entry under a key that has not expired by now; None: there is none."""
        entry = self._entries.get(key)
        return None if entry is None or _has_expired(entry, now) else entry

    def put(self, entry: CacheEntry) -> None:
        """Keep an entry, in place of one that is there."""
        with self._lock:
            self._entries[entry.key] = entry
            if entry.expires is not None:
                heapq.heappush(self._expiring, (entry.expires, entry.key))
            self._sweep(entry.created)

    def explain(self, task: str, digests: Mapping[str, str], now: float) -> CacheMiss:
        """Return why a task found nothing under the key that was made of these digests."""
        with self._lock:
            entries = [e for e in self._entries.values() if e.task == task and e.created <= now]
        return explain_miss(task, digests, entries, now)

    def files_of(self, run_id: str) -> Collection[str]:
        """Return none: values are in this process whole."""
        return ()

    def _sweep(self, now: float) -> None:
        while self._expiring and self._expiring[0][0] <= now:
            key = heapq.heappop(self._expiring)[1]
            entry = self._entries.get(key)
            if entry is not None and _has_expired(entry, now):  # not replaced by a later one
                del self._entries[key]

    def __len__(self) -> int:
        return len(self._entries)


class MemoryStore(MemoryHistory):
    """A store in this process. Runs that are given the same one find each other's results.

    Their histories are in it too: a run that waits, or was cancelled, can be resumed. Flows that
    are given none share one that belongs to the process. Large results are in it whole: they come
    to this process because the task asks for caching.

    Examples
    --------
    >>> from daskflow import LocalExecutor, MemoryStore, flow, task
    >>> @task(cache=True)
    ... def square(x: int) -> int:
    ...     return x * x
    >>> @flow(executor=LocalExecutor(), store=MemoryStore())
    ... def squared(x: int):
    ...     return square(x)
    >>> [str(type(squared.run(x)[square].state).__name__) for x in (1, 1, 2, 1)]
    ['Success', 'Cached', 'Success', 'Cached']
    """

    def __init__(self) -> None:
        super().__init__()
        self.cache = MemoryCache()

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self.cache)} cached results>"


def _has_expired(entry: CacheEntry, now: float) -> bool:
    return entry.expires is not None and entry.expires <= now
