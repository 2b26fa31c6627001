"""What a process notes is found by another one when it is dead."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from daskflow.events import AT_BEGIN, ENDED
from daskflow.executors.black_box import BlackBox, name_of, take_box

ADDRESS = "tcp://127.0.0.1:40001"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Let boxes lie in a folder of this test's."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    return tmp_path / f"daskflow-{os.getuid()}"


def test_how_far_each_block_was():
    """At its begin, at a task run, or ended."""
    box = BlackBox(ADDRESS)
    for number in (1, 2, 3):
        record, mark = box.begin("ab12", number)
        if number > 1:
            mark[0] = 7
        if number > 2:
            box.end(record)
    found = take_box(ADDRESS)
    assert (found.pid, found.is_whole) == (os.getpid(), True)
    assert found.places == {"ab12 1": AT_BEGIN, "ab12 2": 7, "ab12 3": ENDED}


def test_a_box_is_read_once(folder):
    """Then its file is gone; who has none has none."""
    BlackBox(ADDRESS)
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]
    assert take_box(ADDRESS) is not None
    assert take_box(ADDRESS) is None
    assert list(folder.iterdir()) == []


def test_records_are_used_again_as_late_as_can_be():
    """Of many blocks that ended the last ones are found."""
    box = BlackBox(ADDRESS)
    for number in range(1000):
        box.end(box.begin("ab12", number)[0])
    found = take_box(ADDRESS).places
    assert set(found.values()) == {ENDED}
    assert set(found) == {name_of("ab12", number) for number in range(1000 - len(found), 1000)}
    assert len(found) >= 50


def test_a_box_that_is_full_says_so():
    """More blocks at work than it has room for: of those that are not in it nobody knows."""
    box = BlackBox(ADDRESS)
    records = [box.begin("ab12", number) for number in range(200)]
    records[-1][1][0] = 5  # goes nowhere
    box.end(records[-1][0])
    found = take_box(ADDRESS)
    assert not found.is_whole
    assert "ab12 0" in found.places
    assert "ab12 199" not in found.places


def test_a_name_that_is_too_long_is_cut():
    """It is not found then, which is as if nobody had noted it."""
    box = BlackBox(ADDRESS)
    box.begin("x" * 500, 1)
    box.begin("ab12", 2)
    assert "ab12 2" in take_box(ADDRESS).places


def test_a_killed_process_leaves_its_box(tmp_path):
    """What it stored last is there."""
    script = (
        "import os, signal, tempfile\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "from daskflow.executors.black_box import BlackBox\n"
        f"_, mark = BlackBox({ADDRESS!r}).begin('ab12', 1)\n"
        "mark[0] = 3\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = subprocess.run([sys.executable, "-c", script], check=False)
    assert process.returncode == -signal.SIGKILL
    assert take_box(ADDRESS).places == {"ab12 1": 3}


def test_what_is_somebody_elses_is_not_used(folder, tmp_path):
    """A folder that only leads elsewhere, a link in it, a file that is no box."""
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError):
        BlackBox(ADDRESS)
    assert take_box(ADDRESS) is None
    folder.unlink()
    folder.mkdir()
    file = folder / "box-tcp-127-0-0-1-40001"
    file.write_bytes(b"torn")
    assert take_box(ADDRESS) is None
    file.symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic link"):
        BlackBox(ADDRESS)
    assert not Path(tmp_path / "target").exists()
