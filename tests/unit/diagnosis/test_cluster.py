"""What is said of a cluster, whatever was seen of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daskflow.diagnosis.cluster import (
    judge,
    judge_clocks,
    judge_memory,
    judge_network,
    judge_page,
    judge_results,
    judge_saturation,
    judge_versions,
    judge_workers,
)
from daskflow.executors.handshake import Difference, Place
from daskflow.executors.survey import Member, Skew, Survey

GIB = 1 << 30
VERSIONS = {
    "daskflow": "0.1.0",
    "dask": "2026.8.0",
    "distributed": "2026.8.0",
    "cloudpickle": "3.1.2",
    "pydantic": "2.12.0",
    "pandas": "2.3.0",
}
HERE = Place("laptop", "3.11.7", "daskflow-1", VERSIONS)
FIRST = Member(
    "tcp://127.0.0.1:4001", "one", "laptop", 2, 2 * GIB, HERE, 8 * GIB, Skew(0.001, 0.001)
)
SECOND = replace(FIRST, address="tcp://127.0.0.1:4002", name="two")
SEEN = Survey("tcp://127.0.0.1:8786", 5.0, HERE, 10.0, Skew(-0.02, 0.001), (FIRST, SECOND))


def told(findings):
    return [(one.level.value, one.found) for one in findings]


def with_place(**changes):
    return replace(HERE, **changes)


def test_a_cluster_that_is_well():
    """One finding for each thing that was looked at; nothing has a cure."""
    found = list(judge(SEEN, HERE))
    assert [one.what for one in found] == [
        "workers",
        "versions",
        "memory",
        "clocks",
        "saturation",
        "network",
    ]
    assert {(one.level.value, one.cure) for one in found} == {("ok", "")}
    assert found[0].found == "2, with 4 threads in all"
    assert found[1].found == (
        "the same everywhere: Python 3.11.7, daskflow 0.1.0, dask 2026.8.0, "
        "distributed 2026.8.0, cloudpickle 3.1.2"
    )
    assert found[2].found == "workers are limited, to 4.0 GiB in all"
    assert found[3].found == "3 were asked; none is further off than 0.02 s"


def test_a_cluster_without_workers():
    """The cure is the command that starts one; of what they have nothing is said."""
    found = list(judge(replace(SEEN, members=()), HERE))
    assert [one.what for one in found] == ["workers", "versions", "clocks", "saturation", "network"]
    assert found[0].cure == "start some: dask worker tcp://127.0.0.1:8786"


def test_a_worker_that_does_not_answer():
    """Is a problem by its address; what it has is no other one."""
    silent = replace(SECOND, place=Difference("unknown", "none"), is_silent=True, skew=None)
    seen = replace(SEEN, members=(FIRST, silent))
    _, found = judge_workers(seen)
    assert told([found]) == [
        ("problem", "tcp://127.0.0.1:4002 (host laptop) does not answer within 5 s")
    ]
    assert [one.level.value for one in judge_versions(seen, HERE)] == ["ok"]


def test_versions_that_break_a_run():
    """On all workers that have them at once, with the cure."""
    old = with_place(python="3.10.2", versions={**VERSIONS, "pandas": "1.5.3", "dask": "2026.9.0"})
    members = (replace(FIRST, place=old), replace(SECOND, place=old))
    found = list(judge_versions(replace(SEEN, members=members), HERE))
    both = "tcp://127.0.0.1:4001 (host laptop), tcp://127.0.0.1:4002 (host laptop)"
    assert told(found) == [
        ("problem", f"Python 3.11.7 here, 3.10.2 on {both}"),
        ("warning", f"dask 2026.8.0 here, 2026.9.0 on {both}"),
        ("problem", f"pandas 2.3.0 here, 1.5.3 on {both}"),
    ]
    assert all(one.cure for one in found)


def test_a_worker_without_daskflow():
    """Cannot run anything."""
    bare = Difference("daskflow cannot be imported (No module)", "install the same there")
    (found,) = judge_versions(replace(SEEN, members=(replace(FIRST, place=bare),)), HERE)
    assert (found.level.value, found.cure) == ("problem", "install the same there")


@pytest.mark.parametrize(
    ("place", "levels"),
    [
        (with_place(python="3.10.2"), ["warning"]),
        (with_place(protocol="daskflow-0"), ["problem"]),
        (Difference("it is not known what is installed", "x", is_fatal=False), ["warning"]),
    ],
)
def test_a_scheduler_that_differs(place, levels):
    """It opens nothing that travels: only another protocol breaks a run."""
    found = list(judge_versions(replace(SEEN, place=place), HERE))
    assert [one.level.value for one in found] == levels
    assert "the scheduler" in found[0].found


def test_workers_without_a_limit():
    """By their addresses."""
    (found,) = judge_memory([FIRST, replace(SECOND, memory_limit=0)])
    assert told([found]) == [("warning", "there is no limit on tcp://127.0.0.1:4002 (host laptop)")]


def test_workers_that_may_take_more_than_there_is():
    """Host by host; where nobody knows what a host has nothing is said of it."""
    large = [replace(one, memory_limit=5 * GIB) for one in (FIRST, SECOND)]
    elsewhere = replace(FIRST, host="other", memory=0)
    (found,) = judge_memory([*large, elsewhere])
    assert told([found]) == [
        ("warning", "the workers on laptop may take 10.0 GiB, and it has 8.0 GiB")
    ]


def test_clocks_that_differ():
    """By how much, and which way; not by less than the question took."""
    members = (
        replace(FIRST, skew=Skew(3.0, 0.1)),
        replace(SECOND, skew=Skew(-2.5, 0.1)),
        replace(SECOND, address="tcp://127.0.0.1:4003", skew=Skew(2.5, 2.0)),
        replace(SECOND, address="tcp://127.0.0.1:4004", skew=None),
    )
    assert told(judge_clocks(replace(SEEN, members=members))) == [
        ("warning", "the clock of tcp://127.0.0.1:4001 (host laptop) is 3.0 s ahead of this one"),
        ("warning", "the clock of tcp://127.0.0.1:4002 (host laptop) is 2.5 s behind this one"),
    ]
    assert list(judge_clocks(replace(SEEN, members=(), skew=None))) == []


def test_a_saturation_that_makes_workers_wait():
    """The setting that cures it is named; where it is not known nothing is said."""
    (found,) = judge_saturation(1.1)
    assert (found.level.value, "WORKER_SATURATION=10" in found.cure) == ("warning", True)
    assert list(judge_saturation(None)) == []


@pytest.mark.parametrize(
    ("address", "level"),
    [
        ("tcp://127.0.0.1:1", "ok"),
        ("tcp://[::1]:1", "ok"),
        ("tcp://localhost:1", "ok"),
        ("inproc://10.0.0.7/1/1", "ok"),
        ("tls://10.0.0.7:1", "ok"),
        ("tcp://10.0.0.7:1", "warning"),
        ("tcp://node-7:1", "warning"),
    ],
)
def test_who_listens_beyond_its_host(address, level):
    """Without TLS that is a warning, which names the address."""
    (found,) = judge_network(["tcp://127.0.0.1:8786", address])
    assert found.level.value == level
    assert level == "ok" or address in found.found


def test_the_page_of_a_dashboard():
    """There, not there, or out of reach."""
    link = "http://127.0.0.1:8787/status"
    assert told([judge_page(link, 200)]) == [("ok", link)]
    assert told([judge_page(link, 404)]) == [("warning", f"there is no page at {link} (HTTP 404)")]
    lost = judge_page(link, OSError("refused"))
    assert told([lost]) == [("warning", f"{link} cannot be seen from here: refused")]


def test_results_that_all_reach():
    """Those that do not answer were not asked."""
    (found,) = judge_results("s3://b/r", {FIRST.address: None}, [FIRST, SECOND], "")
    assert told([found]) == [("ok", "1 of 2 workers have tried s3://b/r")]
    assert list(judge_results("s3://b/r", {}, [], "")) == []


def test_results_that_some_do_not_reach():
    """Why, and who; the cure names the setting."""
    failures = {FIRST.address: FileNotFoundError("x"), SECOND.address: PermissionError("no")}
    found = list(judge_results("file:///r", failures, [FIRST, SECOND], "laptop"))
    assert told(found) == [
        ("problem", f"what is kept at file:///r is not to be seen on {FIRST}"),
        ("problem", f"results cannot be kept at file:///r (PermissionError: no) on {SECOND}"),
    ]
    assert all("DASKFLOW_RESULTS__URL" in one.cure for one in found)


def test_a_folder_that_others_reach_though_it_is_not_said():
    """A run would be refused: the setting that says it is the cure."""
    other = replace(SECOND, host="node-7")
    failures = {FIRST.address: None, other.address: None}
    (found,) = judge_results("file:///r", failures, [FIRST, other], "laptop")
    assert told([found]) == [
        ("problem", f"file:///r is on the disk of laptop, and is seen on {other}")
    ]
    assert "DASKFLOW_RESULTS__SHARED=true" in found.cure
    assert [
        one.level.value for one in judge_results("file:///r", failures, [FIRST, other], "")
    ] == ["ok"]
