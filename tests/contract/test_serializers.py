"""What every serializer has to keep, run on each of ours with values of its own and of others."""

import datetime as dt
import decimal
import math
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from daskflow.results.base import Serializer
from daskflow.results.codecs.choice import OURS, serialize, serializer_named
from daskflow.results.codecs.frames import is_same

INSTANT = dt.datetime(2024, 3, 31)  # noqa: DTZ001 - polars puts the zone on
DAYS = pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin")


def mixed_frame(index=None):
    """Return a frame with a column of most kinds."""
    return pd.DataFrame(
        {
            "f": [1.0, -0.0, np.nan],
            "f32": np.array([1, 2, 3], "float32"),
            "i": pd.array([1, None, 3], dtype="Int64"),
            "text": ["a", None, "ü"],
            "category": pd.Categorical(["b", "a", "b"], categories=["b", "a", "z"]),
            "ordered": pd.Categorical(["y", "x", "y"], categories=["y", "x"], ordered=True),
            "instant": DAYS.to_numpy(),
            "zoned": DAYS,
            "span": pd.to_timedelta([1, None, 3], unit="s"),
            "flag": [True, False, True],
        },
        index=index,
    )


def with_attrs():
    """Return a frame that carries remarks."""
    frame = pd.DataFrame({"x": [1, 2]})
    frame.attrs["unit"] = "m"
    return frame


PAIRS = [("a", 1), ("b", 2), ("b", 3)]
FRAMES = {
    "mixed": mixed_frame(),
    "days as index": mixed_frame(DAYS),
    "days without a beat": mixed_frame(DAYS[[0, 2, 1]]),
    "named index": pd.DataFrame({"x": [1, 2]}, index=pd.Index([7, 9], name="id")),
    "range index": pd.DataFrame({"x": [1, 2]}, index=pd.RangeIndex(4, 8, 2)),
    "several levels": mixed_frame(pd.MultiIndex.from_tuples(PAIRS, names=["k", None])),
    "numbers as columns": pd.DataFrame(np.eye(3)),
    "pairs as columns": pd.DataFrame(np.eye(3), columns=pd.MultiIndex.from_tuples(PAIRS)),
    "no rows": mixed_frame(DAYS).iloc[:0, :4],
    "no columns": pd.DataFrame(index=[1, 2]),
    "remarks": with_attrs(),
    "series": pd.Series([1.5, 2.5], index=DAYS[:2], name="x"),
    "series without a name": pd.Series(["a", "b"]),
    "series of categories": pd.Series(pd.Categorical(["a", "b"]), name="c"),
}
CATEGORIES = {
    "numbers": pd.DataFrame({"c": pd.Categorical([2, 1, 2], categories=[2, 1], ordered=True)}),
    "index of numbers": pd.Series([1.5, 2.5], index=pd.CategoricalIndex([2, 1]), name="x"),
}
ARRAYS = {
    "floats": np.array([[1.0, np.nan], [-0.0, np.inf]]),
    "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "no dimension": np.array(3),
    "empty": np.empty((0, 3), "int8"),
    "big ends first": np.arange(3, dtype=">i4"),
    "text": np.array(["a", "bcd"]),
    "instants": np.array(["2024-01-01", "NaT"], "datetime64[ns]"),
    "records": np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
    "every other": np.arange(10)[::2],
}
PLAIN = {
    "none": None,
    "yes": True,
    "number": 10**40,
    "not a number": math.nan,
    "infinite": [-math.inf, 1e308, -0.0],
    "text": "ü\u2028\ud800\0",
    "nested": {"rows": [1, 2.5, None, {"": []}]},
}
POLARS = {
    "mixed": pl.DataFrame(
        {
            "i": [1, None, 3],
            "f": [1.0, math.nan, None],
            "text": ["a", None, "c"],
            "category": pl.Series(["b", "a", "b"], dtype=pl.Categorical),
            "choice": pl.Series(["b", "a", "b"], dtype=pl.Enum(["b", "a"])),
            "zoned": pl.Series([INSTANT] * 3).dt.replace_time_zone("Europe/Berlin"),
            "list": [[1], [], None],
            "record": [{"a": 1}, {"a": 2}, None],
            "money": [decimal.Decimal("1.20"), None, decimal.Decimal("3.40")],
        }
    ),
    "no rows": pl.DataFrame(schema={"x": pl.Int8}),
    "series": pl.Series("x", [1, None, 3], dtype=pl.Int16),
}
TABLES = {
    "table": pa.table({"x": pa.array([1, None], pa.int8()), "y": pa.array(["a", "b"])}),
    "remarks": pa.table({"x": [1.5]}).replace_schema_metadata({"unit": "m"}),
    "dictionary": pa.table({"c": pa.array(["a", "b", "a"]).dictionary_encode()}),
}
OBJECTS = {"pair": (1, 2), "set": {1, 2}, "bytes": b"raw", "path": {"a": [dt.date.min]}}
VALUES = {
    "json": PLAIN,
    "npy": ARRAYS,
    "parquet": FRAMES,
    "feather": CATEGORIES,
    "polars": POLARS,
    "arrow": TABLES,
    "cloudpickle": OBJECTS,
}


