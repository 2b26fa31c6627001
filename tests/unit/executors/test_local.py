"""The session in this process: what is there when a block is reported."""

from queue import SimpleQueue

import pytest

from daskflow.executors.local import LocalSession
from tests.contract.blocks import key, layer


class LookingQueue:
    """A queue of reports that looks for the value of each when it comes."""

    def __init__(self, session):
        self.session = session
        self.queue = SimpleQueue()
        self.found = []

    def put(self, report):
        self.found += self.session.fetch([key(report.run_id, report.block)])
        self.queue.put(report)

    def __getattr__(self, name):
        return getattr(self.queue, name)


@pytest.mark.parametrize("threads", [None, 1])
def test_a_value_is_there_before_its_report(threads):
    """Whoever hears of a block may fetch its value at once, from another thread too."""
    session = LocalSession("ab12", "a spec", threads)
    reports = session._reports = LookingQueue(session)
    session.submit(layer("ab12", {1: (), 2: (1,)}), urgent=False, demands={})
    heard = []
    while len(heard) < 2:
        heard += session.wait(5.0)
    assert [report.block for report in heard] == [1, 2]
    assert len(reports.found) == 2
    session.close()
