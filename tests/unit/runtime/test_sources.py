"""Modules beside a flow's file: which travel, and how a worker loads them."""

import importlib

import pytest

from daskflow.runtime.modules import RunModules, Source, in_use
from daskflow.runtime.sources import collect_sources, file_importer, loose_importer


def sources_of(*files):
    """Return the modules beside some files that these import."""
    return collect_sources(map(file_importer, files)).sources


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


def test_what_is_imported_beside_a_file_is_collected(folder):
    """Anywhere in the file, in turn, whole packages; installed and unused modules stay."""
    found = sources_of(folder / "flow_file.py")
    assert sorted(found) == ["one_beside", "pack_beside", "pack_beside.deep", "two_beside"]
    assert found["pack_beside"].is_package
    assert not found["pack_beside.deep"].is_package


def test_a_file_in_a_package_imports_from_above_it(folder):
    """Absolute imports start above the outermost package."""
    (folder / "pack_beside" / "deep.py").write_text("import two_beside\nimport pack_beside.deep\n")
    found = sources_of(folder / "pack_beside" / "deep.py")
    assert {"two_beside", "one_beside", "pack_beside"} <= set(found)


def test_a_file_that_is_no_python_has_no_imports(folder):
    """It is passed over, as is one that is not there."""
    (folder / "broken.py").write_text("def (\n")
    assert sources_of(folder / "broken.py", folder / "gone.py") == {}


def test_what_an_import_on_the_worker_asks_for(folder):
    """What is imported inside of a function, with what that imports: the rest comes by value."""
    found = collect_sources([file_importer(folder / "flow_file.py")], lambda _: True)
    assert found.asked == ["pack_beside", "pack_beside.deep"]
    assert found.named == {"os", "one_beside", "two_beside", "pack_beside"}


def test_functions_in_no_file_import_from_their_folder(folder):
    """Those of a notebook: alone, or in a class."""

    def body():
        import one_beside  # noqa: F401 - an import is what is looked for

    loose = loose_importer(folder, [type("Bag", (), {"body": body}), 3])
    assert sorted(collect_sources([loose]).sources) == ["one_beside", "two_beside"]


def test_a_worker_loads_them_without_the_folder(folder):
    """Modules and packages import each other from the sources alone, with their own paths."""
    with in_use(RunModules("first", sources_of(folder / "flow_file.py"))):
        deep = importlib.import_module("pack_beside.deep")
        assert deep.PLUS == 10
        assert deep.__file__ == str(folder / "pack_beside" / "deep.py")
        assert importlib.import_module("one_beside").two_beside.TWO == 2
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("unused")


def test_each_run_has_its_own_modules():
    """Two of one name side by side, the second as it was edited."""
    for number in (1, 2):
        modules = RunModules(f"run-{number}", {"edited_beside": Source("e.py", f"X = {number}")})
        with in_use(modules):
            assert number == importlib.import_module("edited_beside").X


def test_a_traceback_shows_the_source_of_such_a_module():
    """The loader gives the source, so that tools can show its lines."""
    with in_use(RunModules("shown", {"shown_beside": Source("s.py", "Z = 1\n")})):
        module = importlib.import_module("shown_beside")
        assert module.__loader__.get_source("shown_beside") == "Z = 1\n"
