"""The commands that go on from a run: what they import, what they show, what they refuse."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daskflow import Settings
from daskflow.cli import Exit
from daskflow.entries import SegmentTold
from daskflow.stores.choice import choose_store, close_stores
from daskflow.stores.history import Holder
from tests.contract.processes import kill_group
from tests.contract.waiting import eventually

FLOWS = """
import threading
from pathlib import Path
from daskflow import flow, task

@task
def double(n: int) -> int:
    with Path("ledger").open("a") as ledger:
        ledger.write(f"double {n}\\n")
    return 2 * n

@task
def decide(numbers: list[int]) -> int:
    while Path("wait").exists():
        threading.Event().wait(0.02)
    if Path("fail").exists():
        raise ValueError("no luck")
    return sum(numbers)

@flow
def doubled(numbers: list[int]):
    return decide(double.map(numbers))
"""
ASKED = ("-p", "numbers=[1, 2]", "--executor", "local")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store in a file, for this process and those that it starts."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'runs.db'}")
    monkeypatch.setenv("DASKFLOW_HOME", str(tmp_path))
    yield choose_store(None, Settings())
    close_stores()


@pytest.fixture
def killed(write, store, tmp_path):
    """A run whose driver was killed in its last task."""
    write("flows.py", FLOWS)
    gate = write("wait", "")
    command = [sys.executable, "-m", "daskflow.cli", "run", "flows.py:doubled", *ASKED]
    driver = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        eventually(lambda: [*map(_accepted, store.runs())] == [2], 60)
    finally:
        kill_group(driver)
        gate.unlink()
    return store.runs()[0]


def _accepted(row):
    """Return how many task runs of a run are known to be done."""
    told = [one.entry for one in choose_store(None, Settings()).entries(row.id)]
    return sum(len(entry.segment.codes) for entry in told if isinstance(entry, SegmentTold))


def starts():
    return Path("ledger").read_text().splitlines()


def test_a_run_goes_on_where_it_was_started(killed, daskflow, tmp_path, monkeypatch):
    """From any folder; exit code 0, its value is shown, and no body that was done runs again."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, output, errors = daskflow("resume", killed.name, "--executor", "local")
    assert (code, errors) == (0, "")
    assert f"doubled / {killed.name}" in output
    assert output.endswith("returned\n  6\n")
    assert Path.cwd() == tmp_path / "elsewhere"
    monkeypatch.chdir(tmp_path)
    assert starts() == ["double 1", "double 2"]


def test_a_run_that_fails_when_it_goes_on(killed, daskflow, write):
    """Exit code 2, and from then on it is final: the error names rerun."""
    write("fail", "")
    assert daskflow("resume", "last", "--executor", "threads")[0] == Exit.FAILED
    code, _, errors = daskflow("resume", "last")
    assert code == Exit.ERROR
    assert f"`daskflow rerun {killed.name} --failed`" in errors


def test_somebody_else_drives_it(killed, daskflow, store):
    """The message tells who."""
    lease = store.lease(killed.id, Holder("ann", "mars", 4711))
    code, _, errors = daskflow("resume", killed.id[:12])
    lease.release()
    assert code == Exit.ERROR
    assert f"ann@mars, process {os.getpid()}" in errors  # who holds the lock is asked


def test_changed_code_needs_a_word(killed, daskflow, write):
    """A task that is still to run has changed: it is named, and goes on only when told so."""
    write("flows.py", FLOWS.replace("return sum(numbers)", "return -sum(numbers)"))
    code, _, errors = daskflow("resume", "last", "--executor", "local")
    assert code == Exit.ERROR
    assert "the code of decide has changed" in errors
    code, output, _ = daskflow("resume", "last", "--allow-code-change", "--executor", "local")
    assert code == 0
    assert output.endswith("returned\n  -6\n")


def test_what_cannot_be_imported_names_the_way(killed, daskflow, tmp_path):
    """One message: why not, and that who has the flow can go on with it."""
    (tmp_path / "flows.py").unlink()
    code, _, errors = daskflow("resume", "last")
    assert code == Exit.ERROR
    assert f"the flow of run {killed.name!r} cannot be imported" in errors
    assert "flows.py is no file" in errors
    assert f"f.resume('{killed.id}')" in errors


def test_a_flow_without_a_name_of_its_own(store, write, daskflow):
    """A run of a flow that no module has cannot be imported; the same way is named."""
    from daskflow import LocalExecutor, flow, manual_only, task

    wait = task(trigger=manual_only)(lambda: 1)
    run = flow(lambda: wait.named("wait")(), name="hidden", executor=LocalExecutor()).run()
    run._keeper.close()
    code, _, errors = daskflow("resume", run.name)
    assert code == Exit.ERROR
    assert f"f.resume('{run.id}')" in errors


