"""The protocol of the part of a store that keeps results under keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from daskflow.caching import CacheEntry, CacheMiss


class ResultCache(Protocol):
    """Results under their keys. Any number of threads may use it at a time.

    A key has one entry at most. What `put` has returned from is found by every `get` that is called
    later, in whichever thread or, where the store is durable, process. Where two put an entry under
    one key, one of the two stays, whole. Values are bytes and are never unpickled here.
    """

    def get(self, key: str, now: float) -> CacheEntry | None:
        """Return the entry under a key that has not expired by now; None: there is none.

        An entry expires at the instant `CacheEntry.expires`; from then on it is not found.
        """

    def explain(self, task: str, digests: Mapping[str, str], now: float) -> CacheMiss:
        """Return why a task found nothing under the key that was made of these digests.

        What it is compared with was put at `now` or before, as far as it is remembered: what has
        expired may be forgotten.

        Parameters
        ----------
        task
            Name of the task.
        digests
            Of what its key is made of: `CacheKey.digests`.
        now
            The instant at which it found nothing.
        """

    def put(self, entry: CacheEntry) -> None:
        """Keep an entry, in place of one that is there. Putting the same twice changes nothing.

        Raises
        ------
        StoreError
            It cannot be kept.
        """

    def files_of(self, run_id: str) -> Collection[str]:
        """Return the URLs of results of a run that entries refer to: nobody may remove these."""
