"""Blocks' values on Dask's own roads: pickled as it does between its processes, again and again."""

import numpy as np
import pytest
from distributed.protocol import deserialize, serialize

from daskflow.events import Segment
from daskflow.sealing import opened

BY_THE_SCHEDULER = {"pickle-protocol": 4}  # what it agrees on with whoever connects to it


def travel(segment, context):
    """Send a segment to another process."""
    header, frames = serialize(segment, serializers=["dask", "pickle"], context=context)
    return deserialize(header, [bytearray(memoryview(frame)) for frame in frames])


@pytest.mark.parametrize("by_the_scheduler", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_goes_from_worker_to_worker_and_home(order, by_the_scheduler):
    """Its buffer travels beside the pickle, and is whole and its consumer's own at each stop."""
    array = np.asarray(np.arange(12.0).reshape(3, 4), order=order)
    segment = Segment("node", (), 0, values={0: array, 1: b"plain"})
    roads = [None, None, BY_THE_SCHEDULER if by_the_scheduler else None, None]
    for context in roads:
        segment = travel(segment, context)
        assert (opened(segment.values[0]) == array).all()
        assert opened(segment.values[0]).flags.writeable
        assert segment.values[1] == b"plain"


def test_a_frozen_buffer_stays_frozen():
    """What was read-only where it was made is read-only where it arrives."""
    array = np.arange(5.0)
    array.flags.writeable = False
    segment = travel(Segment("node", (), 0, values={0: array}), None)
    assert not opened(travel(segment, BY_THE_SCHEDULER).values[0]).flags.writeable
