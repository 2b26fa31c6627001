"""Every file in examples/ runs as a script, prints what it should, and is in the reading path."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTED = {
    "hello.py": ["Success 9 14"],
    "map_frames.py": [
        "day      Mon    Tue",
        "shop",
        "Bergen  72.0   96.0",
        "Lyon    80.0  120.0",
        "Malmo   99.0   49.5",
    ],
    "subflows.py": [
        "3604",
        "Bergen  ['Success', 'Success', 'Success']",
        "Lyon    []",
        """Malmo   ["Skipped('till Malmo 0 is broken')"]""",
        "Oslo    ['Success', 'Success']",
    ],
    "resources.py": [
        "Success [14, 12, 13, 13, 13, 11]",
        "load: several at a time",
        "train: one at a time",
    ],
    "static.py": [
        "2 folds: 2.00, the mean of 1.78 2.22",
        "3 folds: 3.00, the mean of 4.50 3.75 0.75",
    ],
    "branches.py": [
        "ring by mail, 1, insured",
        "  stamp: Success",
        "  workplace left: False",
        "wardrobe by truck, 4, at your risk",
        "  stamp: Skipped(\"because of case: the value was 'large', this branch is for 'small'\")",
        "  workplace left: False",
    ],
    "by_hand.py": [
        "['dough', 'sauce', 'bread', 'supper']",
        "serve(3 x bake(3 x knead(3 x flour, water)), simmer(3 x tomatoes, basil))",
        "this edge closes a circle: dough -> bread -> supper -> dough",
    ],
    "delayed.py": [
        "61 pieces",
        "north: Success",
        "south: Failed('1 of 3 reference task runs failed: check[1]')",
        "ValueError: there cannot be -1 of anything",
    ],
    "approve.py": [
        "Paused('waits for approval: check[1], check[3]')",
        "check[0]: Success",
        "check[1]: Paused('a refund of 250 is over 100')",
        "check[2]: Success",
        "check[3]: Paused('a refund of 900 is over 100')",
        "Failed('1 of 4 reference task runs failed: pay[3]')",
        "['Success', 'Success', 'Success', 'TriggerFailed']",
    ],
    "resume.py": [
        "bake:",
        "  bake a plum cake",
        "  bake a lemon cake",
        "  the power fails",
        "resume:",
        "  deliver 2 cakes",
        "  Success: plum cake and lemon cake",
    ],
    "shell_command.py": [
        "check[0] Failed",
        "check[1] Success",
        "check[2] Success",
        "check[0] | looking for 7 in a few",
        "check[0] | there is none",
        "['12', '11', '10']",
    ],
    "cache.py": [
        "3 days:",
        "  compute 3 days of Lisbon",
        "  compute 3 days of Oslo",
        "  8 degrees: ['Success', 'Success', 'Success']",
        "3 days:",
        "  8 degrees: ['Cached', 'Cached', 'Success']",
        "5 days:",
        "  compute 5 days of Lisbon",
        "  compute 5 days of Oslo",
        "  10 degrees: ['Success', 'Success', 'Success']",
        "  no cached result: argument 'days' is not what it was for outlook-3 / forecast",
    ],
    "million.py": [
        "Success: the sum is 332,833,500",
        "the last of 1,000 task runs: Success",
        "N us for each of them",
        "9 Dask tasks",
    ],
    "flights.py": [
        "March: the weather service does not answer, to be asked again",
        "March: the weather service answers at attempt 2",
        "Success",
        "June: Skipped('June left out: 2,825 flights left hours too early')",
        "March: weather joined at attempt 2",
        "carriers  flights-out/carriers.parquet",
        "routes    flights-out/routes.parquet",
        "weather   flights-out/weather.parquet",
        "planes    flights-out/planes.parquet",
        "hours     flights-out/hours.parquet",
        "chart     flights-out/chart.html",
    ],
}
ON_A_CLUSTER = {"flights.py", "hello.py", "million.py"}  # the others in threads, which is quick
LOGGED = r"(?m)^\d\d:\d\d:\d\d INFO \S+ attempt 1 \| .*\n"  # what tasks log is shown on stderr
ARGUMENTS = {"million.py": ["1000"]}  # of those that take long without


def files():
    return sorted(path.name for path in EXAMPLES.iterdir() if path.suffix == ".py")


@pytest.mark.slow
@pytest.mark.parametrize("name", files())
def test_an_example_runs_as_a_script(name, tmp_path):
    """From any folder, with warnings as errors, it ends well and prints what it promises."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *ARGUMENTS.get(name, [])]
    where = {} if name in ON_A_CLUSTER else {"DASKFLOW_EXECUTOR": "threads"}
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, **where},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, re.sub(LOGGED, "", ended.stderr)) == (0, "")
    lines = [re.sub(r"^\d+ us", "N us", line.rstrip()) for line in ended.stdout.splitlines()]
    assert lines == PRINTED[name]


def test_the_reading_path_names_every_example_once():
    """The table in examples/README.md has one row for each file and a command that runs it."""
    lines = (EXAMPLES / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    commands = {row[0].strip("`"): row[2].strip("`") for row in rows}
    notebook = {"notebook.ipynb": "jupyter lab examples/notebook.ipynb"}
    assert len(commands) == len(rows)
    assert commands == {name: f"python examples/{name}" for name in files()} | notebook


def test_an_example_is_short_enough_to_read():
    """Only the main example is longer than a screen."""
    lengths = {name: len((EXAMPLES / name).read_text().splitlines()) for name in files()}
    assert [name for name, length in lengths.items() if length > 60] == ["flights.py"]
