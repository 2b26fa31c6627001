"""Whether the workers of a cluster fit this process: asked when a run meets a worker first.

A function travels as bytecode, a data frame as its library pickles it, a report in our own
protocol. So another Python minor, another protocol of ours, another major of a library whose values
travel would break, late and badly explained: such a run is refused. Smaller differences are warned
of. The same question tells which modules a worker lacks, before anything has run.
"""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, NamedTuple

from daskflow.executors.wire import METADATA_KEY

_ALWAYS = ("daskflow", "dask", "distributed", "cloudpickle", "pydantic")
_WHERE_USED = ("numpy", "pandas", "polars", "pyarrow")
_MAJOR_MATTERS = {"cloudpickle", "pydantic", *_WHERE_USED}  # their pickles change with it
ONE_PLACE = (
    "set DASKFLOW_RESULTS__URL to where all reach it, such as s3://bucket/results, or "
    "DASKFLOW_RESULTS__SHARED=true where that folder is on a disk that they share"
)
_NAMED = 3  # so many workers are named in a message


@dataclass(frozen=True)
class Needs:
    """What a run asks of the workers of a cluster.

    Attributes
    ----------
    needed
        Top-level modules that have to be there.
    named
        Top-level modules that the code imports somewhere, perhaps in vain.
    folder
        URL of a folder of this host, or of this process, that they have to reach; empty: none.
    """

    needed: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    folder: str = ""

    @classmethod
    def of(cls, needed: Iterable[str], named: Iterable[str], folder: str = "") -> Needs:
        """Return the needs of a run that refers to some modules and imports others somewhere.

        Of those it only imports none counts that is not here either: that import is meant to fail.
        """
        tops = frozenset(name.partition(".")[0] for name in needed)
        rest = frozenset(named) - tops - sys.stdlib_module_names - {"daskflow", "__main__"}
        return cls(tops, frozenset(filter(_is_there, rest)), folder)

    def all(self) -> frozenset[str]:
        """Return all modules that are asked for."""
        return self.needed | self.named


@dataclass(frozen=True)
class Place:
    """What one process has."""

    host: str
    python: str  # 3.11.7
    protocol: str
    versions: Mapping[str, str] = field(default_factory=dict)  # of what is installed
    missing: frozenset[str] = frozenset()  # modules that were asked for and are not there


def describe(modules: Collection[str] = ()) -> Place:
    """Return what this process has, and which of some modules it lacks; nothing is imported."""
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
        return find_spec(module) is not None
    except ValueError:  # loaded without a spec, as __main__ is
        return True


class Difference(NamedTuple):
    """Something of a worker that does not fit."""

    what: str
    cure: str
    is_fatal: bool = True  # the run would break; else it may


class Misfit(NamedTuple):
    """Something that does not fit, and on which workers."""

    difference: Difference
    workers: list[str]

    @property
    def told(self) -> str:
        """What does not fit, and where."""
        return f"{self.difference.what} on {named(self.workers)}"

    def __str__(self) -> str:
        return f"{self.told}: {self.difference.cure}"


