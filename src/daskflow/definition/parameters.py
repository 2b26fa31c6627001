"""Flow parameters: the schema read from a signature or made by hand, values checked against it.

Values are validated and coerced by pydantic from the annotations before anything runs, so a
command line may pass ``"2013-01-01"`` where a date is wanted. pydantic is imported on first use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from keyword import iskeyword
from typing import Any, TypeVar, overload

from daskflow.definition import placeholders
from daskflow.definition.mapping import Unmapped
from daskflow.definition.placeholders import holds_placeholder
from daskflow.definition.static import is_static, shown
from daskflow.definition.tracing import current_trace
from daskflow.errors import DefinitionError, ParameterError

T = TypeVar("T")

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
    _adapters: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, function: Callable[..., Any], flow: str) -> Signature:
        """Read the signature of a flow's function."""
        signature = resolved_signature(function)
        for parameter in signature.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                msg = (
                    f"flow {flow!r}: *{parameter.name} has no name to pass it by; "
                    "give each parameter its own name, or take one list or dict"
                )
                raise DefinitionError(msg)
        return cls(flow, dict(signature.parameters))

    @cached_property
    def static(self) -> tuple[str, ...]:
        """The parameters whose values are known while the flow is traced."""
        return tuple(name for name, one in self.parameters.items() if is_static(one.annotation))

    def bind_static(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the static parameters' values, validated, from those that are given.

        Raises
        ------
        ParameterError
            Unknown or not static, missing or invalid ones.
        """
        chosen = {name: self.parameters[name] for name in self.static}
        return Signature(self.flow, chosen).bind((), given)

    def plain_static(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of static parameters among others, those of an inlined flow's call.

        Raises
        ------
        DefinitionError
            One of them is not known while the flow is traced.
        """
        static = {name: values[name] for name in self.static if name in values}
        for name, value in static.items():
            if holds_placeholder(value):
                msg = (
                    f"flow {self.flow!r}: its parameter {name!r} is Static and needs a plain "
                    f"value, not {value!r}; make that one Static too, or {name!r} an ordinary one"
                )
                raise DefinitionError(msg)
        return static

    def mapped_static(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of static parameters, validated, among the arguments of a map.

        Raises
        ------
        DefinitionError
            One of them is not known while the flow is traced.
        ParameterError
            One of them is invalid.
        """
        bare = {
            name: value.value if isinstance(value, Unmapped) else value
            for name, value in given.items()
        }
        return self.checked(self.plain_static(bare))

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return every parameter's value, validated, from the arguments of a call.

        Raises
        ------
        ParameterError
            Unknown, missing or invalid parameters, all of them named.
        """
        given = self.checked(self.names(args, kwargs))
        return {
            name: given.get(name, parameter.default) for name, parameter in self.parameters.items()
        }

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return values of some parameters, validated.

        Raises
        ------
        ParameterError
            Invalid ones, all of them named.
        """
        problems: list[str] = []
        values: dict[str, Any] = {}
        for name, value in given.items():
            try:
                values[name] = self._validate(name, value)
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

    def split(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return arguments by position, where they have to be passed so, and by name."""
        by_position: list[Any] = []
        by_name: dict[str, Any] = {}
        for name, value in values.items():
            if self.parameters[name].kind is inspect.Parameter.POSITIONAL_ONLY:
                by_position.append(value)
            else:
                by_name[name] = value
        return by_position, by_name

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

        if holds_placeholder(value):  # of an inlined flow: not known yet
            return value
        if name not in self._adapters:  # a flow by hand may get more parameters at any time
            self._adapters[name] = _adapter(self.parameters[name].annotation)
        adapter = self._adapters[name]
        if adapter is None:
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

    def __str__(self) -> str:
        parameters = [
            p.replace(
                default=p.default if p.default is _MISSING else _Shown(_shorten(p.default)),
                annotation=_Shown(shown(p.annotation)) if is_static(p.annotation) else p.annotation,
            )
            for p in self.parameters.values()
        ]
        return str(inspect.Signature(parameters)) if parameters else "no parameters"


def _adapter(annotation: Any) -> Any:
    """Return what validates values by an annotation; None: nothing can."""
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter

    if annotation is _MISSING or isinstance(annotation, str):
        return None
    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:  # a model brings its own config
        return TypeAdapter(annotation)


def resolved_signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return a function's signature with its annotations as objects.

    An annotation that is for type checkers or people only stays text.
    """
    try:
        return inspect.signature(function, eval_str=True)
    except Exception:  # noqa: BLE001 - whatever the annotations are, one by one they may do
        plain = inspect.signature(function)
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    parameters = [
        one.replace(annotation=_resolved(one.annotation, scope))
        for one in plain.parameters.values()
    ]
    returned = _resolved(plain.return_annotation, scope)
    return plain.replace(parameters=parameters, return_annotation=returned)


def _resolved(annotation: Any, scope: dict[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, scope)  # noqa: S307 - the user's own source, which runs anyway
    except Exception:  # noqa: BLE001 - a name that is only imported for type checkers
        return annotation


class _Shown:
    """Shows something else than its own repr in a signature."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _shorten(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a broken repr must not hide the message it was meant for
        text = f"<{type(value).__name__}, repr raised {type(error).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


@overload
def Parameter(name: str, default: T = ..., *, annotation: type[T]) -> T: ...
@overload
def Parameter(name: str, default: Any = ..., *, annotation: Any = ...) -> Any: ...
def Parameter(  # noqa: N802 - what it returns is one, typed as the value that it stands for
    name: str, default: Any = _MISSING, *, annotation: Any = _MISSING
) -> Any:
    """Make a parameter of a flow by hand, to be passed to tasks.

    It becomes the flow's where it is used, or made inside ``with Flow(...)``.

    Parameters
    ----------
    default
        Its value in runs that give none; without it every run has to.
    annotation
        A type by which values are checked and coerced, as in the signature of a function.

    Raises
    ------
    DefinitionError
        The flow has one of that name with another default or annotation, or it has a function
        that takes none of that name.

    Examples
    --------
    >>> from daskflow import Flow, LocalExecutor, Parameter, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> with Flow("twice", executor=LocalExecutor()) as f:
    ...     f.set_returned(double(Parameter("x", default=1, annotation=int)))
    >>> f.run().result(), f.run(x="4").result()
    (2, 8)
    """
    if not name.isidentifier() or iskeyword(name):
        msg = f"{name!r} cannot name a parameter: a run has to give it as {name}=..."
        raise DefinitionError(msg)
    if is_static(annotation):
        msg = f"parameter {name!r}: Static belongs on a parameter of a function, which is traced"
        raise DefinitionError(msg)
    made = placeholders.Parameter(name, default, annotation)
    trace = current_trace.get()
    if trace is not None:
        trace.form_of(made, name)
    return made
