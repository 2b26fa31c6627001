"""Which serializer is asked first, and what becomes of those of other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from daskflow.results.base import Serializer
from daskflow.results.codecs.choice import OURS, installed, loaded, serialize, serializer_named

PICKLE = OURS[-1]


class Upper:
    """Keeps texts in capitals, and nothing else."""

    name = "upper"
    suffix = ".txt"
    is_signed = False

    def may_take(self, value):
        return isinstance(value, str)

    def dump(self, value):
        return value.encode() if value.isupper() else None

    def load(self, data):
        return data.decode()


class Rude(Upper):
    """Raises where it is asked."""

    def may_take(self, value):
        raise RuntimeError("rude")


UPPER = Upper()
LACKING = object()


def point(name, value):
    return EntryPoint(name, f"{__name__}:{value}", "daskflow.serializers")


def test_the_first_that_keeps_it_wins():
    """Those before are asked and say no; the last one takes whatever is left."""
    among = (Rude(), UPPER, PICKLE)
    assert serialize("ABC", among) == (UPPER, b"ABC")
    assert serialize("abc", among)[0] is PICKLE
    assert serialize(3, among)[0] is PICKLE
    assert serializer_named("upper", (UPPER, PICKLE)) is UPPER


def test_serializers_of_other_packages(caplog, monkeypatch):
    """An object or a class is loaded; what does not load, or is no serializer, is told."""
    monkeypatch.setitem(
        __import__("sys").modules,
        __name__,
        __import__("types").SimpleNamespace(Upper=Upper, UPPER=UPPER, LACKING=LACKING),
    )
    points = [point(name, name) for name in ("LACKING", "UPPER", "Upper", "missing")]
    one, other = loaded(points)
    assert one is UPPER
    assert type(other) is Upper
    assert [record.args[0] for record in caplog.records] == ["LACKING", "missing"]
    assert "lacks something" in caplog.text


def test_ours_are_there():
    """What is installed ends with ours, and with pickle last."""
    assert installed()[-len(OURS) :] == OURS
    assert PICKLE.name == "cloudpickle"
    assert all(isinstance(one, Serializer) for one in OURS)
    assert len({one.name for one in OURS}) == len(OURS)


def test_a_function_of_nowhere_is_pickled():
    """What has no name elsewhere is pickled by value."""
    serializer, data = serialize(lambda x: x + 1)
    assert serializer.load(data)(1) == 2


@pytest.mark.parametrize("value", [True, 1, 1.5, "x", None])
def test_a_subclass_is_not_its_base(value):
    """JSON takes exact types only: a subclass would come back as its base."""
    if type(value) in {bool, type(None)}:
        return
    kind = type("Own", (type(value),), {})
    json = OURS[0]
    assert not json.may_take(kind(value))
    assert json.dump([kind(value)]) is None
    assert json.dump({"k": kind(value)}) is None
