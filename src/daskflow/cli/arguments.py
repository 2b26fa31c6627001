"""What was typed behind ``daskflow run``, read: parameters, and where the flow is to run."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from daskflow.definition.parameters import Signature
from daskflow.errors import ExecutorError, ParameterError
from daskflow.executors.base import Executor
from daskflow.executors.local import LocalExecutor


@dataclass(frozen=True)
class Place:
    """Where a flow is to run; None: not said."""

    executor: str | None = None  # local, threads, dask
    address: str | None = None  # of a scheduler
    workers: int | None = None
    threads_per_worker: int | None = None
    cluster_class: str | None = None  # dotted name
    cluster_kwargs: str | None = None  # JSON, or @ and the name of a file
    adapt: str | None = None  # MIN:MAX
    scheduler_file: str | None = None  # as `dask scheduler` writes it

    @property
    def address_word(self) -> str:
        """By which option the address of a scheduler was given."""
        return "--address" if self.scheduler_file is None else "--scheduler-file"


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
    if place.scheduler_file is not None:
        place = replace(place, address=_address_in(place.scheduler_file, place.address))
    _check_cluster(place)
    word = place.address_word if place.address else "--cluster-class" if place.cluster_class else ""
    kind = place.executor or ("dask" if word else settings.executor) or "dask"
    size = (place.workers, place.threads_per_worker)
    if word and kind != "dask":
        msg = f"{word} is for Dask: leave out --executor {kind}, or {word}"
        raise ExecutorError(msg)
    if kind == "local" and size != (None, None):
        msg = "--executor local runs one task at a time: give no size, or say --executor threads"
        raise ExecutorError(msg)
    if kind == "threads" and size != (None, None):
        return LocalExecutor(threads=(size[0] or 1) * (size[1] or 1))
    if kind == "dask" or "://" in kind:
        return DaskExecutor(
            place.address if kind == "dask" else kind,
            cluster_class=place.cluster_class,
            cluster_kwargs=_cluster_kwargs_of(place.cluster_kwargs),
            adapt_kwargs=_adapt_kwargs_of(place.adapt),
            workers=size[0],
            threads_per_worker=size[1],
        )
    return choose_executor(settings.model_copy(update={"executor": kind}))


def _address_in(file: str, address: str | None) -> str:
    """Return the address that a scheduler has written into a file."""
    if address is not None:
        msg = "--address and --scheduler-file both say which scheduler: give one of them"
        raise ExecutorError(msg)
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))["address"]
        if not found or not isinstance(found, str):
            raise TypeError(found)
    except OSError as error:
        msg = f"--scheduler-file {file}: {error.strerror}; a scheduler writes it when it starts"
        raise ExecutorError(msg) from error
    except (ValueError, LookupError, TypeError) as error:
        cure = "give the one that `dask scheduler --scheduler-file` wrote"
        msg = f"--scheduler-file {file} holds no scheduler's address; {cure}"
        raise ExecutorError(msg) from error
    return found


def _check_cluster(place: Place) -> None:
    """Refuse what does not go with the class of a cluster, or not without it."""
    if place.cluster_class is None:
        alone = {"--cluster-kwargs": place.cluster_kwargs, "--adapt": place.adapt}
        for word in [word for word, value in alone.items() if value is not None]:
            msg = f"{word} is for the cluster that --cluster-class names: give that too"
            raise ExecutorError(msg)
        return
    if place.address is not None:
        msg = f"{place.address_word} and --cluster-class both say which cluster: give one of them"
        raise ExecutorError(msg)
    if (place.workers, place.threads_per_worker) != (None, None):
        msg = (
            "--workers and --threads-per-worker are for the temporary cluster; the size of one of "
            """your own class stands in its words: --cluster-kwargs '{"n_workers": 2}'"""
        )
        raise ExecutorError(msg)


def _cluster_kwargs_of(given: str | None) -> Mapping[str, Any] | None:
    """Return the words for a cluster's class: JSON as it was typed, or a file behind an @."""
    if given is None:
        return None
    if given.startswith("@"):
        try:
            return _file_of(given[1:], "cluster's")
        except ParameterError as error:
            raise ExecutorError(str(error)) from error
    try:
        found = json.loads(given)
    except ValueError as error:
        msg = f"--cluster-kwargs {given!r} is no valid JSON: {error}; a file is given as @FILE"
        raise ExecutorError(msg) from error
    if not isinstance(found, dict):
        msg = f"--cluster-kwargs {given!r} holds a {type(found).__name__}, not names with values"
        raise ExecutorError(msg)
    return found


def _adapt_kwargs_of(given: str | None) -> dict[str, int] | None:
    """Return between how many workers a cluster adapts."""
    if given is None:
        return None
    least, _, most = given.partition(":")
    if not (least.isdecimal() and most.isdecimal() and int(least) <= int(most) != 0):
        msg = f"--adapt {given!r} is not MIN:MAX, two numbers of workers such as 0:10"
        raise ExecutorError(msg)
    return {"minimum": int(least), "maximum": int(most)}


def read_parameters(signature: Signature, typed: Sequence[str], file: str | None) -> dict[str, Any]:
    """Return the flow's parameters: those of the file, then what was typed.

    Raises
    ------
    ParameterError
        One is malformed or given twice, or the file is no table of parameters.
    """
    given: dict[str, Any] = dict(_file_of(file, "parameters'")) if file is not None else {}
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


def _file_of(file: str, whose: str) -> Mapping[str, Any]:
    """Return the names and values that a file holds."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        found = tomllib.loads(text) if file.endswith(".toml") else json.loads(text)
    except OSError as error:
        msg = f"the {whose} file {file} cannot be read: {error.strerror}"
        raise ParameterError(msg) from error
    except ValueError as error:
        kind = "TOML" if file.endswith(".toml") else "JSON"
        msg = f"the {whose} file {file} is no valid {kind}: {error}"
        raise ParameterError(msg) from error
    if not isinstance(found, dict):
        msg = f"the {whose} file {file} holds a {type(found).__name__}, not names with values"
        raise ParameterError(msg)
    return found
