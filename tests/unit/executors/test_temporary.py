"""The temporary cluster has one size, and one in each process."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from daskflow import DaskExecutor
from daskflow.errors import DefinitionError, ExecutorError
from daskflow.executors import temporary


@dataclass
class Alive:
    """Stands for the process that holds a cluster."""

    def poll(self):
        return None


@pytest.fixture(autouse=True)
def host(monkeypatch):
    """A cluster of two workers with three threads each."""
    there = temporary._Host(Alive(), (2, 3), "tcp://127.0.0.1:1")
    monkeypatch.setattr(temporary, "_host", there)


@pytest.mark.parametrize("size", [(None, None), (2, None), (None, 3), (2, 3)])
def test_a_cluster_that_fits_is_used_again(size):
    """Who asks for the size it has, or for none, gets it."""
    assert temporary.temporary_address(*size) == "tcp://127.0.0.1:1"


@pytest.mark.parametrize("size", [(1, None), (None, 1), (3, 2)])
def test_a_cluster_of_another_size_is_refused(size):
    """There is one in a process; the message says how big it is and how it is closed."""
    told = r"cluster of 2 workers with 3 threads already: daskflow\.shutdown\(\) closes it"
    with pytest.raises(ExecutorError, match=told):
        temporary.temporary_address(*size)


@pytest.mark.parametrize("size", [{"workers": 0}, {"threads_per_worker": -1}])
def test_a_cluster_of_nothing_is_refused(size):
    """At least one worker with one thread."""
    with pytest.raises(DefinitionError, match="at least one of each"):
        DaskExecutor(**size)
