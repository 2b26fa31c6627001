"""How the arguments of a task's call find the parameters of its function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, get_args, get_origin

from daskflow.definition.nodes import Argument, NodeSpec
from daskflow.definition.parameters import resolved_signature
from daskflow.errors import DefinitionError

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Binding:
    """The parameters of a task's function, and which argument feeds which.

    Examples
    --------
    >>> def load(day, limit=10): ...
    >>> Binding("load", load).names((1,), {})
    ['day']
    """

    def __init__(self, task: str, function: Callable[..., Any]) -> None:
        self.task = task  # its name
        self.signature = _signature_of(function)
        parameters = self.signature.parameters.values()
        self.by_position = [one.name for one in parameters if one.kind in _BY_POSITION]
        self.required = [
            one.name for one in parameters if one.default is one.empty and one.kind not in _REST
        ]
        self._takes_any = len(self.by_position) == len(parameters)

    def names(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], *, is_partial: bool = False
    ) -> list[str]:
        """Return the parameters that the positional arguments of a call feed.

        Parameters
        ----------
        is_partial
            Whether arguments may be missing.

        Raises
        ------
        DefinitionError
            They do not fit the signature, which the message names.
        """
        names = self.by_position
        if not kwargs and len(args) == len(names) and self._takes_any:
            return names
        try:
            bind = self.signature.bind_partial if is_partial else self.signature.bind
            bind(*args, **kwargs)
        except TypeError as error:
            msg = f"{self}: {error}"
            raise DefinitionError(msg) from None
        return (names + [f"args[{i}]" for i in range(len(args) - len(names))])[: len(args)]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The values of the parameters that a call may leave out."""
        parameters = self.signature.parameters.values()
        return {one.name: one.default for one in parameters if one.default is not one.empty}

    def keyword(self, node: NodeSpec, key: str) -> str | None:
        """Return by which word a node's argument is passed; None: by position.

        Raises
        ------
        DefinitionError
            There is no such argument, or it has a value already.
        """
        if any(argument.name == key for argument in node.arguments):
            msg = f"node {node.name!r}: its argument {key!r} has a value already"
            raise DefinitionError(msg)
        parameter = self.signature.parameters.get(key)
        if parameter is not None and parameter.kind not in _REST:
            return None if parameter.kind is parameter.POSITIONAL_ONLY else key
        kinds = {one.kind for one in self.signature.parameters.values()}
        if inspect.Parameter.VAR_KEYWORD not in kinds or not key.isidentifier():
            msg = f"node {node.name!r} has no argument {key!r}; its task is {self}"
            raise DefinitionError(msg)
        return key

    def placed(self, arguments: Iterable[Argument], more: Argument) -> tuple[Argument, ...]:
        """Return arguments with one more, at its place where it is passed by position."""
        every = [*arguments, more]
        place = {name: number for number, name in enumerate(self.by_position)}
        placed = [one for one in every if one.keyword is None]
        placed.sort(key=lambda one: place.get(one.name, len(place)))
        return (*placed, *(one for one in every if one.keyword is not None))

    def refitted(self, node: NodeSpec) -> tuple[Argument, ...]:
        """Return the arguments of another task's node as they feed this one.

        Raises
        ------
        DefinitionError
            They do not fit; some are missing that the other task did not miss.
        """
        args = [one for one in node.arguments if one.keyword is None]
        kwargs = {one.keyword: one for one in node.arguments if one.keyword is not None}
        is_partial = bool(node.task.binding.problems(node.arguments))
        try:
            names = self.names(args, kwargs, is_partial=is_partial)
        except DefinitionError as error:
            msg = f"node {node.name!r} has arguments that do not fit {error}"
            raise DefinitionError(msg) from None
        made = [one._replace(name=name) for one, name in zip(args, names, strict=True)]
        return (*made, *kwargs.values())

    def problems(self, arguments: Collection[Argument]) -> list[str]:
        """Return what is wrong with the arguments of a call: those that are missing."""
        if len(arguments) == len(self.by_position) and self._takes_any:
            return []
        fed = {argument.name for argument in arguments}
        found = [
            f"nothing feeds its argument {name!r}" for name in self.required if name not in fed
        ]
        placed = [one.name for one in arguments if one.keyword is None]
        for name, wanted in zip(placed, self.by_position, strict=False):
            if name != wanted and wanted not in self.required:
                found.append(f"its argument {name!r} can only come behind {wanted!r}")
        return found

    def __str__(self) -> str:
        return f"{self.task}{self.signature}"


def outputs_of(function: Callable[..., Any]) -> int | None:
    """Return how many values a function returns by its annotation; None: it does not say.

    Examples
    --------
    >>> def split(text: str) -> tuple[str, int]: ...
    >>> outputs_of(split)
    2
    """
    try:
        returned = resolved_signature(function).return_annotation
    except ValueError:  # a builtin that does not tell
        return None
    parts = get_args(returned)
    return len(parts) if get_origin(returned) is tuple and Ellipsis not in parts else None


def _signature_of(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError:  # a builtin that does not tell: its call will
        return inspect.signature(lambda *_args, **_kwargs: None)
