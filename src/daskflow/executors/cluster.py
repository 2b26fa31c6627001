"""Which Dask cluster a flow runs on: given, made of a class, or this process's temporary one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from daskflow.errors import DefinitionError
from daskflow.executors import owned
from daskflow.executors.base import PackedSpec
from daskflow.executors.connections import connect
from daskflow.executors.handshake import Needs
from daskflow.executors.hub import Hub
from daskflow.executors.performance import PerformanceReport
from daskflow.executors.session import DaskSession
from daskflow.executors.temporary import temporary_address
from daskflow.settings import current_settings

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

_PLACES = ("address", "cluster", "cluster_class")  # one of them at most
_SIZE = ("workers", "threads_per_worker")
_GOES_WITH = {  # a word that means something only beside one of others
    "cluster_kwargs": ("cluster_class",),
    "adapt_kwargs": ("cluster", "cluster_class"),
    "client_kwargs": (*_PLACES, *_SIZE),
}
_KWARGS = ("cluster_kwargs", "adapt_kwargs", "client_kwargs")
_OURS = {"address", "asynchronous", "loop"}  # words of Dask's that are not the user's here
_PATIENCE = 2.0  # seconds in which a worker may come who can run a block, before it is complained
_ADAPTIVE_PATIENCE = 10.0  # the same where the cluster starts workers when they are needed


class DaskExecutor:
    """Run on a Dask cluster.

    Without a word: on that of the active `distributed.Client` if there is one, else on a local
    cluster that belongs to this process, is started on first use and shared by later runs.

    Parameters
    ----------
    address
        Of a scheduler: ``tcp://host:port``.
    cluster
        A Dask cluster that you have made. It is never closed here.
    cluster_class
        What makes a cluster, itself or its dotted name: ``"distributed.LocalCluster"``,
        ``"dask_jobqueue.SLURMCluster"``. That cluster belongs to this executor: its first run
        starts it, later runs share it, `daskflow.shutdown` and the end of the process close it.
    cluster_kwargs
        What the class is called with. A local cluster listens on 127.0.0.1 where nothing else is
        said.
    adapt_kwargs
        Let the cluster grow and shrink by itself, as ``{"minimum": 0, "maximum": 10}``: the words
        of Dask's ``cluster.adapt``.
    client_kwargs
        Words for the `distributed.Client` that is opened, as ``security``, ``timeout``, ``name``.
    workers, threads_per_worker
        Size of the local cluster, which is then used whether or not there is a Client.
    performance_report_path
        Where Dask's performance report of each run is written when it has ended, failed or not;
        ``{run_id}`` in it becomes the run's id, without it a run replaces the report of the last.

    Raises
    ------
    DefinitionError
        Words that contradict each other, or that mean nothing alone.

    Examples
    --------
    >>> from daskflow import DaskExecutor
    >>> DaskExecutor(address="tcp://127.0.0.1:8786")
    DaskExecutor(address='tcp://127.0.0.1:8786')
    >>> DaskExecutor(cluster_class="distributed.LocalCluster", adapt_kwargs={"maximum": 4})
    DaskExecutor(cluster_class='distributed.LocalCluster', adapt_kwargs={'maximum': 4})
    """

    def __init__(  # noqa: PLR0913 - each is a word of the user's
        self,
        address: str | None = None,
        *,
        cluster: Any = None,
        cluster_class: str | Callable[..., Any] | None = None,
        cluster_kwargs: Mapping[str, Any] | None = None,
        adapt_kwargs: Mapping[str, Any] | None = None,
        client_kwargs: Mapping[str, Any] | None = None,
        workers: int | None = None,
        threads_per_worker: int | None = None,
        performance_report_path: str | Path | None = None,
    ) -> None:
        self.address = address
        self.cluster = cluster
        self.cluster_class = cluster_class
        self.cluster_kwargs = cluster_kwargs
        self.adapt_kwargs = adapt_kwargs
        self.client_kwargs = client_kwargs
        self.workers = workers
        self.threads_per_worker = threads_per_worker
        self.performance_report_path = performance_report_path
        _check(self._given())

    def open(self, run_id: str, spec: Any, pack: Callable[[Any], PackedSpec]) -> DaskSession:
        """Connect, see to the tracker, give it the run's spec, and see that the workers fit."""
        hub = Hub.of(self._client())
        packed = pack(spec)
        patience = _PATIENCE if self.adapt_kwargs is None else _ADAPTIVE_PATIENCE
        session = DaskSession(hub, run_id, packed, patience)
        try:
            needs = Needs.of(packed.needed, packed.named, packed.folder)
            hub.shake_hands(needs, current_settings().engine.connect_timeout)
            session.report = self._report(hub, run_id)
        except BaseException:
            session.close()
            raise
        return session

    def _report(self, hub: Hub, run_id: str) -> PerformanceReport | None:
        if self.performance_report_path is None:
            return None
        path = str(self.performance_report_path).replace("{run_id}", run_id)
        return PerformanceReport(hub.client, path, run_id)

    def _client(self) -> Client:
        """Return the client of the cluster that was meant, starting what has to be started."""
        if self.address is not None:
            return self._connect(self.address)
        if self.cluster is not None:
            owned.adapt_given(self, self.cluster, self.adapt_kwargs)
            return self._connect(self.cluster)
        if self.cluster_class is not None:
            options = self.cluster_kwargs or {}
            made = owned.cluster_of(self, self.cluster_class, options, self.adapt_kwargs)
            return self._connect(made)
        if self.workers is None and self.threads_per_worker is None:
            from distributed import default_client

            with suppress(ValueError):  # there is none
                client: Client = default_client()
                return client
        return self._connect(temporary_address(self.workers, self.threads_per_worker))

    def _connect(self, where: Any) -> Client:
        return connect(where, current_settings().engine.connect_timeout, self.client_kwargs)

    def _given(self) -> dict[str, Any]:
        return {word: value for word, value in vars(self).items() if value is not None}

    def __repr__(self) -> str:
        given = self._given()
        words = [f"{word}={_shown(word, value)}" for word, value in given.items()]
        return f"DaskExecutor({', '.join(words)})"


