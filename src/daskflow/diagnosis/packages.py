"""Whether what is installed here is what daskflow needs."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from daskflow.diagnosis.findings import Finding, ok, problem

_PACKAGE = "daskflow"
_TOLD = ("daskflow", "dask", "distributed")


def examine_packages() -> Iterator[Finding]:
    """Look at Python and at the packages that daskflow cannot do without."""
    try:
        needed, python = requires(_PACKAGE) or [], metadata(_PACKAGE)["Requires-Python"]
    except PackageNotFoundError:
        cure = "install it: pip install daskflow"
        yield problem("packages", "daskflow is imported, but not installed", cure)
        return
    yield judge_python(platform.python_version(), python or "")
    yield from judge_packages(needed, version)


def judge_python(found: str, wanted: str) -> Finding:
    """Return whether a Python is one of those that are wanted.

    Examples
    --------
    >>> judge_python("3.12.1", ">=3.11").level.value
    'ok'
    """
    if SpecifierSet(wanted).contains(found, prereleases=True):
        return ok("python", found)
    return problem("python", f"{found}, and daskflow needs {wanted}", "use that Python")


def judge_packages(needed: Sequence[str], version_of: Callable[[str], str]) -> Iterator[Finding]:
    """Return which packages are missing, or not of a version that is needed.

    Parameters
    ----------
    needed
        Requirements as a package's metadata has them.
    version_of
        Returns the version of what is installed; raises `PackageNotFoundError`.
    """
    wanted = [one for one in map(Requirement, needed) if _is_always(one)]
    wrong = False
    for one in wanted:
        told = _why_not(one, version_of)
        if told:
            wrong = True
            cure = f"pip install '{one.name}{one.specifier}'"
            yield problem("packages", f"{one.name}{one.specifier} is needed, and {told}", cure)
    if not wrong:
        versions = ", ".join(f"{name} {version_of(name)}" for name in _TOLD)
        yield ok("packages", f"{versions}, and {len(wanted) - 2} others that are needed")


def _is_always(requirement: Requirement) -> bool:
    """Return whether a package is needed without any extra, on this machine."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _why_not(wanted: Requirement, version_of: Callable[[str], str]) -> str:
    try:
        found = version_of(wanted.name)
    except PackageNotFoundError:
        return "not installed"
    return "" if wanted.specifier.contains(found, prereleases=True) else f"{found} is here"
