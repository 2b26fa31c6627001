"""Caching with a store in a file: what one process has made, another finds."""

import numpy as np
import pytest

from daskflow import Settings
from daskflow.stores.choice import choose_store, close_stores
from tests.contract.processes import script

SCRIPT = """
import numpy as np
from daskflow import LocalExecutor, flow, task, unmapped

@task(cache=True)
def load(day: int, rows: int) -> np.ndarray:
    print("loading", day)
    return np.full(rows, day)

@task(cache_expiration={lasts})
def count(xs: np.ndarray) -> int:
    print("counting")
    return int(len(xs) * {factor})

@flow(executor=LocalExecutor())
def counts(days: list[int]):
    return count.map(load.map(days, rows=unmapped({rows})))

if __name__ == "__main__":
    run = counts.run({days})
    print(run.result(), [type(one.state).__name__ for one in run.task_runs])
"""


def play(folder, *, days=(1, 2), rows=3, factor=1, lasts=3600, **variables):
    text = SCRIPT.format(days=list(days), rows=rows, factor=factor, lasts=lasts)
    variables = {"DASKFLOW_HOME": str(folder), **variables}
    return script(folder, text, **variables)[0].splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("rows", [3, 100_000])
def test_another_process_finds_what_was_made(tmp_path, rows):
    """Small values and large ones; what is new is made, and found by the third."""
    made = ["loading 1", "counting", "loading 2", "counting"]
    told = f"[{rows}, {rows}]"
    assert play(tmp_path, rows=rows) == [*made, f"{told} {['Success'] * 4}"]
    assert play(tmp_path, rows=rows) == [f"{told} {['Cached'] * 4}"]
    kinds = ["Cached", "Success", "Cached", "Success"]
    more = play(tmp_path, rows=rows, days=(2, 3))
    assert more == ["loading 3", "counting", f"{told} {kinds}"]


@pytest.mark.slow
def test_a_miss_is_explained_across_processes(tmp_path, monkeypatch):
    """Other code or another argument: the digests that are in the store tell which it was."""
    play(tmp_path, days=(1,))
    play(tmp_path, days=(1,), factor=2)
    play(tmp_path, days=(1,), factor=2, rows=4)
    monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'runs.db'}")
    try:
        store = choose_store(None, Settings())
        third, second, _ = store.runs()
        assert explained(store, second, "count") == ("source",)
        assert explained(store, third, "load") == ("argument 'rows'",)
        assert explained(store, third, "count") == ("argument 'xs'",)
    finally:
        close_stores()


def explained(store, row, node):
    """Return what had changed when the first task run of a node found nothing."""
    told = [one.entry for one in store.entries(row.id)]
    [segment] = [e.segment for e in told if getattr(e, "segment", None) and e.segment.node == node]
    miss = store.cache.explain(node, segment.notes[0].digests, segment.started[0])
    assert miss.made_by.partition("/")[2] == f"{node}[0]"
    return miss.changed


@pytest.mark.slow
def test_an_expired_result_is_made_again(tmp_path):
    """Its time is over in whichever process somebody asks."""
    assert play(tmp_path, days=(1,), lasts=1e-6)[:2] == ["loading 1", "counting"]
    assert play(tmp_path, days=(1,), lasts=1e-6)[0] == "counting"


def test_values_are_what_they_were(executor, block_size, tmp_path, monkeypatch, ledger):
    """On each executor: a large array from the cache of a store that was opened again."""
    from daskflow import flow

    monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'runs.db'}")
    make = ledger.task(lambda n: np.arange(n, dtype="float64"), name="make", cache=True)
    f = flow(lambda: make(50_000), name="f", executor=executor, block_size=block_size)
    try:
        f.run()
        close_stores()
        run = f.run()
        assert str(run["make"].state).startswith("Cached")
        assert np.array_equal(run.result(), np.arange(50_000, dtype="float64"))
        assert ledger.starts() == {"make": 1}
    finally:
        close_stores()
