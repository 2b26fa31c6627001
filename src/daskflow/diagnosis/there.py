"""Looks at a cluster, from its scheduler on: each answer is judged as soon as it is there."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from daskflow.diagnosis.cluster import judge, judge_page, judge_results
from daskflow.diagnosis.findings import Finding, ok, problem, refusal, warning
from daskflow.diagnosis.probing import forget_probe, new_probe, try_here
from daskflow.errors import ExecutorError
from daskflow.executors.handshake import ONE_PLACE, Place, describe
from daskflow.executors.survey import Survey, Surveyor, look_at_page
from daskflow.persisting import place_of_results
from daskflow.results.places import MEMORY, place_at
from daskflow.settings import Settings
from daskflow.timing import monotonic


def examine_cluster(address: str, settings: Settings) -> Iterator[Finding]:
    """Look at a cluster; nobody is waited for longer than the settings say."""
    before = monotonic()
    try:
        asking = Surveyor(address, settings.engine.connect_timeout)
    except ExecutorError as error:
        yield refusal("scheduler", error)
        return
    yield ok("scheduler", f"{address} answers in {monotonic() - before:.2f} s")
    try:
        yield _tracker(asking)
        yield _page(asking)
        seen = asking.look()
        yield from judge(seen, describe())
        yield from _results(asking, settings, seen)
    except OSError as error:  # a TimeoutError is one
        told = f"{address} does not answer any more: {str(error) or type(error).__name__}"
        yield problem("scheduler", told, "look at its log, and start it again")


def _tracker(asking: Surveyor) -> Finding:
    try:
        asking.try_tracker()
    except ExecutorError as error:
        return refusal("tracker", error)
    return ok("tracker", "the scheduler takes daskflow's tracker, or has it")


def _page(asking: Surveyor) -> Finding:
    link = asking.link()
    if not link.startswith("http"):
        return warning("dashboard", "the scheduler tells of none", "install bokeh beside it")
    try:
        return judge_page(link, look_at_page(link, asking.seconds))
    except OSError as error:
        return judge_page(link, error)


def _results(asking: Surveyor, settings: Settings, seen: Survey) -> Iterator[Finding]:
    """Let workers read and write where results are kept.

    Where not even this process can, that is told of this machine.
    """
    place = place_at(place_of_results(settings))
    asked = [one.address for one in seen.members if isinstance(one.place, Place)]
    if not asked:
        return
    if place.kind == MEMORY:
        told = f"{place.url} is in the memory of each process: no worker reaches that of another"
        yield problem("results", told, ONE_PLACE)
        return
    probe = new_probe(place)
    if try_here(place, probe, asking.seconds) is not None:
        return
    try:
        failures = asking.try_place(asked, probe)
    finally:
        forget_probe(place, probe, asking.seconds)
    is_private = place.kind == "file" and not settings.results.shared
    host = socket.gethostname() if is_private else ""
    yield from judge_results(place.url, failures, seen.members, host)
