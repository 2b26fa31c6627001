"""The notebook of the examples, and a cell that keeps itself up to date, in a real kernel."""

from pathlib import Path

import pytest

# who keeps cells up to date has said the last word, before the kernel stops behind the last cell
IS_SHOWN = """
import threading
for thread in threading.enumerate():
    if thread.name == "daskflow-cell":
        thread.join(60)
"""
EXAMPLE = Path(__file__).parents[2] / "examples" / "notebook.ipynb"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # of the kernel's own


def outputs(cell, kind):
    """Return what a cell shows, in one of the forms that it comes in."""
    return ["".join(one["data"][kind]) for one in cell.outputs if kind in one.get("data", {})]


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Run a notebook from its first cell to its last; gives its cells of code."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("DASKFLOW_CLUSTER__WORKERS", "2")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))

    def execute(notebook):
        notebook.cells.append(nbformat.v4.new_code_cell(IS_SHOWN))
        place = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=90, resources=place).execute()
        return [cell for cell in notebook.cells[:-1] if cell.cell_type == "code"]

    return execute, nbformat


def test_the_example(execute):
    """Its run is shown when it begins, and how it ended stands in the same cell."""
    execute, nbformat = execute
    _, live, states, told = execute(nbformat.read(EXAMPLE, as_version=4))
    (shown,) = outputs(live, "text/html")
    assert "<b>week / " in shown
    assert "/flow-run?id=" in shown
    assert ": Failed(" in shown
    assert "the shop is closed" in outputs(states, "text/plain")[0]
    text = "".join(one.text for one in told.outputs)
    assert "ValueError: the first till counts nothing on Saturdays" in text
    assert "Friday: all tills have answered" in text
