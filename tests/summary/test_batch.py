"""Batches: the same out as in, whatever hostile bytes come instead, and files that were cut off."""

import io
import math
import re
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.summary import batch
from whimbrel.summary.batch import Batch, BatchError, Tail, decode, encode, read_batches
from whimbrel.summary.testing_window import Watch

DOCUMENT = Path(__file__).parents[2] / "docs" / "batch.md"


def example(calls: int = 20) -> Batch:
    watch = Watch(k=3)
    for n in range(calls):
        watch.call(
            host=b"h", target=b"/users/%d?a=1" % n, response=b'{"id": [{"x": %d}]}' % n, last_ns=10**9 + n * 10**6
        )
        watch.call(protocol=3, method=b"get", key=b"k:%d" % (n % 5), outcome=1, ttl_ms=1000 * n)
    watch.tls("10.0.0.1", "10.0.0.2", 443, 0x304, b"x.example.com", b"h2")
    return Batch.of("agent-1", watch.close(), 2, 30)


def record_of(text: bytes) -> bytes:
    body = zlib.compress(text)
    return batch.MAGIC + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def test_the_same_out_as_in() -> None:
    made = example()
    found = decode(made.encode())
    found["aliases"] = [list(pair) for pair in found["aliases"]]
    assert found == made.document
    assert made.calls == 40 and found["lost_batches"] == 2 and found["lost_calls"] == 30
    assert found["id"] == made.id and found["v"] == 1


def test_two_batches_have_two_ids() -> None:
    assert example().id != example().id


def test_the_document_names_every_field() -> None:
    text = DOCUMENT.read_text()
    for document in batch.DOCUMENTS:
        section = re.search(rf"^##[^\n]*`{document.__name__}`.*?(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
        assert section, f"no section about {document.__name__}"
        told = re.findall(r"^\| `(\w+)` \|", section[0], re.MULTILINE)
        assert sorted(told) == sorted(document.__annotations__), document.__name__


# ---- hostile bytes


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=100).map(record_of))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(BatchError):
        decode(data)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_is_noticed(at: int, bit: int) -> None:
    record = bytearray(RECORD)
    record[at % len(record)] ^= 1 << bit
    with pytest.raises(BatchError):
        decode(bytes(record))


RECORD = example().encode()

SIMPLE: dict[str, Any] = {
    "v": 1, "id": "x", "agent": "a", "start_ns": 0, "end_ns": 1, "lost_batches": 0, "lost_calls": 0, "counts": {},
    "aliases": [], "endpoints": [], "edges": [], "reuse": [],
}  # fmt: skip
SIZES = {"sum": 0, "min": 0, "max": 0, "steps": []}
ROW: dict[str, Any] = {"calls": 1, "request": SIZES, "response": SIZES}
ENDPOINT: dict[str, Any] = {"id": "e", "protocol": "http", "method": "GET", "template": "/", "rows": [ROW]}

REUSE: dict[str, Any] = {
    "server": "s", "port": 1, "protocol": "redis", "reads": 1, "cold": 1, "share": 1, "distances": [],
}  # fmt: skip


def nested(levels: int) -> dict[str, Any]:
    shape: dict[str, Any] = {"types": 1, "seen": 1, "calls": 1}
    for _ in range(levels):
        shape = {"types": 2, "seen": 1, "calls": 1, "items": shape}
    return shape


WRONG: dict[str, dict[str, Any]] = {
    "another version": {"v": 2},
    "a type": {"agent": 5},
    "a negative count": {"lost_calls": -1},
    "a long name": {"agent": "a" * 300},
    "many endpoints": {"endpoints": [ENDPOINT] * 8193},
    "a bucket that is not there": {
        "endpoints": [
            ENDPOINT | {"rows": [ROW | {"first": {"count": 1, "sum": 1, "min": 1, "max": 1, "buckets": [1856, 1]}}]}
        ]
    },
    "half a pair": {"endpoints": [ENDPOINT | {"rows": [ROW | {"ttls": [1]}]}]},
    "registers": {"endpoints": [ENDPOINT | {"rows": [ROW | {"clients": b"\0\0"}]}]},
    "a deep schema": {"endpoints": [ENDPOINT | {"body": nested(161)}]},
    "a very deep schema": {"endpoints": [ENDPOINT | {"body": nested(900)}]},
    "not a number": {"reuse": [REUSE | {"cold": math.nan}]},
    "a place that is no number": {"reuse": [REUSE | {"distances": [math.nan, 1.0]}]},
    "an endless count": {"reuse": [REUSE | {"distances": [1, math.inf]}]},
    "a place between buckets": {
        "reuse": [
            {"server": "s", "port": 1, "protocol": "redis", "reads": 1, "cold": 1, "share": 1, "distances": [0.5, 1]}
        ]
    },
}


