"""The modules of a flow's own folder, in a process that never saw that folder.

Each run brings its own. What its tasks refer to comes by value and fills modules that are made
here; what only an ``import`` inside of a function asks for comes as source, and that import
executes it. Runs with different modules of one name may be at work in a process at the same time.
So what stands in `sys.modules` under such a name is a stand-in: it shows each run its own module,
and everybody else the one that was there before. In the process that packed a run's spec its
modules are the real ones.
"""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

HERE = uuid.uuid4().hex  # names this process


class Source(NamedTuple):
    """The source of one module."""

    path: str  # for tracebacks
    text: str
    is_package: bool = False


class RunModules:
    """What one run has of the modules of its flow's own folder.

    Parameters
    ----------
    sources
        Of those that are executed when they are imported.
    is_here
        Whether the run comes from this process, where its modules are the real ones.
    """

    def __init__(
        self, run_id: str, sources: Mapping[str, Source], *, is_here: bool = False
    ) -> None:
        self.sources = sources
        self.is_here = is_here
        self._made: dict[str, ModuleType] = {}
        self._lock = threading.RLock()
        with _lock:
            _runs[run_id] = self
            _give_back()
            if sources and _finder not in sys.meta_path:
                sys.meta_path.insert(0, _finder)  # a copy that the worker itself finds may be old
            for name in sources:
                if name in sys.modules:
                    _stand_in(name)

    def __contains__(self, name: str) -> bool:
        return name in self._made or name in self.sources

    def get(self, name: str) -> ModuleType:
        """Return the module of that name, executing its source if need be."""
        if name not in self._made:
            with in_use(self):
                if name not in sys.modules:
                    import_module(name)
                with self._lock:  # another run's was there, so nothing was imported
                    if (begun := self.begin(name)) is not None:
                        self.execute(begun)
        return self._made[name]

    def blank(self, name: str, attributes: Mapping[str, Any]) -> ModuleType:
        """Return the module of that name, for its contents to be put in.

        Parameters
        ----------
        attributes
            What it has from the beginning, as ``__file__``.
        """
        with self._lock:
            module = self._made.get(name)
            if module is None:
                module = self._made[name] = ModuleType(name)
                vars(module).update(attributes)
                self._bind(name)
                if name != "__main__":  # each process has one of its own
                    _stand_in(name)
        return module

    def begin(self, name: str) -> ModuleType | None:
        """Make a module without its contents; None where it was made already."""
        if name in self._made:
            return None
        parent = name.rpartition(".")[0]
        if parent in self:
            self.get(parent)
        source = self.sources[name]
        module = self._made[name] = ModuleType(name)
        self._bind(name)
        module.__file__ = source.path
        module.__loader__ = _Loader(self)
        module.__package__ = name if source.is_package else parent
        if source.is_package:
            module.__path__ = []  # it is in no folder
        return module

    def execute(self, module: ModuleType) -> None:
        """Fill a module that was begun."""
        name, source = module.__name__, self.sources[module.__name__]
        try:
            with in_use(self):
                exec(compile(source.text, source.path, "exec"), vars(module))  # noqa: S102
        except BaseException:
            del self._made[name]
            raise

    def _bind(self, name: str) -> None:
        """Make a module an attribute of its package, and its submodules its own."""
        for other in list(self._made):
            package, _, last = other.rpartition(".")
            if name in (other, package) and package in self._made:
                vars(self._made[package]).setdefault(last, self._made[other])

    def made(self, name: str) -> ModuleType | None:
        """Return the module of that name, where it was made already."""
        return self._made.get(name)

    def source(self, name: str) -> str | None:
        """Return a module's source, where it came as source."""
        source = self.sources.get(name)
        return source.text if source else None


_runs: WeakValueDictionary[str, RunModules] = WeakValueDictionary()  # those at work here
_current: ContextVar[RunModules | None] = ContextVar("daskflow_modules", default=None)
_lock = threading.RLock()
_aside: dict[str, ModuleType] = {}  # real modules whose place in `sys.modules` is taken


class in_use:  # noqa: N801 - as contextlib names its own; a generator costs each block more
    """Let what this thread imports meanwhile be a run's; None: as it is, for they are real."""

    __slots__ = ("_modules", "_token")

    def __init__(self, modules: RunModules | None) -> None:
        self._modules = modules

    def __enter__(self) -> None:
        if self._modules is not None:
            self._token = _current.set(self._modules)

    def __exit__(self, *_: object) -> None:
        if self._modules is not None:
            _current.reset(self._token)


def home() -> str:
    """Return where the modules are real that this thread sees; empty: they are a run's."""
    run = _current.get()
    return HERE if run is None or run.is_here else ""


def inherited_sources() -> Mapping[str, Source]:
    """Return the sources that came with the run whose modules are in use."""
    run = _current.get()
    return run.sources if run is not None else {}


def module_named(name: str) -> ModuleType | None:
    """Return the module of that name as this thread sees it, ``__main__`` too; None: not there.

    Nothing is imported or executed for it, as it may be by a look at a stand-in.
    """
    run = _current.get()
    if run is not None and name in run:
        return run.made(name)
    module = sys.modules.get(name)
    return _aside.get(name) if type(module) is _StandIn else module


