"""Bytes of a capture come whole from files, pipes and gzip, in pieces of any size; what ends early says so."""

import gzip
import io
import os
import random
import tracemalloc
import zlib
from pathlib import Path

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.capture import sources

DATA = random.Random(1).randbytes(70_000) + b"\0" * 70_000 + random.Random(2).randbytes(70_000)


def drained(source: sources.Source, size: int) -> bytes:
    room, found = memoryview(bytearray(size)), []
    while n := source.readinto(room):
        found.append(bytes(room[:n]))
    assert source.readinto(room) == 0
    return b"".join(found)


def read(data: bytes, size: int = 100_000) -> tuple[bytes, bool]:
    source, _ = sources.open_source(io.BytesIO(data))
    return drained(source, size), source.cut


class Trickle(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        self.data, self.most = data, most

    def readable(self) -> bool:
        return True

    def readinto(self, room) -> int:
        n = min(self.most, len(room), len(self.data))
        room[:n] = self.data[:n]
        self.data = self.data[n:]
        return n


class ReadOnly:
    """A file with nothing but read()."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)

    def read(self, n: int) -> bytes:
        return self.file.read(n)


GZIPPED = gzip.compress(DATA)
WHOLE = {
    "plain": DATA,
    "gzip": GZIPPED,
    "gzip, not compressed": gzip.compress(DATA, 0),
    "members": b"".join(gzip.compress(DATA[at : at + 9999]) for at in range(0, len(DATA), 9999)),
    "members, padded": gzip.compress(DATA[:5]) + bytes(40_000) + gzip.compress(DATA[5:]) + bytes(512),
    "members, empty ones": gzip.compress(b"") * 1000 + GZIPPED + gzip.compress(b""),
    "gzip, garbage behind": GZIPPED + b"garbage" * 1000,
    "gzip, a byte behind": GZIPPED + b"g",
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_all_bytes_come(name: str, size: int) -> None:
    assert read(WHOLE[name], size) == (DATA, False)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("most", [1, 7, 10_000])
def test_all_bytes_come_through_a_pipe(name: str, most: int) -> None:
    if most == 1:  # of the gzipped ones only: byte by byte is slow
        data, expected = gzip.compress(DATA[:5000]) + gzip.compress(DATA[:3]), DATA[:5000] + DATA[:3]
    else:
        data, expected = WHOLE[name], DATA
    source, _ = sources.open_source(Trickle(data, most))  # type: ignore[arg-type]
    assert drained(source, 50_000) == expected
    assert not source.cut


@pytest.mark.parametrize("data", [DATA, GZIPPED])
def test_all_bytes_come_from_anything_with_read(data: bytes) -> None:
    source, name = sources.open_source(ReadOnly(data))  # type: ignore[arg-type]
    assert (drained(source, 50_000), source.total, name) == (DATA, 0, "the capture")


def test_gzip_that_ends_early_gives_what_was_there() -> None:
    small = DATA[:3000]
    compressed = gzip.compress(small)
    for size in range(2, len(compressed)):
        found, cut = read(compressed[:size])
        assert cut
        assert small.startswith(found)
    assert len(read(compressed[: len(compressed) - 8])[0]) == len(small)
    found, cut = read(compressed + compressed[:100])
    assert cut and found.startswith(small)


def test_damaged_gzip_gives_what_came_before() -> None:
    damaged = bytearray(gzip.compress(b"x" * 10 + DATA))
    damaged[len(damaged) // 2] ^= 0xFF
    found, cut = read(bytes(damaged))
    assert cut and len(found) > 10_000
    wrong_sum = bytearray(GZIPPED)
    wrong_sum[-6] ^= 1
    assert read(bytes(wrong_sum))[1]
    assert read(b"\x1f\x8b" + bytes(20)) == (b"", True)


def test_a_bomb_takes_no_more_than_the_room() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    source, _ = sources.open_source(io.BytesIO(bomb))
    tracemalloc.start()
    try:
        room, total = memoryview(bytearray(1 << 20)), 0
        while n := source.readinto(room):
            total += n
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 64 << 20
    assert peak < 4 << 20


def test_position_and_total_are_of_the_file_as_it_is(tmp_path: Path) -> None:
    for name, data in (("plain", DATA), ("packed", GZIPPED)):
        (tmp_path / name).write_bytes(data)
        source, said = sources.open_source(tmp_path / name)
        assert (source.total, said) == (len(data), str(tmp_path / name))
        assert drained(source, 50_000) == DATA
        assert source.position == len(data)
        source.close()


@pytest.mark.parametrize("magic, tool", [(b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ\0", "xz"), (b"BZh9", "bzip2")])
def test_other_compressions_are_named(magic: bytes, tool: str, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(magic + bytes(100))
    with pytest.raises(UsageError, match=rf"^{path} is compressed; try: {tool} -dc {path} \| whimbrel watch -$"):
        sources.open_source(path)


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing: No such file or directory$"):
        sources.open_source(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"Is a directory$"):
        sources.open_source(tmp_path)


def test_a_non_blocking_pipe_is_refused() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb", buffering=0) as file, pytest.raises(UsageError, match="non-blocking"):
        sources.open_source(file)
    os.close(writing)


def test_a_file_of_the_callers_stays_open() -> None:
    file = io.BytesIO(GZIPPED)
    source, _ = sources.open_source(file)
    source.close()
    assert not file.closed


def test_empty_files_are_empty() -> None:
    assert read(b"") == (b"", False)
    assert read(b"\x1f") == (b"\x1f", False)


def test_zlib_streams_without_gzip_around_them_are_plain_bytes() -> None:
    data = zlib.compress(DATA)
    assert read(data) == (data, False)
