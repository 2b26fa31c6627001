"""The words of a DaskExecutor: which go together, and what is said of those that do not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from daskflow import DaskExecutor, DefinitionError

CLUSTER = SimpleNamespace(scheduler_address="tcp://127.0.0.1:1")
ASYNCHRONOUS = SimpleNamespace(scheduler_address="tcp://127.0.0.1:1", asynchronous=True)
LOCAL = "distributed.LocalCluster"


class Anywhere:
    """Makes a cluster, as far as this executor cares."""


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"address": "tcp://a:1", "client_kwargs": {"name": "me"}},
        {"cluster": CLUSTER, "adapt_kwargs": {"maximum": 3}, "client_kwargs": {}},
        {"cluster_class": LOCAL, "cluster_kwargs": {"n_workers": 0}, "adapt_kwargs": {}},
        {"cluster_class": Anywhere},
        {"workers": 2, "client_kwargs": {"timeout": 3}},
        {"threads_per_worker": 2, "performance_report_path": "report.html"},
        {"performance_report_path": "report.html"},
    ],
)
def test_words_that_go_together(words):
    """They can be read again under the same names."""
    executor = DaskExecutor(**words)
    assert {word: getattr(executor, word) for word in words} == words


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"address": "tcp://a:1", "cluster": CLUSTER}, "give one of address= and cluster="),
        ({"cluster": CLUSTER, "cluster_class": LOCAL}, "give one of cluster= and cluster_class="),
        ({"address": "tcp://a:1", "workers": 1}, "the cluster at tcp://a:1 has its own size"),
        ({"cluster": CLUSTER, "threads_per_worker": 1}, "the given cluster has its own size"),
        ({"cluster_class": LOCAL, "workers": 2}, "the size of a cluster_class stands in cluster_k"),
        ({"cluster_kwargs": {}}, "cluster_kwargs= goes with cluster_class="),
        ({"cluster": CLUSTER, "cluster_kwargs": {}}, "cluster_kwargs= goes with cluster_class="),
        ({"adapt_kwargs": {}}, "adapt_kwargs= goes with cluster= or cluster_class="),
        ({"address": "tcp://a:1", "adapt_kwargs": {}}, "adapt_kwargs= goes with cluster= or clu"),
        ({"client_kwargs": {}}, "client_kwargs= goes with address= or cluster= or cluster_class="),
        ({"workers": 0}, "workers=0: at least one of each, or None"),
        ({"threads_per_worker": 1.5}, "threads_per_worker=1.5: at least one of each, or None"),
        ({"address": CLUSTER}, "address=.* is no text; a cluster is given as cluster="),
        ({"cluster": "tcp://a:1"}, "cluster='tcp://a:1' is no Dask cluster"),
        ({"cluster": ASYNCHRONOUS}, "cluster= is asynchronous; give one that is not"),
        ({"cluster_class": 7}, "cluster_class=7 is neither a class nor a dotted name"),
        ({"cluster_class": LOCAL, "cluster_kwargs": [1]}, r"cluster_kwargs=\[1\] must be a dict"),
        (
            {"cluster_class": LOCAL, "cluster_kwargs": {"asynchronous": True}},
            "cluster_kwargs cannot have asynchronous=",
        ),
        (
            {"address": "tcp://a:1", "client_kwargs": {"loop": 1, "address": 2}},
            "client_kwargs cannot have address= and loop=",
        ),
    ],
)
def test_words_that_do_not(words, told):
    """They are refused where they are written, and the message names them."""
    with pytest.raises(DefinitionError, match=told):
        DaskExecutor(**words)


def test_an_executor_shows_its_words():
    """But not what may be secret."""
    executor = DaskExecutor(
        cluster_class=Anywhere,
        cluster_kwargs={"token": "s3cret"},
        adapt_kwargs={"maximum": 2},
        client_kwargs={"security": "s3cret"},
    )
    assert repr(executor) == (
        "DaskExecutor(cluster_class=Anywhere, cluster_kwargs={...}, "
        "adapt_kwargs={'maximum': 2}, client_kwargs={...})"
    )
