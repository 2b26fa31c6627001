"""How reports and questions look on Dask's wire: opaque bytes, which the scheduler never opens.

And what can be told of a graph node by its key alone.
"""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

from daskflow.events import Segment
from daskflow.lowering.plan import PORTION
from daskflow.questions import Answerer, Question

METADATA_KEY = "daskflow-1"  # names the protocol; versions can live side by side
LINES = "daskflow-1-lines"  # what a message is about on the stream from worker to scheduler
MEANWHILE = "daskflow-1-meanwhile"  # the same, of a block that goes on
CANCEL = "daskflow_1_cancel"  # what a worker is told by the tracker, and that by a client
_ALL = "all"  # begins the keys of nodes that only lead to others


def run_of(key: Any) -> str:
    """Return the run that a key belongs to, if it looks like one of ours."""
    match key:
        case (str() as name, _):
            return name.rpartition("-")[2]
    return ""


def is_block(key: Any) -> bool:
    """Return whether one of our keys is that of a block; a large literal's is not."""
    return isinstance(key[1], int)


def is_portion(key: Any) -> bool:
    """Return whether one of our keys is that of a part of a value, which only its block needs."""
    return _begins(key, PORTION)


def all_of(run_id: str, number: int) -> tuple[str, str]:
    """Return the key of the node that leads to all nodes of one of a run's submissions."""
    return (f"{_ALL}-{run_id}", str(number))


def is_all(key: Any) -> bool:
    """Return whether one of our keys is that of a node that only leads to others."""
    return _begins(key, _ALL)


def _begins(key: Any, word: str) -> bool:
    """Return whether a key is that of a node of ours which is no block, and of this kind."""
    return not is_block(key) and key[0].startswith(f"{word}-")


def pack_segments(segments: tuple[Segment, ...]) -> bytes:
    """Return segments, without their values, as bytes."""
    return pickle.dumps(segments, 5)


NOTHING_BEGUN = pack_segments(())  # what is told of a block that was called off before it began


def unpack_segments(data: bytes) -> tuple[Segment, ...]:
    """Return the segments that `pack_segments` packed."""
    segments: tuple[Segment, ...] = pickle.loads(data)
    return segments


class Asked(NamedTuple):
    """A question on its way to a driver."""

    run_id: str
    number: int  # among those that the tracker has passed on
    data: bytes


Answered = tuple[bytes, str]  # the answer; where there is none, why


def pack_question(question: Question[Any]) -> bytes:
    """Return a question as bytes."""
    return pickle.dumps(question, 5)


def answer_packed(answer: Answerer, data: bytes) -> Answered:
    """Return the answer to a question that `pack_question` packed."""
    try:
        return pickle.dumps(answer(pickle.loads(data)), 5), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, the asker is told
        return b"", f"{type(error).__name__}: {error}"


def unpack_answer(data: bytes) -> Any:
    """Return the answer that `answer_packed` packed."""
    return pickle.loads(data)
