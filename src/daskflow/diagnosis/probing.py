"""A small file in the place of results, and away again: whether they can be kept there."""

from __future__ import annotations

import logging
import secrets

from daskflow.executors.patience import within
from daskflow.executors.survey import Probe
from daskflow.results.places import ResultPlace, read_file

_log = logging.getLogger("daskflow")


def new_probe(place: ResultPlace) -> Probe:
    """Return a file that is to be written to a place, in a folder of its own."""
    return Probe(place.url, f"doctor-{secrets.token_hex(8)}", secrets.token_bytes(32))


def try_here(place: ResultPlace, probe: Probe, seconds: float) -> Exception | None:
    """Write a file, and read it; return what kept this process from it."""

    def call() -> None:
        place.modules()
        if read_file(place.write(f"{probe.folder}/here", probe.data)) != probe.data:
            raise OSError("what is read there is not what was written")

    try:
        within(seconds, call, f"nothing was written within {seconds:g} s")
    except Exception as error:  # noqa: BLE001 - whatever a storage raises is told
        return error
    return None


def forget_probe(place: ResultPlace, probe: Probe, seconds: float) -> None:
    """Remove what was written; what cannot be removed is logged."""
    try:
        within(seconds, lambda: place.remove(probe.folder), f"not within {seconds:g} s")
    except Exception as error:  # noqa: BLE001 - it is a few bytes
        _log.warning("%s/%s cannot be removed: %s", place.url, probe.folder, error)
