"""What every process needs of a run, sent once: functions, graph, small values.

Functions and classes of the flow's own folder travel by value, so a worker that never saw that
folder can run them; what is installed travels by name.
"""

from __future__ import annotations

import pickle
import site
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from operator import is_
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from daskflow.caching import CacheFacts
from daskflow.definition.nodes import FlowGraph
from daskflow.errors import DefinitionError, ExecutorError
from daskflow.executors.base import PackedSpec
from daskflow.lines import DEFAULT_LOG_LIMITS, LogLimits
from daskflow.pickling import dumps
from daskflow.results.storage import ResultStorage
from daskflow.runtime.budgets import DEFAULT_LIMITS, Limits
from daskflow.runtime.code import OwnCode, unpicklable
from daskflow.runtime.modules import (
    HERE,
    RunModules,
    home,
    in_use,
    inherited_sources,
    module_named,
    modules_seen,
)
from daskflow.runtime.sources import (
    Found,
    Importer,
    collect_sources,
    file_importer,
    loose_importer,
)

_PYTHON = tuple(sys.version_info[:2])  # functions travel as bytecode


@dataclass(frozen=True)
class RunSpec:
    """A flow run as the shim knows it."""

    run_id: str
    run_name: str
    flow_name: str
    graph: FlowGraph
    literals: Mapping[str, Any]  # those that are small
    kept: frozenset[str]  # nodes whose values the user may ask for
    measured: frozenset[str]  # nodes whose values something maps over
    small_result_bytes: int = 4096
    tags: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()  # names of those literals that are the flow's parameters
    scheduled_for: float = 0.0  # instant at which the run was to start
    max_signalled_retries: int = 100
    storage: ResultStorage | None = None  # where durable results are
    persisted: frozenset[str] = frozenset()  # nodes whose results are to be durable
    limits: Limits = DEFAULT_LIMITS  # of its blocks
    store: str = ""  # URL of the store that keeps the run
    host: str = ""  # where it is driven; a store that is a file is there
    caching: CacheFacts | None = None  # None: no result is cached
    parents: tuple[str, ...] = ()  # ids of the task runs that called it, outermost first
    log_level: int | None = None  # lowest that is let through; None: as `logging` is configured
    log_prints: bool = False  # whether what tasks print is logged, where they do not say
    log_limits: LogLimits = DEFAULT_LOG_LIMITS  # how much of that is kept
    driver: str = ""  # the process that drives it; see `tapes.this_process`; empty: none does
    caches: dict[Any, Any] = field(default_factory=dict)  # of the shim; empty when it travels
    modules: RunModules | None = None  # of the flow's own folder, where it has travelled
    session_id: str = ""  # of who goes on with it: its code may be another; empty: its own id

    @property
    def session(self) -> str:
        """The name under which executors know the run: behind a resume it has another one."""
        return self.session_id or self.run_id


def pack_spec(spec: RunSpec, code: OwnCode | None = None) -> PackedSpec:
    """Return the spec as bytes, with the names of the modules that have to be there already.

    Parameters
    ----------
    code
        Takes note of what is found out about the run's own code, for later messages of the run.

    Raises
    ------
    DefinitionError
        Something a task refers to cannot be pickled; the message names the task.
    """
    code = OwnCode(spec.session) if code is None else code
    importers = _importers_of([task.fn for task in spec.graph.tasks()])
    try:
        found, body = _pack(spec, code, importers)
    except Exception as error:
        able = collect_sources(importers).sources
        code.by_source |= unpicklable(code, [name for name in able if code.is_sent(name)])
        if not code.by_source:
            raise DefinitionError(_blame(spec, code, error)) from error
        try:
            found, body = _pack(spec, code, importers)
        except Exception as other:
            raise DefinitionError(_blame(spec, code, other)) from other
    sources = {**inherited_sources(), **found.sources}
    data = pickle.dumps((spec.session, home(), _PYTHON, sources, body), protocol=5)
    needed = {name for name in code.named if name not in sources and not _is_known(name)}
    folder = ""
    if spec.storage is not None and spec.persisted:
        needed |= spec.storage.place.modules()
        folder = spec.storage.private_folder()
    return PackedSpec.of(data, found.named - sources.keys(), needed, folder)


def _pack(spec: RunSpec, code: OwnCode, importers: list[Importer]) -> tuple[Found, bytes]:
    """Return what the code imports, and the spec, behind what imports on the worker ask for."""
    found = collect_sources(importers, code.is_sent)
    asked = [sys.modules[name] for name in found.asked if code.is_sent(name)]
    with code.packing():
        return found, dumps((asked, replace(spec, caches={})))


