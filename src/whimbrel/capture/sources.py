"""Where a capture's bytes come from: a file, a pipe, either of them gzipped.

A source is read with `readinto`, a piece at a time.  Compression is told by the first bytes, not by the name.  A gzip
stream may have several members, as `cat a.gz b.gz` makes them; bytes behind the last that are no member are ignored,
as gzip does.  One that ends early or is damaged is `cut`: what came before is good (of damaged data, up to FED_BYTES
before the damage are lost with it).
"""

import os
import stat
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

from whimbrel.base.errors import UsageError

GZIP = b"\x1f\x8b"
# Compressed captures that we do not read, and what makes plain ones of them.
REFUSED = {b"\x28\xb5\x2f\xfd": "zstd -dc", b"\xfd7zXZ": "xz -dc", b"BZh": "bzip2 -dc", b"\x04\x22\x4d\x18": "lz4 -dc"}

PIECE_BYTES = 1 << 16  # of a compressed file
FED_BYTES = 1 << 14  # given to zlib at once: a member's end copies what is left of it, so many small members stay cheap
GZIP_WINDOW = 31  # zlib's word for: a gzip header, the largest window


class Source(Protocol):
    cut: bool
    position: int
    total: int

    def readinto(self, room: memoryview) -> int: ...
    def close(self) -> None: ...


def read_some(file: BinaryIO, most: int) -> bytes:
    """At least a byte, unless the file is at its end; a pipe gives what it has."""
    read = getattr(file, "read1", file.read)
    data: bytes | None = read(most)
    if data is None:
        raise UsageError("the capture is a non-blocking file; give a blocking one")
    return data


class PlainSource:
    cut = False

    def __init__(self, file: BinaryIO, first: bytes, total: int, *, owned: bool) -> None:
        self.file, self.first, self.total, self.owned = file, first, total, owned
        self.position = 0

    def readinto(self, room: memoryview) -> int:
        if self.first:
            n = min(len(self.first), len(room))
            room[:n] = self.first[:n]
            self.first = self.first[n:]
        else:
            n = self.read_file(room)
        self.position += n
        return n

    def read_file(self, room: memoryview) -> int:
        readinto = getattr(self.file, "readinto1", None) or getattr(self.file, "readinto", None)
        if readinto is not None:
            n: int | None = readinto(room)
            if n is None:
                raise UsageError("the capture is a non-blocking file; give a blocking one")
            return n
        data = read_some(self.file, len(room))
        room[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if self.owned:
            self.file.close()


class GzipSource:
    def __init__(self, file: BinaryIO, first: bytes, total: int, *, owned: bool) -> None:
        self.file, self.piece, self.total, self.owned = file, first, total, owned
        self.position = len(first)
        self.cut = False
        self.ended = False
        self.member = zlib.decompressobj(GZIP_WINDOW)
        self.member_bytes = 0  # zlib has accepted so many of it
        self.members = 0  # that are whole
        self.at = 0  # in the piece
        self.fed = b""  # taken from the piece, not yet used by zlib

    def next_fed(self) -> bool:
        """More compressed bytes in `fed`; False at the file's end."""
        if self.at == len(self.piece):
            self.piece, self.at = read_some(self.file, PIECE_BYTES), 0
            self.position += len(self.piece)
        self.fed = self.piece[self.at : self.at + FED_BYTES]
        self.at += len(self.fed)
        return bool(self.fed)

    def end(self, *, cut: bool) -> bytes:
        self.ended, self.cut = True, cut
        return b""

    def inflate(self, most: int) -> bytes:
        """Some bytes, perhaps none; sets `ended`."""
        if not self.fed and not self.next_fed():
            rest = self.member.decompress(b"", most) if self.member_bytes else b""
            return rest or self.end(cut=self.in_member())
        if self.member_bytes == 0:
            self.fed = self.fed.lstrip(b"\0")  # members may be padded
            if not self.fed:
                return b""
        try:
            data = self.member.decompress(self.fed, most)
        except zlib.error:
            return self.end(cut=self.in_member())
        self.member_bytes += len(self.fed) - len(self.member.unconsumed_tail)
        self.fed = self.member.unconsumed_tail
        if self.member.eof:
            self.fed = self.member.unused_data
            self.member, self.member_bytes = zlib.decompressobj(GZIP_WINDOW), 0
            self.members += 1
        return data

    def in_member(self) -> bool:
        """Whether what ends here is a member, not something behind the last."""
        return self.members == 0 or self.member_bytes >= len(GZIP)

    def readinto(self, room: memoryview) -> int:
        while not self.ended:
            data = self.inflate(len(room))
            if data:
                room[: len(data)] = data
                return len(data)
        return 0

    def close(self) -> None:
        if self.owned:
            self.file.close()


def size_of(file: BinaryIO) -> int:
    """Bytes of a regular file; 0 where nobody knows."""
    try:
        status = os.fstat(file.fileno())
    except (OSError, AttributeError, ValueError):  # not a file of the system's
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def begin(file: BinaryIO, name: str, *, owned: bool) -> Source:
    """The source for what the first bytes say."""
    try:
        first = read_some(file, 8)
        while 0 < len(first) < 2:  # a pipe may give one byte
            more = read_some(file, 8)
            if not more:
                break
            first += more
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from error
    for magic, command in REFUSED.items():
        if first.startswith(magic):
            raise UsageError(f"{name} is compressed; try: {command} {name} | whimbrel watch -")
    if first.startswith(GZIP):
        return GzipSource(file, first, size_of(file), owned=owned)
    return PlainSource(file, first, size_of(file), owned=owned)


def open_source(what: str | os.PathLike[str] | BinaryIO) -> tuple[Source, str]:
    """A source and its name, from a path, `-` for standard input, or a binary file that stays the caller's to close."""
    if what == "-":
        return begin(open(0, "rb", buffering=0, closefd=False), "standard input", owned=False), "standard input"
    if not isinstance(what, (str, os.PathLike)):
        name = str(getattr(what, "name", "the capture"))
        return begin(what, name, owned=False), name
    name = os.fspath(what)
    try:
        file = Path(what).open("rb", buffering=0)  # noqa: SIM115 - the source closes it
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from error
    try:
        return begin(file, name, owned=True), name
    except UsageError:
        file.close()
        raise
