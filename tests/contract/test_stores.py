"""What a run may expect of a store, whatever it is kept in: suites to be shared by all of them."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from daskflow import LocalExecutor, MemoryStore, Settings, StoreError, flow, task
from daskflow.caching import CacheEntry
from daskflow.errors import StoreBusyError
from daskflow.stores.choice import choose_store, close_stores

ENTRY = CacheEntry("key", b"value", {"argument 'x'": "ab12"}, "load", "run/load", 100.0)


class ResultCacheContract:
    """What every `ResultCache` does. A store's tests derive from this and give a `store`."""

    @pytest.fixture
    def store(self):
        """Give a store with nothing in it."""
        raise NotImplementedError

    @pytest.fixture
    def cache(self, store):
        """Give the part that this suite is about."""
        return store.cache

    def test_what_was_put_is_found_whole(self, cache):
        """All fields come back as they were, under the key and no other."""
        cache.put(ENTRY)
        assert cache.get("key", 200.0) == ENTRY
        assert cache.get("key ", 200.0) is None

    def test_where_nothing_was_put_nothing_is_found(self, cache):
        """An unknown key is no error."""
        assert cache.get("key", 0.0) is None

    @pytest.mark.parametrize("value", [b"", bytes(range(256)), b"\0" * 1_000_000])
    def test_values_are_bytes_of_any_kind_and_size(self, cache, value):
        """They come back byte for byte."""
        cache.put(replace(ENTRY, value=value))
        assert cache.get("key", 200.0).value == value

    @pytest.mark.parametrize("key", ["", "a/b", "../up", "ü 漢", "x" * 10_000, "'; drop table"])
    def test_keys_are_texts_of_any_kind(self, cache, key):
        """Users make some of them."""
        cache.put(replace(ENTRY, key=key))
        assert cache.get(key, 200.0).key == key

    def test_a_key_has_one_entry(self, cache):
        """What is put later takes the place, also where it lasts for less."""
        cache.put(ENTRY)
        later = replace(ENTRY, value=b"later", created=150.0, expires=160.0)
        cache.put(later)
        assert cache.get("key", 155.0) == later
        assert cache.get("key", 160.0) is None

    def test_an_entry_is_found_until_it_expires(self, cache):
        """From the instant itself on it is not."""
        cache.put(replace(ENTRY, expires=160.0))
        assert cache.get("key", 159.9) is not None
        assert cache.get("key", 160.0) is None
        assert cache.get("key", 1e12) is None

    def test_without_an_instant_it_never_expires(self, cache):
        """However late somebody asks."""
        cache.put(ENTRY)
        assert cache.get("key", 1e12) == ENTRY

    def test_what_expired_harms_no_other(self, cache):
        """An entry that was put again before it expired stays, and so do its neighbours."""
        cache.put(replace(ENTRY, expires=110.0))
        cache.put(replace(ENTRY, key="other", expires=120.0))
        cache.put(replace(ENTRY, created=105.0, expires=300.0))
        cache.put(replace(ENTRY, key="third", created=130.0))
        assert cache.get("key", 130.0) is not None
        assert cache.get("other", 130.0) is None
        assert cache.get("third", 130.0) is not None

    def test_putting_the_same_twice_changes_nothing(self, cache):
        """A message may come twice."""
        cache.put(ENTRY)
        cache.put(ENTRY)
        assert cache.get("key", 200.0) == ENTRY

    def test_a_miss_is_explained_by_the_nearest_entry(self, cache):
        """By what differs in the fewest things: what has changed, what is new, what is gone."""
        digests = {"argument 'x'": "1", "argument 'y'": "1", "source": "1"}
        near = {**digests, "source": "2"}
        far = {"argument 'x'": "2", "argument 'y'": "2", "source": "1"}
        for number, made_of in enumerate((digests, near, far)):
            told = {"made_by": f"run{number}/load", "created": 100.0 + number}
            cache.put(replace(ENTRY, key=str(number), digests=made_of, **told))
        asked = {**near, "argument 'y'": "3"}
        assert str(cache.explain("load", asked, 200.0)) == (
            "argument 'y' has changed since run1/load"
        )
        bare = {"argument 'x'": "1", "source": "3"}
        miss = cache.explain("load", bare, 200.0)
        assert miss.changed == ("source", "argument 'y'")
        assert str(miss) == "source, argument 'y' have changed since run1/load"
        assert miss.created == 101.0

    def test_a_miss_where_there_was_nothing(self, cache):
        """Of that task, or by then."""
        cache.put(ENTRY)
        assert str(cache.explain("save", {}, 200.0)) == "nothing of task 'save' had been kept"
        assert cache.explain("load", {}, 99.0).made_by == ""

    def test_a_miss_because_it_had_expired(self, cache):
        """The same call had been kept, for a time that was over; or was kept only meanwhile."""
        cache.put(replace(ENTRY, expires=160.0))
        miss = cache.explain("load", ENTRY.digests, 160.0)
        assert (str(miss), miss.expired) == ("the result of run/load had expired", 160.0)
        assert str(cache.explain("load", ENTRY.digests, 159.0)) == (
            "the result of run/load was made meanwhile"
        )

    def test_many_threads_at_a_time(self, cache):
        """Each finds what it has put itself, and never half of what another puts."""
        wrong = []

        def work(number):
            for turn in range(50):
                mine = replace(ENTRY, key=f"{number}-{turn}", value=b"%d" % number, expires=1e6)
                cache.put(mine)
                cache.put(replace(mine, key="shared", task=f"task-{number}"))
                shared = cache.get("shared", 200.0)
                is_whole = shared.task == f"task-{int(shared.value)}"
                if cache.get(mine.key, 200.0) != mine or not is_whole:
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