def unpack_spec(data: bytes) -> RunSpec:
    """Return the spec that `pack_spec` packed; tasks find its modules where those are in use.

    Raises
    ------
    ExecutorError
        It comes from another Python, whose functions could end this process.
    """
    run_id, origin, python, sources, body = pickle.loads(data)
    if python != _PYTHON:
        theirs, mine = (".".join(map(str, one)) for one in (python, _PYTHON))
        msg = f"the flow comes from Python {theirs}, this worker has {mine}; install the same"
        raise ExecutorError(msg)
    is_here = origin == HERE
    modules = RunModules(run_id, {} if is_here else sources, is_here=is_here)
    with in_use(modules):
        spec: RunSpec = pickle.loads(body)[1]
    return replace(spec, modules=modules)


def _is_known(module: str) -> bool:
    """Return whether a module is wherever daskflow is."""
    return module.partition(".")[0] in {*sys.stdlib_module_names, "__main__", "daskflow"}


def _blame(spec: RunSpec, code: OwnCode, error: Exception) -> str:
    """Name the task, or the value, that cannot be pickled."""
    parts = {f"task {name!r}": node.task for name, node in spec.graph.nodes.items()}
    parts |= {f"the value of {name!r}": value for name, value in spec.literals.items()}
    with code.packing():
        for name, part in parts.items():
            try:
                dumps(part)
            except Exception as reason:
                return f"{name} cannot be sent to workers: {reason}"
    return f"the flow cannot be sent to workers: {error}"


_registry_lock = threading.RLock()  # cloudpickle has one registry for all threads


@contextmanager
def own_code_by_value(functions: Sequence[Any]) -> Iterator[None]:
    """Pickle the modules around these functions by value meanwhile.

    Around: in the folder of a function's module, or below it, and not installed.
    """
    with _registry_lock:
        taken: list[ModuleType] = []
        by_value = set(cloudpickle.list_registry_pickle_by_value())
        for module in _modules_near({_folder_of(function) for function in functions} - {None}):
            if module.__name__ not in by_value:
                cloudpickle.register_pickle_by_value(module)
                by_value.add(module.__name__)  # one module may be loaded under two names
                taken.append(module)
        try:
            yield
        finally:
            for module in taken:
                cloudpickle.unregister_pickle_by_value(module)


def _folder_of(function: Any) -> Path | None:
    if _is_loose(function):
        return Path.cwd()
    file = _file_of(function)
    return file.parent if file is not None else None


def _is_loose(function: Any) -> bool:
    """Return whether a function was defined in a notebook or at a prompt, so is in no file."""
    is_main = getattr(function, "__module__", None) == "__main__"
    return is_main and getattr(module_named("__main__"), "__file__", None) is None


def _file_of(function: Any) -> Path | None:
    """Return the file in which a function's module lives; None where that is installed."""
    module = module_named(getattr(function, "__module__", None) or "")
    path = getattr(module, "__file__", None)
    if path is None or is_installed(_resolved(path)):
        return None
    return _resolved(path)


def _importers_of(functions: Sequence[Any]) -> list[Importer]:
    files = dict.fromkeys(_file_of(function) for function in functions)
    found = [file_importer(file) for file in files if file is not None]
    if any(_is_loose(function) for function in functions):
        cells = list(vars(module_named("__main__")).values())
        found.append(loose_importer(Path.cwd(), [*functions, *cells]))
    return found


def _modules_near(folders: set[Any]) -> Iterator[ModuleType]:
    if not folders:
        return
    for module, around in _own_modules():
        if not folders.isdisjoint(around):
            yield module


_Placed = tuple[ModuleType, frozenset[Path]]  # and the folders that its file lies in
_looked_at: tuple[Sequence[ModuleType | None], Sequence[_Placed]] = ((), ())


def _own_modules() -> Sequence[_Placed]:
    """Return the modules that are not installed; those that came since the last look are looked at.

    They come behind the others, unless somebody has dropped one, or put one in another's place.
    """
    global _looked_at  # noqa: PLW0603 - what was found last, of this process
    before, found = _looked_at
    modules = modules_seen()
    if len(before) > len(modules) or not all(map(is_, before, modules)):
        before, found = (), ()
    if len(before) < len(modules):
        came = filter(None, modules[len(before) :])
        found = [*found, *((one, around) for one in came if (around := _around(one)))]
        _looked_at = modules, found
    return found


def _around(module: ModuleType) -> frozenset[Path]:
    path = getattr(module, "__file__", None)
    if not isinstance(path, str) or module.__name__ == "__main__":
        return frozenset()
    return _folders_around(path)


_OWN_FOLDER = Path(__file__).resolve().parent.parent
_INSTALLED = tuple(
    Path(path).resolve()
    for path in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
    }
)


@cache  # asked of every loaded module whenever one was loaded
def _folders_around(path: str) -> frozenset[Path]:
    """Return the folders that a module's file lies in; none where it is installed."""
    place = _resolved(path)
    return frozenset() if is_installed(place) else frozenset(place.parents)


@cache
def _resolved(path: str) -> Path:
    return Path(path).resolve()


@cache
def is_installed(path: Path) -> bool:
    """Return whether a file is Python's, an installed package's, or ours: not the user's own."""
    return _OWN_FOLDER in path.parents or any(folder in path.parents for folder in _INSTALLED)
