"""Looks at this machine: what is installed and set, where runs and results are kept, ports."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from daskflow.diagnosis.findings import Finding, Level, ok, problem, refusal, warning
from daskflow.diagnosis.probing import forget_probe, new_probe, try_here
from daskflow.errors import StoreError
from daskflow.persisting import place_of_results
from daskflow.results.places import MEMORY, FolderPlace, ResultPlace, place_at
from daskflow.settings import Settings
from daskflow.stores.checkup import (
    Check,
    check_key,
    check_mode,
    check_system,
    check_writable,
    nearest_folder,
    try_folder,
)
from daskflow.stores.choice import file_of, key_file_of, url_of

_LITTLE = 1 << 30  # bytes that are free on a disk
_TOO_LITTLE = 64 << 20
_ELSEWHERE = "let this user write there, or name another place: DASKFLOW_RESULTS__URL"


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Look at where runs and results are kept, and whether a cluster can be started here."""
    yield from _store(settings)
    place = place_at(place_of_results(settings))
    yield _results(place, settings.engine.connect_timeout)
    yield from _disks(settings, place)
    yield _ports()


def _store(settings: Settings) -> Iterator[Finding]:
    url = url_of(settings)
    if url.startswith(f"{MEMORY}:"):
        cure = "to keep runs, set DASKFLOW_STORE__URL to sqlite:////path/runs.db, or remove it"
        yield warning("store", f"{url}: runs are forgotten with the process that made them", cure)
        return
    try:
        file = file_of(url)
    except StoreError as error:
        yield refusal("store", error)
        return
    yield _finding(check_writable(file))
    yield _finding(check_system(file))
    if file.exists():
        yield _finding(check_mode("mode", file))
        if settings.results.key is None:
            yield _finding(check_key(key_file_of(file, settings.results)))


def _finding(check: Check) -> Finding:
    level = Level.OK if check.is_well else Level.PROBLEM
    return Finding(level, check.what, check.found, check.cure)


def _results(place: ResultPlace, seconds: float) -> Finding:
    """See whether results can be kept; a folder that is not there yet is not made for that."""
    if isinstance(place, FolderPlace) and not place.folder.is_dir():
        return _folder_to_be(place.folder)
    probe = new_probe(place)
    error = try_here(place, probe, seconds)
    if error is not None:
        told = f"{place.url} cannot be used: {type(error).__name__}: {error}"
        return problem("results", told, _ELSEWHERE)
    forget_probe(place, probe, seconds)
    return ok("results", f"{place.url} can be written and read")


def _folder_to_be(folder: Path) -> Finding:
    error = try_folder(nearest_folder(folder))
    if error:
        return problem("results", f"{folder} cannot be made: {error}", _ELSEWHERE)
    return ok("results", f"{folder} is not there yet: the first result makes it")


def _disks(settings: Settings, place: ResultPlace) -> Iterator[Finding]:
    """Return how much is free on the disks that are written to."""
    url = url_of(settings)
    folders = [place.folder] if isinstance(place, FolderPlace) else []
    if url.startswith("sqlite:///"):
        folders.insert(0, file_of(url).parent)
    there = (nearest_folder(folder / "file") for folder in folders)
    disks = {folder.stat().st_dev: folder for folder in there}
    for folder in disks.values():
        yield judge_disk(folder, shutil.disk_usage(folder).free)


def judge_disk(folder: Path, free: int) -> Finding:
    """Return whether there is room on the disk of a folder.

    Examples
    --------
    >>> judge_disk(Path("/data"), 5 << 30).found
    '5.0 GiB are free at /data'
    """
    told = f"{free / (1 << 30):.1f} GiB are free at {folder}"
    if free >= _LITTLE:
        return ok("disk", told)
    tell = problem if free < _TOO_LITTLE else warning
    return tell(
        "disk", told, "make room: `daskflow gc` forgets old runs; a run waits on a full disk"
    )


def _ports() -> Finding:
    """See whether a process may listen on this machine, as a temporary cluster does."""
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return ok("ports", "a temporary cluster can listen on 127.0.0.1")
    except OSError as error:
        cure = "let processes bind ports of 127.0.0.1, or run without a cluster: --executor threads"
        return problem("ports", f"nobody can listen on 127.0.0.1: {error}", cure)
