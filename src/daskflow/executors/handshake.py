"""Whether the processes of a cluster fit this one: asked when a run meets a worker first.

A function travels as bytecode, a data frame as its library pickles it, a report in our own
protocol. So another Python minor, another protocol of ours, another major of a library whose values
travel would break, late and badly explained: such a run is refused. Smaller differences are warned
of. The same question tells which modules a worker lacks, before anything has run.
"""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from daskflow.executors.wire import METADATA_KEY

_ALWAYS = ("daskflow", "dask", "distributed", "cloudpickle", "pydantic")
_WHERE_USED = ("numpy", "pandas", "polars", "pyarrow")
_MAJOR_MATTERS = {"cloudpickle", "pydantic", *_WHERE_USED}  # their pickles change with it
_ONE_PLACE = (
    "set DASKFLOW_RESULTS__URL to where all reach it, such as s3://bucket/results, or "
    "DASKFLOW_RESULTS__SHARED=true where that folder is on a disk that they share"
)
_NAMED = 3  # so many processes are named in a message


@dataclass(frozen=True)
class Place:
    """What one process has."""

    host: str
    python: str  # 3.11.7
    protocol: str
    versions: Mapping[str, str] = field(default_factory=dict)  # of what is installed
    missing: frozenset[str] = frozenset()  # modules that were asked for and are not there


@dataclass(frozen=True)
class Needs:
    """What a run asks of the processes of a cluster.

    Attributes
    ----------
    needed
        Top-level modules that have to be there.
    named
        Top-level modules that the code imports somewhere, perhaps in vain.
    folder
        URL of a folder of this host, or of this process, that they have to reach; empty: none.
    """

    needed: frozenset[str]
    named: frozenset[str]
    folder: str = ""

    @classmethod
    def of(cls, needed: Iterable[str], named: Iterable[str], folder: str = "") -> Needs:
        """Return the needs of a run that refers to these modules.

        Of what it only imports somewhere that alone counts which is here: an import that fails
        here too is meant to.
        """
        tops = frozenset(name.partition(".")[0] for name in needed)
        here = {name for name in frozenset(named) - tops if _is_there(name)}
        rest = frozenset(here - sys.stdlib_module_names - {"daskflow", "__main__"})
        return cls(tops, rest, folder)

    def all(self) -> frozenset[str]:
        """Return all modules that are asked for."""
        return self.needed | self.named


def describe(modules: Collection[str]) -> Place:
    """Return what this process has; nothing is imported for it."""
    versions = {}
    for package in (*_ALWAYS, *_WHERE_USED):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    missing = frozenset(name for name in modules if not _is_there(name))
    return Place(socket.gethostname(), platform.python_version(), METADATA_KEY, versions, missing)


def _is_there(module: str) -> bool:
    try:
        return module in sys.modules or find_spec(module) is not None
    except (ImportError, ValueError):
        return False


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a cluster, in words."""

    refusals: tuple[str, ...] = ()  # the run would break
    warnings: tuple[str, ...] = ()  # it may


def compare(here: Place, there: Mapping[str, Place], needs: Needs) -> Verdict:
    """Return what is wrong with the processes of a cluster, each thing said once.

    Parameters
    ----------
    there
        By address.

    Examples
    --------
    >>> old = Place("node-7", "3.10.2", "daskflow-1")
    >>> here = Place("laptop", "3.11.7", "daskflow-1")
    >>> needs = Needs(frozenset(), frozenset())
    >>> compare(here, {"tcp://10.0.0.7:4000": old}, needs).refusals
    ('Python 3.11.7 here, 3.10.2 on tcp://10.0.0.7:4000 (host node-7): functions travel only ...',)
    """
    found: dict[tuple[bool, str, str], list[str]] = {}
    for address, place in there.items():
        for is_fatal, what, cure in _differences(here, place, needs):
            found.setdefault((is_fatal, what, cure), []).append(f"{address} (host {place.host})")
    told = {
        key: f"{what} on {_listed(where)}: {cure}"
        for key, where in found.items()
        for _, what, cure in [key]
    }
    return Verdict(
        tuple(text for (is_fatal, *_), text in told.items() if is_fatal),
        tuple(text for (is_fatal, *_), text in told.items() if not is_fatal),
    )


class Acquainted:
    """The processes of a cluster that were asked already, and what they said."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._silent: dict[str, str] = {}  # those that do not say, and why
        self._asked: dict[str, set[str]] = {}  # for which modules
        self._told: set[str] = set()

    def strangers(self, addresses: Iterable[str], needs: Needs) -> list[str]:
        """Return those of some processes that were not asked for all that a run needs."""
        wanted = needs.all()
        return [
            one for one in addresses if one not in self._asked or not wanted <= self._asked[one]
        ]

    def meet(self, answers: Mapping[str, Any], needs: Needs) -> None:
        """Take in what processes answered, or raised."""
        for address, answer in answers.items():
            if isinstance(answer, Place):
                before = self._places.get(address)
                missing = answer.missing | (before.missing if before else frozenset())
                self._places[address] = replace(answer, missing=missing)
            elif isinstance(answer, ModuleNotFoundError):
                self._silent[address] = f"{answer}: install the same daskflow there"
            elif isinstance(answer, OSError):  # it has just left
                continue
            self._asked.setdefault(address, set()).update(needs.all())

    def judge(self, here: Place, addresses: Iterable[str], needs: Needs) -> Verdict:
        """Return what is wrong with these processes; a warning that was given is not repeated."""
        wanted = list(addresses)
        places = {one: self._places[one] for one in wanted if one in self._places}
        found = compare(here, places, needs)
        deaf = [f"worker {one}: {self._silent[one]}" for one in wanted if one in self._silent]
        news = tuple(warning for warning in found.warnings if warning not in self._told)
        self._told.update(news)
        return Verdict((*deaf, *found.refusals), news)


def _differences(here: Place, there: Place, needs: Needs) -> Iterator[tuple[bool, str, str]]:
    """Return what differs: whether it breaks a run, what it is, and the cure."""
    if _minor(here.python) != _minor(there.python):
        cure = f"functions travel only between Pythons {_minor(here.python)}; install that one"
        yield True, f"Python {here.python} here, {there.python}", cure
    if here.protocol != there.protocol:
        cure = "install the same daskflow in both places"
        yield True, f"daskflow speaks {here.protocol} here, {there.protocol}", cure
    if needs.folder and (here.host != there.host or needs.folder.startswith("memory:")):
        yield True, f"results are kept at {needs.folder} of {here.host}, out of reach", _ONE_PLACE
    used = needs.all()
    for package in (*_ALWAYS, *(name for name in _WHERE_USED if name in used)):
        mine, theirs = here.versions.get(package), there.versions.get(package)
        if mine is not None and theirs is not None and mine != theirs:
            is_fatal = package in _MAJOR_MATTERS and _major(mine) != _major(theirs)
            may = "break" if is_fatal else "differ in what they do"
            yield is_fatal, f"{package} {mine} here, {theirs}", f"runs {may}; install the same"
    for name in sorted(there.missing & needs.needed):
        cure = "the flow's code refers to it; install it there"
        yield True, f"there is no module {name!r}", cure
    for name in sorted(there.missing & needs.named):
        cure = "the flow's code imports it somewhere; a task that does will fail"
        yield False, f"there is no module {name!r}", cure


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _major(number: str) -> str:
    return number.partition(".")[0]


def _listed(where: list[str]) -> str:
    more = len(where) - _NAMED
    return ", ".join(where[:_NAMED]) + (f" and {more} more" if more > 0 else "")
