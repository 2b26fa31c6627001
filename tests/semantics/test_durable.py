"""Durable results: the same values, read again behind a resume, and nothing fails for storage."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from daskflow import flow, manual_only, states, unmapped
from daskflow.errors import ResultGoneError
from tests.contract.waiting import eventually
from tests.semantics.bodies import kinds, skip2

ROWS = 2_000  # of 8 bytes: more than what rides with a state


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where results of this test are kept."""
    monkeypatch.setenv("DASKFLOW_RESULTS__URL", str(tmp_path / "results"))
    return tmp_path / "results"


def files(folder):
    """Return the files of results, by the order of their names."""
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def frame(n):
    """Return a frame of its own for each n."""
    days = pd.date_range("2024-03-30", periods=ROWS, freq="h", tz="Europe/Berlin")
    return pd.DataFrame({"n": np.full(ROWS, n), "text": f"no {n}"}, index=days)


def array(n):
    return np.arange(n, n + ROWS, dtype="float64")


def odd(n):
    """Return what only pickle keeps."""
    return (n, "x" * 8 * ROWS)


def numbers(n):
    return list(range(n, n + ROWS))


def describe(x):
    """Return what a value is, and enough of it to know it."""
    if isinstance(x, pd.DataFrame):
        return f"{x.index.tz} {x.index.freqstr} {x['n'].sum()} {x['text'].iloc[0]}"
    return f"{type(x).__name__} {len(x)} {x[0]} {str(x[-1])[:9]}"


def total(texts):
    return " | ".join(map(str, texts))


def approve(x):
    return x


