"""Arrays of numpy as ``.npy`` files, which hold no objects and can run no code."""

from __future__ import annotations

import io
from typing import Any

from daskflow.results.base import family_of

_KINDS = frozenset("biufcmMSUV")  # of elements that are their bytes


class NumpySerializer:
    """The ``.npy`` format, for arrays that are nothing else and hold no Python objects."""

    name = "npy"
    suffix = ".npy"
    is_signed = False

    def may_take(self, value: Any) -> bool:
        """Return whether it comes from numpy."""
        return family_of(value) == "numpy"

    def dump(self, value: Any) -> bytes | None:
        """Return a file of an array whose type of elements the format keeps."""
        import numpy as np

        if type(value) is not np.ndarray or not _is_kept(value.dtype):
            return None
        file = io.BytesIO()
        np.lib.format.write_array(file, value, allow_pickle=False)
        return file.getvalue()

    def load(self, data: bytes) -> Any:
        """Return the array, writable."""
        import numpy as np

        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _is_kept(dtype: Any) -> bool:
    """Return whether the format gives a type of elements back as it is, remarks included."""
    from numpy.lib.format import descr_to_dtype, dtype_to_descr

    if dtype.kind not in _KINDS or dtype.hasobject or _has_remarks(dtype):
        return False
    return bool(descr_to_dtype(dtype_to_descr(dtype)) == dtype)


def _has_remarks(dtype: Any) -> bool:
    if dtype.metadata:
        return True
    if dtype.subdtype is not None:
        return _has_remarks(dtype.subdtype[0])
    return any(_has_remarks(dtype[name]) for name in dtype.names or ())
