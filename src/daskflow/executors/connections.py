"""The Dask clients that this process has opened, one for each address, closed at exit."""

from __future__ import annotations

import atexit
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from daskflow.errors import ExecutorError

if TYPE_CHECKING:
    from distributed import Client

_SCHEMES = ("", "tcp", "tls", "ucx", "ucxx", "ws", "wss")
_GRACE_SECONDS = 2.0  # beyond the timeout that the client itself keeps

_clients: dict[str, Client] = {}
_lock = threading.Lock()


def connect(address: str, timeout: float) -> Client:
    """Return this process's client of a scheduler, connecting on first use.

    Parameters
    ----------
    timeout
        Seconds it may take.

    Raises
    ------
    ExecutorError
        Nothing answers there.
    """
    with _lock:
        client = _clients.get(address)
        if client is not None and client.status == "running":
            return client
        _check_address(address)
        client = _clients[address] = _open(address, timeout)
        return client


def _check_address(address: str) -> None:
    """Refuse what is no address at once: Dask finds out slowly, and then noisily."""
    scheme, _, rest = address.rpartition("://")
    if scheme == "inproc":
        return
    if scheme not in _SCHEMES or not rest.rpartition(":")[2].partition("/")[0].isdigit():
        msg = f"{address!r} is not the address of a Dask scheduler; one looks like tcp://host:8786"
        raise ExecutorError(msg)


def _open(address: str, timeout: float) -> Client:
    """Connect in a thread: what answers but is no scheduler would be waited for without end."""
    from daskflow.executors.client import OwnClient

    answers: SimpleQueue[Client | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            client: Any = OwnClient
            answers.put(client(address, timeout=timeout, set_as_default=False))
        except (OSError, ValueError, TimeoutError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="daskflow-connect", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout + _GRACE_SECONDS)
    except Empty:
        answer = TimeoutError("something is there, but it does not speak as a scheduler does")
    if isinstance(answer, Exception):
        msg = (
            f"no Dask scheduler answers at {address!r} within {timeout:g} s ({answer}); "
            "is it running, and is the address right (tcp://host:port)?"
        )
        raise ExecutorError(msg) from answer
    return answer


def disconnect(address: str | None = None) -> None:
    """Close the client that this room opened to a scheduler; None: all of them."""
    with _lock:
        addresses = list(_clients) if address is None else [address]
        clients = [_clients.pop(one, None) for one in addresses]
    for client in clients:
        if client is not None:
            client.close()


atexit.register(disconnect)
