"""What is to be said of a cluster that was seen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from daskflow.diagnosis.findings import Finding, ok, problem, warning
from daskflow.executors.handshake import ONE_PLACE, Misfit, Needs, Place, compare, named
from daskflow.executors.host import AMPLE_SATURATION
from daskflow.executors.survey import Member, Skew, Survey

_SKEW_SECONDS = 1.0  # by which clocks may differ
_TRAVEL = frozenset({"numpy", "pandas", "polars", "pyarrow"})  # whose values travel
_TOLD = ("daskflow", "dask", "distributed", "cloudpickle")
_SCHEDULER = "the scheduler"


def judge(seen: Survey, here: Place) -> Iterator[Finding]:
    """Return all that is to be said of a cluster.

    Parameters
    ----------
    here
        What this process has.
    """
    yield from judge_workers(seen)
    yield from judge_versions(seen, here)
    yield from judge_memory(seen.members)
    yield from judge_clocks(seen)
    yield from judge_saturation(seen.saturation)
    yield from judge_network([seen.address, *(member.address for member in seen.members)])


def judge_workers(seen: Survey) -> Iterator[Finding]:
    """Return how many workers there are, and who of them does not answer."""
    members = seen.members
    if not members:
        yield warning("workers", "there is none", f"start some: dask worker {seen.address}")
        return
    threads = sum(member.threads for member in members)
    yield ok("workers", f"{len(members)}, with {threads} threads in all")
    for member in members:
        if member.is_silent:
            yield problem(
                "workers",
                f"{member} does not answer within {seen.seconds:g} s",
                "see what its process does, and its log; end it, and start another",
            )


def judge_versions(seen: Survey, here: Place) -> Iterator[Finding]:
    """Return what is installed elsewhere and does not fit.

    A scheduler opens nothing that travels: there only another daskflow matters for sure.
    """
    needs = Needs(named=_TRAVEL)
    apart = compare(here, {_SCHEDULER: seen.place}, needs)
    speaks = not isinstance(seen.place, Place) or seen.place.protocol == here.protocol
    there = {one.address: one.place for one in seen.members if not one.is_silent}
    found = compare(here, there, needs)
    for misfit in apart:
        yield _of_misfit(misfit, is_fatal=misfit.difference.is_fatal and not speaks)
    for misfit in found:
        yield _of_misfit(misfit, is_fatal=misfit.difference.is_fatal)
    if not found and not apart:
        versions = ", ".join(f"{name} {here.versions.get(name, '?')}" for name in _TOLD)
        yield ok("versions", f"the same everywhere: Python {here.python}, {versions}")


def _of_misfit(misfit: Misfit, *, is_fatal: bool) -> Finding:
    tell = problem if is_fatal else warning
    return tell("versions", misfit.told, misfit.difference.cure)


def judge_memory(members: Sequence[Member]) -> Iterator[Finding]:
    """Return whether workers may take more memory than there is."""
    free = [str(member) for member in members if not member.memory_limit]
    if free:
        cure = "start them with --memory-limit: else one task can take all that its host has"
        yield warning("memory", f"there is no limit on {named(free)}", cure)
    crowded = list(_crowded(members))
    for host, limits, memory in crowded:
        cure = "start fewer workers there, or each with a smaller --memory-limit"
        told = f"the workers on {host} may take {_gib(limits)}, and it has {_gib(memory)}"
        yield warning("memory", told, cure)
    if members and not free and not crowded:
        limits = sum(member.memory_limit for member in members)
        yield ok("memory", f"workers are limited, to {_gib(limits)} in all")


def _crowded(members: Sequence[Member]) -> Iterator[tuple[str, int, int]]:
    """Return hosts whose workers may take more than there is, with both numbers of bytes."""
    for host in dict.fromkeys(member.host for member in members):
        there = [member for member in members if member.host == host]
        limits = sum(member.memory_limit for member in there)
        memory = max(member.memory for member in there)
        if limits > memory > 0:
            yield host, limits, memory


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"


def judge_clocks(seen: Survey) -> Iterator[Finding]:
    """Return which clocks differ from ours."""
    told = {_SCHEDULER: seen.skew, **{str(one): one.skew for one in seen.members}}
    skews = {who: skew for who, skew in told.items() if skew is not None}
    wrong = {who: skew for who, skew in skews.items() if _is_off(skew)}
    for who, skew in wrong.items():
        where = "ahead of" if skew.seconds > 0 else "behind"
        found = f"the clock of {who} is {abs(skew.seconds):.1f} s {where} this one"
        yield warning("clocks", found, "let NTP set it: the times in a history are each host's own")
    if skews and not wrong:
        most = max(abs(skew.seconds) for skew in skews.values())
        yield ok("clocks", f"{len(skews)} were asked; none is further off than {most:.2f} s")


def _is_off(skew: Skew) -> bool:
    return abs(skew.seconds) > _SKEW_SECONDS + skew.margin


def judge_saturation(saturation: float | None) -> Iterator[Finding]:
    """Return whether workers wait for their next task."""
    if saturation is None:
        return
    told = f"a worker is sent {saturation:g} tasks for each of its threads"
    if saturation >= AMPLE_SATURATION:
        yield ok("saturation", told)
        return
    cure = (
        "start the scheduler with DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION=10 in its "
        "environment, and many small tasks with inputs take a third of the time"
    )
    yield warning("saturation", told, cure)


def judge_network(addresses: Sequence[str]) -> Iterator[Finding]:
    """Return who listens beyond its own host without encryption."""
    bare = [one for one in addresses if not _is_safe(one)]
    if not bare:
        yield ok("network", "all listen on 127.0.0.1 only, or with TLS")
        return
    cure = (
        "who reaches a scheduler runs code on its cluster: start both with TLS "
        "(https://distributed.dask.org/en/stable/tls.html), or in a network of your own"
    )
    yield warning("network", f"without encryption, and not on 127.0.0.1: {named(bare)}", cure)


def _is_safe(address: str) -> bool:
    url = urlsplit(address)
    if url.scheme in {"tls", "wss", "inproc"}:
        return True
    try:
        return ip_address(url.hostname or "").is_loopback
    except ValueError:  # a name
        return url.hostname == "localhost"


def judge_page(link: str, answer: int | Exception) -> Finding:
    """Return whether a dashboard can be seen from here.

    Parameters
    ----------
    answer
        The HTTP status with which its page answers, or why it does not.
    """
    if isinstance(answer, Exception):
        told = f"{link} cannot be seen from here: {answer}"
        return warning("dashboard", told, "open its port, or bring it here: ssh -L")
    if answer >= HTTPStatus.BAD_REQUEST:
        cure = "install bokeh beside the scheduler, and start that without --no-dashboard"
        return warning("dashboard", f"there is no page at {link} (HTTP {answer})", cure)
    return ok("dashboard", link)


def judge_results(
    url: str, failures: Mapping[str, Exception | None], members: Sequence[Member], host: str
) -> Iterator[Finding]:
    """Return which workers do not reach the place where results are kept.

    Parameters
    ----------
    failures
        What kept a worker from reading and writing there, by its address; None: nothing did.
    host
        Of the disk on which the place is, where it is not said that others reach it; else empty.
    """
    wrong: dict[tuple[str, str], list[str]] = {}
    for member in members:
        error = failures.get(member.address)
        if error is not None:
            wrong.setdefault((_why_not(error, url), ONE_PLACE), []).append(str(member))
        elif member.address in failures and host not in {"", member.host}:  # a run would not know
            told = f"{url} is on the disk of {host}, and is seen"
            wrong.setdefault((told, _SHARED), []).append(str(member))
    for (told, cure), workers in wrong.items():
        yield problem("results", f"{told} on {named(workers)}", cure)
    if failures and not wrong:
        yield ok("results", f"{len(failures)} of {len(members)} workers have tried {url}")


_SHARED = "say so, else runs are refused: DASKFLOW_RESULTS__SHARED=true"


def _why_not(error: Exception, url: str) -> str:
    if isinstance(error, FileNotFoundError):
        return f"what is kept at {url} is not to be seen"
    return f"results cannot be kept at {url} ({type(error).__name__}: {error})"
