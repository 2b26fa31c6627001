"""The Dask clients that this process has opened, one for each place and way, closed at exit."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from daskflow.errors import ExecutorError
from daskflow.executors.patience import within

if TYPE_CHECKING:
    from distributed import Client

_SCHEMES = ("", "tcp", "tls", "ucx", "ucxx", "ws", "wss")
_GRACE_SECONDS = 2.0  # beyond the timeout that the client itself keeps


@dataclass(frozen=True, eq=False)
class _Connection:
    where: Any  # a scheduler's address, or a cluster
    options: dict[str, Any]  # words for the client; one with other words is another client
    client: Client

    def leads(self, where: Any, options: Mapping[str, Any]) -> bool:
        return bool(self.where == where) and self.options == options


_connections: list[_Connection] = []
_lock = threading.Lock()
_opening = threading.Lock()  # held by who connects, which takes long where nothing answers
_given_up: WeakSet[Client] = WeakSet()  # closed on purpose, or with its cluster


def connect(where: Any, timeout: float, options: Mapping[str, Any] | None = None) -> Client:
    """Return this process's client of a scheduler, connecting on first use.

    Parameters
    ----------
    where
        The scheduler's address, or a Dask cluster.
    timeout
        Seconds it may take, where the options say nothing else.
    options
        Words for the client. Who gives others gets another client.

    Raises
    ------
    ExecutorError
        Nothing answers there, or the client does not know a word.
    """
    given = dict(options or {})
    with _opening:
        found = _found(where, given)
        if found is not None:
            return found
        if isinstance(where, str):
            _check_address(where)
        client = _open(where, {"timeout": timeout, "set_as_default": False, **given})
        with _lock:
            _connections.append(_Connection(where, given, client))
        return client


def _found(where: Any, options: Mapping[str, Any]) -> Client | None:
    """Return the client that is there already."""
    with _lock:
        _connections[:] = [one for one in _connections if one.client.status == "running"]
        return next((one.client for one in _connections if one.leads(where, options)), None)


def _check_address(address: str) -> None:
    """Refuse what is no address at once: Dask finds out slowly, and then noisily."""
    scheme, _, rest = address.rpartition("://")
    if scheme == "inproc":
        return
    if scheme not in _SCHEMES or not rest.rpartition(":")[2].partition("/")[0].isdigit():
        msg = f"{address!r} is not the address of a Dask scheduler; one looks like tcp://host:8786"
        raise ExecutorError(msg)


def _open(where: Any, options: dict[str, Any]) -> Client:
    """Connect in a thread: what answers but is no scheduler would be waited for without end."""
    from daskflow.executors.client import OwnClient

    place = repr(where if isinstance(where, str) else where.scheduler_address)
    seconds = _seconds(options["timeout"])
    client: Any = OwnClient
    deaf = "something is there, but it does not speak as a scheduler does"
    try:
        made: Client = within(seconds + _GRACE_SECONDS, lambda: client(where, **options), deaf)
    except OSError as error:  # a TimeoutError is one
        msg = (
            f"no Dask scheduler answers at {place} within {seconds:g} s ({error}); "
            "is it running, and is the address right (tcp://host:port)?"
        )
        raise ExecutorError(msg) from error
    except Exception as error:
        words = ", ".join(f"{word}=" for word in options if word != "set_as_default")
        msg = f"a client of {place} cannot be made with {words}: {error}"
        raise ExecutorError(msg) from error
    return made


def _seconds(timeout: Any) -> float:
    from dask.utils import parse_timedelta

    try:
        return float(parse_timedelta(timeout, "s"))
    except (TypeError, ValueError, KeyError) as error:
        msg = f"client_kwargs: timeout={timeout!r} is no time: say seconds, or '10s'"
        raise ExecutorError(msg) from error


def disconnect(where: Any = None) -> None:
    """Close the clients that this room opened to a scheduler; None: all of them."""
    for client in give_up(where):
        client.close()


def give_up(where: Any = None) -> list[Client]:
    """Note that the clients of a scheduler will be closed, or go down with it; return them."""
    with _lock:
        found = [one for one in _connections if where is None or one.where == where]
        _connections[:] = [one for one in _connections if one not in found]
        clients = [one.client for one in found]
        _given_up.update(clients)
    return clients


def is_given_up(client: Client) -> bool:
    """Return whether a client was closed here on purpose, or its cluster was."""
    with _lock:
        return client in _given_up


atexit.register(disconnect)
