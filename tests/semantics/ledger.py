"""Counts which bodies were started, in every process, in one file.

A task made by `Ledger.task` writes one line at the start of each call of its body, with a single
append that the kernel keeps in one piece. So a body that was called twice is seen, wherever and
whenever that was.
"""

import os
from collections import Counter
from functools import wraps
from pathlib import Path

from daskflow import context, task


class Ledger:
    """A file to which any process appends lines; it travels as its path."""

    def __init__(self, path):
        self.path = str(path)

    def note(self, text):
        """Append one line."""
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{text}\n".encode())
        finally:
            os.close(file)

    def lines(self):
        """Return all lines, in the order in which they were written."""
        file = Path(self.path)
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def starts(self):
        """Return how often each body was started, by the name of its task run."""
        return dict(Counter(self.lines()))

    def task(self, function, **options):
        """Make a task of a function, whose starts are written down here."""

        @wraps(function)
        def counted(*args, **kwargs):
            self.note(context.task_run_name)
            return function(*args, **kwargs)

        counted.is_counted = True
        return task(counted, **options)