class TestSqlStore(ResultCacheContract):
    """The store in a SQLite file: its cache outlives the process, and is found by others."""

    @pytest.fixture
    def store(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'runs.db'}")
        yield choose_store(None, Settings())
        close_stores()

    @pytest.fixture
    def files(self, tmp_path):
        """Return how many files of large values there are."""
        return lambda: [path for path in (tmp_path / "results").rglob("*") if path.is_file()]

    @pytest.mark.parametrize("size", [10, 1_000_000])
    def test_it_is_there_when_the_store_is_opened_again(self, store, files, size):
        """Small values in the row, large ones in files."""
        entry = replace(ENTRY, value=b"v" * size)
        store.cache.put(entry)
        assert len(files()) == (size > 100_000)
        close_stores()
        assert choose_store(None, Settings()).cache.get("key", 200.0) == entry

    def test_files_of_what_was_replaced_or_has_expired_are_removed(self, store, files):
        """The same value put again is a file of its own, so nobody's is removed by mistake."""
        large = replace(ENTRY, value=b"v" * 100_000)
        store.cache.put(large)
        store.cache.put(large)
        assert (len(files()), store.cache.get("key", 200.0)) == (1, large)
        store.cache.put(replace(large, value=b"small"))
        assert files() == []
        store.cache.put(replace(large, expires=160.0))
        other = replace(ENTRY, key="other", digests={})
        store.cache.put(replace(other, created=160.0))
        assert files() == []
        assert store.cache.explain("load", ENTRY.digests, 170.0).expired == 160.0
        store.cache.put(replace(other, created=160.0 + 31 * 86_400.0))
        assert store.cache.explain("load", ENTRY.digests, 170.0).made_by == ""

    def test_a_file_that_is_gone_is_a_miss(self, store, files):
        """Somebody has removed it."""
        store.cache.put(replace(ENTRY, value=b"v" * 100_000))
        files()[0].unlink()
        assert store.cache.get("key", 200.0) is None

    @pytest.mark.parametrize("size", [10, 100_000])
    def test_what_was_changed_is_not_read(self, store, files, tmp_path, caplog, size):
        """A flipped byte in a row or a file: it is as if it were not there, and the log tells."""
        store.cache.put(replace(ENTRY, value=b"v" * size))
        if size > 64 * 1024:
            files()[0].write_bytes(files()[0].read_bytes()[:-1] + b"w")
        else:
            with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
                connection.execute("UPDATE cache SET value = CAST(value || 'w' AS BLOB)")
        assert store.cache.get("key", 200.0) is None
        assert "cache/key is not what was written" in caplog.text
        store.cache.put(ENTRY)
        assert store.cache.get("key", 200.0) == ENTRY

    def test_an_entry_under_another_key_is_not_read(self, store, tmp_path):
        """A signature is good for one key: rows cannot be exchanged by who can write the file."""
        store.cache.put(ENTRY)
        store.cache.put(replace(ENTRY, key="other", value=b"evil"))
        with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
            told = "SELECT value FROM cache WHERE key = 'other'"
            connection.execute(f"UPDATE cache SET value = ({told}) WHERE key = 'key'")
        assert store.cache.get("key", 200.0) is None

    def test_a_place_that_cannot_be_written(self, store, tmp_path):
        """The error says where, and that it may work later."""
        (tmp_path / "results").write_text("in the way")
        with pytest.raises(
            StoreBusyError, match=r"the cache cannot be written at file://.*results"
        ):
            store.cache.put(replace(ENTRY, value=b"v" * 100_000))
        assert store.cache.get("key", 200.0) is None

    @pytest.mark.slow
    def test_processes_that_put_one_key_at_a_time(self, store, tmp_path, files):
        """One of them stays, whole: small values and large ones, however they come in turn."""
        command = [sys.executable, "-c", PUTTING]
        environment = {**os.environ, "DASKFLOW_STORE__URL": store.url}
        writers = [
            subprocess.Popen([*command, str(number)], env=environment, stdout=subprocess.PIPE)
            for number in range(3)
        ]
        found = set()
        while any(writer.poll() is None for writer in writers):
            entry = store.cache.get("shared", 200.0)
            if entry is not None:
                assert entry.value == entry.value[:1] * len(entry.value)
                assert entry.task == f"task-{entry.value[:1].decode()}"
                found.add(entry.task)
        for writer in writers:
            assert writer.communicate()[0] == b"all found\n"
        assert found <= {"task-0", "task-1", "task-2"}
        last = store.cache.get("shared", 200.0)
        assert len(files()) == (len(last.value) > 64 * 1024)


