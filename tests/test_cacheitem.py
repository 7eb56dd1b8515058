"""Keys and values of a cache come back as they were, or are refused."""

import pytest

from whimbrel.base.errors import CodecError, ItemTooLargeError
from whimbrel.cache import Cache
from whimbrel.cacheitem import KEY_BYTES_MAX


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
