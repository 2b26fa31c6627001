"""How reports look on Dask's wire: flat tuples of primitives, pickled into opaque bytes."""

from __future__ import annotations

import pickle
from array import array

from daskflow.events import Note, Segment

METADATA_KEY = "daskflow-1"  # names the protocol; versions can live side by side


def pack_segments(segments: tuple[Segment, ...]) -> bytes:
    """Return segments, without their values, as bytes."""
    return pickle.dumps(
        [
            (
                s.node,
                s.prefix,
                s.start,
                bytes(s.codes),
                s.attempts.tobytes(),
                s.started.tobytes(),
                s.ended.tobytes(),
                s.smalls,
                {offset: tuple(note) for offset, note in s.notes.items()},
            )
            for s in segments
        ],
        5,
    )


def unpack_segments(data: bytes) -> tuple[Segment, ...]:
    """Return the segments that `pack_segments` packed."""
    segments = []
    for node, prefix, start, codes, attempts, started, ended, smalls, notes in pickle.loads(data):
        segments.append(
            Segment(
                node,
                prefix,
                start,
                bytearray(codes),
                array("H", attempts),
                array("d", started),
                array("d", ended),
                smalls,
                {offset: Note(*note) for offset, note in notes.items()},
                None,
            )
        )
    return tuple(segments)