PUTTING = """
import sys
from daskflow import Settings
from daskflow.caching import CacheEntry
from daskflow.stores.choice import choose_store

me = sys.argv[1]
cache = choose_store(None, Settings()).cache
for turn in range(40):
    value = me.encode() * (10 if turn % 2 else 100_000)
    entry = CacheEntry("shared", value, {}, f"task-{me}", "run/load", 100.0)
    cache.put(entry)
    cache.put(CacheEntry(f"{me}-{turn}", b"mine", {}, "task", "run/load", 100.0))
    assert cache.get(f"{me}-{turn}", 200.0).value == b"mine"
print("all found")
"""


class TestMemoryStore(ResultCacheContract):
    """The store in this process."""

    @pytest.fixture
    def store(self):
        return MemoryStore()

    def test_what_has_expired_is_let_go(self, store):
        """The memory of a long process does not fill with what nobody can find any more."""
        for number in range(10):
            store.cache.put(replace(ENTRY, key=str(number), expires=110.0))
        assert repr(store) == "<MemoryStore of 10 cached results>"
        store.cache.put(replace(ENTRY, created=110.0))
        assert len(store.cache) == 1

    def test_stores_know_nothing_of_each_other(self, store):
        """Two in one process have nothing in common."""
        store.cache.put(ENTRY)
        assert MemoryStore().cache.get("key", 200.0) is None


def test_the_settings_name_the_store_of_this_process(monkeypatch):
    """Whoever asks gets the same one, so that what one run has cached another finds."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", "memory://")
    assert choose_store(None, Settings()) is choose_store(None, Settings())


def test_a_store_that_is_given_goes_before_the_settings(monkeypatch):
    """Whatever they say."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", "redis://nowhere")
    store = MemoryStore()
    assert choose_store(store, Settings()) is store


@pytest.mark.parametrize("url", ["redis://nowhere", "sqlite://", "memory", ""])
def test_a_store_that_there_is_not(url, monkeypatch):
    """The error names the setting and what there is, before anything has run."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", url)
    one = flow(lambda: task(abs)(-1), name="one", executor=LocalExecutor())
    with pytest.raises(StoreError, match=r"DASKFLOW_STORE__URL='.*': .* there is memory://"):
        one.run()


def test_what_is_no_store():
    """The error tells what to say instead."""
    one = flow(lambda: task(abs)(-1), name="one", executor=LocalExecutor(), store=5)
    with pytest.raises(StoreError, match=r"store=5 is no store; say store=MemoryStore"):
        one.run()
