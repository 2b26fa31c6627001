"""Frames and series of pandas as Parquet: index, types, categories and time zones intact.

Parquet does not keep all that pandas knows. What is written is read again at once, and where it is
not the same in every respect, another serializer has to do.
"""

from __future__ import annotations

import io
import json
from importlib.util import find_spec
from typing import Any

from daskflow.results.base import family_of

_REMARK = b"daskflow"  # what pandas knows and Parquet does not, in the file's own remarks
_SERIES = "values"  # name of the one column that a series becomes


class PandasSerializer:
    """Parquet, where pyarrow is installed."""

    name = "parquet"
    suffix = ".parquet"
    is_signed = False

    def may_take(self, value: Any) -> bool:
        """Return whether it is a frame or a series of pandas', and pyarrow is there."""
        is_one = family_of(value) == "pandas" and type(value).__name__ in {"DataFrame", "Series"}
        return is_one and find_spec("pyarrow") is not None

    def dump(self, value: Any) -> bytes | None:
        """Return a file that pandas reads as the same frame, or series."""
        import pandas as pd

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
        data = _write(frame, remark)
        return data if is_same(self.load(data), value) else None

    def load(self, data: bytes) -> Any:
        """Return the frame, or the series."""
        import pandas as pd
        import pyarrow.parquet as pq

        table = pq.read_table(io.BytesIO(data))
        remark = json.loads(table.schema.metadata[_REMARK])
        frame = table.to_pandas()
        if remark["columns"] is not None:
            frame.columns = pd.RangeIndex(*remark["columns"])
        if remark["freq"] is not None and isinstance(frame.index, pd.DatetimeIndex):
            frame.index.freq = remark["freq"]  # type: ignore[misc] # the stubs know no setter
        return frame[_SERIES].rename(remark["name"]) if remark["series"] else frame


def _write(frame: Any, remark: dict[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=None)
    told = {**table.schema.metadata, _REMARK: json.dumps(remark).encode()}
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(told), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


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
