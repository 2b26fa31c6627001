"""Imported by the process that children are forked from: what every child needs is loaded there."""

from contextlib import redirect_stdout
from io import StringIO

import pandas as pd  # noqa: F401 - it takes half a second
import pyarrow.parquet  # noqa: F401

from daskflow import LocalExecutor, MemoryStore, flow, task

with redirect_stdout(StringIO()):
    flow(lambda: task(abs)(-1), name="warm", executor=LocalExecutor(), store=MemoryStore()).run()
