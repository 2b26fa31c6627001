"""A package outside of this project tests its flows with its own pytest, with and without xdist."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # each starts pytest in a process of its own

FLOWS = """
from daskflow import Skip, flow, successful, task


@task(retries=3, retry_delay_seconds=3600)
def fetch(day: int) -> list[int]:
    raise OSError("no network")


@task
def count(sales: list[int]) -> int:
    if not sales:
        raise Skip("a holiday")
    return sum(sales)


total = task(sum, name="total")


@flow
def week(days: list[int]) -> int:
    return total(successful(count.map(fetch.map(days))))
"""

WITH_FIXTURE = """
import os
import sys
from pathlib import Path

import pytest
from daskflow.states import Success
from daskflow.testing import OK, assert_states, calls, frozen_time, with_fakes
from shop.flows import count, fetch, total, week

SALES = {1: [1, 2], 2: [], 3: [30]}


def test_an_hour_between_retries(daskflow_session):
    plan = daskflow_session.fault_plan({1: [OSError("busy"), OSError("busy")]})
    with frozen_time(), with_fakes({fetch: plan.around(SALES.__getitem__)}):
        run = week.run([1, 2, 3])
    assert run.result() == 33
    assert_states(run, {fetch: ["Success"] * 3, count: ["Success", "Skipped", "Success"]})
    assert calls(run)["fetch[0]"] == plan.calls(1) == 3


@pytest.mark.parametrize("number", range(8))
def test_each_worker_has_its_own(daskflow_session, number):
    (daskflow_session.folder / "mine").touch(exist_ok=False)
    assert week.with_options(states={fetch: [Success(result=[number])]})([1]) == number


def test_no_cluster_and_no_home(daskflow_session):
    assert week.with_options(states={total: Success(result=5)}).run([]).result() == 5
    assert not Path.home().exists()
    assert "distributed" not in sys.modules
    assert os.environ["DASKFLOW_HOME"].startswith(str(daskflow_session.folder))
"""

WITHOUT = """
from daskflow.states import Success
from shop.flows import fetch, week


def test_a_week():
    assert week.with_options(states={fetch: [Success(result=[5])]})([1]) == 5
"""

IDLE = """
import sys


def test_nothing_of_daskflow_was_loaded():
    assert not [name for name in sys.modules if name.partition(".")[0] in {"daskflow", "dask"}]
"""


@pytest.fixture
def package(tmp_path):
    """Write a package with tests, and its own settings of pytest."""

    def package(tests):
        files = {
            "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\n'
            'filterwarnings = ["error"]\n',
            "src/shop/__init__.py": "",
            "src/shop/flows.py": FLOWS,
            "tests/test_shop.py": tests,
        }
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return package


def run_pytest(folder, *options, **variables):
    """Run pytest in a package, where nobody has a home folder."""
    theirs = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DASKFLOW_", "PYTEST_", "COV_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        env=theirs | {"HOME": "/nonexistent"} | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_package_with_the_fixture(package, options):
    """Green without a home, a cluster or a port; each test has its own folder, under xdist too."""
    result = run_pytest(package(WITH_FIXTURE), *options)
    assert "10 passed" in result.stdout, result.stdout + result.stderr
    assert result.returncode == 0


def test_a_package_without_the_fixture(package):
    """Two variables of the environment do as well."""
    variables = {"DASKFLOW_EXECUTOR": "local", "DASKFLOW_STORE__URL": "memory://"}
    folder = package(WITHOUT)
    result = run_pytest(folder, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    found = {path.name for path in folder.iterdir()}
    assert found == {"pyproject.toml", "src", "tests"}


def test_the_plugin_costs_nothing_who_does_not_use_it(package):
    """It is there, and has loaded neither daskflow nor Dask."""
    result = run_pytest(package(IDLE), "--fixtures")
    assert "daskflow_session" in result.stdout
    result = run_pytest(package(IDLE))
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_failing_package_is_seen(package):
    """The flow's own body fails here, so its test does."""
    broken = "from shop.flows import fetch\n\n\ndef test_it():\n    fetch(1)\n"
    result = run_pytest(package(broken))
    assert result.returncode == 1
    assert "no network" in result.stdout
