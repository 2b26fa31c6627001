"""How reports look on Dask's wire: pickled into opaque bytes, which the scheduler never opens."""

from __future__ import annotations

import pickle

from daskflow.events import Segment

METADATA_KEY = "daskflow-1"  # names the protocol; versions can live side by side


def pack_segments(segments: tuple[Segment, ...]) -> bytes:
    """Return segments, without their values, as bytes."""
    return pickle.dumps(segments, 5)


def unpack_segments(data: bytes) -> tuple[Segment, ...]:
    """Return the segments that `pack_segments` packed."""
    segments: tuple[Segment, ...] = pickle.loads(data)
    return segments