class NestedExecutor(DaskExecutor):
    """The cluster on which a task runs that calls a flow; its blocks go before those of the task.

    Else all parents would be begun, each in a thread of its own, before the first child.
    """

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._of_task = client

    def open(self, run_id: str, spec: Any, pack: Callable[[Any], PackedSpec]) -> DaskSession:
        """Begin a run that is urgent."""
        session = super().open(run_id, spec, pack)
        session.is_nested = True
        return session

    def _client(self) -> Client:
        return self._of_task

    def _given(self) -> dict[str, Any]:
        return {}


def _shown(word: str, value: Any) -> str:
    if word in {"cluster_kwargs", "client_kwargs"}:  # a password may be among them
        return "{...}"
    return value.__name__ if isinstance(value, type) else repr(value)


def _check(given: Mapping[str, Any]) -> None:
    """Refuse words that contradict each other, or that mean nothing alone."""
    places = [word for word in _PLACES if word in given]
    if len(places) > 1:
        raise DefinitionError(f"DaskExecutor: give one of {_and(places)}, not all of them")
    if places and any(word in given for word in _SIZE):
        raise DefinitionError(_why_no_size(places[0], given[places[0]]))
    for word, others in _GOES_WITH.items():
        if word in given and not any(other in given for other in others):
            raise DefinitionError(f"DaskExecutor: {word}= goes with {_and(others, 'or')}")
    for word in _SIZE:
        number = given.get(word, 1)
        if not isinstance(number, int) or number < 1:
            raise DefinitionError(f"DaskExecutor: {word}={number!r}: at least one of each, or None")
    _check_place(given)
    for word in _KWARGS:
        _check_words(word, given.get(word, {}))


def _why_no_size(place: str, value: Any) -> str:
    if place == "cluster_class":
        return "the size of a cluster_class stands in cluster_kwargs: give no workers="
    where = f"the cluster at {value}" if place == "address" else "the given cluster"
    return f"{where} has its own size: give no workers, no threads_per_worker"


def _check_place(given: Mapping[str, Any]) -> None:
    address, cluster, kind = (given.get(word) for word in _PLACES)
    if address is not None and not isinstance(address, str):
        raise DefinitionError(
            f"DaskExecutor: address={address!r} is no text; a cluster is given as cluster="
        )
    if cluster is not None and not isinstance(getattr(cluster, "scheduler_address", None), str):
        msg = f"DaskExecutor: cluster={cluster!r} is no Dask cluster; it has no scheduler_address"
        raise DefinitionError(msg)
    if getattr(cluster, "asynchronous", False):
        raise DefinitionError("DaskExecutor: cluster= is asynchronous; give one that is not")
    if kind is not None and not isinstance(kind, str) and not callable(kind):
        msg = f"DaskExecutor: cluster_class={kind!r} is neither a class nor a dotted name"
        raise DefinitionError(msg)


def _check_words(word: str, options: Any) -> None:
    if not isinstance(options, Mapping):
        raise DefinitionError(f"DaskExecutor: {word}={options!r} must be a dict of words")
    if taken := _OURS.intersection(options):
        msg = (
            f"DaskExecutor: {word} cannot have {_and(sorted(taken))}; daskflow itself sees to that"
        )
        raise DefinitionError(msg)


def _and(words: Iterable[str], joint: str = "and") -> str:
    return f" {joint} ".join(f"{word}=" for word in words)
