"""What travels once for a run, and whose code travels along."""

from __future__ import annotations

import gc
import importlib
import pickle
import sys
import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import cloudpickle
import pytest

import daskflow
from daskflow import DefinitionError, task
from daskflow.runtime import shim, spec
from daskflow.runtime.modules import HERE, RunModules, Source, home, in_use, module_named
from daskflow.runtime.shim import kept_spec
from daskflow.runtime.spec import is_installed, own_code_by_value, pack_spec, unpack_spec
from tests.unit.runtime.book import Book


def made(function, **parameters):
    return Book(function, **parameters).spec


def test_a_spec_arrives_as_it_was():
    """Names, graph and literals travel; what the shim made for itself stays."""
    here = made(lambda p: task(len, name="size")(p), p=[1, 2])
    here.caches["size"] = threading.Lock()
    there = unpack_spec(pack_spec(here))
    assert there.caches == {}
    assert (there.run_id, there.flow_name, there.literals) == ("ab12", "case", {"p": [1, 2]})
    assert there.graph.nodes["size"].task.fn([1]) == 1
    assert there.kept == {"size"}


def test_what_cannot_travel_is_named():
    """The task, or the value, that cannot be pickled is told before anything runs."""
    lock = threading.Lock()

    def holds():
        return lock

    with pytest.raises(DefinitionError, match=r"task 'holds' cannot be sent to workers: .*lock"):
        pack_spec(made(lambda: task(holds)()))
    with pytest.raises(DefinitionError, match=r"value of 'p' cannot be sent to workers: .*lock"):
        pack_spec(made(lambda p: task(len, name="size")(p), p=lock))
    with pytest.raises(DefinitionError, match=r"the flow cannot be sent to workers: .*lock"):
        pack_spec(replace(made(lambda: task(len, name="size")(())), flow_name=lock))


def test_what_has_to_be_there_is_noted():
    """Modules in which something is referred to by name; neither Python's nor ours."""
    gather = [].append  # a method of what is written in C belongs to no module

    def refers(x):
        gather(x)
        return pytest.approx, threading.Lock, daskflow.task

    packed = pack_spec(made(lambda: task(refers)(1)))
    assert {name.partition(".")[0] for name in packed.needed} == {"pytest", "cloudpickle"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder of the user's: a flow's file, and beside it a module and one in a package."""
    (tmp_path / "df_flows.py").write_text(
        "import df_beside\nfrom df_below import deep\n"
        "def body(x):\n    return deep.twice(df_beside.add(x))\n"
    )
    (tmp_path / "df_beside.py").write_text("def add(x):\n    return x + 1\n")
    (tmp_path / "df_below").mkdir()
    (tmp_path / "df_below" / "__init__.py").write_text("")
    (tmp_path / "df_below" / "deep.py").write_text("def twice(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield importlib.import_module("df_flows")
    forget()


def forget():
    for name in [name for name in sys.modules if name.startswith("df_")]:
        del sys.modules[name]


def test_a_flows_own_folder_travels_by_value(project, monkeypatch):
    """A process that never saw the folder can call the function, with all that is around it."""
    before = cloudpickle.list_registry_pickle_by_value()
    with own_code_by_value([project.body]):
        data = cloudpickle.dumps(project.body)
    assert cloudpickle.list_registry_pickle_by_value() == before
    forget()
    monkeypatch.setattr(sys, "path", [p for p in sys.path if "df_" not in p and Path(p).exists()])
    monkeypatch.setattr(sys, "meta_path", [])
    assert pickle.loads(data)(4) == 10


def test_what_is_registered_already_stays_registered(project):
    """A module that the user registered is left as it was found."""
    cloudpickle.register_pickle_by_value(project)
    try:
        with own_code_by_value([project.body]):
            pass
        assert "df_flows" in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(project)


def test_packages_installed_below_the_folder_travel_by_name(project, monkeypatch, tmp_path):
    """An environment inside the project is no code of the user's."""
    monkeypatch.setattr(spec, "_INSTALLED", (tmp_path / "df_below",))
    is_installed.cache_clear()
    with own_code_by_value([project.body]):
        found = cloudpickle.list_registry_pickle_by_value()
    is_installed.cache_clear()
    assert {name for name in found if name.startswith("df_")} == {"df_flows", "df_beside"}


def test_code_of_no_folder_brings_nothing_along():
    """Builtins, installed packages and what has no file are known everywhere."""
    before = cloudpickle.list_registry_pickle_by_value()
    with own_code_by_value([len, pytest.raises, 7]):
        assert cloudpickle.list_registry_pickle_by_value() == before


@pytest.mark.parametrize(
    ("file", "installed"),
    [(threading.__file__, True), (pytest.__file__, True), (daskflow.__file__, True)],
)
def test_what_counts_as_installed(file, installed):
    """Python's own files, packages, and ours are; a user's folder is not."""
    assert is_installed(Path(file).resolve()) is installed
    assert not is_installed(Path(__file__).resolve())


def test_a_spec_in_use_is_asked_for_once(monkeypatch):
    """However many others come meanwhile; one that nobody uses makes room."""
    monkeypatch.setattr(shim, "_specs", OrderedDict())
    asked = []

    def fetch(run_id):
        asked.append(run_id)
        return bytes(pack_spec(replace(made(lambda: task(len)([])), run_id=run_id)))

    held = kept_spec("held", fetch)
    for n in range(shim._KEPT_SPECS + 1):
        kept_spec(f"other{n}", fetch)
    assert kept_spec("held", fetch) is held
    gc.collect()
    assert kept_spec("other0", fetch).run_id == "other0"
    assert asked.count("held") == 1
    assert asked.count("other0") == 2


def test_modules_of_other_runs_are_not_looked_at(tmp_path):
    """A run that packs where others are at work neither imports nor executes what they have."""
    source = Source(str(tmp_path / "strange_one.py"), "raise SystemExit")
    other = RunModules("other", {"strange_one": source})
    other.blank("strange_one", {"__file__": source.path})
    mine = RunModules("mine", {"late_one": Source(str(tmp_path / "l.py"), "raise SystemExit")})
    with in_use(mine):
        assert (module_named("strange_one"), module_named("late_one")) == (None, None)
        with own_code_by_value([len]):
            assert module_named("json") is sys.modules["json"]
    with in_use(other):
        assert module_named("strange_one").__file__ == source.path


def test_what_a_run_packs_where_it_is_itself_a_guest():
    """Its modules are real nowhere, ``__main__`` is its own, and sources are handed on."""
    guest = RunModules("guest", {"only_a_guest_has_it": Source("o.py", "X = 1")})
    main = guest.blank("__main__", {"__file__": "/nowhere/script.py"})
    assert (home(), module_named("__main__")) == (HERE, sys.modules["__main__"])
    with in_use(guest):
        assert (home(), module_named("__main__")) == ("", main)
        with in_use(None):
            assert home() == ""
        packed = pack_spec(made(lambda: task(len)([])))
    _, origin, _, sources, _ = pickle.loads(packed)
    assert origin == ""
    assert sources["only_a_guest_has_it"].text == "X = 1"
    with in_use(RunModules("at home", {}, is_here=True)):
        assert home() == HERE
