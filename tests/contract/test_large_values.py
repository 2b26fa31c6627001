"""Large values stay on the cluster: none passes the driver, and no worker gets more than its part.

The driver's road to the scheduler leads through a relay that counts; the workers count themselves.
"""

import socket
import threading

import dask
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from daskflow import DaskExecutor, flow, task, unmapped
from daskflow.executors.connections import disconnect

MB = 1_000_000


class Relay:
    """Passes on what goes between a process and a scheduler, and counts what comes from there."""

    def __init__(self, address):
        host, _, port = address.removeprefix("tcp://").partition(":")
        self.target = (host, int(port))
        self.received = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:  # closed
                return
            far = socket.create_connection(self.target)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                if source.getpeername() == self.target:
                    self.received += len(data)
                sink.sendall(data)
        except OSError:  # the other side has left
            pass
        finally:
            source.close()
            sink.close()

    def close(self):
        self._server.close()


@pytest.fixture
def still_cluster():
    """Two worker processes between which Dask moves no task once it has placed it."""
    with (
        dask.config.set({"distributed.scheduler.work-stealing": False}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as cluster,
    ):
        yield cluster
        disconnect(cluster.scheduler_address)


@pytest.fixture
def relay(cluster):
    """The way to the cluster on which is counted what the driver receives."""
    relay = Relay(cluster.scheduler_address)
    yield relay
    disconnect(relay.address)
    relay.close()


def received(dask_worker):
    """Return the bytes that a worker got from others."""
    return sum(entry["total"] for entry in dask_worker.transfer_incoming_log)


@task
def frame(size):
    return pd.DataFrame({"x": np.zeros(size // 8)})


@task
def grow(frame, by=1.0):
    return frame + by


@task
def split(frame):
    return np.array_split(frame["x"].to_numpy(), 8)


@task
def measure(part, whole):
    return float(part.sum()) + len(whole)


total = task(sum)


@pytest.mark.slow
def test_no_byte_of_a_large_frame_passes_the_driver(relay):
    """100 MB through ten tasks, unmapped and mapped: the driver gets states and one number."""

    def case():
        made = frame(100 * MB)
        for _ in range(7):
            made = grow(made)
        return total(measure.map(split(made), unmapped(made)))

    run = flow(case, executor=DaskExecutor(address=relay.address)).run()
    rows = 100 * MB // 8
    assert run.result() == 7.0 * rows + 8 * rows
    assert 0 < relay.received < MB


@task
def frames(count, size):
    return [np.full(size // 8, float(number)) for number in range(count)]


@task
def last(part):
    return float(part[-1])


@pytest.mark.slow
def test_a_worker_gets_its_share_of_a_long_list(still_cluster):
    """Of 400 MB that are mapped over a worker receives what it works on, and one slice more."""
    count, size = 40, 10 * MB
    executor = DaskExecutor(address=still_cluster.scheduler_address)

    def case():
        return last.map(frames(count, size))

    with Client(still_cluster, set_as_default=False) as client:
        before = client.run(received)
        run = flow(case, executor=executor).run()
        assert run.result() == [float(number) for number in range(count)]
        after = client.run(received)
    done = [child.worker for child in run[last]]
    slice_size = -(-count // 8) * size
    for worker, got in after.items():
        share = done.count(worker) * size
        assert got - before[worker] <= share + slice_size + MB
