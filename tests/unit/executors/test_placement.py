"""Demands as Dask wants them, and the words for those that nobody meets."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from daskflow.demands import Demand
from daskflow.executors.placement import Offer, annotations_of, complaint_about, priority_of

GPU = Demand(resources=(("GPU", 1),))


def told(demands, key, *, urgent=False):
    """Return what Dask reads of the annotations of one key."""
    found = annotations_of(demands, urgent=urgent)
    return {word: value(key) for word, value in found.items() if value(key) is not None}


def test_each_key_has_its_own_annotations():
    """Those of its demand; a key that demands nothing has none."""
    demands = {
        ("a", 1): Demand((("GPU", 1), ("ram", 2.5))),
        ("a", 2): Demand(priority=-3, workers=("big", "tcp://10.0.0.7:1")),
    }
    assert told(demands, ("a", 1)) == {"resources": {"GPU": 1, "ram": 2.5}}
    assert told(demands, ("a", 2)) == {"workers": ["big", "tcp://10.0.0.7:1"], "priority": -3}
    assert told(demands, ("a", 3)) == {}


def test_without_demands_there_is_no_annotation():
    """The layer of most plans is sent as it is."""
    assert annotations_of({}, urgent=True) == {}


def test_an_urgent_pass_goes_before_others_of_the_same_priority():
    """And behind the next higher one, be that urgent or not."""
    demands = {"low": Demand(priority=4), "high": Demand(priority=5)}
    first = annotations_of(demands, urgent=False)["priority"]
    later = annotations_of(demands, urgent=True)["priority"]
    assert first("low") < later("low") < first("high") < later("high")
    assert priority_of(urgent=False) == 0 < priority_of(urgent=True) < 1


def test_annotations_travel_without_code_of_ours():
    """A process that never heard of daskflow can ask them."""
    data = pickle.dumps(annotations_of({("a", 1): GPU}, urgent=False))
    program = (
        "import pickle, sys; sys.modules['daskflow'] = None; "
        f"print(pickle.loads({data!r})['resources'](('a', 1)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "{'GPU': 1}\n"


def worker(number, name="", running=True, **resources):
    return Offer(f"tcp://10.0.0.{number}:1", name or str(number), "10.0.0.9", resources, running)


BIG = Demand(workers=("big",))
BIG_GPU = Demand((("GPU", 1),), workers=("big",))


@pytest.mark.parametrize(
    ("demand", "offers", "message"),
    [
        (Demand(), [], "the cluster has no workers"),
        (GPU, [], "the cluster has no workers"),
        (GPU, [worker(1), worker(2)], "no worker has resources GPU=1; the 2 workers have none"),
        (GPU, [worker(1, ram=8)], "no worker has resources GPU=1; the 1 worker has ram=8"),
        (
            Demand((("GPU", 2), ("ram", 0.5))),
            [worker(1, GPU=1, ram=1), worker(2, GPU=1, ram=1), worker(3)],
            "no worker has resources GPU=2, ram=0.5; 2 workers have GPU=1, ram=1; 1 worker has no",
        ),
        (
            BIG,
            [worker(1, "small")],
            "no worker is named 'big'; there are 'small' at tcp://10.0.0.1:1",
        ),
        (
            Demand(workers=("a", "b")),
            [worker(n) for n in range(10)],
            "no worker is named 'a' or 'b'; there are '0' at tcp://10.0.0.0:1, ",
        ),
        (
            BIG_GPU,
            [worker(1, "big"), worker(2, GPU=1)],
            "no worker named 'big' has resources GPU=1; the 1 worker has none",
        ),
        (
            GPU,
            [worker(1), worker(2, running=False, GPU=1)],
            "1 worker could run it, but takes no tasks now: '2' at tcp://10.0.0.2:1",
        ),
        (
            Demand(),
            [worker(1, running=False), worker(2, running=False)],
            "2 workers could run it, but take no tasks now: '1' at tcp://10.0.0.1:1, '2' at tcp:",
        ),
    ],
)
def test_a_complaint_names_the_demand_and_what_there_is(demand, offers, message):
    """Whatever it is that nobody meets: there is nobody, nobody is named so, nobody has it."""
    assert complaint_about(demand, offers).startswith(message)


def test_a_complaint_stays_short():
    """Of many workers only some are named."""
    told = complaint_about(BIG, [worker(n) for n in range(100)])
    assert told.endswith(" and 92 more")
    assert len(told) < 400


@pytest.mark.parametrize(
    "name",
    ["big", "10.0.0.9", "tcp://10.0.0.1:1", "10.0.0.1:1"],
    ids=["name", "host", "url", "port"],
)
def test_a_worker_is_meant_by_name_host_or_address(name):
    """As Dask understands them."""
    assert worker(1, "big").is_one_of({name, "another"})
    assert not worker(1, "big").is_one_of({"another"})
