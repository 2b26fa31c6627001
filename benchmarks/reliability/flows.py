"""The flows that the harnesses drive; each body writes into a ledger that it starts."""

from __future__ import annotations

import time
from typing import Any

from daskflow import DaskExecutor, Flow, LocalExecutor, context, flow
from tests.semantics.ledger import Ledger

_CHAIN = 5
_SECONDS = 0.001  # that a body takes


def numbers(ledger: Ledger, width: int, address: str = "") -> Flow[..., Any]:
    """Return a flow of 2 * width + 6 task runs with small results, some of which are retried."""

    def double(x: int) -> int:
        time.sleep(_SECONDS)
        return 2 * x

    def shaky(x: int) -> int:
        if x % 14 == 0 and context.attempt == 1:
            raise ConnectionError
        time.sleep(_SECONDS)
        return x + 1

    def total(xs: list[int]) -> int:
        return sum(xs)

    def step(x: int) -> int:
        time.sleep(_SECONDS)
        return x + 1

    doubles, steps, sums = (ledger.task(made) for made in (double, step, total))
    tries = ledger.task(shaky, retries=1, retry_delay_seconds=0)

    def case() -> Any:
        found = sums(tries.map(doubles.map(range(width))))
        for _ in range(_CHAIN):
            found = steps(found)
        return found

    return flow(case, executor=_executor(address))


def result_of_numbers(width: int) -> int:
    """Return what `numbers` has to return."""
    return sum(2 * x + 1 for x in range(width)) + _CHAIN


def frames(
    ledger: Ledger, width: int, address: str = "", *, persist: bool = True
) -> Flow[..., Any]:
    """Return a flow of 2 * width task runs, half of which give frames of 1 MB."""

    def make(x: int) -> Any:
        import numpy as np
        import pandas as pd

        return pd.DataFrame({"x": np.full(131_072, float(x))})

    def longer(frame: Any) -> Any:
        return frame.assign(x=frame["x"] + 1.0)

    def total(found: list[Any]) -> float:
        return float(sum(frame["x"].iloc[0] for frame in found))

    makes, longers, totals = (ledger.task(made) for made in (make, longer, total))

    def case() -> Any:
        return totals(longers.map(makes.map(range(width))))

    return flow(case, executor=_executor(address), persist_result=persist)


def result_of_frames(width: int) -> float:
    """Return what `frames` has to return."""
    return float(sum(x + 1 for x in range(width)))


def _executor(address: str) -> Any:
    return DaskExecutor(address=address) if address else LocalExecutor(threads=2)
