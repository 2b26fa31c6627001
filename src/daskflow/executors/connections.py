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
    from daskflow.executors.client import OwnClient

    with _lock:
        client = _clients.get(address)
        if client is not None and client.status == "running":
            return client
        try:
            client = OwnClient(address, timeout=timeout, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            msg = (
                f"no Dask scheduler answers at {address!r} within {timeout:g} s ({error}); "
                "is it running, and is the address right (tcp://host:port)?"
            )
            raise ExecutorError(msg) from error
        _clients[address] = client
        return client


def disconnect(address: str | None = None) -> None:
    """Close the client that this room opened to a scheduler; None: all of them."""
    with _lock:
        addresses = list(_clients) if address is None else [address]
        clients = [_clients.pop(one, None) for one in addresses]
    for client in clients:
        if client is not None:
            client.close()


atexit.register(disconnect)
