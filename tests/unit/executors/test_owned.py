"""Clusters made of a class: started once for each executor, closed with the process."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from distributed import LocalCluster
from distributed.deploy.subprocess import SubprocessCluster

from daskflow import ExecutorError, shutdown
from daskflow.executors import owned, temporary


class Owner:
    """Stands for an executor."""


class Cluster:
    """A cluster without machines: writes down what is done to it."""

    scheduler_address = "tcp://127.0.0.1:1"

    def __init__(self, name="one", *, has_machines=True):
        if not has_machines:
            raise OSError("no machine is free") from KeyError("machines")
        self.name = name
        self.status = SimpleNamespace(name="running")
        self.calls = []

    def adapt(self, minimum, maximum):
        self.calls.append((minimum, maximum))
        if minimum > maximum:
            raise ValueError("more than there may be")

    def close(self):
        self.calls.append("closed")
        self.status.name = "closed"


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    """Leave alone what other tests have started."""
    monkeypatch.setattr(owned, "_clusters", {})
    monkeypatch.setattr(temporary, "_host", None)


def test_each_owner_has_one_cluster():
    """Shared by its runs, made of its own words, and adapted once."""
    one, other = Owner(), Owner()
    made = owned.cluster_of(one, Cluster, {"name": "mine"}, {"minimum": 0, "maximum": 3})
    assert owned.cluster_of(one, Cluster, {"name": "mine"}) is made
    assert owned.cluster_of(other, Cluster, {}) is not made
    assert (made.name, made.calls) == ("mine", [(0, 3)])


def test_runs_that_begin_at_a_time_share_it():
    """Only one of them starts it."""
    owner, found = Owner(), []
    threads = [
        threading.Thread(target=lambda: found.append(owned.cluster_of(owner, Cluster, {})))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_shutdown_closes_what_was_made_and_a_later_run_makes_another():
    """Twice is no error; one that its user's code has closed is made again as well."""
    owner = Owner()
    first = owned.cluster_of(owner, Cluster, {})
    shutdown()
    shutdown()
    assert first.calls == ["closed"]
    second = owned.cluster_of(owner, Cluster, {})
    assert second is not first
    second.close()
    assert owned.cluster_of(owner, Cluster, {}) is not second


def test_a_cluster_that_does_not_close_keeps_no_other_from_closing():
    """Whatever it raises."""

    class Stubborn(Cluster):
        def close(self):
            raise TimeoutError("not now")

    owned.cluster_of(Owner(), Stubborn, {})
    other = owned.cluster_of(Owner(), Cluster, {})
    owned.close_clusters()
    assert other.calls == ["closed"]


def test_at_an_interrupt_clusters_elsewhere_are_closed():
    """But not waited for without end; those within this process end with it."""
    near = owned.cluster_of(Owner(), "distributed.LocalCluster", {"n_workers": 0})
    far = owned.cluster_of(Owner(), Cluster, {})
    owned.abandon_clusters()
    owned.abandon_clusters()
    assert far.calls == ["closed"]
    assert near.status.name == "running"
    near.close()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere.Cluster", "No module named 'nowhere'"),
        ("distributed.Nothing", "module 'distributed' has no attribute 'Nothing'"),
        ("LocalCluster", "Empty module name"),
        ("", "Empty module name"),
    ],
)
def test_a_name_that_leads_nowhere(name, why):
    """The message tells why, and what a name looks like."""
    with pytest.raises(ExecutorError, match=why) as caught:
        owned.cluster_of(Owner(), name, {})
    assert f"cluster_class={name!r} cannot be imported" in str(caught.value)
    assert "as distributed.LocalCluster" in str(caught.value)


def test_a_cluster_that_does_not_start():
    """The message names the class and what was at the bottom of it; nothing is kept."""
    owner = Owner()
    with pytest.raises(ExecutorError, match="did not start: Cluster: KeyError: 'machines'"):
        owned.cluster_of(owner, Cluster, {"has_machines": False})
    assert owned.cluster_of(owner, Cluster, {}).status.name == "running"


def test_a_cluster_that_does_not_adapt_is_closed_again():
    """It was started for nothing."""
    made = []

    def make():
        made.append(Cluster())
        return made[-1]

    with pytest.raises(ExecutorError, match="did not start: make: ValueError: more than"):
        owned.cluster_of(Owner(), make, {}, {"minimum": 3, "maximum": 1})
    assert made[0].calls == [(3, 1), "closed"]


def test_a_script_without_a_guard_is_told_so():
    """Dask says no more than that a worker did not start."""

    def make():
        raise RuntimeError("Nanny failed to start worker process")

    with pytest.raises(ExecutorError, match='needs `if __name__ == "__main__":` around its run'):
        owned.cluster_of(Owner(), make, {})


def test_a_given_cluster_adapts_once_for_each_who_wants_it():
    """Without the word it is left alone; with words that it cannot do it is told."""
    cluster, owner = Cluster(), Owner()
    owned.adapt_given(Owner(), cluster, None)
    assert cluster.calls == []
    owned.adapt_given(owner, cluster, {"minimum": 0, "maximum": 2})
    owned.adapt_given(owner, cluster, {"minimum": 0, "maximum": 2})
    assert cluster.calls == [(0, 2)]
    with pytest.raises(ExecutorError, match="does not adapt: ValueError: more than there may be"):
        owned.adapt_given(Owner(), cluster, {"minimum": 3, "maximum": 1})


def test_a_given_cluster_that_is_closed_is_refused():
    """It cannot be started again by anybody but its maker."""
    cluster = Cluster()
    cluster.close()
    with pytest.raises(ExecutorError, match="the given cluster is closed"):
        owned.adapt_given(Owner(), cluster, None)


class Nearer(LocalCluster):
    """Takes the words of its base and no others by name."""

    def __init__(self, **words):
        super().__init__(**words)


class Own(LocalCluster):
    """Knows best where it listens."""

    def __init__(self, n_workers):
        super().__init__(n_workers=n_workers, dashboard_address="127.0.0.1:0")


HERE, PAGE = "127.0.0.1", "127.0.0.1:0"


@pytest.mark.parametrize(
    ("make", "options", "adapt", "said"),
    [
        (LocalCluster, {}, None, {"host": HERE, "dashboard_address": PAGE}),
        (Nearer, {}, None, {"host": HERE, "dashboard_address": PAGE}),
        (SubprocessCluster, {}, None, {"host": HERE, "dashboard_address": PAGE}),
        (LocalCluster, {"host": "0.0.0.0", "dashboard_address": None}, None, {}),
        (LocalCluster, {"interface": "eth0"}, None, {"dashboard_address": PAGE}),
        (
            LocalCluster,
            {"processes": False},
            None,
            {"dashboard_address": PAGE, "worker_dashboard_address": PAGE},
        ),
        (
            LocalCluster,
            {},
            {"minimum": 2, "maximum": 3},
            {"host": HERE, "dashboard_address": PAGE, "n_workers": 2},
        ),
        (LocalCluster, {"n_workers": 1, "host": HERE}, {}, {"dashboard_address": PAGE}),
        (Own, {}, {}, {"n_workers": 0}),
        (Cluster, {}, {"minimum": 0, "maximum": 1}, {}),
    ],
)
def test_what_is_said_for_the_user(make, options, adapt, said):
    """All of a cluster on this machine stays there, unless its user says where it is to listen."""
    assert owned._defaults_of(make, options, adapt) == said
