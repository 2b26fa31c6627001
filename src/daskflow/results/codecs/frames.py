"""Frames and series of pandas, with index, types, categories and time zones: as Parquet, or Arrow.

No format keeps all that pandas knows. What is written is read again at once, and where it is
not the same in every respect, the next serializer has to do.
"""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from importlib.util import find_spec
from typing import Any

from daskflow.results.base import family_of

_REMARK = b"daskflow"  # what only pandas knows, in the file's own remarks
_SERIES = "values"  # name of the one column that a series becomes


class _PandasSerializer(ABC):
    """What both formats have in common."""

    is_signed = False

    def may_take(self, value: Any) -> bool:
        """Return whether it is a frame or a series of pandas', and pyarrow is there."""
        is_one = family_of(value) == "pandas" and type(value).__name__ in {"DataFrame", "Series"}
        return is_one and find_spec("pyarrow") is not None

    def dump(self, value: Any) -> bytes | None:
        """Return a file that pandas reads as the same frame, or series."""
        import pandas as pd
        import pyarrow as pa

        if type(value) not in {pd.DataFrame, pd.Series} or not _has_plain_objects(value):
            return None
        is_series = isinstance(value, pd.Series)
        frame = value.to_frame(_SERIES) if is_series else value
        remark = {
            "series": is_series,
            "name": value.name if is_series else None,
            "columns": _range_of(frame.columns),
            "freq": getattr(frame.index, "freqstr", None),
        }
        table = pa.Table.from_pandas(frame)
        told = {**table.schema.metadata, _REMARK: json.dumps(remark).encode()}
        data = self._write(table.replace_schema_metadata(told))
        return data if is_same(self.load(data), value) else None

    def load(self, data: bytes) -> Any:
        """Return the frame, or the series."""
        import pandas as pd

        table = self._read(data)
        remark = json.loads(table.schema.metadata[_REMARK])
        frame = table.to_pandas()
        if remark["columns"] is not None:
            frame.columns = pd.RangeIndex(*remark["columns"])
        if remark["freq"] is not None and isinstance(frame.index, pd.DatetimeIndex):
            frame.index.freq = remark["freq"]  # type: ignore[misc] # the stubs know no setter
        return frame[_SERIES].rename(remark["name"]) if remark["series"] else frame

    @abstractmethod
    def _write(self, table: Any) -> bytes: ...

    @abstractmethod
    def _read(self, data: bytes) -> Any: ...


class ParquetSerializer(_PandasSerializer):
    """Parquet: small files, which any tool can read."""

    name = "parquet"
    suffix = ".parquet"

    def _write(self, table: Any) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        data: bytes = sink.getvalue().to_pybytes()
        return data

    def _read(self, data: bytes) -> Any:
        import pyarrow.parquet as pq

        return pq.read_table(io.BytesIO(data))


class FeatherSerializer(_PandasSerializer):
    """Arrow's own format: for categories of numbers, or that no element has."""

    name = "feather"
    suffix = ".feather"

    def _write(self, table: Any) -> bytes:
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table)
        data: bytes = sink.getvalue().to_pybytes()
        return data

    def _read(self, data: bytes) -> Any:
        import pyarrow as pa

        with pa.ipc.open_file(data) as file:
            return file.read_all()


def _range_of(columns: Any) -> list[int] | None:
    import pandas as pd

    if not isinstance(columns, pd.RangeIndex) or columns.name is not None:
        return None
    return [columns.start, columns.stop, columns.step]


def _has_plain_objects(value: Any) -> bool:
    """Return whether columns of objects hold nothing but strings and None.

    Parquet gives other objects back as something that pandas takes for equal: a list as an array.
    """
    arrays = [value.index] if value.ndim == 1 else [value.index, value.columns]
    arrays += [value] if value.ndim == 1 else [value.iloc[:, i] for i in range(value.shape[1])]
    return all(_is_plain(array) for array in arrays)


def _is_plain(array: Any) -> bool:
    levels = getattr(array, "levels", None)
    if levels is not None:
        return all(_is_plain(level) for level in levels)
    kind = array.dtype
    if kind == "category":
        return _is_plain(kind.categories)
    return kind != "object" or {type(one) for one in array} <= {str, type(None)}


def is_same(one: Any, other: Any) -> bool:
    """Return whether two frames, or series, cannot be told apart.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"x": [1, 2]})
    >>> is_same(frame, frame.copy()), is_same(frame, frame.astype("int32"))
    (True, False)
    """
    if type(one) is not type(other) or one.attrs != other.attrs or one.shape != other.shape:
        return False
    if one.flags != other.flags or not _is_same_index(one.index, other.index):
        return False
    if one.ndim == 1:
        return one.name == other.name and _is_same_array(one.array, other.array)
    return _is_same_index(one.columns, other.columns) and all(
        _is_same_array(one.iloc[:, i].array, other.iloc[:, i].array) for i in range(one.shape[1])
    )


def _is_same_index(one: Any, other: Any) -> bool:
    if type(one) is not type(other) or list(one.names) != list(other.names):
        return False
    if hasattr(one, "levels"):
        levels = zip(one.levels, other.levels, strict=True)
        codes = zip(one.codes, other.codes, strict=True)
        return all(_is_same_index(*pair) for pair in levels) and all(
            a.tolist() == b.tolist() for a, b in codes
        )
    if getattr(one, "freq", None) != getattr(other, "freq", None):
        return False
    return _is_same_array(one.array, other.array)


def _is_same_array(one: Any, other: Any) -> bool:
    """Return whether arrays have the same type, and the same elements; missing ones are the same.

    Two types of categories without order are equal to pandas whatever the order of the categories.
    """
    if type(one) is not type(other) or one.dtype != other.dtype:
        return False
    if one.dtype == "category":
        if not _is_same_index(one.categories, other.categories):
            return False
        return bool((one.codes == other.codes).all())
    return bool(one.equals(other))
