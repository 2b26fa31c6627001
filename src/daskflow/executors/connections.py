"""This process's clients of Dask schedulers, one for each address, closed at exit."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING

from daskflow.errors import ExecutorError

if TYPE_CHECKING:
    from distributed import Client

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
    from distributed import Client

    with _lock:
        client = _clients.get(address)
        if client is not None and client.status == "running":
            return client
        try:
            client = Client(address, timeout=timeout, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            msg = (
                f"no Dask scheduler answers at {address!r} within {timeout:g} s ({error}); "
                "is it running, and is the address right (tcp://host:port)?"
            )
            raise ExecutorError(msg) from error
        _clients[address] = client
        return client


def disconnect() -> None:
    """Close the clients that this room opened."""
    with _lock:
        clients = list(_clients.values())
        _clients.clear()
    for client in clients:
        client.close()


atexit.register(disconnect)
