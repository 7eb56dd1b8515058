"""whimbrel.Cache as a mapping, between threads, across fork, and within its memory."""

import collections.abc
import dataclasses
import doctest
import os
import pathlib
import pickle
import threading
import time
import zlib

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from whimbrel.base.errors import CodecError
from whimbrel.cache import Cache

KEYS = st.one_of(st.sampled_from(["a", "b", b"a", "", b""]), st.text("xyz", max_size=3), st.binary(max_size=2))
VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=20), st.binary(max_size=20), st.lists(st.booleans()))
DEFAULT = object()


@pytest.fixture
def cache():
    with Cache("8MiB") as made:
        yield made


class AgainstADictionary(RuleBasedStateMachine):
    """Every operation of a mapping does to a cache with room what it does to a dict, and time does the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = Cache("4MiB")
        self.model: dict = {}
        self.expiry: dict = {}  # key -> steady wall milliseconds; every step of time is larger than a test takes

    def teardown(self) -> None:
        self.cache.close()

    def put(self, key, value, ttl) -> None:
        self.model[key] = value
        self.expiry.pop(key, None)
        if ttl is not None:
            self.expiry[key] = self.cache.handle.now_ms() + ttl * 1000

    @rule(key=KEYS, value=VALUES, ttl=st.sampled_from([None, 1000, 100_000]))
    def set(self, key, value, ttl):
        self.cache.set(key, value, ttl=ttl)
        self.put(key, value, ttl)

    @rule(key=KEYS, value=VALUES, ttl=st.sampled_from([None, 1000]))
    def add(self, key, value, ttl):
        assert self.cache.add(key, value, ttl) == (key not in self.model)
        if key not in self.model:
            self.put(key, value, ttl)

    @rule(key=KEYS, value=VALUES)
    def replace(self, key, value):
        assert self.cache.replace(key, value) == (key in self.model)
        if key in self.model:
            self.put(key, value, None)

    @rule(key=KEYS, ttl=st.sampled_from([None, 1000]))
    def touch(self, key, ttl):
        assert self.cache.touch(key, ttl) == (key in self.model)
        if key in self.model:
            self.put(key, self.model[key], ttl)

    @rule(key=KEYS)
    def delete(self, key):
        assert self.cache.delete(key) == (key in self.model)
        self.model.pop(key, None)

    @rule(key=KEYS)
    def pop(self, key):
        assert self.cache.pop(key, DEFAULT) == self.model.pop(key, DEFAULT)

    @rule(key=KEYS, value=VALUES)
    def setdefault(self, key, value):
        if key not in self.model:
            self.put(key, value, None)
        assert self.cache.setdefault(key, value) == self.model[key]

    @rule(key=KEYS, delta=st.integers(-(2**66), 2**66))
    def incr(self, key, delta):
        if type(self.model.get(key, 0)) is not int:
            with pytest.raises(TypeError):
                self.cache.incr(key, delta, default=7)
            return
        if key not in self.model:
            self.put(key, 7, None)
        self.model[key] += delta
        assert self.cache.incr(key, delta, default=7) == self.model[key]

    @rule(key=KEYS)
    def get(self, key):
        assert self.cache.get(key, DEFAULT) == self.model.get(key, DEFAULT)
        assert (key in self.cache) == (key in self.model)

    @rule(keys=st.lists(KEYS, max_size=4))
    def get_many(self, keys):
        assert self.cache.get_many(keys) == {key: self.model[key] for key in keys if key in self.model}

    @rule()
    def clear(self):
        self.cache.clear()
        self.model.clear()

    @rule(seconds=st.sampled_from([500, 60_000]))
    def time_passes(self, seconds):
        self.cache.handle.advance(seconds * 1000)
        now = self.cache.handle.now_ms()
        for key, at in list(self.expiry.items()):
            if at <= now and key in self.model:
                del self.model[key]
        self.expiry = {key: at for key, at in self.expiry.items() if key in self.model}

    @invariant()
    def same_items(self):
        assert dict(self.cache.items()) == self.model


AgainstADictionary.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAgainstADictionary = AgainstADictionary.TestCase


# ---- a mapping -----------------------------------------------------------------------------------------


def test_it_is_a_mutable_mapping(cache):
    assert isinstance(cache, collections.abc.MutableMapping)
    cache.update({"a": 1}, b=2)
    assert cache == {"a": 1, "b": 2}
    assert cache != {"a": 1}
    assert len(cache) == 2
    assert sorted(cache.keys()) == ["a", "b"]
    assert sorted(cache.values()) == [1, 2]
    del cache["a"]
    with pytest.raises(KeyError):
        del cache["a"]
    with pytest.raises(KeyError, match="a"):
        cache["a"]
    assert cache.popitem() == ("b", 2)
    with pytest.raises(KeyError):
        cache.popitem()
    assert bool(cache)
    assert "items" in repr(cache)


def test_many_keys_are_each_met_once(cache):
    expected = {f"key:{number}": number for number in range(20_000)}
    cache.set_many(expected)
    met = list(cache)
    assert len(met) == len(set(met)) == len(cache)
    assert dict(cache.items()) == expected
    assert cache.delete_many([*list(expected)[:100], "none"]) == 100
    assert cache.get_many(["key:99", "key:100"]) == {"key:100": 100}


def test_iteration_survives_changes(cache):
    cache.set_many((f"key:{number}", number) for number in range(5000))
    for key in cache:
        cache.delete(key)
        cache["new" + str(key)[:2]] = 1
    assert set(cache) <= {"newke", "newne"}


def test_clear_leaves_nothing(cache):
    cache.set_many((str(number), number) for number in range(1000))
    cache.clear()
    assert list(cache) == []
    assert cache.get("1") is None
    cache["1"] = 2
    assert dict(cache) == {"1": 2}
    assert len(cache) == 1


def test_the_default_ttl_and_its_exceptions():
    with Cache("1MiB", ttl=100) as cache:
        cache["a"] = 1
        cache.set("b", 1, ttl=None)
        cache.set("c", 1, ttl=5)
        assert 99 < (cache.ttl_of("a") or 0) <= 100
        assert cache.ttl_of("b") is None
        assert 0 < (cache.ttl_of("c") or 0) <= 5


def test_time_really_passes():
    with Cache("1MiB") as cache:
        cache.set("k", 1, ttl=0.05)
        started = time.monotonic()
        while "k" in cache and time.monotonic() - started < 10:
            time.sleep(0.001)
        assert 0.048 <= time.monotonic() - started < 10


def test_stats_count(cache):
    cache["a"] = 1
    cache.get("a"), cache.get("b"), cache.delete("a")
    stats = cache.stats()
    assert (stats["hits"], stats["misses"], stats["sets"], stats["deletes"]) == (1, 1, 1, 1)
    assert stats["heap_bytes"] <= 8 << 20


# ---- construction --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"memory": "lots"}, "memory='lots'"),
        ({"memory": 1000}, "memory=1000"),
        ({"memory": -1}, "memory=-1"),
        ({"ttl": 0}, "ttl=0"),
        ({"ttl": -5}, "ttl=-5"),
        ({"ttl": float("nan")}, "ttl=nan"),
        ({"codec": "json"}, "codec='json' is not one of safe, pickle, msgspec"),
        ({"eviction": "magic"}, "magic"),
        ({"max_item": "x"}, "max_item='x'"),
    ],
)
def test_arguments_that_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        Cache(**arguments)


def test_it_is_not_picklable(cache):
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(cache)


# ---- codecs --------------------------------------------------------------------------------------------


class Thing:
    def __init__(self, number: int) -> None:
        self.number = number


def test_pickle_only_by_name(cache):
    with pytest.raises(TypeError, match=r"Thing.*pickle"):
        cache["k"] = Thing(1)
    with Cache("1MiB", codec="pickle") as trusting:
        trusting["k"] = Thing(7)
        assert trusting["k"].number == 7
        for value in (1, "text", b"bytes", None, True, 1.5):
            trusting["k"] = value
            assert trusting["k"] == value
        cache.handle.set(b"k", trusting.handle.get(b"k"), flags=0x77680101)
    with pytest.raises(CodecError, match="codec"):
        cache["k"]


def test_msgspec_by_name():
    pytest.importorskip("msgspec")

    @dataclasses.dataclass
    class Point:
        x: int

    with Cache("1MiB", codec="msgspec") as cache:
        cache["k"] = {"a": [1, Point(2)]}
        assert cache["k"] == {"a": [1, {"x": 2}]}


def test_a_codec_of_ones_own():
    class Reversed:
        flags = 77

        def encode(self, value):
            return value.text[::-1].encode()

        def decode(self, data):
            return data.decode()[::-1]

    class Text:
        text = "abc"

    with Cache("1MiB", codec=Reversed()) as cache:
        cache["k"] = Text()
        assert cache.handle.get(b"k") == b"cba"
        assert cache["k"] == "abc"
    Reversed.flags = 0
    with pytest.raises(ValueError, match=r"codec\.flags=0"):
        Cache(codec=Reversed())


# ---- memory --------------------------------------------------------------------------------------------


def test_it_evicts_and_stays_within_its_memory():
    with Cache("4MiB") as cache:
        for number in range(40_000):
            cache[f"key:{number}"] = b"x" * 500
        assert 1000 < len(cache) < 9000
        stats = cache.stats()
        assert stats["evicted_items"] > 30_000
        used = stats["table_bytes"] + (stats["segments"] - stats["segments_free"]) * stats["segment_bytes"]
        assert used <= 4 << 20
        assert all(cache.get(f"key:{number}") in (None, b"x" * 500) for number in range(39_000, 40_000))


# ---- threads and processes -----------------------------------------------------------------------------


def checked(seed: int, size: int) -> bytes:
    body = seed.to_bytes(8, "little") * (size // 8)
    return zlib.crc32(body).to_bytes(4, "little") + body


def is_whole(value: bytes) -> bool:
    return zlib.crc32(value[4:]) == int.from_bytes(value[:4], "little")


def hammer(cache: Cache, seed: int, seconds: float) -> int:
    """Write and read a few keys with small and large values until the time is over; returns torn values seen."""
    torn, step = 0, seed
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        step = step * 1103515245 + 12345 & 0x7FFFFFFF
        key = f"key:{step >> 8 & 7}"
        if step >> 4 & 1:
            cache[key] = checked(step, (16, 200, 5000, 100_000)[step >> 12 & 3])
        else:
            value = cache.get(key)
            torn += value is not None and not is_whole(value)
    return torn


def test_threads_never_see_a_torn_value(cache):
    torn = []
    threads = [threading.Thread(target=lambda n=n: torn.append(hammer(cache, n, 0.7))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torn == [0, 0, 0, 0]


def in_children(count, work):
    """Fork `count` children that run work(number) and leave with its result; returns their exit codes."""
    pids = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                code = work(number)
            finally:
                os._exit(code)
        pids.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def test_forked_children_share_the_region(cache):
    cache["parent"] = "text"

    def work(number):
        assert cache["parent"] == "text"
        cache[f"child:{number}"] = number
        cache.close()  # unmaps it here, not in the parent
        return 0

    assert in_children(3, work) == [0, 0, 0]
    assert [cache[f"child:{number}"] for number in range(3)] == [0, 1, 2]


def test_processes_never_see_a_torn_value(cache):
    assert in_children(3, lambda number: hammer(cache, number, 0.7)) == [0, 0, 0]


def test_no_increment_is_lost_between_threads_and_processes(cache):
    cache["n"] = 0

    def count(times):
        for _ in range(times):
            cache.incr("n")

    def work(_number):
        threads = [threading.Thread(target=count, args=(500,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return 0

    assert in_children(2, work) == [0, 0]
    count(500)
    assert cache["n"] == 2500


def test_only_one_thread_adds_and_only_one_pops(cache):
    for _round in range(50):
        cache.delete("k")
        won: list[int] = []
        popped: list[int] = []

        def race(number, won=won, popped=popped):
            if cache.add("k", number):
                won.append(number)
            value = cache.pop("k", None)
            if value is not None:
                popped.append(value)

        threads = [threading.Thread(target=race, args=(number,)) for number in range(1, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won) == sorted(popped)


# ---- documentation -------------------------------------------------------------------------------------


def test_the_tutorial_is_true():
    path = pathlib.Path(__file__).parent.parent / "docs" / "library.md"
    failed, tried = doctest.testfile(str(path), module_relative=False, verbose=False)
    assert failed == 0
    assert tried > 25
