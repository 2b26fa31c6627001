"""``daskflow graph`` in a process of its own, on what people have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
MISSING = """
from daskflow import flow, task

@task
def fetch(url: str) -> str:
    import a_module_that_nobody_has
    return a_module_that_nobody_has.get(url)

@flow
def pages(urls: list[str]):
    return fetch.map(urls)
"""


def graph(folder, *asked):
    return subprocess.run(
        [sys.executable, "-m", "daskflow", "graph", *asked],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_main_example(tmp_path):
    """It is drawn with all its tasks, and there is nothing to find in it."""
    target = f"{EXAMPLES / 'flights.py'}:flights"
    ended = graph(tmp_path, target, "--output", "flights.svg", "--check")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "flights: no problems found\n", "")
    texts = {element.text for element in ET.parse(tmp_path / "flights.svg").iter()}
    assert {"read", "spoil[i]", "count-hours[i]", "publish", "bad_month"} <= texts


def test_a_flow_that_would_fail(tmp_path):
    """The exit code is that of the command, also by ``python -m daskflow``; nothing was run."""
    (tmp_path / "pages.py").write_text(MISSING)
    ended = graph(tmp_path, "pages.py", "--check")
    assert (ended.returncode, ended.stderr) == (2, "")
    told = "error: fetch: imports 'a_module_that_nobody_has', which is not installed here\n"
    assert ended.stdout == told
