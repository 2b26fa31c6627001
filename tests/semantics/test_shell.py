"""Shell commands as tasks: states, values, logs, and what is left of them."""

import os
import pickle
import signal
from pathlib import Path

import pytest

from daskflow import DefinitionError, LocalExecutor, ShellError, flow, shell
from daskflow.errors import TaskTimeoutError
from daskflow.states import Cancelled, Failed, TimedOut
from tests.contract.waiting import eventually, is_alive


def run(command, *given, executor=None, **words):
    """Run one command as a flow."""
    made = shell(command, **words)
    return flow(lambda: made(*given), executor=executor or LocalExecutor()).run()


def messages(run):
    return [line.message for line in run.logs()]


def test_exit_codes_are_states(play):
    """0 is Success with the last line of stdout; any other Failed, telling all there is to know."""
    good = shell("echo one; echo two >&2; printf three", name="good")
    bad = shell("echo before; echo {why} >&2; exit 3", name="bad")
    run = play(lambda: (good(), bad("it is late")))
    assert run["good"].result() == "three"
    assert sorted(messages_of(run, "good")) == ["one", "three", "two"]
    assert isinstance(run["bad"].state, Failed)
    with pytest.raises(ShellError, match=r"exit code 3: echo before; echo 'it is late'") as failed:
        run["bad"].result()
    assert failed.value.exit_code == 3
    assert str(failed.value).endswith("the last it wrote to stderr:\n  it is late")
    assert sorted(messages_of(run, "bad")) == ["before", "it is late"]


def messages_of(run, task):
    return [line.message for line in run.logs(task)]


def test_children_each_have_their_own(executor):
    """Mapped like any task, and retried like any task."""
    say = shell("echo {x} is {y}")
    run = flow(lambda: say.map([1, 2], y=["a b", "$HOME"]), executor=executor).run()
    assert run["echo"].result() == ["1 is a b", "2 is $HOME"]
    assert messages_of(run, "echo[1]") == ["2 is $HOME"]


def test_a_command_is_retried(tmp_path):
    """As other tasks are."""
    retried = run("echo try; test -e {p} || {{ touch {p}; exit 1; }}", tmp_path / "x", retries=1)
    assert retried.state.is_successful()
    assert [line.attempt for line in retried.logs()] == [1, 2]


@pytest.mark.parametrize(
    ("command", "words", "expected"),
    [
        ("true", {}, ""),
        ("true", {"return_all": True}, []),
        ("seq 3", {}, "3"),
        ("seq 3", {"return_all": True}, ["1", "2", "3"]),
        ("printf 'a\\n\\n'", {}, ""),
        ("printf '1%%\\r50%%\\r100%%\\n'", {}, "100%"),
        ("printf 'ü \\377'", {}, "ü �"),
        ("echo $GREETING {{}}", {"env": {"GREETING": "hello"}}, "hello {}"),
        ("\n    cd /\n    pwd\n    ", {}, "/"),
        ("pwd", {"cwd": Path("/")}, "/"),
        ("exec >&- 2>&-; sleep 0.3", {}, ""),
        ("echo $0", {"shell": "sh"}, "sh"),
        ("cat", {}, ""),
    ],
)
def test_what_commands_return(command, words, expected):
    """The last line of stdout, or all; bars only as they end; input there is none."""
    assert run(command, **words).result() == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("it's; rm -rf x", "it's; rm -rf x"),
        (["a b", "c"], "a b|c"),
        (("$(id)", "*"), "$(id)|*"),
        ([], ""),
        (Path("/a b"), "/a b"),
        (None, "None"),
        ("", ""),
    ],
)
def test_values_are_words(value, expected):
    """Whatever is in them; each of a list is one of its own."""
    assert run("IFS='|'; f() {{ echo \"$*\"; }}; f {value}", value).result() == expected


def test_values_are_written_as_the_template_says():
    """By format, attribute or item; a name is one parameter, however often it comes."""
    made = shell("echo {n:04d} {box[a b]} {path.name} {n!r}")
    assert [*made.binding.signature.parameters] == ["n", "box", "path"]
    assert made(7, {"a b": "x y"}, Path("/p/q r")) == "0007 x y q r 7"


