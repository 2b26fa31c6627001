"""Modules beside a flow's file: which travel, and how a worker loads them."""

import importlib
import sys

import pytest

from daskflow.runtime.sources import Source, SourceFinder, collect_sources


@pytest.fixture
def folder(tmp_path):
    """A flow's folder with a module, a package, and what nobody imports."""
    (tmp_path / "flow_file.py").write_text(
        "import os\nimport one_beside\ndef body():\n    from pack_beside.deep import PLUS\n"
    )
    (tmp_path / "one_beside.py").write_text("import two_beside\nONE = 1\n")
    (tmp_path / "two_beside.py").write_text("import one_beside\nTWO = 2\n")
    (tmp_path / "unused.py").write_text("raise SystemExit\n")
    (tmp_path / "pack_beside").mkdir()
    (tmp_path / "pack_beside" / "__init__.py").write_text("from . import deep\n")
    (tmp_path / "pack_beside" / "deep.py").write_text("PLUS = 10\n")
    return tmp_path


@pytest.fixture
def finder():
    """A finder that is taken off again, with the modules it loaded."""
    made = SourceFinder()
    before = set(sys.modules)
    yield made
    sys.meta_path[:] = [other for other in sys.meta_path if other is not made]
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_what_is_imported_beside_a_file_is_collected(folder):
    """Anywhere in the file, in turn, whole packages; installed and unused modules stay."""
    found = collect_sources([folder / "flow_file.py"])
    assert sorted(found) == ["one_beside", "pack_beside", "pack_beside.deep", "two_beside"]
    assert found["pack_beside"].is_package
    assert not found["pack_beside.deep"].is_package


def test_a_file_in_a_package_imports_from_above_it(folder):
    """Absolute imports start above the outermost package."""
    (folder / "pack_beside" / "deep.py").write_text("import two_beside\nimport pack_beside.deep\n")
    found = collect_sources([folder / "pack_beside" / "deep.py"])
    assert {"two_beside", "one_beside", "pack_beside"} <= set(found)


def test_a_file_that_is_no_python_has_no_imports(folder):
    """It is passed over, as is one that is not there."""
    (folder / "broken.py").write_text("def (\n")
    assert collect_sources([folder / "broken.py", folder / "gone.py"]) == {}


def test_a_worker_loads_them_without_the_folder(folder, finder):
    """Modules and packages import each other from the sources alone, with their own paths."""
    finder.take(collect_sources([folder / "flow_file.py"]))
    finder.take({})
    deep = importlib.import_module("pack_beside.deep")
    assert deep.PLUS == 10
    assert deep.__file__ == str(folder / "pack_beside" / "deep.py")
    assert importlib.import_module("one_beside").two_beside.TWO == 2
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("unused")


def test_a_source_that_changed_is_loaded_anew(finder):
    """The module of the earlier source is forgotten; one that did not change stays."""
    finder.take({"edited_beside": Source("e.py", "X = 1"), "kept_beside": Source("k.py", "Y = 1")})
    edited, kept = map(importlib.import_module, ("edited_beside", "kept_beside"))
    finder.take({"edited_beside": Source("e.py", "X = 2"), "kept_beside": Source("k.py", "Y = 1")})
    assert edited.X == 1
    assert importlib.import_module("edited_beside").X == 2
    assert importlib.import_module("kept_beside") is kept


def test_a_traceback_shows_the_source_of_such_a_module(finder):
    """The loader gives the source, so that tools can show its lines."""
    finder.take({"shown_beside": Source("s.py", "Z = 1\n")})
    module = importlib.import_module("shown_beside")
    assert module.__loader__.get_source("shown_beside") == "Z = 1\n"
