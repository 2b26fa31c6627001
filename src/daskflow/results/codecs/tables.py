"""Tables of Arrow, and frames and series of polars, as Arrow files."""

from __future__ import annotations

import io
from typing import Any

from daskflow.results.base import family_of


class ArrowSerializer:
    """A ``pyarrow.Table`` as a stream of Arrow's."""

    name = "arrow"
    suffix = ".arrows"
    is_signed = False

    def may_take(self, value: Any) -> bool:
        """Return whether it is a table of Arrow's."""
        return family_of(value) == "pyarrow" and type(value).__name__ == "Table"

    def dump(self, value: Any) -> bytes | None:
        """Return a stream; types that Arrow would not know again are left to others."""
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as stream:
            stream.write_table(value)
        data: bytes = sink.getvalue().to_pybytes()
        with pa.ipc.open_stream(data) as again:
            return data if again.schema.equals(value.schema, check_metadata=True) else None

    def load(self, data: bytes) -> Any:
        """Return the table."""
        import pyarrow as pa

        with pa.ipc.open_stream(data) as stream:
            return stream.read_all()


class PolarsSerializer:
    """A ``polars.DataFrame`` or ``polars.Series`` as an Arrow file of polars'."""

    name = "polars"
    suffix = ".arrow"
    is_signed = False

    def may_take(self, value: Any) -> bool:
        """Return whether it is a frame or a series of polars'."""
        return family_of(value) == "polars" and type(value).__name__ in {"DataFrame", "Series"}

    def dump(self, value: Any) -> bytes | None:
        """Return a file that polars reads as the same frame, or series."""
        import polars as pl

        if type(value) not in {pl.DataFrame, pl.Series}:
            return None
        is_series = isinstance(value, pl.Series)
        frame = value.to_frame() if is_series else value
        file = io.BytesIO()
        frame.write_ipc(file, compat_level=pl.CompatLevel.newest())
        data = (b"S" if is_series else b"F") + file.getvalue()
        again = _frame_of(data)
        is_same = again.schema == frame.schema and again.equals(frame, null_equal=True)
        return data if is_same else None

    def load(self, data: bytes) -> Any:
        """Return the frame, or the series."""
        frame = _frame_of(data)
        return frame.to_series(0) if data[:1] == b"S" else frame


def _frame_of(data: bytes) -> Any:
    import polars as pl

    return pl.read_ipc(io.BytesIO(data[1:]))
