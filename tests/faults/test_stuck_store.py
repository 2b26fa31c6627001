"""Stores that cannot be written for a while: short times of `benchmarks.reliability.stuck`."""

import os
import subprocess

import pytest

from benchmarks.reliability import rig, stuck
from daskflow import LocalExecutor, flow, task
from daskflow.errors import StoreError
from daskflow.stores import filesystems, sqlite
from daskflow.stores.choice import close_stores


def may_mount():
    """Return whether this process may mount file systems."""
    found = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return os.geteuid() == 0 and found.returncode == 0


needs_root = pytest.mark.skipif(not may_mount(), reason="only root may mount file systems")


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """Leave the settings of this process as they were."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    yield
    close_stores()


@pytest.mark.slow
@pytest.mark.parametrize(
    "trouble",
    ["locked", *(pytest.param(name, marks=needs_root) for name in ("full", "results"))],
)
def test_a_run_goes_through(trouble, capsys, monkeypatch):
    """It waits, says why, and goes on by itself: no task fails, no body is called twice."""
    monkeypatch.setattr(sqlite, "_LOCK_SECONDS", 0.5)
    assert stuck.main(["--trouble", trouble, "--seconds", "2"]) == 0
    out = capsys.readouterr().out
    words = {"locked": "locked by another process", "full": "No space", "results": "Read-only"}
    assert words[trouble] in out
    assert trouble == "results" or "can be written again; the run goes on" in out


one = flow(lambda: task(abs)(-1), name="one", executor=LocalExecutor())


@needs_root
def test_a_store_that_is_read_only_from_the_start(tmp_path):
    """The run is refused before anything runs, and the message names the file and the reason."""
    place = rig.Place(tmp_path / "home")
    place.store()
    close_stores()
    folder = str(place.folder)
    stuck._mount("--bind", folder, folder)
    try:
        stuck._mount("-o", "remount,bind,ro", folder)
        with pytest.raises(StoreError, match=r"daskflow\.db.*[Rr]ead-only"):
            one.run()
    finally:
        subprocess.run(["umount", folder], check=True)
    assert one.run().state.is_successful()


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "lustre", "gpfs", "fuse.sshfs"])
def test_a_network_file_system_is_refused(tmp_path, monkeypatch, kind):
    """Before the run, with the cure: locks cannot be trusted there."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / {tmp_path} rw - {kind} x rw\n")
    monkeypatch.setattr(filesystems, "_MOUNTS", mounts)
    rig.Place(tmp_path).enter()
    with pytest.raises(StoreError, match=rf"network file system \({kind}\).*DASKFLOW_STORE__URL"):
        one.run()
