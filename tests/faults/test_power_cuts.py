"""The power is cut: small counts of `benchmarks.reliability.power_cuts`, and what its disk does."""

import os
import shutil
from pathlib import PurePath

import pytest

from benchmarks.reliability import power_cuts, rig
from benchmarks.reliability.disks import Call, Disk, calls_in

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """Leave the settings of this process as they were."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


@needs_strace
@pytest.mark.slow
def test_200_power_cuts(capsys):
    """Whatever the disk had written: all that was acknowledged is there, and whole."""
    assert power_cuts.main(["--count", "200"]) == 0
    assert "cuts that lost or tore something: 0" in capsys.readouterr().out


@needs_strace
@pytest.mark.slow
def test_the_harness_is_able_to_fail(capsys):
    """The same cuts lose what was acknowledged where SQLite syncs at checkpoints only.

    Some 3 of 100 do: that none of so many does is not to be expected in a thousand years.
    """
    assert power_cuts.main(["--count", "400", "--normal"]) > 0
    assert "entries were acknowledged" in capsys.readouterr().err


def wrote(*calls):
    """Return a disk that has seen these calls."""
    disk = Disk(PurePath("/disk"))
    for name, *given in calls:
        texts = tuple(
            one if isinstance(one, bytes) else one.encode() for one in given if one_of(one)
        )
        numbers = tuple(one for one in given if isinstance(one, int))
        disk.do(Call(name, texts, numbers, creates=name == "openat"))
    return disk


def one_of(given):
    """Return whether it is a path, or data."""
    return isinstance(given, str | bytes)


def left(disk):
    """Return all that cuts may leave of the file ``/disk/a``."""
    return {disk.cut(rig.drawing(seed)).get("/disk/a") for seed in range(200)}


CREATED = [("openat", "", "/disk/a"), ("fsync", "/disk")]


def test_what_was_synced_is_safe():
    """Its bytes by a sync of the file, its name by one of the folder."""
    assert left(wrote(*CREATED, ("write", "/disk/a", b"one"), ("fsync", "/disk/a"))) == {b"one"}


def test_a_name_that_was_not_synced_may_be_gone():
    """Though the bytes are safe."""
    disk = wrote(CREATED[0], ("write", "/disk/a", b"one"), ("fsync", "/disk/a"))
    assert left(disk) == {None, b"one"}


def test_what_was_not_synced_may_be_there_or_not():
    """Sector by sector, and a cut of the file's end as well."""
    data = b"1" * 512 + b"2" * 512
    disk = wrote(*CREATED, ("pwrite64", "/disk/a", data, 1024, 0))
    assert left(disk) == {b"", data, data[:512], bytes(512) + data[512:]}
    disk = wrote(
        *CREATED, ("write", "/disk/a", b"one"), ("fsync", "/disk/a"), ("ftruncate", "/disk/a", 1)
    )
    assert left(disk) == {b"one", b"o"}


def test_names_change_in_order():
    """A file that takes another's place is that one or the other, never none."""
    disk = wrote(
        *CREATED,
        ("openat", "", "/disk/b"),
        ("write", "/disk/b", b"new"),
        ("fsync", "/disk/b"),
        ("rename", "/disk/b", "/disk/a"),
    )
    assert left(disk) == {b"", b"new"}


def test_a_log_of_strace_is_read(tmp_path):
    """Calls that another thread's interrupted are one; failed ones are none."""
    hexed = {word: "".join(f"\\x{byte:02x}" for byte in word.encode()) for word in ("/d/a", "one")}
    path, data = hexed["/d/a"], hexed["one"]
    (tmp_path / "log").write_text(
        f'1    openat(AT_FDCWD<{path}>, "{path}", O_RDWR|O_CREAT, 0600) = 3<{path}>\n'
        f'1    pwrite64(3<{path}>, "{data}", 3, 512 <unfinished ...>\n'
        f"22   fsync(4<{path}>) = -1 EIO (no)\n"
        "1    <... pwrite64 resumed>)             = 3\n"
        "1    +++ exited with 0 +++\n"
    )
    opened, written = calls_in(tmp_path / "log")
    assert (opened.name, opened.creates, opened.texts[1]) == ("openat", True, b"/d/a")
    assert (written.name, written.texts, written.numbers[-1]) == (
        "pwrite64",
        (b"/d/a", b"one"),
        512,
    )
