"""Remarks as JSON: where a durable result lies is kept without a pickle."""

from __future__ import annotations

import json

from daskflow.events import Before, Length, Note, StoredResult
from daskflow.stores.framing import notes_from_json, notes_to_json

STORED = StoredResult("file:///r/ab/cd/0-1-ef.parquet", "parquet", "ef01", 4_711)


def test_a_stored_result_comes_back():
    """It is plain JSON on the way, among all that a remark may hold."""
    notes = {
        0: Note(stored=STORED),
        3: Note("m", 1.5, None, "t", "r", Length(2), Before(1, held=2), STORED),
    }
    text = notes_to_json(notes)
    assert json.loads(text)["0"] == {"stored": list(STORED)}
    assert notes_from_json(text, {}) == notes
