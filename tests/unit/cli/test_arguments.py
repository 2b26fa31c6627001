"""What is typed becomes parameters and an executor, or one clear refusal."""

from __future__ import annotations

import io
import sys
from datetime import date
from pathlib import Path

import pytest

from daskflow import DaskExecutor, LocalExecutor
from daskflow.cli.arguments import Place, executor_of, read_parameters, value_of
from daskflow.definition.parameters import Signature
from daskflow.errors import DaskflowError, ExecutorError, ParameterError


def etl(days: list[date], limit: int = 1, zip_code: str = "", path: Path = Path(), other=None): ...


THERE = '{"type": "Scheduler", "address": "tcp://a:1"}'  # as a scheduler writes where it is
ETL = Signature.of(etl, "etl")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("limit", "7", 7),
        ("limit", "seven", "seven"),
        ("zip_code", "20095", "20095"),
        ("zip_code", "1.10", "1.10"),
        ("zip_code", "true", "true"),
        ("zip_code", '"quoted"', "quoted"),
        ("path", "2013", "2013"),
        ("days", '["2013-01-01"]', ["2013-01-01"]),
        ("days", "[1, {}]", [1, {}]),
        ("other", "null", None),
        ("unknown", "7", 7),
    ],
)
def test_a_typed_value_is_json_or_text(name, text, value):
    """JSON where that works and the flow takes it, else the text as it was typed."""
    assert value_of(ETL, name, text) == value


def test_typed_parameters_go_before_those_of_the_file(tmp_path):
    """A file gives what was not typed."""
    (tmp_path / "night.json").write_text('{"limit": 1, "zip_code": "1"}')
    found = read_parameters(ETL, ["limit=5"], str(tmp_path / "night.json"))
    assert found == {"limit": 5, "zip_code": "1"}


def test_a_value_may_hold_an_equals_sign():
    """Only the first one divides."""
    assert read_parameters(ETL, ["zip_code=a=b"], None) == {"zip_code": "a=b"}


def test_toml_has_dates(tmp_path):
    """A TOML file gives dates as dates."""
    (tmp_path / "night.toml").write_text("days = [2013-01-01]")
    found = read_parameters(ETL, [], str(tmp_path / "night.toml"))
    assert found == {"days": [date(2013, 1, 1)]}


def test_parameters_from_standard_input(monkeypatch):
    """A dash stands for JSON on standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"limit": 3}'))
    assert read_parameters(ETL, [], "-") == {"limit": 3}


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        (["limit"], "'limit' is not NAME=VALUE"),
        (["=3"], "'=3' is not NAME=VALUE"),
        (["limit=1", "limit=2"], "--param limit is given twice; a list is given as JSON"),
    ],
)
def test_a_malformed_parameter_is_refused(typed, problem):
    """The message repeats what was typed."""
    with pytest.raises(ParameterError, match=problem):
        read_parameters(ETL, typed, None)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("none.json", None, "none.json cannot be read: No such file or directory"),
        ("a.json", "{", "a.json is no valid JSON: Expecting"),
        ("a.toml", "=", "a.toml is no valid TOML: Invalid"),
        ("a.json", "[1]", "a.json holds a list, not names with values"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, name, text, problem):
    """The message names the file and what is wrong with it."""
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ParameterError, match=problem):
        read_parameters(ETL, [], str(tmp_path / name))


@pytest.mark.parametrize(
    ("place", "executor"),
    [
        (Place(), None),
        (Place("local"), LocalExecutor()),
        (Place("threads"), LocalExecutor(threads=4)),
        (Place("threads", workers=3), LocalExecutor(threads=3)),
        (Place("threads", workers=3, threads_per_worker=2), LocalExecutor(threads=6)),
        (Place("threads", threads_per_worker=2), LocalExecutor(threads=2)),
        (Place("dask"), DaskExecutor()),
        (Place(workers=2), DaskExecutor(workers=2)),
        (Place("dask", threads_per_worker=2), DaskExecutor(threads_per_worker=2)),
        (Place(address="tcp://a:1"), DaskExecutor("tcp://a:1")),
        (Place("dask", "tcp://a:1"), DaskExecutor("tcp://a:1")),
        (Place(cluster_class="a.B"), DaskExecutor(cluster_class="a.B")),
        (
            Place("dask", cluster_class="a.B", adapt="0:10"),
            DaskExecutor(cluster_class="a.B", adapt_kwargs={"minimum": 0, "maximum": 10}),
        ),
    ],
)
def test_the_executor_that_was_asked_for(place, executor):
    """Each option says its own; an address means Dask, a size the temporary cluster."""
    assert repr(executor_of(place)) == repr(executor)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ('{"n_workers": 2}', None),
        ("@words.json", '{"n_workers": 2}'),
        ("@words.toml", "n_workers = 2"),
    ],
)
def test_what_a_clusters_class_is_called_with(tmp_path, monkeypatch, given, text):
    """JSON as it is typed, or a file of names and values."""
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / given[1:]).write_text(text)
    executor = executor_of(Place(cluster_class="a.B", cluster_kwargs=given))
    assert executor.cluster_kwargs == {"n_workers": 2}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"cluster_kwargs": "{"}, "--cluster-kwargs '{' is no valid JSON.*a file is given as @FI"),
        (
            {"cluster_kwargs": "[1]"},
            r"--cluster-kwargs '\[1\]' holds a list, not names with values",
        ),
        ({"cluster_kwargs": "@none.json"}, "the cluster's file none.json cannot be read: No such"),
        ({"adapt": "3"}, "--adapt '3' is not MIN:MAX, two numbers of workers such as 0:10"),
        ({"adapt": "3:2"}, "--adapt '3:2' is not MIN:MAX"),
        ({"adapt": "0:0"}, "--adapt '0:0' is not MIN:MAX"),
        ({"adapt": "0:many"}, "--adapt '0:many' is not MIN:MAX"),
        ({"address": "tcp://a:1"}, "--address and --cluster-class both say which cluster"),
        ({"workers": 2}, "--workers and --threads-per-worker are for the temporary cluster"),
        ({"executor": "local"}, "leave out --executor local, or --cluster-class"),
    ],
)
def test_what_does_not_go_with_a_clusters_class(tmp_path, monkeypatch, words, problem):
    """Whatever it is, an error of the executor's with the word as it was typed."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExecutorError, match=problem):
        executor_of(Place(cluster_class="a.B", **words))