def named(workers: Sequence[str]) -> str:
    """Return the names of some workers: of many the first ones, and how many more there are."""
    more = len(workers) - _NAMED
    return ", ".join(workers[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def compare(here: Place, there: Mapping[str, Place | Difference], needs: Needs) -> list[Misfit]:
    """Return what does not fit, each thing once.

    Parameters
    ----------
    there
        What is known of each worker, by address: what it has, or why it does not tell.

    Examples
    --------
    >>> old = Place("node-7", "3.10.2", "daskflow-1")
    >>> here = Place("laptop", "3.11.7", "daskflow-1")
    >>> [misfit] = compare(here, {"tcp://10.0.0.7:4000": old}, Needs())
    >>> print(misfit)
    Python 3.11.7 here, 3.10.2 on tcp://10.0.0.7:4000 (host node-7): functions travel only ...
    """
    found: dict[Difference, list[str]] = {}
    for address, known in there.items():
        if isinstance(known, Difference):
            found.setdefault(known, []).append(address)
            continue
        for difference in _differences(here, known, needs):
            found.setdefault(difference, []).append(f"{address} (host {known.host})")
    return [Misfit(*item) for item in found.items()]


def _differences(here: Place, there: Place, needs: Needs) -> Iterator[Difference]:
    if _minor(here.python) != _minor(there.python):
        cure = f"functions travel only between Pythons {_minor(here.python)}; install that one"
        yield Difference(f"Python {here.python} here, {there.python}", cure)
    if here.protocol != there.protocol:
        cure = "install the same daskflow in both places"
        yield Difference(f"daskflow speaks {here.protocol} here, {there.protocol}", cure)
    if needs.folder and (here.host != there.host or needs.folder.startswith("memory:")):
        kept = f"results are kept at {needs.folder} of {here.host}, out of reach"
        yield Difference(kept, ONE_PLACE)
    used = needs.all()
    for package in (*_ALWAYS, *(name for name in _WHERE_USED if name in used)):
        mine, theirs = here.versions.get(package), there.versions.get(package)
        if mine is not None and theirs is not None and mine != theirs:
            is_fatal = package in _MAJOR_MATTERS and _major(mine) != _major(theirs)
            may = "break" if is_fatal else "differ in what they do"
            cure = f"runs {may}; install the same"
            yield Difference(f"{package} {mine} here, {theirs}", cure, is_fatal)
    for name in sorted(there.missing & needs.needed):
        cure = "the flow's code refers to it; install it there"
        yield Difference(f"there is no module {name!r}", cure)
    for name in sorted(there.missing & needs.named):
        cure = "the flow's code imports it somewhere; a task that does will fail"
        yield Difference(f"there is no module {name!r}", cure, is_fatal=False)


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


def _major(number: str) -> str:
    return number.partition(".")[0]


class Acquaintances:
    """The workers that were asked already, and what they told.

    Parameters
    ----------
    here
        What this process has.
    """

    def __init__(self, here: Place) -> None:
        self._here = here
        self._known: dict[str, Place | Difference] = {}
        self._asked: dict[str, frozenset[str]] = {}  # for which modules
        self._told: set[Difference] = set()  # warnings that were given

    def strangers(self, workers: Collection[str], needs: Needs) -> list[str]:
        """Return those of the cluster's workers that were not asked for all that a run needs.

        Others are forgotten: they have left.
        """
        for gone in self._asked.keys() - set(workers):
            self._forget(gone)
        wanted = needs.all()
        return [one for one in workers if one not in self._asked or wanted - self._asked[one]]

    def meet(self, answers: Mapping[str, Any], needs: Needs) -> None:
        """Take in what workers answered, or what was raised instead."""
        for worker, answer in answers.items():
            if isinstance(answer, OSError) and not isinstance(answer, TimeoutError):
                continue  # it has just left
            self._known[worker] = _merged(self._known.get(worker), answer)
            self._asked[worker] = self._asked.get(worker, frozenset()) | needs.all()

    def judge(self, needs: Needs) -> list[Misfit]:
        """Return what does not fit; of what is no more than a warning, what was not told yet.

        Workers that a run is refused for are forgotten: they are asked anew when all is mended.
        """
        found = compare(self._here, self._known, needs)
        news = [one for one in found if one.difference not in self._told]
        self._told.update(one.difference for one in news if not one.difference.is_fatal)
        if any(one.difference.is_fatal for one in news):
            for worker in list(self._asked):
                self._forget(worker)
        return news

    def _forget(self, worker: str) -> None:
        del self._asked[worker], self._known[worker]


def _merged(before: Place | Difference | None, answer: Any) -> Place | Difference:
    """Return what is known of a worker that has answered once more."""
    place = place_of(answer)
    if not isinstance(place, Place):
        return place
    missing = before.missing if isinstance(before, Place) else frozenset()
    return replace(place, missing=place.missing | missing)


def place_of(answer: Any) -> Place | Difference:
    """Return what somebody has who was asked for it, or why that is not known."""
    if isinstance(answer, ImportError) or "ModuleNotFoundError" in str(answer):  # as Dask has it
        return Difference(f"daskflow cannot be imported ({answer})", "install the same there")
    if not isinstance(answer, Place):
        cure = f"{str(answer) or repr(answer)}; the run goes on"
        return Difference("it is not known what is installed", cure, is_fatal=False)
    return answer
