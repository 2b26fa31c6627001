"""What is installed, against what is needed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

from daskflow.diagnosis import packages
from daskflow.diagnosis.packages import examine_packages, judge_packages, judge_python

NEEDED = [
    "dask>=2026.3.0",
    "distributed>=2026.3.0",
    "rich>=13.0",
    "bokeh>=3.1; extra == 'dashboard'",
]


def version_of(name):
    found = {"daskflow": "1", "dask": "2026.8.0", "distributed": "2026.1.0"}
    if name not in found:
        raise PackageNotFoundError(name)
    return found[name]


def test_what_is_too_old_and_what_is_missing():
    """Each with the command that mends it; an extra is not needed."""
    found = list(judge_packages(NEEDED, version_of))
    assert [(one.level.value, one.found, one.cure) for one in found] == [
        (
            "problem",
            "distributed>=2026.3.0 is needed, and 2026.1.0 is here",
            "pip install 'distributed>=2026.3.0'",
        ),
        ("problem", "rich>=13.0 is needed, and not installed", "pip install 'rich>=13.0'"),
    ]


def test_an_old_python():
    """Both versions are told."""
    found = judge_python("3.10.2", ">=3.11")
    assert (found.level.value, found.found) == ("problem", "3.10.2, and daskflow needs >=3.11")


def test_this_environment_has_what_it_needs():
    """Python and packages are told with their versions."""
    found = list(examine_packages())
    assert [one.what for one in found] == ["python", "packages"]
    assert all(one.level.value == "ok" for one in found)
    assert "distributed 20" in found[1].found


def test_what_is_imported_from_a_folder_is_not_installed(monkeypatch):
    """Nobody knows then what it needs."""
    monkeypatch.setattr(packages, "_PACKAGE", "daskflow-that-is-not-there")
    (found,) = examine_packages()
    assert (found.level.value, found.cure) == ("problem", "install it: pip install daskflow")
