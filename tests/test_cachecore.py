"""The compiled operations: keys, values, time to the millisecond, and closing."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whimbrel.cache import Cache


@pytest.fixture
def cache():
    with Cache("8MiB") as made:
        yield made


# ---- operations ----------------------------------------------------------------------------------------


def test_add_and_replace(cache):
    assert not cache.replace("k", 1)
    assert cache.add("k", 2)
    assert not cache.add("k", 3)
    assert cache["k"] == 2
    assert cache.replace("k", 4)
    assert cache["k"] == 4


def test_incr_and_decr(cache):
    with pytest.raises(KeyError):
        cache.incr("n")
    assert cache.incr("n", 5, default=10) == 15
    assert cache.incr("n") == 16
    assert cache.decr("n", 20) == -4
    assert cache.incr("n", 2**70) == 2**70 - 4
    assert cache["n"] == 2**70 - 4
    cache["text"] = "1"
    cache["flag"] = True
    for key in ("text", "flag"):
        with pytest.raises(TypeError, match="not int"):
            cache.incr(key)
    with pytest.raises(TypeError):
        cache.incr("n", 1.5)
    with pytest.raises(TypeError):
        cache.decr("n", "1")


def test_delete_and_pop(cache):
    assert not cache.delete("k")
    cache["k"] = None
    assert cache.delete("k")
    cache["k"] = None
    assert cache.pop("k", 7) is None
    assert cache.pop("k", 7) == 7
    with pytest.raises(KeyError):
        cache.pop("k")


def test_setdefault_stores_what_it_returns(cache):
    assert cache.setdefault("k", [1]) == [1]
    assert cache.setdefault("k", [2]) == [1]


# ---- time ----------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 100_000), st.integers(0, 3))
@example(4350, 0)
@example(1, 2)
def test_an_item_lives_exactly_its_milliseconds(ttl_ms, how):
    with Cache("1MiB") as cache:
        before = cache.handle.now_ms()
        if how == 0:
            cache.set("k", 1, ttl=ttl_ms / 1000)
        elif how == 1:
            cache.add("k", 1, ttl=ttl_ms / 1000)
        elif how == 2:
            cache.set("k", 1, ttl=7)
            cache.touch("k", ttl=ttl_ms / 1000)
        else:
            cache.incr("k", default=0, ttl=ttl_ms / 1000)
        item = cache.handle.lookup(b"k")
        if item is None:  # the shortest may be over by now
            assert cache.handle.now_ms() >= before + ttl_ms
            return
        expire_ms = item["expire_ms"]
        assert before + ttl_ms <= expire_ms <= cache.handle.now_ms() + ttl_ms
        # the clock runs on by itself: leave it a margin before, and none after
        cache.handle.advance(expire_ms - cache.handle.now_ms() - 500 if ttl_ms > 1000 else 0)
        if cache.handle.now_ms() < expire_ms - 200:
            assert cache["k"] == 1
        cache.handle.advance(expire_ms - cache.handle.now_ms())
        assert "k" not in cache
        assert cache.get("k") is None
        assert not cache.touch("k", 1)
        assert cache.add("k", 2)


def test_ttls_that_are_over_remove(cache):
    cache["k"] = 1
    cache.set("k", 2, ttl=0)
    assert "k" not in cache
    assert cache.add("k", 3, ttl=-1)
    assert "k" not in cache
    cache["k"] = 4
    assert not cache.add("k", 5, ttl=0)
    assert cache["k"] == 4
    assert cache.replace("k", 6, ttl=0)
    assert "k" not in cache
    cache["k"] = 7
    assert cache.touch("k", 0)
    assert "k" not in cache


def test_odd_ttls(cache):
    cache.set("k", 1, ttl=0.0001)
    item = cache.handle.lookup(b"k")  # a part of a millisecond counts as one, which may be over by now
    assert item is None or item["expire_ms"] > 0
    for never in (None, 1e300, float("inf")):
        cache.set("k", 1, ttl=never)
        assert cache.ttl_of("k") is None
    with pytest.raises(ValueError, match="not a number"):
        cache.set("k", 1, ttl=float("nan"))
    with pytest.raises(TypeError):
        cache.set("k", 1, ttl="soon")


def test_ttl_of(cache):
    cache.set("k", 1, ttl=100)
    assert 99 < cache.ttl_of("k") <= 100
    with pytest.raises(KeyError):
        cache.ttl_of("other")


def test_incr_keeps_the_expiry(cache):
    cache.set("n", 1, ttl=100)
    cache.incr("n", ttl=5)
    assert cache.ttl_of("n") > 90


def test_touch_keeps_value_and_kind(cache):
    for value in ("text", (1, 2), b"x" * 200_000):
        cache.set("k", value, ttl=1)
        assert cache.touch("k", None)
        assert cache["k"] == value
        assert cache.ttl_of("k") is None
