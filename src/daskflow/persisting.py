"""Which results of a run are durable, and where they are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from daskflow.results.storage import ResultStorage
from daskflow.runtime.spec import RunSpec
from daskflow.settings import Settings
from daskflow.stores.history import RunStore

if TYPE_CHECKING:
    from daskflow.flows import Flow


def with_storage(
    spec: RunSpec, flow: Flow[..., Any], settings: Settings, store: RunStore
) -> RunSpec:
    """Return a run's spec that says which results are durable, and where they are.

    Raises
    ------
    StoreError
        There is no way to where they are meant to be.
    """
    url = settings.results.url or str(settings.home.expanduser() / "results")
    key = store.run_key(spec.run_id)
    storage = ResultStorage(url, spec.run_id, key, is_shared=settings.results.shared)
    default = settings.results.persist if flow.persists is None else flow.persists
    persisted = frozenset(
        name
        for name, node in spec.graph.nodes.items()
        if (default if node.task.rules.persists is None else node.task.rules.persists)
    )
    if persisted:
        storage.place.modules()  # raises where fsspec lacks what it needs
    return replace(spec, storage=storage, persisted=persisted)
