"""Runs and their histories as they travel: rows of plain numbers, texts and bytes, without values.

Who reads them needs neither the user's code nor a store's key. Drivers tell them the Dask scheduler
for the Flows pages, so nothing of the user's may be in them that would have to be unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daskflow.entries import without_values
from daskflow.results.signing import Signer
from daskflow.stores.history import Numbered, RunRow
from daskflow.stores.rows import HEAVY, EntryRows, Row, fields_of_run, run_of_row

Packed = tuple[int, str, Row]  # version, table, columns

_ROWS = EntryRows(Signer(b""))  # the key of nobody: what has no values needs no signature
_LEFT_OUT = ("run_id", "version", "seal", "payload")


def pack_entry(one: Numbered) -> Packed:
    """Return an entry as it travels.

    Examples
    --------
    >>> from daskflow.entries import SpaceOpened
    >>> unpack_entry(pack_entry(Numbered(7, SpaceOpened("map", 0, 3))))
    Numbered(version=7, entry=SpaceOpened(space='map', parent=0, width=3, parts=()))
    """
    table, row = _ROWS.row("", one.version, without_values(one.entry))
    return one.version, table, _clean({k: v for k, v in row.items() if k not in _LEFT_OUT})


def unpack_entry(packed: Packed) -> Numbered:
    """Return the entry that `pack_entry` packed.

    Raises
    ------
    TamperedError
        It makes no sense, as what a later daskflow tells may.
    """
    version, table, row = packed
    return Numbered(version, _ROWS.entry(table, {"run_id": "", "version": version, **row}))


def pack_run(run: RunRow) -> Row:
    """Return what is known of a run as it travels, without what is heavy."""
    names = RunRow.__dataclass_fields__.keys() - set(HEAVY)
    return _clean(fields_of_run({name: getattr(run, name) for name in names}))


def unpack_run(row: Mapping[str, Any]) -> RunRow:
    """Return what `pack_run` packed; what is not known here is left out.

    Raises
    ------
    TamperedError
        It makes no sense.
    """
    return run_of_row(row)


def _clean(row: Row) -> Row:
    """Return a row whose texts can be written as UTF-8: a name or a message may be anything."""
    return {
        name: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }


def size_of(packed: Packed) -> int:
    """Return about how many bytes an entry takes as it travels."""
    return 100 + sum(len(value) for value in packed[2].values() if isinstance(value, str | bytes))