def same(one, other):
    """Return whether two values of the same kind cannot be told apart."""
    if type(one) is not type(other):
        return False
    match one:
        case np.ndarray():
            return one.dtype == other.dtype and one.tobytes() == other.tobytes()
        case pd.DataFrame() | pd.Series():
            return is_same(one, other)
        case pl.DataFrame() | pl.Series():
            pairs = zip(
                one.to_frame() if isinstance(one, pl.Series) else one,
                other.to_frame() if isinstance(other, pl.Series) else other,
                strict=True,
            )
            return all(a.dtype == b.dtype and a.equals(b, null_equal=True) for a, b in pairs)
        case pa.Table():
            return one.equals(other, check_metadata=True)
    return repr(one) == repr(other)


@pytest.fixture(params=OURS, ids=lambda serializer: serializer.name)
def serializer(request):
    """Each serializer in turn."""
    return request.param


def test_it_is_what_the_protocol_says(serializer):
    """It has all that a serializer needs, and is found again by its name."""
    assert isinstance(serializer, Serializer)
    assert serializer_named(serializer.name) is serializer
    assert serializer.suffix.startswith(".")


def test_its_values_come_back_exactly(serializer):
    """What it is there for is kept, in every respect, and by it rather than by pickle."""
    for label, value in VALUES[serializer.name].items():
        chosen, data = serialize(value)
        assert chosen is serializer, label
        assert same(serializer.load(data), value), label
        assert same(serializer.load(memoryview(data).tobytes()), value), f"{label}, once more"


def test_what_it_does_not_take_it_refuses_or_keeps(serializer):
    """Of values of all kinds it keeps none that it does not give back as it was."""
    for values in VALUES.values():
        for label, value in values.items():
            try:
                data = serializer.dump(value) if serializer.may_take(value) else None
            except Exception:  # noqa: BLE001 - it says no in its library's words
                data = None
            assert data is None or same(serializer.load(data), value), label


def test_what_is_not_signed_runs_no_code(serializer):
    """Given a pickle, a serializer that needs no signature raises, and nothing is called."""
    if serializer.is_signed:
        return
    with pytest.raises(Exception):  # noqa: B017, PT011 - each library has its own
        serializer.load(pickle.dumps(Boom()))


class OwnFrame(pl.DataFrame):
    """A frame of somebody's own, under polars' roof."""

    __module__ = "polars.own"


OwnFrame.__name__ = "DataFrame"


class Boom:
    """Ends the process where it is unpickled."""

    def __reduce__(self):
        return sys.exit, (3,)


TWICE: list[int] = []
UNFIT = {
    "tuple in a list": [(1, 2)],
    "a list that is there twice": [TWICE, TWICE],
    "a key that is no text": {1: 2},
    "array of objects": np.array([{}], object),
    "masked array": np.ma.masked_array([1, 2], [True, False]),
    "type with a remark": np.zeros(1, np.dtype("i4", metadata={"unit": "m"})),
    "remark inside a record": np.zeros(1, [("a", np.dtype(("i4", 2), metadata={"u": 1}))]),
    "remark below a record": np.zeros(1, [("a", np.dtype("i4", metadata={"u": 1}), 2)]),
    "scalar of numpy": np.float64(1),
    "frame of lists": pd.DataFrame({"x": [[1], [2]]}),
    "categories of days": pd.Series(pd.Categorical(DAYS)),
    "categories without a row": mixed_frame().iloc[:0],
    "frame of texts as objects": pd.DataFrame({"x": ["a", None]}, dtype=object),
    "frame of mixed objects": pd.DataFrame({"x": [1, "a"]}, dtype=object),
    "columns of the same name": pd.DataFrame([[1, 2]], columns=["x", "x"]),
    "sparse frame": pd.DataFrame({"x": pd.arrays.SparseArray([0, 1])}),
    "series named by a pair": pd.Series([1], name=("a", 1)),
    "index of pandas": pd.Index([1, 2]),
    "column of objects in polars": pl.DataFrame({"x": pl.Series([object()], dtype=pl.Object)}),
    "array of arrow": pa.array([1]),
}


@pytest.mark.parametrize("label", UNFIT)
def test_what_no_format_keeps_is_pickled(label):
    """A value of a known family that its format would change is left to cloudpickle."""
    value = UNFIT[label]
    if label == "column of objects in polars":
        value = pl.Series([1]).to_frame().lazy()
    chosen, data = serialize(value)
    assert chosen.name == "cloudpickle"
    assert type(chosen.load(data)) is type(value)


def test_a_restored_frame_can_be_written_to():
    """What comes back is as writable as what was kept."""
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    chosen, data = serialize(frame)
    again = chosen.load(data)
    again.loc[0, "x"] = 5.0
    array = serialize(np.zeros(2))[0].load(serialize(np.zeros(2))[1])
    array[0] = 1
    assert (again["x"].tolist(), array.tolist()) == ([5.0, 2.0], [1.0, 0.0])


def test_no_library_is_imported_that_no_value_asks_for():
    """Whoever keeps a dict or an object does not wait for numpy, pandas, polars or arrow."""
    program = (
        "import sys; from daskflow.results.storage import ResultStorage as R\n"
        "import tempfile; r = R(tempfile.mkdtemp(), 'ab', b'k')\n"
        "for v in ({'a': [1]}, {1, 2}): assert r.read(r.write(v, 'n', 0, attempt=1)) == v\n"
        "print(*{'numpy', 'pandas', 'polars', 'pyarrow', 'fsspec', 'dask'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.returncode) == ([], 0), done.stderr


def test_a_subclass_is_no_frame_of_polars():
    """A class of somebody's own is not taken for the one that it derives from."""
    polars = serializer_named("polars")
    value = OwnFrame({"x": [1]})
    assert polars.may_take(value)
    assert polars.dump(value) is None
