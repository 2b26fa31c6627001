"""What may import what: the contracts of ``pyproject.toml``, and what a process then loads."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.reading import ROOT

HEAVY = {"bokeh", "click", "dask", "distributed", "sqlalchemy"}
LOADED_BY = {
    "daskflow": HEAVY | {"fsspec", "pydantic", "pydantic_settings"},
    "daskflow.runtime.shim": HEAVY,
    "daskflow.executors.worker": {"pydantic", "pydantic_settings", "sqlalchemy"},
}
CONTRACTS = ROOT / "pyproject.toml"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts on the package ``daskflow`` in a folder."""
    program = "import sys; from importlinter.cli import lint_imports_command as lint; lint()"
    return subprocess.run(
        [sys.executable, "-c", program, "--config", CONTRACTS, "--no-cache", "--no-logo"],
        env=os.environ | {"PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def loaded(module: str, folder: Path = ROOT / "src") -> set[str]:
    """Find which top-level packages a fresh process has after importing a module."""
    program = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    environment = {name: value for name, value in os.environ.items() if name[:3] != "COV"}
    process = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return set(process.stdout.split())


def write(folder: Path, modules: dict[str, str]) -> None:
    """Lay out a package to throw away."""
    for name, text in modules.items():
        file = folder / "daskflow" / name
        for package in file.relative_to(folder).parents[:-1]:
            (folder / package).mkdir(exist_ok=True, parents=True)
            (folder / package / "__init__.py").touch()
        file.write_text(text)


def test_the_contracts_are_kept(figure):
    """Rooms import rooms below them, in no circle, and heavy libraries only at their doors."""
    result = lint(ROOT / "src")
    told = re.findall(r"^.+ (?:KEPT|BROKEN).*$", result.stdout, re.MULTILINE)
    figure("import contracts:" + "".join(f"\n    {line}" for line in told))
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(told) == CONTRACTS.read_text(encoding="utf-8").count("[[tool.importlinter.contract")


@pytest.mark.parametrize("module", LOADED_BY)
def test_a_process_loads_little(module, figure):
    """Who imports daskflow, or receives a block, does not wait for Dask, Bokeh or a database."""
    found = loaded(module) & LOADED_BY[module]
    figure(
        f"`import {module}` loads {', '.join(sorted(found)) or 'none'}"
        f" of {', '.join(sorted(LOADED_BY[module]))}"
    )
    assert found == set()


BREACHES = {
    "upstairs": (
        {"graph.py": "import daskflow.definition", "definition.py": ""},
        "daskflow.graph is not allowed to import daskflow.definition",
    ),
    "upstairs, late": (
        {"graph.py": "def f():\n    import daskflow.definition", "definition.py": ""},
        "daskflow.graph is not allowed to import daskflow.definition",
    ),
    "upstairs, over the face": (
        {
            "__init__.py": "import daskflow.definition",
            "graph.py": "import daskflow",
            "definition.py": "",
        },
        "daskflow.graph is not allowed to import daskflow.definition",
    ),
    "nowhere": ({"attic.py": ""}, "daskflow.attic"),
    "in a circle": (
        {"runs.py": "import daskflow.keeping", "keeping.py": "import daskflow.runs"},
        "No import cycle BROKEN",
    ),
    "in a circle, inside": (
        {
            "runtime/shim.py": "from daskflow.runtime import steps",
            "runtime/steps.py": "def f():\n    from daskflow.runtime.shim import g",
        },
        "No import cycle BROKEN",
    ),
    "by another door": (
        {"graph.py": "def f():\n    from dask.core import g"},
        "daskflow.graph is not allowed to import dask",
    ),
}


@pytest.mark.parametrize(("modules", "message"), BREACHES.values(), ids=BREACHES)
def test_a_breach_is_seen(modules, message, tmp_path):
    """Each contract can be broken, also by an import inside a function."""
    write(tmp_path, modules)
    result = lint(tmp_path)
    assert result.returncode == 1
    assert message in " ".join(result.stdout.split())


def test_the_doors_are_open(tmp_path):
    """What the contracts name as an exception is let through."""
    write(
        tmp_path,
        {
            "definition/flows.py": "def f():\n    import daskflow.runs",
            "runs.py": "import daskflow.definition.flows",
            "lowering/plan.py": "from dask.task_spec import Task",
            "executors/cluster.py": "import distributed",
        },
    )
    result = lint(tmp_path)
    assert result.returncode == 0, result.stdout


def test_a_loaded_library_is_seen(tmp_path):
    """What an import pulls in is found, however deep."""
    write(tmp_path, {"__init__.py": "import daskflow.deep", "deep.py": "import click.core"})
    assert "click" in loaded("daskflow", tmp_path)
