"""Signatures: what fits and what does not, keys of a store and of a run."""

from __future__ import annotations

import pytest

from daskflow.errors import TamperedError
from daskflow.results.signing import Signer


def test_a_runs_key_is_its_own():
    """It is the same each time, another for each run and each store, and not the store's."""
    signer = Signer(b"secret")
    assert signer.key_for("ab") == Signer(b"secret").key_for("ab")
    keys = {signer.key_for("ab"), signer.key_for("cd"), Signer(b"other").key_for("ab"), b"secret"}
    assert len(keys) == 4


def test_what_a_run_signed_is_no_other_runs():
    """A signature made with the key of one run does not fit another's."""
    store = Signer(b"secret")
    signed = Signer(store.key_for("ab")).sign("ab/n/0", b"payload")
    assert Signer(store.key_for("ab")).check("ab/n/0", signed) == b"payload"
    for key in (store.key_for("cd"), b"secret"):
        with pytest.raises(TamperedError):
            Signer(key).check("ab/n/0", signed)
