"""Result storage: durable results of one run, written and read by whoever has the run's spec.

Written before it is reported, so what a history tells of is there. Checked before it is read: size
and checksum of the file, then, where reading it could run code, a signature with the run's key,
which covers its place as well. The key is derived from the store's (`signing`) for one run; it goes
to the workers with the run's spec, so whoever can read what a cluster's processes send each other
has it: on more than one machine a cluster needs TLS.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from daskflow.errors import ResultGoneError, StoreBusyError, TamperedError
from daskflow.events import StoredResult
from daskflow.results.base import Serializer
from daskflow.results.codecs.choice import serialize, serializer_named
from daskflow.results.places import MEMORY, ResultPlace, place_at, read_file
from daskflow.results.signing import Signer
from daskflow.results.telling import told_of

_TOLD = 16  # digits of a checksum that are part of a file's name
_PARTS = 3  # of a file's path: run, node, file


@dataclass(frozen=True)
class ResultStorage:
    """Where the results of one run are kept.

    Examples
    --------
    >>> storage = ResultStorage("memory://results", "ab12", key=b"secret")
    >>> stored = storage.write({"rows": 3}, "count", 0, attempt=1)
    >>> stored.codec, storage.read(stored)
    ('json', {'rows': 3})
    """

    url: str  # of the folder under which each run has its own
    run_id: str
    key: bytes = field(repr=False)  # of the run
    is_shared: bool = False  # a path leads to the same folder on every machine

    def write(self, value: Any, node: str, position: int, *, attempt: int) -> StoredResult:
        """Write the value of a task run; it is durable when this returns.

        Two bodies of one attempt may write at a time, where one was taken for lost: the file's
        name holds a part of the checksum, so none changes what another has written.

        Raises
        ------
        StoreBusyError
            It cannot be written now.
        Exception
            Whatever pickling raises for a value that cannot be pickled.
        """
        serializer, data = serialize(value)
        folder = f"{self.run_id}/{hashlib.blake2b(node.encode(), digest_size=8).hexdigest()}"
        place = f"{position}-{attempt}-{_checksum(data)[:_TOLD]}{serializer.suffix}"
        return self._put(f"{folder}/{place}", serializer, data, told_of(value))

    def _put(self, path: str, serializer: Serializer, data: bytes, told: str) -> StoredResult:
        if serializer.is_signed:
            data = Signer(self.key).sign(path, data)
        try:
            url = self.place.write(path, data)
        except Exception as error:
            msg = f"results cannot be written to {self.url} now: {_told(error)}"
            raise StoreBusyError(msg) from error
        return StoredResult(url, serializer.name, _checksum(data), len(data), told)

    def copy(self, stored: StoredResult, source: ResultStorage) -> StoredResult:
        """Copy a result of another run, so that this run has it whatever becomes of that one.

        It is checked, and signed anew, but not unpickled.

        Raises
        ------
        ResultGoneError
            Its file is not there.
        StoreBusyError
            It cannot be read or written now.
        TamperedError
            The file is not what was written.
        """
        place = "/".join(stored.url.split("/")[1 - _PARTS :])
        serializer = serializer_named(stored.codec)
        data = source.check(stored)
        return self._put(f"{self.run_id}/{place}", serializer, data, stored.told)

    def read(self, stored: StoredResult) -> Any:
        """Return the value of a task run of this run; see `check` for what may be raised."""
        return serializer_named(stored.codec).load(self.check(stored))

    def check(self, stored: StoredResult) -> bytes:
        """Return the bytes of a value, seen to be what was written; nothing of it is run.

        Raises
        ------
        ResultGoneError
            Its file is not there.
        StoreBusyError
            It cannot be read now.
        TamperedError
            The file is not what was written; it is not unpickled.
        """
        try:
            data = read_file(stored.url)
        except FileNotFoundError as error:
            msg = f"the result at {stored.url} is not there any more, or not on this machine"
            raise ResultGoneError(msg) from error
        except Exception as error:
            msg = f"the result at {stored.url} cannot be read now: {_told(error)}"
            raise StoreBusyError(msg) from error
        if len(data) != stored.size or _checksum(data) != stored.checksum:
            msg = (
                f"the result at {stored.url} is not what was written: it is torn or was changed, "
                "and is not read; `rerun` makes it again"
            )
            raise TamperedError(msg)
        if serializer_named(stored.codec).is_signed:
            path = "/".join(stored.url.split("/")[-_PARTS:])
            data = Signer(self.key).check(path, data)
        return data

    @staticmethod
    def folder_of(stored: StoredResult) -> str:
        """Return the URL of the folder under which the run of a result has its own."""
        return "/".join(stored.url.split("/")[:-_PARTS])

    def private_folder(self) -> str:
        """Return the URL of the folder where no other machine may reach it; else nothing."""
        is_private = self.place.kind == MEMORY or (self.place.kind == "file" and not self.is_shared)
        return self.place.url if is_private else ""

    @property
    def place(self) -> ResultPlace:
        """The folder."""
        return place_at(self.url)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()
