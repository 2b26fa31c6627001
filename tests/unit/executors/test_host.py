"""The process that holds the temporary cluster, run here, its two pipes in our hands."""

import io
import json
import logging
import os
import threading

import dask
import pytest
from distributed import Client

from daskflow.executors import host


@pytest.fixture
def kept_settings():
    """Dask's settings and the level of its log, as they were before, in the end."""
    logger = logging.getLogger("distributed")
    level = logger.level
    with dask.config.set({}):
        before = dask.config.config.copy()
        yield
        dask.config.config.clear()
        dask.config.config.update(before)
    logger.setLevel(level)


@pytest.mark.slow
def test_it_holds_a_cluster_until_its_input_ends(monkeypatch, kept_settings):
    """The address is told once the workers are up; values that are held do not delay the end."""
    told, telling = os.pipe()
    ended, ending = os.pipe()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(os.fdopen(ended, "rb")))
    settings = {"workers": 2, "threads_per_worker": 1, "fd": telling}
    holder = threading.Thread(target=host.main, args=(settings,))
    holder.start()
    with os.fdopen(told, "rb") as file:
        address = json.loads(file.read())["address"]
    client = Client(address, set_as_default=False)
    assert list(client.nthreads().values()) == [1, 1]
    held = client.map(bytes, [1_000_000, 1_000_001, 1_000_002])
    client.gather(held)
    os.close(ending)
    holder.join(timeout=20)
    assert not holder.is_alive()
    client.close()
    host.sys.stdin.close()


def test_a_worker_prints_line_by_line(monkeypatch):
    """What goes into a pipe would wait there for more; where nothing is to print to, no matter."""
    stream = io.TextIOWrapper(io.BytesIO(), line_buffering=False)
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr("sys.stderr", None)
    host.dask_setup(object())
    assert stream.line_buffering