def modules_seen() -> list[ModuleType | None]:
    """Return all modules that are loaded, as this thread sees them; see `module_named`."""
    if _current.get() is None and not _aside:
        return list(sys.modules.values())
    return [module_named(name) for name in list(sys.modules)]


def forget_modules() -> None:
    """Let no run's modules be in use in this context from now on."""
    _current.set(None)


class OwnModule(NamedTuple):
    """Stands for a module of a run's own in a pickle."""

    home: str  # the process in which it is real; empty: in none that knows this run
    run_id: str
    name: str
    attributes: Mapping[str, Any] | None  # that it has before it is filled; None: comes as source

    def find(self) -> ModuleType:
        """Return the module as this process has it."""
        if self.home == HERE:
            return sys.modules.get(self.name) or ModuleType(self.name)
        run = _runs.get(self.run_id)
        if run is None:  # a value outlived its run
            return ModuleType(self.name)
        if self.attributes is None:
            return run.get(self.name)
        return run.blank(self.name, self.attributes)

    def namespace(self) -> dict[str, Any]:
        """Return the globals of its functions."""
        return vars(self.find())

    def look_up(self, qualname: str) -> Any:
        """Return what is in it under a dotted name."""
        found: Any = self.find()
        for name in qualname.split("."):
            found = getattr(found, name)
        return found


def _owner(name: str) -> RunModules | None:
    """Return the run whose module is meant; None: the real one.

    Threads that a task started do not know their run; they get the youngest that has the name.
    """
    run = _current.get()
    if run is not None:
        return run if name in run else None
    if name in _aside:
        return None
    return next((one for one in reversed(list(_runs.values())) if name in one), None)


class _StandIn(ModuleType):
    """Shows each run its own module of one name."""

    def __getattribute__(self, attribute: str) -> Any:
        if attribute == "__spec__":  # its own: tells other threads that it is being imported
            return ModuleType.__getattribute__(self, attribute)
        name = ModuleType.__getattribute__(self, "__name__")
        run = _owner(name)
        if run is None:
            return getattr(_real(name), attribute)
        try:
            return getattr(run.get(name), attribute)
        except AttributeError:
            if (submodule := f"{name}.{attribute}") in run:
                return run.get(submodule)
            if _current.get() is not None:
                raise
        return getattr(_real(name), attribute)  # as Dask may ask, which unpickles for everybody

    def __setattr__(self, attribute: str, value: Any) -> None:
        name = ModuleType.__getattribute__(self, "__name__")
        run = _owner(name)
        if attribute == "__spec__":
            ModuleType.__setattr__(self, attribute, value)
        elif type(value) is not _StandIn:  # as imports bind submodules; those are bound already
            setattr(_real(name) if run is None else run.get(name), attribute, value)


def _stand_in(name: str) -> None:
    """Let a stand-in take the place of whatever has a name."""
    with _lock:
        before = sys.modules.get(name)
        if type(before) is not _StandIn:
            if before is not None:
                _aside[name] = before
            sys.modules[name] = _StandIn(name)


def _give_back() -> None:
    """Undo the stand-ins for names that no run has any more."""
    runs = list(_runs.values())
    for name in [name for name, module in sys.modules.items() if type(module) is _StandIn]:
        if not any(name in run for run in runs):
            del sys.modules[name]
            if name in _aside:
                sys.modules[name] = _aside.pop(name)


def _real(name: str) -> ModuleType:
    """Return the module of a name that belongs to no run, importing it if need be."""
    if name not in _aside:
        stand_in = sys.modules.pop(name, None)
        _passed_over.names.add(name)
        try:
            _aside[name] = import_module(name)
        except ModuleNotFoundError as error:
            if stand_in is None:
                raise
            raise AttributeError(str(error)) from error  # what looks through all modules expects
        finally:
            _passed_over.names.discard(name)
            if stand_in is not None:
                sys.modules[name] = stand_in
    return _aside[name]


class _PassedOver(threading.local):
    """The names for which a thread wants the real modules."""

    def __init__(self) -> None:
        self.names: set[str] = set()


_passed_over = _PassedOver()


class _Finder(MetaPathFinder):
    """Answers imports of the names that runs have."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname in _passed_over.names:
            return None
        if not any(fullname in run for run in list(_runs.values())):
            return None
        return spec_from_loader(fullname, _Loader(_owner(fullname)))


class _Loader(InspectLoader):
    """Makes a run's module of its source, and a stand-in for it."""

    def __init__(self, run: RunModules | None) -> None:
        self._run = run
        self._begun: ModuleType | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        if self._run is None:
            _real(spec.name)  # so that this import tells what is wrong with it
        else:
            self._begun = self._run.begin(spec.name)
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        if self._run is not None and self._begun is not None:
            self._run.execute(self._begun)

    def get_source(self, fullname: str) -> str | None:  # for tracebacks
        return self._run.source(fullname) if self._run is not None else None


_finder = _Finder()
