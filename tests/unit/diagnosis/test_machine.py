"""What is looked at on this machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from daskflow import Settings
from daskflow.diagnosis.machine import examine_machine, judge_disk
from daskflow.diagnosis.probing import forget_probe, new_probe, try_here
from daskflow.results.places import FolderPlace, place_at
from daskflow.stores.choice import choose_store, close_stores

NOWHERE = "/proc/daskflow"  # not even root can make it


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings with a home that is not there yet; words are other settings."""

    def settings(**words):
        for name, value in {"home": tmp_path / "home", **words}.items():
            monkeypatch.setenv(f"DASKFLOW_{name.upper()}", str(value))
        return Settings()

    yield settings
    close_stores()


def examined(settings):
    return {one.what: one for one in examine_machine(settings)}


def levels(settings):
    return {what: one.level.value for what, one in examined(settings).items()}


def test_a_machine_that_nothing_was_done_on(settings, tmp_path):
    """All is well, and nothing is made."""
    found = examined(settings(store__url=f"sqlite:///{tmp_path / 'home' / 'runs.db'}"))
    assert list(found) == ["store", "file system", "results", "disk", "ports"]
    assert {one.level.value for one in found.values()} == {"ok"}
    assert "the first run makes it" in found["store"].found
    assert "the first result makes it" in found["results"].found
    assert list(tmp_path.iterdir()) == []


def test_a_machine_with_runs(settings, tmp_path):
    """The store is written to for a try, and so is the folder of results; nothing is left."""
    words = {"store__url": f"sqlite:///{tmp_path / 'home' / 'runs.db'}"}
    choose_store(None, settings(**words))
    (tmp_path / "home" / "results").mkdir()
    found = examined(settings(**words))
    assert list(found) == ["store", "file system", "mode", "key", "results", "disk", "ports"]
    assert {one.level.value for one in found.values()} == {"ok"}
    assert found["store"].found.endswith("runs.db can be written")
    assert list((tmp_path / "home" / "results").iterdir()) == []


def test_files_that_others_may_read(settings, tmp_path):
    """The database and its key."""
    words = {"store__url": f"sqlite:///{tmp_path / 'runs.db'}"}
    choose_store(None, settings(**words))
    (tmp_path / "runs.db").chmod(0o644)
    (tmp_path / "runs.db.key").chmod(0o640)
    found = levels(settings(**words))
    assert (found["mode"], found["key"]) == ("problem", "problem")


def test_a_store_that_cannot_be_made(settings):
    """The cure names the settings that name another place."""
    found = examined(settings(store__url=f"sqlite:///{NOWHERE}/runs.db"))["store"]
    assert (found.level.value, "cannot be made" in found.found) == ("problem", True)
    assert "DASKFLOW_STORE__URL" in found.cure


def test_a_store_that_cannot_be_written(settings, tmp_path):
    """Though it is there."""
    words = {"store__url": f"sqlite:///{tmp_path / 'runs.db'}"}
    choose_store(None, settings(**words))
    close_stores()
    (tmp_path / "runs.db.lock").unlink()
    (tmp_path / "runs.db.lock").mkdir()
    found = examined(settings(**words))["store"]
    assert (found.level.value, "cannot be opened" in found.found) == ("problem", True)


def test_a_store_that_forgets(settings):
    """In memory: it is a warning."""
    assert levels(settings(store__url="memory://"))["store"] == "warning"


def test_a_store_of_a_kind_that_there_is_not(settings):
    """The kinds that there are stand in the cure."""
    found = examined(settings(store__url="redis://here"))["store"]
    assert (found.level.value, "memory://" in found.cure) == ("problem", True)


def test_results_that_cannot_be_kept(settings):
    """In a folder that cannot be made, and at a URL that takes none."""
    found = examined(settings(results__url=NOWHERE, store__url="memory://"))
    assert (found["results"].level.value, "cannot be made" in found["results"].found) == (
        "problem",
        True,
    )
    unknown = examined(settings(results__url="nosuch://bucket", store__url="memory://"))["results"]
    assert (unknown.level.value, unknown.found.startswith("nosuch://bucket cannot be used")) == (
        "problem",
        True,
    )
    assert "DASKFLOW_RESULTS__URL" in unknown.cure


def test_a_storage_that_gives_something_else(tmp_path):
    """What was written has to be what is read."""

    class Forgetful(FolderPlace):
        def write(self, path, data):
            return super().write(path, data[:3])

    place = Forgetful(tmp_path)
    error = try_here(place, new_probe(place), 30.0)
    assert str(error) == "what is read there is not what was written"


def test_what_cannot_be_removed_is_logged(tmp_path, caplog):
    """It is a few bytes, and no reason to fail."""

    class Clinging(FolderPlace):
        def remove(self, folder, kept=()):
            raise PermissionError("stuck")

    place = Clinging(tmp_path)
    forget_probe(place, new_probe(place), 30.0)
    assert "cannot be removed: stuck" in caplog.text


def test_a_place_of_fsspec_needs_no_disk(settings):
    """Where runs are in memory, too, there is no disk to look at."""
    place_at("memory://results-of-doctor")
    found = levels(settings(results__url="memory://results-of-doctor", store__url="memory://"))
    assert found == {"store": "warning", "results": "ok", "ports": "ok"}


@pytest.mark.parametrize(("free", "level"), [(2 << 30, "ok"), (1 << 29, "warning"), (1, "problem")])
def test_the_room_on_a_disk(free, level):
    """Little is a warning, hardly any a problem."""
    assert judge_disk(Path("/data"), free).level.value == level


def test_a_machine_on_which_nobody_may_listen(settings, monkeypatch):
    """There is a way without a cluster."""

    def refuse(*_):
        raise PermissionError("not allowed")

    monkeypatch.setattr(socket, "create_server", refuse)
    found = examined(settings(store__url="memory://"))["ports"]
    assert (found.level.value, "--executor threads" in found.cure) == ("problem", True)