def test_output_comes_while_the_command_runs(gate):
    """Line by line, with the names of its task run."""
    command = "echo begun; while ! test -e {gate}; do sleep 0.02; done; echo done"
    made = shell(command, name="wait")
    live = flow(lambda: made(gate.path), executor=LocalExecutor(threads=1)).submit()
    eventually(lambda: messages(live) == ["begun"])
    assert not live.state.is_finished()
    gate.open()
    live.wait(30)
    assert messages(live) == ["begun", "done"]
    assert {line.task_run for line in live.logs()} == {"wait"}


def pids(path, count):
    """Return the processes that have written themselves down."""

    def look():
        found = path.read_text().split() if path.exists() else []
        return [*map(int, found)] if len(found) == count else None

    return eventually(look)


def test_a_timeout_ends_all_of_it(tmp_path):
    """Also what does not listen to SIGTERM, and what runs in the background."""
    path = tmp_path / "pids"
    command = "trap '' TERM; sleep 60 & echo $! $$ > {path}; while :; do sleep 60; done"
    late = run(command, path, timeout_seconds=1)
    (state,) = (one.state for one in late.task_runs)
    assert isinstance(state, TimedOut)
    with pytest.raises(TaskTimeoutError):
        late.result()
    eventually(lambda: not any(map(is_alive, pids(path, 2))))


def test_a_cancel_ends_all_of_it(tmp_path):
    """As a timeout does."""
    path = tmp_path / "pids"
    made = shell("sleep 60 & echo $! $$ > {path}; wait")
    live = flow(lambda: made(path), executor=LocalExecutor(threads=1)).submit()
    started = pids(path, 2)
    live.cancel()
    live.wait(30)
    assert isinstance(live.state, Cancelled)
    eventually(lambda: not any(map(is_alive, started)))


def test_what_is_left_in_the_background_ends(tmp_path):
    """The task run is over when its shell is; what goes on to write holds nobody up."""
    path = tmp_path / "pids"
    told = run("(while :; do echo on; done) & echo $! > {path}; echo off", path)
    assert told.state.is_successful()
    eventually(lambda: not any(map(is_alive, pids(path, 1))))


def test_a_shell_that_is_killed():
    """The error names the signal."""
    with pytest.raises(ShellError, match="it was ended by SIGKILL: kill -9") as failed:
        run("kill -9 $$").result()
    assert failed.value.exit_code == -signal.SIGKILL


def test_a_shell_that_is_not_there():
    """Fails like a function that raises."""
    with pytest.raises(FileNotFoundError, match="no-such-shell"):
        run("true", shell="no-such-shell").result()


def test_called_outside_of_a_flow_it_just_runs(capfd):
    """As any task does."""
    assert shell("echo {x}")("y") == "y"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("echo {}", r"\{\} is no name"),
        ("echo {0}", r"\{0\} is no name"),
        ("echo {a b}", r"\{a b\} is no name"),
        ("echo {", "a brace itself is written"),
        ("awk '{print $1}'", r"\{print \$1\} is no name"),
    ],
)
def test_what_is_no_name(command, told):
    """It is said where the task is made."""
    with pytest.raises(DefinitionError, match=told):
        shell(command)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("wc -l {x}", "wc"),
        ("/usr/bin/env python3", "env"),
        ("apt-get update", "apt-get"),
        ("X=1 true", "shell"),
        ("{program} x", "shell"),
        ("# first\ntrue", "shell"),
        ("7z x", "shell"),
    ],
)
def test_its_name_is_the_programs(command, name):
    """Where that is a name."""
    assert shell(command).name == name
    assert shell(command, name="mine").name == "mine"


def test_the_error_travels():
    """With its exit code; a long command is cut in it."""
    error = pickle.loads(pickle.dumps(ShellError("told", 7)))
    assert (str(error), error.exit_code) == ("told", 7)
    with pytest.raises(ShellError) as failed:
        shell(f": {'x' * 2_000}; false")()
    assert len(str(failed.value)) < 600


def test_a_line_without_an_end(monkeypatch):
    """Is not waited for until memory is full."""
    lines = run("head -c 3000000 /dev/zero | tr '\\0' x", return_all=True).result()
    assert sum(map(len, lines)) == 3_000_000
    assert len(lines) > 1


def test_the_worker_s_variables_are_there(monkeypatch):
    """Besides those that are given."""
    monkeypatch.setenv("SHELL_TEST", "of the worker")
    assert run("echo $SHELL_TEST $MORE", env={"MORE": "more"}).result() == "of the worker more"
    assert "MORE" not in os.environ
