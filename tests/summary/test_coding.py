"""Content codings undone in any pieces, bombs stopped early, memory of the libraries counted."""

import gzip
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.summary import coding
from whimbrel.summary.coding import Chain, CodingBombError, CodingError, CodingRoomError, open_chain

brotli: Any = pytest.importorskip("brotli", reason="brotli is not installed")
zstd: Any = coding.library("compression.zstd", "backports.zstd", needs="ZstdDecompressor.decompress")
if zstd is None:
    pytest.skip("zstd is not installed", allow_module_level=True)

RATIO, FREE = 200, 1 << 20


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


# (what the header says, how it is made)
CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("gzip", raw_deflate),
    ("gzip", zlib.compress),
    ("deflate", gzip.compress),
    ("br", brotli.compress),
    ("zstd", zstd.compress),
]
cases = st.sampled_from(CODINGS)


def opened(*codings: str) -> Chain:
    chain = open_chain(list(codings), RATIO, FREE)
    assert chain is not None
    return chain


def decode(chain: Chain, data: bytes, size: int) -> bytes:
    try:
        steps = [out for i in range(0, len(data), size) for out in chain.feed(data[i : i + size])]
        assert all(steps)
        return b"".join(steps)
    finally:
        chain.close()


@settings(deadline=None)
@given(cases, st.binary(max_size=3000), st.integers(1, 600))
def test_what_was_coded_comes_back_in_any_pieces(case: Any, data: bytes, size: int) -> None:
    name, encode = case
    assert decode(opened(name), encode(data), size) == data


@settings(deadline=None)
@given(st.lists(cases, min_size=2, max_size=3), st.binary(max_size=500), st.integers(1, 100))
def test_codings_on_top_of_each_other(chosen: list[Any], data: bytes, size: int) -> None:
    coded = data
    for _, encode in chosen:
        coded = encode(coded)
    assert decode(opened(*(name for name, _ in chosen)), coded, size) == data


@pytest.mark.parametrize("name, encode", CODINGS)
def test_a_stream_knows_its_end(name: str, encode: Callable[[bytes], bytes]) -> None:
    coded = encode(b"x" * 1000 + bytes(range(256)))
    chain = opened(name)
    before = b"".join(chain.feed(coded[:-1]))
    assert [chain.ended] == [False]
    assert len(before + b"".join(chain.feed(coded[-1:]))) == 1256
    assert [chain.ended] == [True]
    chain.close()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_members_and_frames_follow_each_other(size: int) -> None:
    assert decode(opened("gzip"), gzip.compress(b"one") + gzip.compress(b"two") + b"\0\0", size) == b"onetwo"
    assert decode(opened("zstd"), zstd.compress(b"one") + zstd.compress(b"two"), size) == b"onetwo"


@pytest.mark.parametrize("name, encode", CODINGS)
def test_steps_are_bounded(name: str, encode: Callable[[bytes], bytes]) -> None:
    data = random.Random(1).randbytes(50_000) * 20
    chain = opened(name)
    steps = [len(step) for step in chain.feed(encode(data))]
    chain.close()
    assert sum(steps) == len(data)
    assert max(steps) <= 2 * coding.STEP_BYTES  # brotli's buffers grow by blocks of their own


@pytest.mark.parametrize("name, encode", CODINGS)
def test_a_bomb_is_stopped(name: str, encode: Callable[[bytes], bytes]) -> None:
    bomb, got, chain = encode(bytes(12 << 20)), 0, opened(name)
    with pytest.raises(CodingBombError):
        for step in chain.feed(bomb):
            got += len(step)
    chain.close()
    assert got <= max(FREE, RATIO * len(bomb))


def test_a_bomb_within_a_bomb_is_stopped_between_the_stages() -> None:
    bomb = gzip.compress(gzip.compress(bytes(60 << 20), 9), 9)
    chain, got = opened("gzip", "gzip"), 0
    with pytest.raises(CodingBombError):
        for step in chain.feed(bomb):
            got += len(step)
    chain.close()
    assert got <= FREE


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_what_is_not_the_coding_is_an_error(name: str) -> None:
    rng = random.Random(3)
    wrong = 0
    for _ in range(50):
        try:
            decode(opened(name), b"\xff" + rng.randbytes(300), 300)
        except CodingError:
            wrong += 1
    assert wrong == 50


@pytest.mark.parametrize("codings", [["compress"], ["gzip", "aes128gcm"], ["gzip"] * 4, [""]])
def test_what_we_do_not_know_has_no_chain(codings: list[str]) -> None:
    assert open_chain(codings, RATIO, FREE) is None


def test_a_library_that_is_absent_is_no_error() -> None:
    assert coding.library("no_such_module_anywhere", needs="Anything.at_all") is None
    assert coding.library("json", needs="JSONDecoder.no_such_method") is None


# ---- memory of the libraries ------------------------------------------------------------------------------------


@pytest.mark.parametrize("window_log", [16, 18, 20, 22, 24])
def test_a_brotli_window_is_read_from_its_header(window_log: int) -> None:
    coded = brotli.compress(random.Random(1).randbytes(100), lgwin=window_log)
    assert coding.brotli_window(coded) == 1 << window_log


@pytest.mark.parametrize("window_log", [10, 14, 17, 20, 23])
def test_a_zstd_window_is_read_from_its_header(window_log: int) -> None:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
    coded = compressor.compress(b"x" * 100) + compressor.flush()
    assert coding.zstd_window(coded) == 1 << window_log
    assert coding.zstd_window(zstd.compress(bytes(70_000))) == 70_000  # a single segment
    assert coding.zstd_window(b"") == coding.zstd_window(b"\x28\xb5\x2f\xfd") == 8 << 20


def test_a_zstd_window_beyond_the_limit_is_refused() -> None:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 25})
    coded = compressor.compress(bytes(100)) + compressor.flush()
    with pytest.raises(CodingError):
        decode(opened("zstd"), coded, len(coded))


def test_memory_is_counted_as_far_as_it_is_used_and_given_back() -> None:
    before = coding.ledger.used_bytes
    chain = opened("br")
    assert coding.ledger.used_bytes == before + coding.BROTLI_BYTES
    data = random.Random(1).randbytes(300_000)
    assert b"".join(chain.feed(brotli.compress(data, lgwin=22))) == data
    assert coding.ledger.used_bytes == before + coding.BROTLI_BYTES + 300_000
    chain.close()
    assert coding.ledger.used_bytes == before


def test_decoders_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = coding.Ledger(coding.BROTLI_BYTES * 2 + 100_000)
    monkeypatch.setattr(coding, "ledger", ledger)
    first, second = opened("br"), opened("br")
    with pytest.raises(CodingRoomError):
        open_chain(["zstd"], RATIO, FREE)
    data = brotli.compress(random.Random(1).randbytes(90_000), lgwin=22)
    assert len(b"".join(first.feed(data))) == 90_000
    with pytest.raises(CodingRoomError):
        list(second.feed(data))
    assert ledger.refused == 2
    first.close()
    second.close()
    assert ledger.used_bytes == 0
