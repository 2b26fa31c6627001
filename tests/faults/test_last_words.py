"""What a body logged before its worker was killed."""

import logging
import os
import signal
from collections import Counter

import pytest

from daskflow import flow, get_run_logger, task
from daskflow.lines import LogLimits
from tests.contract.waiting import eventually


@pytest.mark.slow
def test_the_last_lines_of_a_killed_worker_are_there(frail, ledger, gate):
    """Its last words, with the line that tells of those before; the next attempt has its own."""

    def babble(x):
        log = get_run_logger()
        for number in range(10_000):
            log.info("%d", number)
        log.error("the last words")
        ledger.note(str(os.getpid()))
        if len(ledger.lines()) == 1:
            gate.wait()

    run = flow(lambda: task(babble)(1), executor=frail).submit()
    (pid,) = eventually(ledger.lines)
    eventually(
        lambda: [line.message for line in run.last_lines("babble")][-1:] == ["the last words"]
    )
    os.kill(int(pid), signal.SIGKILL)
    run.wait(60)
    assert run.state.is_successful()
    assert len(run.last_lines("babble")) == 20  # of the attempt that never ended
    last = [line for line in run.logs() if line.level == logging.ERROR]
    assert [line.message for line in last] == ["the last words"] * 2
    assert last[0].worker != last[1].worker == run["babble"].worker
    dropped: Counter[str] = Counter()
    for line in run.logs():
        dropped[line.worker] += line.dropped
    assert dropped[last[1].worker] == 10_001 - LogLimits().lines
    assert dropped[last[0].worker] >= dropped[last[1].worker]
