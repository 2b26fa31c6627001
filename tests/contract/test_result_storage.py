"""What result storage promises, run on a folder, on its URL, and on a file system of fsspec's."""

import stat
import threading
import uuid
from pathlib import Path

import fsspec
import numpy as np
import pytest

from daskflow.errors import ResultGoneError, StoreBusyError, StoreError, TamperedError
from daskflow.results.places import FolderPlace, place_at
from daskflow.results.storage import ResultStorage

LARGE = ("a tuple is pickled", *range(50))
VALUES = {"json": ["a", 1], "npy": np.arange(5.0), "cloudpickle": LARGE}


@pytest.fixture(params=["path", "file", "memory"])
def storage(request, tmp_path):
    """The results of one run in each kind of place."""
    path = tmp_path / "the results #1?%20"
    urls = {"path": str(path), "file": f"file://{path}", "memory": f"memory://{uuid.uuid4().hex}"}
    return ResultStorage(urls[request.param], "ab12", b"key")


def files(storage):
    """Return the URLs of all files under a storage."""
    system, path = fsspec.core.url_to_fs(storage.place.url)
    return [f"{storage.place.kind}://{file}" for file in system.find(path)]


def change(url, change):
    """Let a file be something else."""
    system, path = fsspec.core.url_to_fs(url)
    system.pipe_file(path, change(system.cat_file(path)))


@pytest.mark.parametrize("codec", VALUES)
def test_a_result_comes_back(storage, codec):
    """A value is read as it was written, by whoever has the run's storage, from one file."""
    stored = storage.write(VALUES[codec], "clean[x]/../é", 3, attempt=2)
    again = ResultStorage(storage.url, "ab12", b"key")
    assert repr(again.read(stored)) == repr(VALUES[codec])
    assert (stored.codec, len(files(storage))) == (codec, 1)


def test_a_path_comes_from_ids_and_hashes_only(storage):
    """No name of the user's is part of a path, and each node has a folder of its own."""
    urls = [storage.write([1], name, 3, attempt=2).url for name in ("../../etc", "é/ü")]
    for url in urls:
        run, node, file = url.split("/")[-3:]
        assert (run, file.split("-")[:2], len(node)) == ("ab12", ["3", "2"], 16)
        assert all(part.replace("-", "").replace(".", "").isalnum() for part in (node, file))
    assert len(set(urls)) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
        lambda data: b"",
        lambda data: data + b"\0",
    ],
    ids=["torn", "a bit turned", "empty", "longer"],
)
@pytest.mark.parametrize("codec", VALUES)
def test_what_is_not_as_written_is_not_read(storage, damage, codec):
    """A torn or changed file is told, with its URL, before anything makes a value of it."""
    stored = storage.write(VALUES[codec], "n", 0, attempt=1)
    change(stored.url, lambda data: damage(data.ljust(24)))
    with pytest.raises(TamperedError, match="is not what was written") as caught:
        storage.read(stored)
    assert stored.url in str(caught.value)


class Witness:
    """Notes that it was unpickled."""

    seen = 0

    def __reduce__(self):
        return _see, ()


def _see():
    Witness.seen += 1


def test_a_pickle_of_somebody_else_is_not_unpickled(storage):
    """Who can write file and history, but has not the key, gets nothing unpickled."""
    Witness.seen = 0
    forger = ResultStorage(storage.url, "ab12", b"another key")
    forged = forger.write(Witness(), "n", 0, attempt=1)
    with pytest.raises(TamperedError, match="another key"):
        storage.read(forged)
    claimed = storage.write([1], "n", 0, attempt=1)._replace(codec="cloudpickle")
    with pytest.raises(TamperedError):
        storage.read(claimed)
    assert Witness.seen == 0
    storage.read(storage.write(Witness(), "n", 0, attempt=1))
    assert Witness.seen == 1


def test_a_signed_result_is_not_read_in_the_place_of_another(storage):
    """A pickle that was moved to another task run's place does not pass for its result."""
    one, other = (storage.write((name,), name, 0, attempt=1) for name in "ab")
    content = fsspec.open(one.url).open().read()
    change(other.url, lambda _: content)
    with pytest.raises(TamperedError):
        storage.read(one._replace(url=other.url))


def test_two_bodies_of_one_attempt_do_not_disturb_each_other(storage):
    """What was written first stays as it is when another body of the same attempt writes."""
    first = storage.write([1], "n", 0, attempt=1)
    second = storage.write([2], "n", 0, attempt=1)
    assert (storage.read(first), storage.read(second)) == ([1], [2])
    assert storage.write([1], "n", 0, attempt=1) == first


