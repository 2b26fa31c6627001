"""Pickling of a run's own code: what becomes of functions, classes and modules on their way.

Functions and classes of the flow's own folder travel by value, and share their module's globals at
the other end as they do here. A module of that folder that is referred to as a whole travels by
value too, except where something in it cannot be pickled: a lock, a connection. Then the module
goes as source and is executed at the other end, as an import would, and whatever is in it is
referred to by name. All else is referred to by name, and those names are noted.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, NamedTuple

import cloudpickle

from daskflow.pickling import OwnPickler, dumps, use_pickler
from daskflow.runtime.modules import OwnModule, home, module_named

_SENT_FIRST = ("__file__", "__name__", "__package__", "__path__")
_NOT_SENT = frozenset({"__builtins__", "__cached__", "__loader__", "__spec__"})
_GLOBALS = "__globals__"  # what cloudpickle calls a function's globals in its state


class _Globals(NamedTuple):
    """Stands for the globals of a module's functions in a pickle."""

    module: OwnModule

    def __reduce__(self) -> tuple[Any, ...]:
        return OwnModule.namespace, (self.module,)


@dataclass
class OwnCode:
    """The code of one run that is the user's own: what is found out about it while it is pickled.

    What that is says the registry of cloudpickle, and whatever was defined in ``__main__``.
    """

    run_id: str
    by_source: set[str] = field(default_factory=set)  # modules that cannot be pickled
    named: set[str] = field(default_factory=set)  # modules that something is referred to in by name

    @contextmanager
    def packing(self) -> Iterator[None]:
        """Let `daskflow.pickling.dumps` pickle for this run meanwhile."""
        modules = {}
        for name in {"__main__", *cloudpickle.list_registry_pickle_by_value()}:
            module = module_named(name)
            if module is not None:
                attributes = None if name in self.by_source else _attributes(module)
                own = OwnModule(home(), self.run_id, name, attributes)
                modules[id(vars(module))] = _Globals(own)
        with use_pickler(partial(CodePickler, code=self, modules=modules)):
            yield

    def is_sent(self, name: str) -> bool:
        """Return whether a module travels by value, as far as it is referred to."""
        by_value = name in cloudpickle.list_registry_pickle_by_value()
        return by_value and name in sys.modules and name not in self.by_source


def _attributes(module: ModuleType) -> dict[str, Any]:
    there = vars(module)
    return {name: there[name] for name in _SENT_FIRST if name in there}


class CodePickler(OwnPickler):
    """Pickles the code of one run.

    Parameters
    ----------
    modules
        What stands for the globals of each module of the run's own, by their identity here.
    """

    def __init__(
        self,
        file: Any,
        protocol: int = 5,
        buffer_callback: Callable[[Any], Any] | None = None,
        *,
        code: OwnCode,
        modules: Mapping[int, _Globals],
    ) -> None:
        super().__init__(file, protocol, buffer_callback, code.run_id)
        self._named = code.named
        self._modules = modules
        self.globals_ref = dict(modules)  # what cloudpickle gives the copies of functions

    def reducer_override(self, obj: Any) -> Any:
        """Return how an object is taken apart."""
        if isinstance(obj, ModuleType):
            return self._reduce_module(obj)
        if not isinstance(obj, FunctionType | type | BuiltinFunctionType):
            return super().reducer_override(obj)
        if (source := self._source_of(obj)) is not None:
            return OwnModule.look_up, (source, obj.__qualname__)
        reduced = super().reducer_override(obj)
        if reduced is NotImplemented:
            if isinstance(obj.__module__, str):  # a method of what is written in C has none
                self._named.add(obj.__module__)
        elif isinstance(obj, FunctionType) and id(obj.__globals__) in self._modules:
            own = self._modules[id(obj.__globals__)].module
            return _in_module(reduced, is_filled=own.attributes is not None)
        return reduced

    def _reduce_module(self, module: ModuleType) -> Any:
        found = self._modules.get(id(vars(module)))
        if found is None:
            self._named.add(module.__name__)
            return super().reducer_override(module)
        own = found.module
        if own.attributes is None:
            return OwnModule.find, (own,)
        state = {name: value for name, value in vars(module).items() if name not in _NOT_SENT}
        return OwnModule.find, (own,), state, None, None, _fill_module

    def _source_of(self, obj: Any) -> OwnModule | None:
        """Return the module that has an object under its name, where that goes as source."""
        module = module_named(obj.__module__ or "")
        found = self._modules.get(id(vars(module))) if module is not None else None
        if found is None or found.module.attributes is not None:
            return None
        try:
            return found.module if found.module.look_up(obj.__qualname__) is obj else None
        except AttributeError:
            return None


def _in_module(reduced: Any, *, is_filled: bool) -> tuple[Any, ...]:
    """Return how cloudpickle takes a function apart, so that it adds no globals to a module.

    Parameters
    ----------
    is_filled
        Whether those that the function needs come along, for a module that does not have them yet.
    """
    make, made_of, (attributes, slots), *rest, set_state = reduced
    needed = slots[_GLOBALS] if is_filled else {}
    return make, made_of, (attributes, slots | {_GLOBALS: {}}, needed), *rest, _Setter(set_state)


class _Setter(NamedTuple):
    """Sets the state of a function that has arrived."""

    set_state: Callable[[Any, Any], Any]

    def __call__(self, function: FunctionType, state: tuple[Any, Any, dict[str, Any]]) -> Any:
        attributes, slots, needed = state
        there = function.__globals__
        self.set_state(function, (attributes, slots))
        _add(there, needed)
        if there.get("__name__") == "__main__":
            there["__builtins__"] = builtins  # as it is there; cloudpickle puts in their dict
        return function


def _fill_module(module: ModuleType, state: Mapping[str, Any]) -> ModuleType:
    _add(vars(module), state)
    return module


def _add(there: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Add to a module's globals what they do not have; what they have may be in use."""
    for name, value in values.items():
        if isinstance(there.get(name, value), ModuleType):  # it may be a package's submodule, and
            there[name] = value  # the package may call something else by the same name
        there.setdefault(name, value)


def unpicklable(code: OwnCode, names: Iterable[str]) -> set[str]:
    """Return the modules among these that cannot be pickled, whatever they refer to in others."""
    found = set()
    for name in names:
        alone = OwnCode(code.run_id, by_source=set(names) - {name})
        try:
            with alone.packing():
                dumps(sys.modules[name])
        except Exception:
            found.add(name)
    return found
