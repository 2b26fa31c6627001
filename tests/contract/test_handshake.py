"""A run meets workers that do not fit: real processes, told apart before anything runs."""

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import pytest
from distributed import Client

from daskflow import DaskExecutor, ExecutorError, flow, task, unmapped
from daskflow.states import Crashed
from tests.contract.processes import environment, scheduler, worker
from tests.contract.waiting import Gate, eventually
from tests.semantics.ledger import Ledger

ROOT = str(Path(__file__).parents[2])  # so that workers have the modules of these tests

pytestmark = pytest.mark.slow


@task
def note(ledger, word):
    ledger.note(word)
    return word


@task(workers="good")
def here(x):
    return x


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a scheduler without workers, in a process of its own."""
    with scheduler(tmp_path_factory.mktemp("scheduler")) as (_, address):
        yield address


@pytest.fixture
def start(address, tmp_path):
    """Start workers, each in the same empty folder; return their addresses once they are there."""
    with ExitStack() as running, Client(address, set_as_default=False) as client:
        eventually(lambda: not there(client))  # those of the test before have left

        def start(name, *options, waits=True, **variables):
            place = (tmp_path, address, "--name", name)
            variables = {"PYTHONPATH": ROOT, **variables}
            process = running.enter_context(worker(*place, *options, **variables))
            return eventually(lambda: there(client).get(name)) if waits else "", process

        yield start


def there(client):
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {known["name"]: address for address, known in workers.items()}


@pytest.fixture
def preload(tmp_path):
    """Make a worker's option to begin with some lines of Python."""

    def preload(lines):
        file = tmp_path / "before.py"
        file.write_text(lines, encoding="utf-8")
        return "--preload", file

    return preload


def warned(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "daskflow"]


SHELF = "def price(name):\n    return 3 * len(name)\n"


def test_a_module_that_workers_lack_is_told_before_anything_runs(
    address, start, tmp_path, monkeypatch
):
    """With the worker and its host; once it is installed there, the same process runs the flow."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "shelf_of_this_test.py").write_text(SHELF, encoding="utf-8")
    monkeypatch.syspath_prepend(elsewhere)
    price = import_module("shelf_of_this_test").price

    @task
    def priced(name):
        return price(name)

    @flow(executor=DaskExecutor(address))
    def shop(ledger):
        return priced(note(ledger, "tea"))

    ledger = Ledger(tmp_path / "started")
    found, _ = start("one")
    with pytest.raises(ExecutorError) as caught:
        shop(ledger)
    host = os.uname().nodename
    assert str(caught.value) == (
        f"the cluster at {address} cannot run this: there is no module 'shelf_of_this_test' "
        f"on {found} (host {host}): the flow's code refers to it; install it there"
    )
    assert ledger.lines() == []
    (tmp_path / "shelf_of_this_test.py").write_text(SHELF, encoding="utf-8")
    assert shop(ledger) == 9


def test_a_worker_without_daskflow_is_told(address, start):
    """By name, beside one that has it."""
    start("good")
    found, _ = start("bare", knows_daskflow=False)

    @flow(executor=DaskExecutor(address))
    def one():
        return here(1)

    with pytest.raises(ExecutorError, match=r"daskflow cannot be imported \(.*\) on ") as caught:
        one()
    assert f"on {found}: install the same there" in str(caught.value)


OLD_PYTHON = """
import platform
platform.python_version = lambda: "3.10.2"
"""


def test_workers_of_another_python_and_pandas_are_told(address, start, preload, tmp_path):
    """What each has is asked of itself: one message tells both, and that a task may fail."""
    import pandas as pd

    installed = tmp_path / "installed" / "pandas-1.5.3.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: pandas\nVersion: 1.5.3\n")
    start("old", *preload(OLD_PYTHON), PYTHONPATH=f"{installed.parent}{os.pathsep}{ROOT}")

    @flow(executor=DaskExecutor(address))
    def sizes():
        return here(pd.DataFrame({"a": [1]}))

    with pytest.raises(ExecutorError) as caught:
        sizes()
    assert "Python 3." in str(caught.value)
    assert " here, 3.10.2 on tcp://" in str(caught.value)
    assert f"pandas {pd.__version__} here, 1.5.3 on tcp://" in str(caught.value)


ANOTHER_PYTHON = """
import daskflow.runtime.spec
daskflow.runtime.spec._PYTHON = (3, 10)
"""


def test_a_worker_that_comes_later_and_has_another_python(address, start, preload):
    """Begun without any worker, which is no reason to refuse: the run ends, and its state tells."""

    @task
    def anywhere():
        return 1

    @flow(executor=DaskExecutor(address))
    def one():
        return anywhere()

    run = one.submit()
    start("late", *preload(ANOTHER_PYTHON))
    ended = run.wait(30)
    assert ended.state.is_failed()
    why = f"the flow comes from Python 3.{sys.version_info[1]}, this worker has 3.10; install the"
    assert why in str(ended[anywhere].state)


LACKING = "import sys; sys.modules['rich.text'] = None"
TEXT = import_module("rich.text").Text


@task
def show(x, gate):
    """Need a module as soon as the code is loaded."""
    gate.wait()
    return str(TEXT(str(x)))


def test_a_worker_that_comes_later_and_lacks_a_module(address, start, preload, tmp_path, caplog):
    """What it is given goes to others; a warning names it, the module and the cure."""
    gate = Gate(tmp_path / "gate")

    @flow(executor=DaskExecutor(address), block_size=1)
    def many():
        return show.map(range(20), unmapped(gate))

    run = many.submit()
    start("good")
    bad, _ = start("late", *preload(LACKING))
    eventually(lambda: f"{bad} cannot load the flow: " in caplog.text, 30)
    assert "rich.text" in caplog.text
    assert "install there what is installed here" in caplog.text
    gate.open()
    assert run.wait(60).result() == [str(x) for x in range(20)]
    assert {found.worker == bad for found in run[show]} == {False}
    assert {found.attempt for found in run[show]} == {1}


@pytest.mark.parametrize("named", [{}, {"workers": "late"}], ids=["any", "named"])
def test_only_workers_that_lack_a_module(address, start, preload, tmp_path, named):
    """There is nobody else, or the task wants nobody else: Crashed, and so told."""
    gate = Gate(tmp_path / "gate")
    gate.open()
    there = show.with_options(**named)
    run = flow(executor=DaskExecutor(address))(lambda: there(1, gate)).submit()
    if named:
        start("good")
    bad, _ = start("late", *preload(LACKING))
    run.wait(30)
    state = run["show"].state
    assert (type(state), state.reason) == (Crashed, "code missing")
    assert state.message.startswith(f"{bad} cannot load the flow: ")
    assert run["show"].worker == bad


def test_a_worker_that_comes_later_without_daskflow(address, start):
    """Dask ends it, as it cannot read what it is sent; the run goes on with one that can."""

    @task
    def anywhere():
        return 1

    @flow(executor=DaskExecutor(address))
    def one():
        return anywhere()

    run = one.submit()
    _, process = start("late", waits=False, knows_daskflow=False)
    eventually(lambda: process.poll() is not None)
    assert not run.state.is_finished()
    start("good")
    ended = run.wait(30)
    assert ended.result() == 1
    assert ended[anywhere].attempt == 1


def test_a_worker_that_may_not_be_asked_stops_no_run(address, start, caplog):
    """Its administrator forbids it; a warning says that nothing is known."""
    blocked = {"DASK_DISTRIBUTED__WORKER__BLOCKED_HANDLERS": '["run"]'}
    found, _ = start("good", **blocked)

    @flow(executor=DaskExecutor(address))
    def one():
        return here(1)

    with caplog.at_level(logging.WARNING, "daskflow"):
        assert (one(), one()) == (1, 1)
    (told,) = warned(caplog)
    assert f"it is not known what is installed on {found}: " in told
    assert "'run' handler" in told


COUNTING = """
from daskflow.executors import handshake
if not hasattr(handshake, "before"):  # Dask reads a preload twice
    handshake.before = handshake.describe
    def describe(modules):
        with open("asked", "a") as file:
            print(*modules, file=file)
        return handshake.before(modules)
    handshake.describe = describe
