"""What a run may expect of a store, whatever it is kept in: suites to be shared by all of them."""

import threading
from dataclasses import replace

import pytest

from daskflow import LocalExecutor, MemoryStore, Settings, StoreError, flow, task
from daskflow.caching import CacheEntry
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
    """The store in a SQLite file, whose cache is in memory so far."""

    @pytest.fixture
    def store(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'runs.db'}")
        yield choose_store(None, Settings())
        close_stores()


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
