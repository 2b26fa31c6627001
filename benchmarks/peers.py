"""The same work in other engines: ``python benchmarks/peers.py [--size 1000] [--runs 3]``.

A map of no-ops and a sum over it, on two worker processes of one thread each: in daskflow with a
SQLite store, in Prefect 3 with prefect-dask and its server, in Prefect 1.4.1 without a server. Each
peer gets a virtual environment of its own, made on first use and kept in ``--folder``; where that
cannot be made, or its flow does not run, the peer is skipped and the reason told. Prints the
microseconds of a task run, then a JSON line for each engine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLOWS = Path(__file__).parent / "peer_flows"
_MOST_SECONDS = 900.0  # for making an environment, and for a flow's runs


class SkippedError(Exception):
    """A peer cannot be measured here, and why."""


@dataclass(frozen=True)
class Peer:
    """Another engine, and what its environment is made of."""

    name: str
    flow: str  # its file
    wanted: tuple[str, ...] = ()  # what is installed; none: this environment
    pythons: tuple[str, ...] = ()  # versions that it runs on, the best first


PEERS = (
    Peer("daskflow", "here.py"),
    Peer("Prefect 3", "prefect_3.py", ("prefect>=3,<4", "prefect-dask"), ("3.11", "3.12")),
    Peer(
        "Prefect 1.4.1",
        "prefect_1.py",
        ("prefect==1.4.1", "setuptools<81", "dask<2023.4", "distributed<2023.4", "urllib3<2"),
        ("3.10", "3.9"),
    ),
)


def python_of(versions: Sequence[str]) -> str:
    """Return a Python of one of some versions that is installed here."""
    for version in versions:
        places = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        for candidate in (f"python{version}", *map(str, places)):
            if shutil.which(candidate) and _is(candidate, version):
                return candidate
    msg = f"it needs Python {' or '.join(versions)}, which is not installed"
    raise SkippedError(msg)


def _is(candidate: str, version: str) -> bool:
    """Return whether a Python starts, and is of a version: what is found may be a pointer only."""
    code = f"import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != {version!r})"
    return subprocess.run([candidate, "-c", code], capture_output=True, check=False).returncode == 0


def environment_of(peer: Peer, folder: Path) -> str:
    """Return the Python of a peer's environment, making it on first use."""
    if not peer.wanted:
        return sys.executable
    place = folder / peer.flow.removesuffix(".py")
    done = place / "made"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        _run([python_of(peer.pythons), "-m", "venv", str(place)], "its environment")
        python = str(place / "bin" / "python")
        _run([python, "-m", "pip", "install", "-q", *peer.wanted], "it cannot be installed")
        done.touch()
    return str(place / "bin" / "python")


def _run(command: list[str], what: str) -> str:
    """Run a command; return what it printed."""
    with tempfile.TemporaryDirectory() as folder:  # it imports nothing of ours by chance
        try:
            ended = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=_MOST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            msg = f"{what}: not within {_MOST_SECONDS:g} s"
            raise SkippedError(msg) from None
    if ended.returncode:
        lines = [line for line in ended.stderr.splitlines() if "rror" in line] or ["no reason told"]
        msg = f"{what}: {lines[-1].strip()}"
        raise SkippedError(msg)
    return ended.stdout


def measure(peer: Peer, folder: Path, size: int, runs: int) -> dict[str, Any]:
    """Return what a task run of a peer's takes."""
    python = environment_of(peer, folder)
    told = _run([python, str(FLOWS / peer.flow), str(size), str(runs)], "its flow does not run")
    version = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    names = ("prefect" if peer.wanted else "daskflow", "distributed")
    versions = _run([python, "-c", version, *names], "its version").split()
    seconds = json.loads(told.splitlines()[-1])
    return {
        "engine": peer.name,
        "versions": dict(zip(names, versions, strict=True)),
        "task_runs": size + 1,
        "us": round(statistics.median(seconds) / (size + 1) * 1e6, 1),
        "runs": [round(each, 3) for each in seconds],
    }


def main() -> None:
    """Measure each engine that can be had, and print a table, then JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=1000, help="task runs")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "daskflow-peers"
    )
    given = parser.parse_args()
    found = []
    for peer in PEERS:
        try:
            row = measure(peer, given.folder, given.size, given.runs)
        except SkippedError as reason:
            row = {"engine": peer.name, "skipped": str(reason)}
        found.append(row)
        told = f"{row['us']:>12.1f} us" if "us" in row else f"  skipped: {row['skipped']}"
        print(f"{peer.name:<16}{told}", flush=True)
    for row in found:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
