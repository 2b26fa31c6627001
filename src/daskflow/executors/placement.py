"""What demands are on Dask: annotations of a graph's layer, and words for those that nobody meets.

Pure. The annotations are made by the session, the words by the tracker, which knows the workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daskflow.demands import Demand

_URGENT = 0.5  # of a priority: goes before others of the same, and behind those of the next higher
_MOST_NAMES = 8  # of workers, in one message


def annotations_of(demands: Mapping[Any, Demand], *, urgent: bool) -> dict[str, Any]:
    """Return the annotations of the one layer that holds these keys and others.

    Each is a function of the key, as Dask wants them where a layer is not all alike; these are
    lookups in plain dicts, so that they travel without code of ours. None means: none.
    """
    words = ("resources", "workers", "allow_other_workers", "priority")
    columns: dict[str, dict[Any, Any]] = {word: {} for word in words}
    for key, demand in demands.items():
        if demand.resources:
            columns["resources"][key] = dict(demand.resources)
        if demand.workers:
            columns["workers"][key] = list(demand.workers)
        if demand.is_wish:
            columns["allow_other_workers"][key] = True
        if demand.priority:
            columns["priority"][key] = demand.priority + priority_of(urgent=urgent)
    return {word: column.get for word, column in columns.items() if column}


def priority_of(*, urgent: bool) -> float:
    """Return the priority of what demands none."""
    return _URGENT if urgent else 0


@dataclass(frozen=True)
class Offer:
    """What one worker has to offer."""

    address: str
    name: str
    host: str
    resources: Mapping[str, float] = field(default_factory=dict)
    is_running: bool = True  # False: it is paused, or about to leave

    def is_one_of(self, workers: Iterable[str]) -> bool:
        """Return whether it is meant by one of these names, hosts or addresses."""
        address = self.address.rpartition("://")[2]
        return not {self.name, self.host, self.address, address}.isdisjoint(workers)

    def has(self, resources: Iterable[tuple[str, float]]) -> bool:
        """Return whether it has as much of each resource, be it in use or not."""
        return all(self.resources.get(name, 0) >= amount for name, amount in resources)


def homes_for(demands: Iterable[Demand], offers: Iterable[Offer]) -> list[str]:
    """Return a worker of its own for each of these demands, up to the first that has none.

    Examples
    --------
    >>> offers = [Offer("tcp://10.0.0.7:40001", "a", "10.0.0.7", {"GPU": 1})]
    >>> gpu, any_worker = Demand(resources=(("GPU", 1),)), Demand()
    >>> homes_for([gpu, any_worker], offers), homes_for([any_worker, gpu], [])
    (['tcp://10.0.0.7:40001'], [])
    """
    free = [offer for offer in offers if offer.is_running]
    homes = []
    for demand in demands:
        able = [one for one in free if one.has(demand.resources)]
        if not able:
            break
        # a worker that others need more is left to them
        free.remove(chosen := min(able, key=lambda one: len(one.resources)))
        homes.append(chosen.address)
    return homes


def complaint_about(demand: Demand, offers: Sequence[Offer]) -> str:
    """Return why none of the workers there are can run what has this demand.

    Examples
    --------
    >>> gpu = Demand(resources=(("GPU", 1),))
    >>> complaint_about(gpu, [Offer("tcp://10.0.0.7:40001", "a", "10.0.0.7")])
    'no worker has resources GPU=1; the 1 worker has none'
    """
    if not offers:
        return NO_WORKERS
    meant = [one for one in offers if one.is_one_of(demand.workers)] if demand.workers else offers
    named = " or ".join(repr(name) for name in demand.workers)
    if not meant:
        return f"no worker is named {named}; there are {_names_of(offers)}"
    able = [one for one in meant if one.has(demand.resources)]
    if able:
        take = "takes" if len(able) == 1 else "take"
        return f"{_many(len(able))} could run it, but {take} no tasks now: {_names_of(able)}"
    wanted = f"resources {_amounts(dict(demand.resources))}"
    if demand.workers:
        return f"no worker named {named} has {wanted}; {_resources_of(meant)}"
    return f"no worker has {wanted}; {_resources_of(meant)}"


NO_WORKERS = "the cluster has no workers"


def _names_of(offers: Sequence[Offer]) -> str:
    shown = ", ".join(f"{one.name!r} at {one.address}" for one in offers[:_MOST_NAMES])
    more = len(offers) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _resources_of(offers: Sequence[Offer]) -> str:
    """Return what workers have, those that have the same counted together."""
    kinds = Counter(_amounts(one.resources) or "none" for one in offers)
    if len(kinds) == 1:
        (only,) = kinds
        return f"the {_many(len(offers))} {_have(len(offers))} {only}"
    return "; ".join(
        f"{_many(count)} {_have(count)} {kind}" for kind, count in sorted(kinds.items())
    )


def _amounts(resources: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={amount:g}" for name, amount in sorted(resources.items()))


def _many(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
