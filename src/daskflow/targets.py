"""From ``FILE.py:flow`` or ``module:flow`` to the flow.

A loose file is imported under its stem, with its folder first on the path, so that the modules
beside it import; a module is looked for from the working folder. Whatever is wrong on the way is
one `TargetError` whose message names the place and the cure.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from daskflow.definition.flows import Flow, being_imported
from daskflow.errors import TamperedError, TargetError
from daskflow.runtime.spec import is_installed
from daskflow.stores.history import RunRow, RunStore


def load_flow(target: str) -> Flow[..., Any]:
    """Import what the target names and return its flow.

    Parameters
    ----------
    target
        ``FILE.py:flow`` or ``module:flow``; without ``:flow``, the only flow there.

    Raises
    ------
    TargetError
        There is no such file, module or flow, or it does not import.
    """
    place, _, name = target.partition(":")
    if not place:
        msg = f"{target!r} names no file or module: say FILE.py:flow or module:flow"
        raise TargetError(msg)
    is_file = place.endswith(".py") or "/" in place
    module = _import_file(Path(place)) if is_file else _import_named(place)
    return _named_flow(module, name, place) if name else _only_flow(module, place)


def load_flow_of(store: RunStore, row: RunRow) -> Flow[..., Any]:
    """Import the flow of a run that is in a store, with the options that the run had.

    Modules are looked for from the working folder, which is to be that of the run.

    Raises
    ------
    TargetError
        It cannot be imported; the message tells how to go on all the same.
    TamperedError
        What the store says of the run is not what was written: its target is not to be trusted.
    """
    if not store.is_genuine(row.id):
        msg = (
            f"run {row.name!r} is not as it was written in {store.url}, so nothing that it names "
            f"is imported; `daskflow audit {row.name}` tells more"
        )
        raise TamperedError(msg)
    cure = f"where you have the flow f, f.resume({row.id!r}) or f.rerun({row.id!r}) does it"
    if not row.target:
        msg = (
            f"run {row.name!r} is of a flow that cannot be imported, for no module has "
            f"{row.flow_name!r} under a name of its own: {cure}"
        )
        raise TargetError(msg)
    try:
        return load_flow(row.target).with_options(**row.options)
    except TargetError as error:
        msg = f"the flow of run {row.name!r} cannot be imported: {error}; {cure}"
        raise TargetError(msg) from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no file"
        raise TargetError(f"{path} is {what}: TARGET is FILE.py:flow or module:flow")
    file, name = path.resolve(), path.stem
    loaded = sys.modules.get(name)
    if loaded is not None:
        if getattr(loaded, "__file__", None) == str(file):
            return loaded
        msg = f"{path}: a module called {name!r} is in use already; give the file another name"
        raise TargetError(msg)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} is no Python file: its name has to end in .py")
    _put_first(file.parent)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    token = being_imported.set(str(path))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise TargetError(_why_not(str(path), error)) from error
    finally:
        being_imported.reset(token)
    return module


def _import_named(name: str) -> ModuleType:
    _put_first(Path.cwd())
    token = being_imported.set(name)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            msg = (
                f"there is no module {name!r}, neither in {Path.cwd()} nor installed; "
                "a file is named with its ending: FILE.py:flow"
            )
            raise TargetError(msg) from error
        raise TargetError(_why_not(name, error)) from error
    except (Exception, SystemExit) as error:
        raise TargetError(_why_not(name, error)) from error
    finally:
        being_imported.reset(token)


def _put_first(folder: Path) -> None:
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))


def _why_not(place: str, error: BaseException) -> str:
    """Return where and why an import ended, in one message."""
    if isinstance(error, SyntaxError):
        file, line, why = error.filename or place, error.lineno, error.msg
    else:
        file, line = _line_of(error)
        why = str(error)
    where = "" if Path(file).resolve() == Path(place).resolve() else f"{file}, "
    kind = type(error).__name__
    return f"{place} does not import: {where}line {line}: {kind}{f': {why}' if why else ''}"


def _line_of(error: BaseException) -> tuple[str, int | None]:
    """Return the innermost line that is the user's own: neither daskflow's nor installed."""
    frames = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<")
    ]
    own = [frame for frame in frames if not is_installed(Path(frame[0]).resolve())]
    return (own or frames)[-1]


def _named_flow(module: ModuleType, name: str, place: str) -> Flow[..., Any]:
    found = getattr(module, name, None)
    if isinstance(found, Flow):
        return found
    flows = _flows_in(module)
    for flow in flows.values():
        if flow.name == name:
            return flow
    if found is None:
        raise TargetError(f"{place} has no flow {name!r}; {_told(flows, place)}")
    kind = type(found).__name__.lower()
    msg = f"{place}:{name} is a {kind}, not a flow: decorate it with @flow; {_told(flows, place)}"
    raise TargetError(msg)


def _only_flow(module: ModuleType, place: str) -> Flow[..., Any]:
    flows = _flows_in(module)
    if len(flows) == 1:
        return next(iter(flows.values()))
    raise TargetError(f"which flow of {place}? {_told(flows, place)}")


def _flows_in(module: ModuleType) -> dict[str, Flow[..., Any]]:
    """Return a module's flows by name: its own, or where it has none those it imported."""
    found: dict[int, tuple[str, Flow[..., Any]]] = {}
    for name, value in vars(module).items():
        if isinstance(value, Flow):
            found.setdefault(id(value), (name, value))
    own = [pair for pair in found.values() if pair[1].__module__ == module.__name__]
    return dict(own or found.values())


def _told(flows: dict[str, Flow[..., Any]], place: str) -> str:
    if not flows:
        return "there is no flow in it: decorate a function with @flow"
    return f"its flows: {', '.join(f'{place}:{name}' for name in flows)}"
