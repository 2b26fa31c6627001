"""Flow parameters: the schema read from a signature, and values checked against it.

Values are validated and coerced by pydantic from the annotations before anything runs, so a
command line may pass ``"2013-01-01"`` where a date is wanted. pydantic is imported on first use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from daskflow.errors import DefinitionError, ParameterError
from daskflow.placeholders import holds_placeholder

_MISSING = inspect.Parameter.empty
_LONGEST = 60  # characters of a value in a message


@dataclass(frozen=True)
class Signature:
    """The parameters of a flow: names, annotations, defaults.

    Examples
    --------
    >>> def etl(limit: int = 100): ...
    >>> Signature.of(etl, "etl").bind((), {"limit": "7"})
    {'limit': 7}
    """

    flow: str
    parameters: Mapping[str, inspect.Parameter]

    @classmethod
    def of(cls, function: Callable[..., Any], flow: str) -> Signature:
        """Read the signature of a flow's function."""
        try:
            signature = inspect.signature(function, eval_str=True)
        except Exception:  # noqa: BLE001 - an annotation that is for type checkers or people only
            signature = inspect.signature(function)
        for parameter in signature.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                msg = (
                    f"flow {flow!r}: *{parameter.name} has no name to pass it by; "
                    "give each parameter its own name, or take one list or dict"
                )
                raise DefinitionError(msg)
        return cls(flow, dict(signature.parameters))

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return every parameter's value, validated, from the arguments of a call.

        Raises
        ------
        ParameterError
            Unknown, missing or invalid parameters, all of them named.
        """
        given = self.names(args, kwargs)
        problems: list[str] = []
        values: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if name not in given:
                values[name] = parameter.default
                continue
            try:
                values[name] = self._validate(name, given[name])
            except ValueError as error:
                problems.append(f"{name}: {error}")
        if problems:
            self._refuse("; ".join(problems))
        return values

    def names(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by name, as they are.

        Raises
        ------
        ParameterError
            Unknown or missing parameters.
        """
        given = self._by_name(args, kwargs)
        missing = [
            name
            for name, parameter in self.parameters.items()
            if name not in given and parameter.default is _MISSING
        ]
        if missing:
            self._refuse(f"missing: {', '.join(missing)}")
        return given

    def _by_name(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        positional = [
            name
            for name, parameter in self.parameters.items()
            if parameter.kind is not parameter.KEYWORD_ONLY
        ]
        if len(args) > len(positional):
            self._refuse(f"{len(args)} values by position, at most {len(positional)} are taken")
        given = dict(zip(positional, args, strict=False))
        unknown = [name for name in kwargs if name not in self.parameters]
        if unknown:
            self._refuse(f"unknown: {', '.join(unknown)}")
        twice = [name for name in kwargs if name in given]
        if twice:
            self._refuse(f"given twice: {', '.join(twice)}")
        return given | dict(kwargs)

    def _refuse(self, problem: str) -> None:
        msg = f"flow {self.flow!r}: {problem}. It takes {self}"
        raise ParameterError(msg)

    def _validate(self, name: str, value: Any) -> Any:
        from pydantic import ValidationError

        adapter = self._adapters.get(name)
        if adapter is None or holds_placeholder(value):  # of an inlined flow: not known yet
            return value
        try:
            validated = adapter.validate_python(value)
        except ValidationError as error:
            found = error.errors()[0]
            place = "".join(f"[{part!r}]" for part in found["loc"])
            msg = f"{place}{' ' if place else ''}{found['msg']} (got {_shorten(value)})"
            raise ValueError(msg) from None
        # of an Iterable pydantic makes an iterator, which could be read only once and not travel
        return value if isinstance(validated, Iterator) else validated

    @cached_property
    def _adapters(self) -> dict[str, Any]:
        from pydantic import ConfigDict, PydanticUserError, TypeAdapter

        adapters: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            annotation = parameter.annotation
            if annotation is _MISSING or isinstance(annotation, str):
                continue
            try:
                config = ConfigDict(arbitrary_types_allowed=True)
                adapters[name] = TypeAdapter(annotation, config=config)
            except PydanticUserError:  # a model brings its own config
                adapters[name] = TypeAdapter(annotation)
        return adapters

    def __str__(self) -> str:
        parameters = [
            p.replace(default=_Shown(p.default)) if p.default is not _MISSING else p
            for p in self.parameters.values()
        ]
        return str(inspect.Signature(parameters)) if parameters else "no parameters"


class _Shown:
    """Shows a default shortened, for one data frame must not fill the screen."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return _shorten(self.value)


def _shorten(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a broken repr must not hide the message it was meant for
        text = f"<{type(value).__name__}, repr raised {type(error).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