def test_the_working_folder_is_gone(killed, daskflow, tmp_path, monkeypatch, store):
    """It is named: what the tasks read and write there would be missing."""
    lease = store.lease(killed.id, Holder("ann", "mars", 1))
    store.write(lease, [], "op", {"folder": str(tmp_path / "gone")})
    lease.release()
    code, _, errors = daskflow("resume", "last")
    assert code == Exit.ERROR
    assert f"was started in {tmp_path / 'gone'}, which is not there" in errors


def test_no_such_run(store, daskflow):
    """The message names the store that was asked."""
    code, _, errors = daskflow("resume", "nobody")
    assert code == Exit.ERROR
    assert "there are no runs in sqlite:///" in errors


def test_options_of_a_variation_are_kept(store, write):
    """A run of ``f.with_options(...)`` goes on as that, though only f can be imported."""
    write(
        "varied.py",
        "from daskflow import LocalExecutor, flow, manual_only, task\n"
        "@task(trigger=manual_only)\ndef wait() -> int:\n    return 1\n"
        "@task\ndef fail() -> int:\n    raise ValueError\n"
        "@flow(executor=LocalExecutor())\ndef f():\n    return wait(), fail()\n"
        "varied = f.with_options(tags={'x'}, reference_tasks=['wait'], block_size=1)\n",
    )
    from daskflow.targets import load_flow, load_flow_of

    made = load_flow("varied.py:varied").with_options(run_name="mine")
    run = made.run()
    run._keeper.close()
    row = store.run(run.id)
    assert row.target.endswith("varied.py:f")
    assert row.options == {"block_size": 1, "reference_tasks": ["wait"]}
    again = load_flow_of(store, row).resume("mine")
    again.approve()
    assert again.state.is_successful()
    assert again.tags == {"x"}


@pytest.fixture
def failed(write, store, daskflow):
    """A run that failed in its last task, for a reason that is over."""
    write("flows.py", FLOWS)
    reason = write("fail", "")
    assert daskflow("run", "flows.py:doubled", *ASKED)[0] == Exit.FAILED
    reason.unlink()
    return store.runs()[0]


@pytest.mark.parametrize(
    ("words", "again"),
    [
        ((), ["double 1", "double 2"]),
        (("--failed",), []),
        (("--from", "double[1]"), ["double 2"]),
        (("--from", "decide"), []),
        (("--failed", "--from", "double"), ["double 1", "double 2"]),
    ],
)
def test_a_run_is_made_anew(failed, daskflow, store, words, again):
    """A new run, shown like any other; what it keeps of the earlier one does not run again."""
    code, output, errors = daskflow("rerun", failed.name, *words, "--executor", "local")
    assert (code, errors) == (0, "")
    assert output.endswith("returned\n  6\n")
    made = store.runs()[0]
    assert (made.parent, made.target, made.folder) == (failed.id, failed.target, failed.folder)
    assert starts() == ["double 1", "double 2", *again]
    assert failed.name not in output.partition("returned")[0]


@pytest.mark.parametrize(
    ("words", "kept"),
    [((), ""), (("--failed",), "2 of these were"), (("--from", "double[1]"), "1 of these was")],
)
def test_what_was_kept_is_told(failed, daskflow, words, kept):
    """Where the run ends, when somebody looks later, and of a task run that somebody asks for."""
    output = daskflow("rerun", failed.name, *words, "--executor", "local")[1]
    told = f"\n  {kept} kept from the run it repeats\n" if kept else ""
    for shown in (output, *(daskflow(word, "last")[1] for word in ("show", "watch"))):
        assert shown.count("kept from the run") == bool(kept)
        assert told in shown
    is_kept = "its body was not called again" in daskflow("why", "last", "double[0]")[1]
    assert is_kept is bool(kept)


def test_what_is_no_task_to_begin_from(failed, daskflow, store):
    """It is named, and no run is made."""
    code, _, errors = daskflow("rerun", "last", "--from", "dubble", "--executor", "local")
    assert code == Exit.ERROR
    assert "no node 'dubble'; its nodes: double, decide" in errors
    assert len(store.runs()) == 1


def test_what_an_edited_row_names_is_not_imported(write, store, daskflow, tmp_path, monkeypatch):
    """Who can write the store's file cannot have other code run in its place."""
    write(
        "mine.py",
        "from daskflow import LocalExecutor, flow, manual_only, task\n"
        "@task(trigger=manual_only)\ndef wait() -> int:\n    return 1\n"
        "@flow(executor=LocalExecutor(), run_name='mine')\ndef f():\n    return wait()\n",
    )
    write("theirs.py", "raise SystemExit('imported')\n")
    assert daskflow("run", "mine.py:f")[0] == 4
    close_stores()
    for file in [path for path in tmp_path.glob("runs.db*") if path.is_file()]:
        shutil.copy(file, tmp_path / f"copy-{file.name}")  # what the tests look at stays whole
    monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'copy-runs.db'}")
    with choose_store(None, Settings())._place.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET target = 'theirs.py:f'")
    for command in (["resume", "mine"], ["debug", "mine", "wait"]):
        code, _, why = daskflow(*command)
        assert code == 1
        assert "run 'mine' is not as it was written in sqlite:///" in why
