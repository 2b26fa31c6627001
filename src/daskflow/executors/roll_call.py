"""Asks each worker of a cluster the same, and waits for none longer than for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client


async def ask_each(
    client: Client,
    workers: Collection[str],
    seconds: float,
    function: Callable[..., Any],
    *given: Any,
) -> dict[str, Any]:
    """Return what a function returns on each of some workers, or the exception in its place.

    Each is asked on its own: Dask answers for several when the last of them has.

    Parameters
    ----------
    workers
        Their addresses.
    seconds
        In which each has to answer; for one that does not there is a `TimeoutError`.
    """

    async def ask(worker: str) -> Any:
        words: dict[str, Any] = {"workers": [worker], "on_error": "return"}
        asked: Any = client.run(function, *given, asynchronous=True, **words)
        try:
            return (await asyncio.wait_for(asked, seconds))[worker]
        except TimeoutError:
            return TimeoutError(f"no answer within {seconds:g} s")
        except Exception as error:  # noqa: BLE001 - what cannot be asked is an answer, too
            return error

    return dict(zip(workers, await asyncio.gather(*map(ask, workers)), strict=True))
