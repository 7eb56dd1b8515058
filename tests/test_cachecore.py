"""The compiled operations: keys, values, time to the millisecond, and closing."""

import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whimbrel.base.errors import ClosedError, CodecError, ItemTooLargeError
from whimbrel.cache import Cache
from whimbrel.cachecore import KEY_BYTES_MAX, CacheCore


@pytest.fixture
def cache():
    with Cache("8MiB") as made:
        yield made


# ---- keys ----------------------------------------------------------------------------------------------


def test_text_and_bytes_are_two_keys(cache):
    cache["k"], cache[b"k"] = 1, 2
    assert (cache["k"], cache[b"k"]) == (1, 2)
    assert set(cache) == {"k", b"k"}


@pytest.mark.parametrize(
    "key", ["", b"", "\0", "é" * 100, b"\xff\xff", "x" * KEY_BYTES_MAX, b"x" * (KEY_BYTES_MAX - 1)]
)
def test_keys_come_back_as_they_were(cache, key):
    cache[key] = 1
    assert cache[key] == 1
    assert list(cache) == [key]
    assert type(next(iter(cache))) is type(key)


@pytest.mark.parametrize("key", ["x" * (KEY_BYTES_MAX + 1), b"x" * KEY_BYTES_MAX, "é" * KEY_BYTES_MAX])
def test_long_keys_are_refused(cache, key):
    for operation in (cache.get, cache.delete, cache.__contains__, lambda k: cache.set(k, 1)):
        with pytest.raises(ValueError, match="too long"):
            operation(key)


@pytest.mark.parametrize("key", [1, None, 1.5, ("a",), bytearray(b"a"), memoryview(b"a")])
def test_other_keys_are_refused_by_type(cache, key):
    for operation in (cache.get, cache.delete, cache.__contains__, lambda k: cache.set(k, 1)):
        with pytest.raises(TypeError, match=f"not {type(key).__name__}"):
            operation(key)


def test_text_without_utf8_is_refused_as_a_key(cache):
    with pytest.raises(ValueError, match="surrogates"):
        cache.get("\ud800")


# ---- values --------------------------------------------------------------------------------------------

EDGES = [n + d for n in (0, 127, 128, 255, 256, 2**15, 2**31, 2**32, 2**63, 2**64, 2**71) for d in (-1, 0, 1)]


@pytest.mark.parametrize("value", EDGES + [-n for n in EDGES])
def test_ints_of_any_size(cache, value):
    cache["k"] = value
    assert cache["k"] == value
    assert type(cache["k"]) is int


@pytest.mark.parametrize("size", [0, 1, 7, 8, 511, 512, 513, 65535, 65536, 65537, 300_000, 1_000_000])
def test_bytes_and_text_of_any_size(cache, size):
    for value in (bytes(range(256)) * (size // 256) + b"z" * (size % 256), "aé" * (size // 3) + "b" * (size % 3)):
        cache["k"] = value
        assert cache["k"] == value


@pytest.mark.parametrize("value", [True, False, None, 0.0, -0.0, 1e308, "\ud800", "", b"", (1, [2, {3}])])
def test_values_come_back_as_they_were(cache, value):
    cache["k"] = value
    assert repr(cache["k"]) == repr(value)


def test_an_item_too_large_is_refused_and_the_old_one_stays(cache):
    cache["k"] = 1
    with pytest.raises(ItemTooLargeError, match="too large: at most"):
        cache["k"] = b"x" * (2 << 20)
    assert cache["k"] == 1


def test_types_without_a_codec_are_refused_and_the_old_item_stays(cache):
    cache["k"] = 1
    with pytest.raises(TypeError, match=r"builtins\.object"):
        cache["k"] = object()
    assert cache["k"] == 1


def test_an_item_of_an_unknown_codec_is_an_error_not_a_guess(cache):
    cache.handle.set(b"k", b"data", flags=3)
    with pytest.raises(CodecError, match="0x3"):
        cache["k"]


@pytest.mark.parametrize("flags", [0x77680002, 0x77680003, 0x77680007])
def test_damaged_items_are_codec_errors(cache, flags):
    cache.handle.set(b"k", b"", flags=flags)
    with pytest.raises(CodecError):
        cache["k"]


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
    assert cache.handle.lookup(b"k") is None or cache.handle.lookup(b"k")["expire_ms"] > 0
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


# ---- closing -------------------------------------------------------------------------------------------


def test_everything_but_close_is_refused_after_close():
    cache = Cache("1MiB")
    cache["k"] = 1
    cache.close()
    cache.close()
    assert cache.closed
    for operation in (
        lambda: cache.get("k"), lambda: cache.set("k", 1), lambda: cache.add("k", 1), lambda: cache.replace("k", 1),
        lambda: cache.touch("k"), lambda: cache.incr("k"), lambda: cache.delete("k"), lambda: cache.pop("k"),
        lambda: "k" in cache, lambda: len(cache), lambda: list(cache), cache.stats, cache.clear, cache.maintain,
        lambda: cache.ttl_of("k"), lambda: cache.setdefault("k"),
    ):  # fmt: skip
        with pytest.raises(ClosedError, match="closed"):
            operation()


def test_closing_while_others_copy_large_values_is_safe():
    for _round in range(5):
        cache = Cache("16MiB")
        cache["k"] = b"x" * 900_000
        started = threading.Barrier(4)
        outcomes: list[str] = []

        def work(cache=cache, started=started, outcomes=outcomes):
            started.wait()
            try:
                while True:
                    assert cache["k"] == b"x" * 900_000
                    cache["k"] = b"x" * 900_000
            except ClosedError:
                outcomes.append("closed")
            except KeyError:
                outcomes.append("evicted")

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        threading.Event().wait(0.02)
        cache.close()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 3


def test_a_core_needs_a_handle():
    with pytest.raises(TypeError):
        CacheCore(None)  # type: ignore[arg-type]
