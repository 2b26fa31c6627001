"""Which results of a run are durable, and where they are kept."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from daskflow.events import StoredResult
from daskflow.pickling import dumps
from daskflow.results.storage import ResultStorage
from daskflow.runtime.spec import RunSpec
from daskflow.settings import Settings
from daskflow.stores.history import RunStore

if TYPE_CHECKING:
    from daskflow.definition.flows import Flow


_MOST = 32 * 1024 * 1024  # bytes of parameters in the row of a run; more are a result of their own


def place_of_results(settings: Settings) -> str:
    """Return the URL, or the path, where durable results are kept."""
    return settings.results.url or str(settings.home.expanduser() / "results")


def storage_of(settings: Settings, store: RunStore, run_id: str) -> ResultStorage:
    """Return where the durable results of a run are kept."""
    url = place_of_results(settings)
    return ResultStorage(url, run_id, store.run_key(run_id), is_shared=settings.results.shared)


def pack_parameters(
    parameters: Mapping[str, Any], storage: ResultStorage | None, most: int = _MOST
) -> bytes:
    """Return the parameters of a run as its row has them; large ones lie in result storage.

    Raises
    ------
    StoreBusyError
        They are large, and cannot be written now.
    """
    packed = dumps(dict(parameters))
    if len(packed) <= most or storage is None:
        return packed
    return dumps(storage.write(dict(parameters), "", 0, attempt=0))


def unpack_parameters(packed: bytes, storage: ResultStorage) -> dict[str, Any]:
    """Return the parameters that `pack_parameters` packed; their signature was checked."""
    found = pickle.loads(packed)
    parameters: dict[str, Any] = storage.read(found) if type(found) is StoredResult else found
    return parameters


def with_storage(
    spec: RunSpec, flow: Flow[..., Any], settings: Settings, store: RunStore
) -> RunSpec:
    """Return a run's spec that says where it is kept, and which results are durable, and where.

    Raises
    ------
    StoreError
        There is no way to where they are meant to be.
    """
    storage = storage_of(settings, store, spec.run_id)
    default = settings.results.persist if flow.persists is None else flow.persists
    durable = {
        id(task)
        for task in spec.graph.tasks()
        if (default if task.rules.persists is None else task.rules.persists)
    }
    nodes = spec.graph.nodes.items() if durable else ()
    persisted = frozenset(name for name, node in nodes if id(node.task) in durable)
    if persisted:
        storage.place.modules()  # raises where fsspec lacks what it needs
    host = socket.gethostname()
    return replace(spec, storage=storage, persisted=persisted, store=store.url, host=host)
