"""Waiting for what another thread or process does: with a deadline, by looking again and again."""

import time
from pathlib import Path


def eventually(look, seconds=15.0):
    """Return what `look` returns as soon as that is true; fail when the seconds are over."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {look.__doc__ or look}"
        time.sleep(0.02)  # no one tells us: we ask other processes, and ask no busier than this
    return found


class Gate:
    """Holds up a body, in whichever process, until it is opened; it travels as its path."""

    def __init__(self, path, seconds=30.0):
        self.path = str(path)
        self.seconds = seconds

    def open(self):
        """Let everybody pass, now and later."""
        Path(self.path).touch()

    def wait(self):
        """Return once the gate is open."""
        eventually(Path(self.path).exists, self.seconds)


def is_alive(pid):
    """Return whether a process runs; one that has ended and was not yet collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