def test_many_threads_write_at_a_time(storage):
    """Threads that write and read at once each find their own."""
    found = {}

    def work(number):
        found[number] = storage.read(storage.write([number], "n", number % 3, attempt=1))

    threads = [threading.Thread(target=work, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [number] for number in range(12)}
    assert not [url for url in files(storage) if ".part" in url]


def test_a_result_that_is_gone(storage):
    """A file that was removed is told with its URL."""
    stored = storage.write([1], "n", 0, attempt=1)
    system, path = fsspec.core.url_to_fs(stored.url)
    system.rm(path)
    with pytest.raises(ResultGoneError, match="not there any more") as caught:
        storage.read(stored)
    assert stored.url in str(caught.value)


def test_an_unknown_serializer_is_named(storage):
    """A result of a serializer that is not installed says what to install."""
    stored = storage.write([1], "n", 0, attempt=1)._replace(codec="avro")
    with pytest.raises(StoreError, match=r"'avro'.*install the package.*daskflow\.serializers"):
        storage.read(stored)


def test_a_value_that_cannot_be_pickled(storage):
    """What pickling raises is raised, and nothing is left behind."""
    with pytest.raises(TypeError, match="pickle"):
        storage.write((threading.Lock(),), "n", 0, attempt=1)
    assert files(storage) == []


def test_a_key_does_not_show(storage):
    """The run's key is not in what is shown of its storage."""
    assert storage.key.decode() not in repr(storage).replace(storage.url, "")


def test_a_place_that_takes_nothing_is_told(tmp_path):
    """What cannot be written now is told as such, and leaves nothing half written."""
    (tmp_path / "file").write_text("in the way")
    for url in (str(tmp_path / "file"), f"memory://{uuid.uuid4().hex}"):
        storage = ResultStorage(url, "ab12", b"key")
        if url.startswith("memory"):
            fsspec.filesystem("memory").pipe_file(f"{url}/ab12", b"in the way")
        with pytest.raises(StoreBusyError, match="cannot be written to"):
            storage.write([1], "n", 0, attempt=1)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    """Where the last step fails, the file under the other name is removed."""
    place = FolderPlace(tmp_path)
    (tmp_path / "a" / "taken").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        place.write("a/taken", b"data")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["taken"]


def test_a_result_cannot_be_read_now(tmp_path):
    """A file that is there and cannot be read is no lost one: it may be read later."""
    storage = ResultStorage(str(tmp_path), "ab12", b"key")
    stored = storage.write([1], "n", 0, attempt=1)
    file = Path(storage.place.folder) / "/".join(stored.url.split("/")[-3:])
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreBusyError, match="cannot be read now: IsADirectoryError"):
        storage.read(stored)


def test_a_folder_that_was_removed_is_made_again(tmp_path):
    """Somebody who empties the folder stops no run."""
    storage = ResultStorage(str(tmp_path / "results"), "ab12", b"key")
    storage.write([1], "n", 0, attempt=1)
    for path in sorted((tmp_path / "results").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert storage.read(storage.write([2], "n", 0, attempt=1)) == [2]


def test_only_its_owner_reads_a_result(tmp_path):
    """Files and folders of results are closed to others."""
    stored = ResultStorage(str(tmp_path / "r"), "ab12", b"key").write([1], "n", 0, attempt=1)
    file = tmp_path / "r" / Path(*stored.url.split("/")[-3:])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_who_else_reaches_a_place(tmp_path):
    """A folder is this machine's own unless it is said to be shared; a bucket is not."""
    folder = f"file://{tmp_path}"
    assert ResultStorage(str(tmp_path), "ab", b"k").private_folder() == folder
    assert ResultStorage(folder, "ab", b"k", is_shared=True).private_folder() == ""
    assert ResultStorage("s3://bucket/r", "ab", b"k").private_folder() == ""
    memory = ResultStorage("memory://r", "ab", b"k", is_shared=True)
    assert memory.private_folder() == "memory://r"


def test_what_a_place_needs():
    """A place of fsspec's names the module it needs; one that is not installed says so."""
    assert place_at("memory://x").modules() == {"fsspec"}
    assert place_at("/x").modules() == set()
    for url in ("nonsense://x", "abfs://x"):
        with pytest.raises(StoreError, match=f"results cannot be kept at {url}"):
            place_at(url).modules()


def test_results_of_a_run_are_removed(storage):
    """All but those that are kept; those of another run stay, and what is gone is no error."""
    mine = [storage.write([n], "load", n, attempt=1).url for n in range(3)]
    other = ResultStorage(storage.url, "cd34", b"key").write([1], "load", 0, attempt=1).url
    assert storage.place.remove("ab12", {mine[1]}) == 2
    assert {Path(url).name for url in files(storage)} == {Path(mine[1]).name, Path(other).name}
    assert storage.place.remove("ab12") == 1
    assert storage.place.remove("ab12") == 0
    assert [Path(url).name for url in files(storage)] == [Path(other).name]
    assert storage.read(storage.write([4], "load", 4, attempt=1)) == [4]  # and is made again


def test_the_folders_of_a_run_go_with_its_results(tmp_path):
    """Where something is left in one, that stays."""
    storage = ResultStorage(str(tmp_path / "results"), "ab12", b"key")
    kept, _ = (storage.write([1], name, 0, attempt=1).url for name in ("load", "clean"))
    storage.place.remove("ab12", [kept])
    assert len(list((tmp_path / "results" / "ab12").iterdir())) == 1
    storage.place.remove("ab12")
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.parametrize("codec", VALUES)
def test_a_result_is_checked_without_being_read(storage, codec):
    """Its bytes are what was written; a pickle is not opened for it."""
    stored = storage.write(VALUES[codec], "load", 0, attempt=1)
    assert storage.check(stored)
    assert storage.folder_of(stored) == storage.place.url
    change(stored.url, lambda data: data[:-1] + b"\0")
    with pytest.raises(TamperedError):
        storage.check(stored)
