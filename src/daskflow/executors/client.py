"""The Dask client of a connection that belongs to daskflow."""

from __future__ import annotations

from distributed import Client


class OwnClient(Client):
    """Closes when its scheduler is gone, where Dask's own tries to come back, and logs why not.

    A scheduler forgets what a client held as soon as the connection is lost, and the runs on it
    have ended by then, so there is nothing to come back to. A later run connects anew.
    """

    async def _reconnect(self) -> None:
        await self._close()
