"""What the options say of durable results, and what workers have to reach for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daskflow import DefinitionError, flow, task
from daskflow.errors import StoreError
from daskflow.executors.handshake import Needs, Place, compare
from daskflow.persisting import pack_parameters, unpack_parameters, with_storage
from daskflow.results.storage import ResultStorage
from daskflow.runtime.spec import pack_spec
from daskflow.settings import ResultSettings, Settings
from daskflow.stores.memory_history import MemoryHistory
from tests.unit.runtime.book import Book


@task
def give(x):
    return x


@pytest.mark.parametrize("make", [task, flow])
def test_words_that_make_no_sense(make):
    """Only True, False and None are words for it, and nothing yet but "rerun" for what is lost."""
    with pytest.raises(DefinitionError, match="persist_result='yes' must be True, False, or None"):
        make(persist_result="yes")(lambda: 1)
    with pytest.raises(DefinitionError, match='on_lost="crash" comes with a later version'):
        make(on_lost="crash")(lambda: 1)
    with pytest.raises(DefinitionError, match="on_lost='retry' must be \"rerun\""):
        make(on_lost="retry")(lambda: 1)
    make(on_lost="rerun", persist_result=None)(lambda: 1)


def spec_with(url=None, **words):
    """Return the spec of a run whose results are kept at a URL."""
    book = Book(lambda: give(1))
    settings = Settings(results=ResultSettings(url=url, **words))
    made = flow(lambda: give(1), name="case", persist_result=True)
    return with_storage(book.spec, made, settings, MemoryHistory())


def test_the_home_is_where_results_are(tmp_path):
    """Without a word they are kept under daskflow's home, for this run and with its key."""
    store = MemoryHistory()
    spec = with_storage(
        Book(lambda: give(1)).spec, flow(lambda: give(1)), Settings(home=tmp_path), store
    )
    assert spec.storage == ResultStorage(str(tmp_path / "results"), "ab12", store.run_key("ab12"))
    assert spec.persisted == frozenset()


def test_a_place_that_nobody_knows_is_refused():
    """Where fsspec cannot go it is told before the run."""
    with pytest.raises(StoreError, match="results cannot be kept at nonsense://x"):
        spec_with("nonsense://x")


def test_what_workers_have_to_reach(tmp_path):
    """A private folder is named to the executor; so are modules, and nothing where none is kept."""
    packed = pack_spec(spec_with(str(tmp_path)))
    assert packed.folder == f"file://{tmp_path}"
    assert pack_spec(spec_with(str(tmp_path), shared=True)).folder == ""
    assert pack_spec(replace(spec_with(str(tmp_path)), persisted=frozenset())).folder == ""
    memory = pack_spec(spec_with("memory://r"))
    assert (memory.folder, "fsspec" in memory.needed) == ("memory://r", True)


def refusals(folder, host):
    here, there = Place("laptop", "3.11.7", "daskflow-1"), Place(host, "3.11.7", "daskflow-1")
    found = compare(here, {"tcp://10.0.0.7:4000": there}, Needs.of((), (), folder))
    assert all(misfit.difference.is_fatal for misfit in found)
    return [str(misfit) for misfit in found]


def test_a_folder_of_this_machine_is_out_of_reach_elsewhere():
    """A worker on another host is refused with the cure; one on this host only for memory."""
    [told] = refusals("file:///r", "node-7")
    assert told.startswith(
        "results are kept at file:///r of laptop, out of reach on tcp://10.0.0.7"
    )
    assert "DASKFLOW_RESULTS__URL" in told
    assert "DASKFLOW_RESULTS__SHARED=true" in told
    assert refusals("file:///r", "laptop") == refusals("", "node-7") == []
    assert len(refusals("memory://r", "laptop")) == 1


def test_large_parameters_lie_in_result_storage(tmp_path):
    """What is small is in the run's row; what is large is in a file, and comes back the same."""
    storage = ResultStorage(str(tmp_path), "ab12", b"key")
    given = {"xs": "x" * 5_000, "n": 1}
    packed = pack_parameters(given, storage)
    assert len(packed) > 5_000
    assert (unpack_parameters(packed, storage), [*tmp_path.rglob("*.*")]) == (given, [])
    packed = pack_parameters(given, storage, most=1_000)
    assert len(packed) < 1_000
    assert (unpack_parameters(packed, storage), len([*tmp_path.rglob("*.*")])) == (given, 1)
