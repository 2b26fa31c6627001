"""The parameters of a flow, and values checked against them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from daskflow import DefinitionError, LocalExecutor, ParameterError, flow, task
from daskflow.definition.parameters import Signature

if TYPE_CHECKING:
    from decimal import Decimal


class Window(BaseModel):
    days: int


class Opaque:
    """Nothing that pydantic knows."""


def etl(start: date, limit: int = 100, *, dry: bool = False, tags=()): ...


def bind(function, *args, **kwargs):
    return Signature.of(function, "etl").bind(args, kwargs)


def test_values_are_coerced_and_defaults_filled_in():
    """Text becomes what the annotation says; what is not given has its default, as it is."""
    assert bind(etl, "2013-01-02", dry="yes") == {
        "start": date(2013, 1, 2),
        "limit": 100,
        "dry": True,
        "tags": (),
    }


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        ((), {}, "missing: start"),
        (("2013-01-02", 1, True), {}, "3 values by position, at most 2 are taken"),
        (("2013-01-02",), {"lmit": 1, "dy": 2}, "unknown: lmit, dy"),
        (("2013-01-02",), {"start": "2013-01-03"}, "given twice: start"),
        (("2013-01-02", "many"), {}, r"limit: .*valid integer.* \(got 'many'\)"),
        (("soon", "many"), {}, "start: .*; limit: "),
    ],
)
def test_what_does_not_fit_is_named(args, kwargs, told):
    """Every problem is told at once, with the flow and what it takes."""
    takes = r"It takes \(start: .*date, limit: int = 100, \*, dry: bool = False, tags=\(\)\)"
    with pytest.raises(ParameterError, match=f"^flow 'etl': {told}.*{takes}"):
        bind(etl, *args, **kwargs)


def test_a_flow_without_parameters_says_so():
    """The message names what may be given, and that may be nothing."""
    with pytest.raises(ParameterError, match=r"unknown: x\. It takes no parameters"):
        bind(lambda: None, x=1)


def test_the_place_inside_a_value_is_told():
    """A wrong element is named by its place."""

    def case(days: list[int]): ...

    with pytest.raises(ParameterError, match=r"days: \[1\] Input should be a valid integer"):
        bind(case, [1, "x"])


def test_models_and_unknown_classes():
    """A model is made of a dict; of a class that pydantic does not know an instance is wanted."""

    def case(window: Window, opaque: Opaque): ...

    thing = Opaque()
    assert bind(case, {"days": 3}, thing) == {"window": Window(days=3), "opaque": thing}
    with pytest.raises(ParameterError, match=r"opaque: .*instance of Opaque"):
        bind(case, {"days": 3}, 7)


def test_an_annotation_for_type_checkers_only_is_not_checked():
    """Where a name cannot be looked up, the values of that parameter are taken as they are."""

    def case(amount: Decimal, limit: int): ...

    assert bind(case, "1.5", "7") == {"amount": "1.5", "limit": 7}


@pytest.mark.parametrize("function", [lambda *_args: None, lambda **_kwargs: None])
def test_parameters_need_names(function):
    """A flow cannot take any number of arguments."""
    with pytest.raises(DefinitionError, match="has no name to pass it by"):
        Signature.of(function, "etl")


class Loud:
    def __repr__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("value", "shown"), [("x" * 100, "'x{56}\\.\\.\\.\\)"), (Loud(), "<Loud, repr raised Zero")]
)
def test_values_in_messages_are_short(value, shown):
    """A long value is cut, and one with a broken repr does not hide the message."""

    def case(n: int): ...

    with pytest.raises(ParameterError, match=rf"\(got {shown}"):
        bind(case, value)


def test_a_positional_only_parameter_is_known_by_its_name_too():
    """A command line gives every parameter by its name."""

    def case(x: int, /): ...

    assert bind(case, "3") == bind(case, x="3") == {"x": 3}


def test_a_list_for_an_iterable_stays_a_list():
    """What pydantic would make an iterator of could be read only once, and not travel."""

    def numbers(xs: Iterable[int], ys: Sequence[int] = ()): ...

    given = [1, 2]
    values = bind(numbers, given, ["3"])
    assert values == {"xs": [1, 2], "ys": [3]}
    assert values["xs"] is given


def test_an_annotation_that_is_free_text_is_not_checked():
    """Words for people are no type; the value is taken as it is."""

    def etl(day: "the day to load, e.g. 2013-01-01", *, x: "a number > 0" = 3): ...  # noqa: F722

    assert bind(etl, "monday") == {"day": "monday", "x": 3}
    assert flow(etl).graph().order() == []


def test_a_parameter_named_self():
    """It is a name like any other."""

    def own(self, x: int = 1): ...

    assert bind(own, self="me", x="2") == {"self": "me", "x": 2}

    def case(self):
        return task(str, name="text")(self)

    made = flow(case, executor=LocalExecutor())
    assert made("me") == made(self="me") == "me"