def test_what_is_left_out_of_these_is_right() -> None:
    document = SIMPLE | {"endpoints": [ENDPOINT | {"body": nested(100)}]}
    assert decode(encode(document)) == document
    assert decode(encode(document | {"newer": {"field": [1]}})) == document


@pytest.mark.parametrize("name", WRONG)
def test_wrong_documents_are_refused(name: str) -> None:
    with pytest.raises(BatchError):
        decode(encode(SIMPLE | WRONG[name]))


def test_a_field_that_is_missing() -> None:
    for field in SIMPLE:
        with pytest.raises(BatchError):
            decode(encode({name: value for name, value in SIMPLE.items() if name != field}))


@pytest.mark.parametrize(
    "text",
    [
        bytes(batch.DECODED_MOST + 1),  # 48 MiB in 48 KiB
        b"\xdd\xff\xff\xff\xff" + b"\xc0" * 100,  # an array of four billion
        b"\x91" * 100_000,  # arrays in arrays
        b"\x81\xa5items" * 100_000,
        msgspec.msgpack.encode(SIMPLE) + b"\0",
    ],
    ids=["zeros", "length", "arrays", "shapes", "more behind"],
)
def test_bombs_cost_little(text: bytes) -> None:
    with pytest.raises(BatchError):
        decode(record_of(text))


@pytest.mark.parametrize(("word", "most"), batch.WORDS_MOST.items())
def test_what_is_too_many_is_counted_before_it_is_decoded(word: bytes, most: int) -> None:
    for more, said in ((0, "not a batch: "), (1, f"at most {most}")):
        with pytest.raises(BatchError, match=said):
            decode(batch.encode({"": word * (most + more)}))


def test_numbers_in_histograms_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of full ones are some kilobytes of zlib, and seconds of work for whoever keeps them."""
    made = example()
    numbers = sum(
        len(row[which]["buckets"])
        for endpoint in made.document["endpoints"]
        for row in endpoint["rows"]
        for which in ("first", "last")
        if which in row
    )
    monkeypatch.setattr(batch, "COUNTS_MOST", numbers)
    assert decode(made.encode())["id"] == made.id
    monkeypatch.setattr(batch, "COUNTS_MOST", numbers - 1)
    with pytest.raises(BatchError, match=f"{numbers} numbers in histograms"):
        decode(made.encode())


def test_a_length_that_is_too_much_is_not_read() -> None:
    with pytest.raises(BatchError, match="at most"):
        decode(batch.MAGIC + (batch.RECORD_MOST + 1).to_bytes(4, "big") + bytes(8))


# ---- files


def test_a_file_of_batches() -> None:
    tail = Tail()
    records = [example(n).encode() for n in (0, 3, 9)]
    assert [Batch(found).calls for found in read_batches(io.BytesIO(b"".join(records)), tail)] == [0, 6, 18]
    assert tail.trouble == ""
    assert list(read_batches(io.BytesIO(b""))) == []


def test_a_cut_tail_is_tolerated_and_said() -> None:
    for cut in range(1, len(RECORD)):
        tail = Tail()
        assert len(list(read_batches(io.BytesIO(RECORD + RECORD[:cut]), tail))) == 1
        assert "cut off" in tail.trouble


def test_damage_inside_a_file_is_an_error() -> None:
    damaged = bytearray(RECORD + RECORD)
    damaged[40] ^= 1
    for data in (bytes(damaged), b"#" + RECORD, RECORD + b"what is this?"):
        with pytest.raises(BatchError):
            list(read_batches(io.BytesIO(data)))
