"""What was typed behind ``daskflow run``, read: parameters, and where the flow is to run."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daskflow.errors import ExecutorError, ParameterError
from daskflow.executors.base import Executor
from daskflow.executors.local import LocalExecutor
from daskflow.parameters import Signature


@dataclass(frozen=True)
class Place:
    """Where a flow is to run; None: not said."""

    executor: str | None = None  # local, threads, dask
    address: str | None = None  # of a scheduler
    workers: int | None = None
    threads_per_worker: int | None = None


def executor_of(place: Place) -> Executor | None:
    """Return the executor that was asked for; None where nothing was said.

    Raises
    ------
    DaskflowError
        What was said contradicts itself.
    """
    from daskflow.executors.choice import choose_executor
    from daskflow.executors.cluster import DaskExecutor
    from daskflow.settings import Settings

    if place == Place():
        return None
    settings = Settings()
    kind = place.executor or ("dask" if place.address else settings.executor) or "dask"
    size = (place.workers, place.threads_per_worker)
    if place.address is not None and kind != "dask":
        msg = f"--address is for Dask: leave out --executor {kind}, or --address"
        raise ExecutorError(msg)
    if kind == "local" and size != (None, None):
        msg = "--executor local runs one task at a time: give no size, or say --executor threads"
        raise ExecutorError(msg)
    if kind == "threads" and size != (None, None):
        return LocalExecutor(threads=(size[0] or 1) * (size[1] or 1))
    if kind == "dask" or "://" in kind:
        address = place.address if kind == "dask" else kind
        return DaskExecutor(address, workers=size[0], threads_per_worker=size[1])
    return choose_executor(settings.model_copy(update={"executor": kind}))


def read_parameters(signature: Signature, typed: Sequence[str], file: str | None) -> dict[str, Any]:
    """Return the flow's parameters: those of the file, then what was typed.

    Raises
    ------
    ParameterError
        One is malformed or given twice, or the file is no table of parameters.
    """
    given: dict[str, Any] = dict(_file_of(file)) if file is not None else {}
    seen: set[str] = set()
    for pair in typed:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            msg = f"--param {pair!r} is not NAME=VALUE"
            raise ParameterError(msg)
        if name in seen:
            msg = f"--param {name} is given twice; a list is given as JSON: --param {name}='[1, 2]'"
            raise ParameterError(msg)
        seen.add(name)
        given[name] = value_of(signature, name, text)
    return given


def value_of(signature: Signature, name: str, text: str) -> Any:
    """Return the value of a typed parameter: JSON where that works, else the text itself.

    It does not work where the flow takes the text but not what it is as JSON: a zip code is no
    number where a string is wanted.

    Examples
    --------
    >>> def ship(zip_code: str, days: list[int]): ...
    >>> signature = Signature.of(ship, "ship")
    >>> value_of(signature, "zip_code", "20095"), value_of(signature, "days", "[1, 2]")
    ('20095', [1, 2])
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text
    is_text_only = (
        name in signature.parameters
        and not _takes(signature, name, value)
        and _takes(signature, name, text)
    )
    return text if is_text_only else value


def _takes(signature: Signature, name: str, value: Any) -> bool:
    alone = Signature(signature.flow, {name: signature.parameters[name]})
    try:
        alone.bind((), {name: value})
    except ParameterError:
        return False
    return True


def _file_of(file: str) -> Mapping[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        found = tomllib.loads(text) if file.endswith(".toml") else json.loads(text)
    except OSError as error:
        msg = f"the parameters' file {file} cannot be read: {error.strerror}"
        raise ParameterError(msg) from error
    except ValueError as error:
        kind = "TOML" if file.endswith(".toml") else "JSON"
        msg = f"the parameters' file {file} is no valid {kind}: {error}"
        raise ParameterError(msg) from error
    if not isinstance(found, dict):
        msg = f"the parameters' file {file} holds a {type(found).__name__}, not names with values"
        raise ParameterError(msg)
    return found
