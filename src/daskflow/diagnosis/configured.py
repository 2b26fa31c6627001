"""Which settings are set, and where; which names are none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from tomllib import TOMLDecodeError
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    EnvSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsError,
    TomlConfigSettingsSource,
)

from daskflow.diagnosis.findings import Finding, ok, problem, warning
from daskflow.settings import Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PREFIX = "DASKFLOW_"
_LIKE = 0.8  # of 1, from which on a name may have been meant for another
_SOURCES = (  # what comes first counts
    (EnvSettingsSource, ""),
    (TomlConfigSettingsSource, "daskflow.toml"),
    (PyprojectTomlConfigSettingsSource, "[tool.daskflow] in pyproject.toml"),
)


_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*(?=@)")


class Origin(NamedTuple):
    """A setting that is set, and where."""

    path: tuple[str, ...]  # store, url
    value: Any
    where: str


def examine_settings() -> tuple[Settings | None, list[Finding]]:
    """Return the settings, None where they cannot be read, and what there is to say of them."""
    try:
        found = Settings()
    except ValueError as error:
        return None, why_unreadable(error)
    known = origins()
    return found, [*judge_origins(known), *judge_names(known, os.environ)]


def why_unreadable(error: Exception) -> list[Finding]:
    """Return what is wrong with the settings; nothing where an error tells of something else."""
    if isinstance(error, ValidationError) and error.title == Settings.__name__:
        return [_of_invalid(one) for one in error.errors()]
    if isinstance(error, TOMLDecodeError | SettingsError):  # a file, or JSON in a variable
        return [problem("settings", f"they cannot be read: {error}", "mend or remove that")]
    return []


def _of_invalid(error: ErrorDetails) -> Finding:
    path = tuple(map(str, error["loc"]))
    told = f"{'.'.join(path)} is {error['input']!r}: {error['msg']}"
    return problem("settings", told, f"mend or remove {env_name(path)}, or what a file says")


def origins() -> list[Origin]:
    """Return what is set, each with where: a variable, or a file."""
    found: dict[tuple[str, ...], Origin] = {}
    for source, where in _SOURCES:
        for path, value in _leaves(source(Settings)()):
            found.setdefault(path, Origin(path, value, where or env_name(path)))
    return [found[path] for path in sorted(found)]


def _leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def env_name(path: Sequence[str]) -> str:
    """Return the variable of a setting.

    Examples
    --------
    >>> env_name(["store", "url"])
    'DASKFLOW_STORE__URL'
    """
    return f"{_PREFIX}{'__'.join(path).upper()}"


def known_settings() -> dict[tuple[str, ...], Any]:
    """Return the settings that there are, each with its type."""
    found: dict[tuple[str, ...], Any] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= {(name, key): one.annotation for key, one in kind.model_fields.items()}
        else:
            found[name,] = kind
    return found


def judge_origins(known: Sequence[Origin]) -> Iterator[Finding]:
    """Return what is set; names in files that are no settings count for nothing."""
    settings = known_settings()
    for path, value, where in known:
        name = ".".join(path)
        if path in settings:
            yield ok("settings", f"{name} = {_shown(value, settings[path])}, from {where}")
        else:
            yield warning("settings", f"{name}, from {where}, is no setting", _meant(path))
    if not known:
        yield ok("settings", "none is set: the defaults hold")


def judge_names(known: Sequence[Origin], variables: Mapping[str, str]) -> Iterator[Finding]:
    """Return which variables look like settings and are none."""
    names = {env_name(one.path[:size]) for one in known for size in (1, 2)}
    for name in sorted(variables):
        if name.startswith(_PREFIX) and name.upper() not in names:
            path = tuple(name.removeprefix(_PREFIX).lower().split("__"))
            yield warning("settings", f"{name} is no setting", _meant(path))


def _shown(value: Any, kind: Any) -> str:
    if "SecretStr" in str(kind):
        return "(not shown)"
    return _PASSWORD.sub(r"\1:...", str(value))


def _meant(path: Sequence[str]) -> str:
    """Return the cure for a name that is no setting: the one that is most like it."""
    names = [env_name(one) for one in known_settings()]
    close = get_close_matches(env_name(path), names, 1, _LIKE)
    return f"was {close[0]} meant?" if close else "remove it; `daskflow.Settings` has them all"
