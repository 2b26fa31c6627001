"""All that is looked at, in order: what is installed and set, this machine, a cluster."""

from __future__ import annotations

from collections.abc import Iterator

from daskflow.diagnosis.configured import examine_settings
from daskflow.diagnosis.findings import Finding
from daskflow.diagnosis.machine import examine_machine
from daskflow.diagnosis.packages import examine_packages
from daskflow.diagnosis.there import examine_cluster


def examine(address: str | None = None) -> Iterator[Finding]:
    """Look at all that flows need, and return each finding as soon as it is there.

    Parameters
    ----------
    address
        Of the scheduler of a cluster; None: the one that the settings name, if they do.
    """
    yield from examine_packages()
    settings, found = examine_settings()
    yield from found
    if settings is None:
        return
    yield from examine_machine(settings)
    named = settings.executor if settings.executor and "://" in settings.executor else None
    where = address or named
    if where:
        yield from examine_cluster(where, settings)