"""


def test_workers_are_asked_once(address, start, preload, tmp_path):
    """Whatever number of runs; again only for a module that they were not asked for."""
    text = import_module("rich.text").Text("tea")  # nothing in this file imports it
    start("good", *preload(COUNTING))
    ours = DaskExecutor(address, client_kwargs={"name": "counted"})

    @flow(executor=ours)
    def one(x):
        return here(x)

    @flow(executor=ours)
    def another():
        return here(text)

    runs = [one.submit(number) for number in range(3)]
    assert [run.wait(20).result() for run in runs] == [0, 1, 2]
    asked = tmp_path / "asked"
    (first,) = asked.read_text().splitlines()
    assert "rich" not in first.split()
    assert [str(another()) for _ in range(2)] == ["tea", "tea"]
    _, second = asked.read_text().splitlines()
    assert "rich" in second.split()


@pytest.mark.alone
def test_a_worker_that_hangs_delays_one_run_only(address, start, caplog, monkeypatch):
    """No longer than the deadline; a warning names it, and the others were asked nevertheless."""
    monkeypatch.setenv("DASKFLOW_ENGINE__CONNECT_TIMEOUT", "1.5")
    start("good")
    found, process = start("stuck")
    ours = DaskExecutor(address, client_kwargs={"timeout": "10s"})

    @flow(executor=ours)
    def one():
        return here(1)

    process.send_signal(signal.SIGSTOP)
    took = []
    with caplog.at_level(logging.WARNING, "daskflow"):
        for _ in range(2):
            before = time.monotonic()
            assert one() == 1
            took.append(time.monotonic() - before)
    assert 1.5 <= took[0] < 8.0
    assert took[1] < 1.5
    (told,) = warned(caplog)
    assert told.endswith(
        f"it is not known what is installed on {found}: no answer within 1.5 s; the run goes on"
    )


FLOW = """
from elsewhere_only import price
from daskflow import flow, task

@task
def priced() -> int:
    return price("tea")

@flow
def shop() -> int:
    return priced()
"""


def test_the_command_tells_it_in_one_message(address, start, tmp_path):
    """Exit code 1, no traceback, nothing twice."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "shop.py").write_text(FLOW, encoding="utf-8")
    (elsewhere / "elsewhere_only.py").write_text(SHELF, encoding="utf-8")
    start("one")
    ended = subprocess.run(
        [sys.executable, "-m", "daskflow.cli", "run", "shop.py:shop", "--address", address],
        cwd=home,
        env=environment(PYTHONPATH=str(elsewhere)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    told = [line for line in ended.stderr.splitlines() if "elsewhere_only" in line]
    assert len(told) == 1
    assert told[0].startswith("Error: the cluster at tcp://")