def give(n):
    """Return a value that is large and made of others, which are mapped over."""
    return [np.full(400_000 // 8, i, "float64") for i in range(n)]


def add_up(x):
    return float(x.sum())


def lost(run):
    """Let a run be as if its driver and all of its workers were gone."""
    run._session.close()
    run._keeper.close()


@pytest.mark.parametrize("make", [frame, array, odd, numbers])
def test_a_durable_value_is_the_value(executor, block_size, ledger, folder, make):
    """What consumers and the user get of a durable result is what they get of any other."""
    made, told, summed = (ledger.task(f) for f in (make, describe, total))

    def case():
        values = made.map([1, 2, 3])
        return summed(told.map(values)), values

    for persist in (True, False):
        options = {"executor": executor, "block_size": block_size, "persist_result": persist}
        run = flow(case, **options).run()
        text, values = run.result()
        assert text == total(describe(make(n)) for n in (1, 2, 3))
        assert [describe(value) for value in values] == text.split(" | ")
        assert kinds(run) == {make.__name__: "M[S,S,S]", "describe": "M[S,S,S]", "total": "S"}
        assert len(files(folder)) == 3


def resumed(case, ledger):
    """Run a flow until it waits, lose its driver, resume it, approve; return the run."""
    run = case.run()
    assert type(run.state) is states.Paused
    lost(run)
    again = case.resume(run.id)
    assert type(again.state) is states.Paused
    again.approve()
    return again


@pytest.mark.parametrize("persist", [True, False])
def test_a_resumed_run_reads_what_was_kept(executor, block_size, ledger, folder, persist):
    """No body runs again whose large result is durable; one whose result is not does, once."""
    make, summed = ledger.task(frame), ledger.task(total)
    told = ledger.task(describe, trigger=manual_only)

    @flow(executor=executor, block_size=block_size, persist_result=persist)
    def case():
        return summed(told.map(make.map([1, 2, 3])))

    run = resumed(case, ledger)
    assert run.result() == total(describe(frame(n)) for n in (1, 2, 3))
    starts = ledger.starts()
    assert [starts[f"frame[{i}]"] for i in range(3)] == [1 if persist else 2] * 3
    assert [starts[f"describe[{i}]"] for i in range(3)] == [1] * 3


@pytest.mark.parametrize("persist", [True, False])
def test_a_large_value_that_is_mapped_over(executor, block_size, ledger, folder, persist):
    """The elements of a kept value are there for children that begin after a resume."""
    make, summed = ledger.task(give), ledger.task(add_up)
    wait = ledger.task(approve, trigger=manual_only)

    @flow(executor=executor, block_size=block_size, persist_result=persist)
    def case():
        return summed.map(make(4), wait_for=[unmapped(wait(1))])

    run = resumed(case, ledger)
    assert run.result() == [50_000.0 * i for i in range(4)]
    assert ledger.starts()["give"] == (1 if persist else 2)


def test_a_skipped_lane_stays_skipped(executor, block_size, ledger, folder):
    """Behind a resume a kept map has its values, and its skipped child none."""
    make, picked = ledger.task(array), ledger.task(skip2)
    told = ledger.task(lambda xs: [None if x is None else float(x[0]) for x in xs])
    wait = ledger.task(approve, trigger=manual_only)

    @flow(executor=executor, block_size=block_size, persist_result=True)
    def case():
        return told.named("told")(make.map(picked.map([1, 2, 3])), wait_for=[wait(1)])

    run = resumed(case, ledger)
    assert run.result() == [1.0, None, 3.0]
    assert set(ledger.starts().values()) == {1}


def test_who_may_say_whether_a_result_is_durable(executor, block_size, ledger, folder, monkeypatch):
    """The task's word counts before the flow's, that before the setting; small ones never lie."""
    yes, no, unsaid = (
        ledger.task(array, name=name, **words)
        for name, words in {
            "yes": {"persist_result": True},
            "no": {"persist_result": False},
            "unsaid": {},
        }.items()
    )
    small = ledger.task(approve, persist_result=True)

    def written(persist, setting):
        monkeypatch.setenv("DASKFLOW_RESULTS__PERSIST", setting)
        made = flow(
            lambda: [yes(1), no(2), unsaid(3), small(4)],
            name="case",
            executor=executor,
            block_size=block_size,
            persist_result=persist,
        )
        before = len(files(folder))
        made.run()
        return len(files(folder)) - before

    assert [written(True, "false"), written(False, "true")] == [2, 1]
    assert [written(None, "false"), written(None, "true")] == [1, 2]


def test_what_is_left_when_the_executor_is_gone(executor, block_size, ledger, folder):
    """A durable result is read from storage; any other large one is gone, and the error helps."""
    kept, other = ledger.task(frame, persist_result=True), ledger.task(array)
    run = flow(lambda: [kept(1), other(2)], executor=executor, block_size=block_size).run()
    lost(run)
    assert describe(run["frame"].result()) == describe(frame(1))
    with pytest.raises(ResultGoneError, match=r"array was not kept: .*persist_result=True"):
        run["array"].result()


def test_storage_that_cannot_be_written(executor, block_size, ledger, folder, monkeypatch):
    """The run waits and says why; once storage can be written it goes on, and no body ran twice."""
    monkeypatch.setattr("daskflow.runtime.durable._FIRST_PAUSE", 0.05)
    folder.write_text("in the way")
    make, told = ledger.task(array), ledger.task(describe)

    @flow(executor=executor, block_size=block_size, persist_result=True)
    def case():
        return told.map(make.map([1, 2]))

    run = case.submit()
    for child in (0, 1):

        def is_waiting(child=child):
            """It is Retrying, and has started."""
            return len(ledger.starts()) >= 2 and isinstance(
                run["array"][child].state, states.Retrying
            )

        eventually(is_waiting)
    message = run["array"][0].state.message
    assert message.startswith(f"results cannot be written to {folder} now: ")
    assert run["array"][0].attempt == 1
    folder.unlink()
    assert run.wait(60).result() == [describe(array(n)) for n in (1, 2)]
    assert run["array"][0].attempt == 1
    assert run["array"][0].started < run["array"][0].ended < run["describe"][0].started
    assert set(ledger.starts().values()) == {1}
    assert len(files(folder)) == 2


@pytest.mark.parametrize("make", [array, odd, frame])
def test_a_flipped_byte_is_found(executor, block_size, ledger, folder, make):
    """A result that was changed is not read: its consumer crashes and names the file."""
    made, wait = ledger.task(make), ledger.task(describe, trigger=manual_only)

    @flow(executor=executor, block_size=block_size, persist_result=True)
    def case():
        return wait(made(1))

    run = case.run()
    lost(run)
    [file] = files(folder)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    again = case.resume(run.id)
    again.approve()
    state = again["describe"].state
    assert type(state) is states.Crashed
    assert "is not what was written" in state.message
    assert str(file) in state.message
    assert "describe" not in ledger.starts()


def test_an_approval_is_kept(executor, block_size, ledger, folder):
    """A run whose driver was lost just behind an approval does not ask for it again."""
    wait = ledger.task(approve, trigger=manual_only)

    @flow(executor=executor, block_size=block_size)
    def case():
        return wait(1)

    run = case.run()
    run._keeper.go_on()
    run.record.approve("approve", 0)
    lost(run)
    assert case.resume(run.id).result() == 1
    assert ledger.starts() == {"approve": 1}