def test_the_scheduler_that_a_file_names(tmp_path):
    """A scheduler writes where it is, and who reads that needs no address."""
    (tmp_path / "there.json").write_text(THERE)
    executor = executor_of(Place(scheduler_file=str(tmp_path / "there.json")))
    assert repr(executor) == repr(DaskExecutor("tcp://a:1"))


@pytest.mark.parametrize(
    ("text", "words", "problem"),
    [
        (None, {}, "there.json: No such file or directory; a scheduler writes it when it starts"),
        ("{", {}, "there.json holds no scheduler's address; give the one that `dask scheduler"),
        ("[]", {}, "there.json holds no scheduler's address"),
        ("{}", {}, "there.json holds no scheduler's address"),
        ('{"address": null}', {}, "there.json holds no scheduler's address"),
        ('{"address": ""}', {}, "there.json holds no scheduler's address"),
        ("{}", {"address": "tcp://a:1"}, "--address and --scheduler-file both say which scheduler"),
        (THERE, {"cluster_class": "a.B"}, "--scheduler-file and --cluster-class both say which"),
        (THERE, {"executor": "local"}, "leave out --executor local, or --scheduler-file"),
    ],
)
def test_a_file_that_names_no_scheduler(tmp_path, text, words, problem):
    """It is not there yet, it is another one, or an address was given as well."""
    if text is not None:
        (tmp_path / "there.json").write_text(text)
    with pytest.raises(ExecutorError, match=problem):
        executor_of(Place(scheduler_file=str(tmp_path / "there.json"), **words))


@pytest.mark.parametrize("words", [{"cluster_kwargs": "{}"}, {"adapt": "0:1"}])
def test_what_is_for_a_clusters_class_alone(words):
    """Words about a cluster that nobody named."""
    with pytest.raises(ExecutorError, match="is for the cluster that --cluster-class names"):
        executor_of(Place(**words))


@pytest.mark.parametrize(
    ("named", "executor"),
    [("threads", "LocalExecutor(threads=3)"), ("dask", "DaskExecutor(workers=3)")],
)
def test_a_size_is_for_the_executor_of_the_settings(monkeypatch, named, executor):
    """Who says only how many gets them where the environment says."""
    monkeypatch.setenv("DASKFLOW_EXECUTOR", named)
    assert repr(executor_of(Place(workers=3))) == executor


@pytest.mark.parametrize(
    ("place", "named", "problem"),
    [
        (Place("local", workers=2), "", "--executor local runs one task at a time"),
        (Place("local", threads_per_worker=2), "", "--executor local runs one task at a time"),
        (Place("threads", "tcp://a:1"), "", "leave out --executor threads, or --address"),
        (Place(address="tcp://a:1", workers=2), "", "the cluster at tcp://a:1 has its own size"),
        (Place(workers=2), "tcp://a:1", "the cluster at tcp://a:1 has its own size"),
        (Place(workers=2), "spark", "no executor is called 'spark'"),
    ],
)
def test_what_contradicts_itself_is_refused(monkeypatch, place, named, problem):
    """The message names the option that has to go."""
    monkeypatch.setenv("DASKFLOW_EXECUTOR", named)
    with pytest.raises(DaskflowError, match=problem):
        executor_of(place)
