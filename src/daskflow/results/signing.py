"""Signatures for what is pickled: who can write to a store cannot make anybody run code.

A payload is unpickled only when its signature fits, and the signature covers where it belongs, so
that one cannot be moved elsewhere. The key is made on first use, belongs to one store, lies beside
it in a file that only its owner can read, and never in it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from daskflow.errors import TamperedError
from daskflow.results.places import make_folders, sync

_SIZE = hashlib.sha256().digest_size


class Signer:
    """Signs and checks with one key.

    Examples
    --------
    >>> signer = Signer(b"secret")
    >>> signer.check("run/1", signer.sign("run/1", b"payload"))
    b'payload'
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._begun = hmac.new(key, digestmod=hashlib.sha256)  # to be copied: that is quick

    def __reduce__(self) -> tuple[type[Signer], tuple[bytes]]:
        """Travel as the key."""
        return Signer, (self._key,)

    def sign(self, place: str, payload: bytes) -> bytes:
        """Return a payload with its signature for one place."""
        return self.seal(place, payload) + payload

    def check(self, place: str, signed: bytes) -> bytes:
        """Return the payload.

        Raises
        ------
        TamperedError
            The signature does not fit: it was changed, or signed with another key or elsewhere.
        """
        digest, payload = signed[:_SIZE], signed[_SIZE:]
        if not hmac.compare_digest(digest, self.seal(place, payload)):
            msg = (
                f"{place} is not what was written: it was changed, or comes from a store with "
                "another key; it is not read"
            )
            raise TamperedError(msg)
        return payload

    def seal(self, place: str, data: bytes) -> bytes:
        """Return the signature alone of what lies at a place."""
        made = self._begun.copy()
        made.update(place.encode() + b"\0")
        made.update(data)
        return made.digest()

    def is_sealed(self, place: str, data: bytes, seal: bytes) -> bool:
        """Return whether a signature is that of what lies at a place."""
        return hmac.compare_digest(seal, self.seal(place, data))

    def key_for(self, run_id: str) -> bytes:
        """Return the key of one run: who has it can sign and check that run's results only."""
        return self.seal("run", run_id.encode())


def key_from(file: Path) -> bytes:
    """Return the key in a file, making both on first use."""
    with suppress(FileNotFoundError):
        return _read(file)
    make_folders(file.parent, 0o700)
    made = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(secrets.token_bytes(32))
        opened.flush()
        os.fsync(opened.fileno())
    with suppress(FileExistsError):  # somebody else was quicker: theirs is the key
        os.link(made, file)
    made.unlink()
    sync(file.parent)  # without it nothing that is signed can be read any more
    return _read(file)


def _read(file: Path) -> bytes:
    key = file.read_bytes()
    if not key:
        msg = f"{file} is empty: remove it, or put the key back that the store was made with"
        raise TamperedError(msg)
    return key
