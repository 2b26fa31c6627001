"""Where files of results lie: in a folder of this machine, or wherever fsspec reaches.

A file is there whole or not at all: it is written under another name first. Paths come from ids
and hashes only, so no name of the user's is ever part of one. fsspec is loaded where it is needed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from daskflow.errors import StoreError

_PART = ".part"  # ends the name of a file that is being written
_LOCAL = ("", "file", "local")
MEMORY = "memory"  # of one process


class ResultPlace(Protocol):
    """A folder of files. Any number of threads and processes may use it at a time."""

    url: str
    kind: str  # protocol of its URL; ``file``: a folder of this machine

    def write(self, path: str, data: bytes) -> str:
        """Write a file, whole or not at all, and return its URL; it is durable then.

        Raises
        ------
        Exception
            It cannot be written now.
        """

    def remove(self, folder: str, kept: Collection[str] = ()) -> int:
        """Remove the files in a folder of it, but those with the URLs that are kept.

        What is not there is no error. Return how many there were.
        """

    def modules(self) -> set[str]:
        """Return the top-level modules that whoever uses it has to have.

        Raises
        ------
        StoreError
            They are not even here.
        """


@cache  # it remembers what it has made
def place_at(url: str) -> ResultPlace:
    """Return the folder at a URL, or at a path of this machine.

    Examples
    --------
    >>> place_at("/data/results").url, place_at("s3://bucket/results/").url
    ('file:///data/results', 's3://bucket/results')
    """
    kind = _kind_of(url)
    return FolderPlace(_path_of(url)) if kind in _LOCAL else RemotePlace(url.rstrip("/"), kind)


def read_file(url: str) -> bytes:
    """Return the bytes of a file that some place has written.

    Raises
    ------
    FileNotFoundError
        It is not there.
    """
    if _kind_of(url) in _LOCAL:
        return _path_of(url).read_bytes()
    system, path = _system_of(url)
    data: bytes = system.cat_file(path)
    return data


def remove_file(url: str) -> None:
    """Remove a file that some place has written.

    Raises
    ------
    FileNotFoundError
        It is not there.
    """
    if _kind_of(url) in _LOCAL:
        _path_of(url).unlink()
        return
    system, path = _system_of(url)
    system.rm_file(path)


class FolderPlace:
    """A folder of this machine; only its owner can read what is written there."""

    kind = "file"

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self.url = f"file://{self.folder}"
        self._made: set[Path] = set()  # folders that are on the disk for sure

    def write(self, path: str, data: bytes) -> str:
        """Write a file: under another name, to the disk, then renamed."""
        file = self.folder / path
        self._make(file.parent)
        part = file.with_name(f".{file.name}.{secrets.token_hex(4)}{_PART}")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(descriptor)
            part.replace(file)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        sync(file.parent)
        return f"{self.url}/{path}"

    def remove(self, folder: str, kept: Collection[str] = ()) -> int:
        """Remove the files in a folder, and what folders are empty then."""
        count = 0
        for path, _, files in os.walk(self.folder / folder, topdown=False):
            for name in files:
                file = Path(path, name)
                if f"file://{file}" not in kept:
                    file.unlink(missing_ok=True)
                    count += 1
            with suppress(OSError):  # something is left in it
                os.rmdir(path)  # noqa: PTH106 - as `os.walk` gave it
        self._made.clear()
        return count

    def modules(self) -> set[str]:
        """Return none."""
        return set()

    def _make(self, folder: Path) -> None:
        """Make a folder, and see that it is on the disk, whoever made it."""
        if folder in self._made:
            if folder.is_dir():
                return
            self._made.clear()  # somebody has removed it
        if folder != self.folder.parent:
            self._make(folder.parent)
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            sync(folder.parent)
        else:
            folder.mkdir(parents=True, exist_ok=True)
        self._made.add(folder)


class RemotePlace:
    """A folder at a URL of fsspec's; who may use it is configured the way fsspec says."""

    def __init__(self, url: str, kind: str) -> None:
        self.url = url
        self.kind = kind

    def write(self, path: str, data: bytes) -> str:
        """Write a file: under another name, then moved."""
        url = f"{self.url}/{path}"
        system, file = _system_of(url)
        part = f"{file}.{secrets.token_hex(4)}{_PART}"
        system.makedirs(file.rpartition("/")[0], exist_ok=True)
        system.pipe_file(part, data)
        system.mv(part, file)
        return url

    def remove(self, folder: str, kept: Collection[str] = ()) -> int:
        """Remove the files in a folder."""
        system, base = _system_of(self.url)
        spared = {_system_of(url)[1] for url in kept}
        try:
            found = [file for file in system.find(f"{base}/{folder}") if file not in spared]
        except FileNotFoundError:
            return 0
        for file in found:
            system.rm_file(file)
        return len(found)

    def modules(self) -> set[str]:
        """Return the module that fsspec needs for such URLs."""
        import fsspec

        try:
            made = fsspec.get_filesystem_class(self.kind)
        except (ImportError, ValueError) as error:
            msg = f"results cannot be kept at {self.url}: {error}"
            raise StoreError(msg) from error
        return {made.__module__.partition(".")[0]}


def _kind_of(url: str) -> str:
    return url.partition("://")[0] if "://" in url else ""


def _path_of(url: str) -> Path:
    """Return the path in a URL: as fsspec has it, nothing in it is quoted."""
    return Path(url.partition("://")[2] if "://" in url else url)


def _system_of(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    found: tuple[Any, str] = url_to_fs(url)
    return found


def make_folders(folder: Path, mode: int = 0o777) -> None:
    """Make a folder with this mode, and those above it that are not there, durably."""
    if not folder.is_dir():
        make_folders(folder.parent)
        folder.mkdir(mode, exist_ok=True)
        sync(folder.parent)


def sync(folder: Path) -> None:
    """See that the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
