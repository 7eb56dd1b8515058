"""Content codings, undone in steps: RFC 9110 section 8.4.1, RFC 7932 (br), RFC 8878 and 9659 (zstd).

A Chain takes a body's pieces as they were sent and gives what they decode to, at most STEP_BYTES at a time, so that
nobody holds more than one step of a bomb.  It stops a bomb by the ratio of all it put out, between its stages too,
to what came in.

The libraries keep their memory outside the arena.  It is counted all the same, in `ledger`: a fixed part a decoder,
and for br and zstd the window, as far as it was written to (an untouched page is not resident), at most what the
stream's header asks for.  zstd windows beyond 8 MiB are refused, as RFC 9659 says; br has none beyond 16 MiB.  When
all decoders together would need more than DECODERS_BYTES, the one that asks stops: its body is untyped.

Deliberately not here: `compress`, which nobody sends, and dictionaries.
"""

import functools
import importlib
import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Protocol

STEP_BYTES = 64 * 1024
CODINGS_MOST = 3  # more in a row is an attack, not a transfer
DECODERS_BYTES = 16 * 1024 * 1024  # of all decoders together: beside the arena in the agent's budget

INFLATE_BYTES = 48 * 1024  # a 32 KiB window and tables
BROTLI_BYTES = 96 * 1024  # tables; the window is counted apart
ZSTD_BYTES = 256 * 1024  # tables and a block's buffers; the window is counted apart
ZSTD_WINDOW_LOG = 23
BROTLI_WINDOW_LOG = 24

GZIP_MAGIC = b"\x1f\x8b"


class CodingError(Exception):
    """What came is not what the coding says."""


class CodingBombError(CodingError):
    """It expands beyond all proportion."""


class CodingRoomError(CodingError):
    """The decoders together would need too much memory."""


class Ledger:
    """Memory of all open decoders."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.used_bytes = 0
        self.refused = 0

    def take(self, size: int) -> None:
        if self.used_bytes + size > self.most_bytes:
            self.refused += 1
            raise CodingRoomError
        self.used_bytes += size

    def give_back(self, size: int) -> None:
        self.used_bytes -= size


ledger = Ledger(DECODERS_BYTES)


class Decoder(Protocol):
    fixed_bytes: int
    window_bytes: int  # that it may write to, beyond fixed_bytes

    def decode(self, data: bytes) -> Iterator[bytes]: ...

    @property
    def ended(self) -> bool: ...


def inflate_bits(head: bytes) -> int:
    """zlib's wbits for a stream that begins with these two bytes, whatever its label says.

    `deflate` is sent with zlib's header and without it, and `gzip` has been seen without its own.
    """
    if head[:2] == GZIP_MAGIC:
        return 31
    if head[0] & 15 == 8 and head[0] >> 4 <= 7 and (head[0] << 8 | head[1]) % 31 == 0:
        return 15
    return -15


class Inflate:
    """gzip, with any number of members, and deflate."""

    fixed_bytes = INFLATE_BYTES
    window_bytes = 0

    def __init__(self) -> None:
        self.head = b""
        self.stream: Any = None

    @property
    def ended(self) -> bool:
        return self.stream is not None and self.stream.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self.stream is None or self.stream.eof:
                self.head += data
                if len(self.head) < 2:
                    return
                data, self.head = self.head, b""
                if self.stream is None:
                    self.stream = zlib.decompressobj(inflate_bits(data))
                elif data.startswith(GZIP_MAGIC):
                    self.stream = zlib.decompressobj(31)  # another member
                else:
                    return  # padding
            yield from self.inflate(data)
            data = self.stream.unused_data

    def inflate(self, data: bytes) -> Iterator[bytes]:
        """To the end of the data or of the stream."""
        while not self.stream.eof:
            try:
                out = self.stream.decompress(data, STEP_BYTES)
            except zlib.error as error:
                raise CodingError from error
            if out:
                yield out
            data = self.stream.unconsumed_tail
            if not data and len(out) < STEP_BYTES:
                return


def brotli_window(head: bytes) -> int:
    """Bytes, from WBITS at the stream's beginning: RFC 7932 section 9.1."""
    first = head[0]
    if not first & 1:
        return 1 << 16
    if first >> 1 & 7:
        return 1 << (17 + (first >> 1 & 7))
    high = first >> 4 & 7
    return 1 << (17 if high == 0 else 8 + high)


class Brotli:
    fixed_bytes = BROTLI_BYTES

    def __init__(self, module: ModuleType) -> None:
        self.window_bytes = 1 << BROTLI_WINDOW_LOG
        self.error: type[Exception] = module.error
        self.stream: Any = module.Decompressor()
        self.begun = False

    @property
    def ended(self) -> bool:
        return bool(self.stream.is_finished())

    def decode(self, data: bytes) -> Iterator[bytes]:
        if data and not self.begun:
            self.begun = True
            self.window_bytes = brotli_window(data)
        while not self.stream.is_finished():
            try:
                out = self.stream.process(data, output_buffer_limit=STEP_BYTES)
            except self.error as error:
                raise CodingError from error
            data = b""
            if out:
                yield out
            # A full step means that more may be waiting, even where the stream says that it wants input.
            if len(out) < STEP_BYTES and self.stream.can_accept_more_data():
                return


def zstd_window(head: bytes) -> int:
    """Bytes, from a frame header: RFC 8878 section 3.1.1.1; the most that is allowed where it is not all there."""
    most = 1 << ZSTD_WINDOW_LOG
    if len(head) < 6 or head[:4] != b"\x28\xb5\x2f\xfd":
        return most
    descriptor = head[4]
    if not descriptor & 32:
        base = 1 << (10 + (head[5] >> 3))
        return min(most, base + base // 8 * (head[5] & 7))
    at = 5 + (0, 1, 2, 4)[descriptor & 3]  # a single segment: the window is the content
    size = 1 << (descriptor >> 6)
    if len(head) < at + size:
        return most
    return min(most, int.from_bytes(head[at : at + size], "little") + (256 if size == 2 else 0))


class Zstd:
    fixed_bytes = ZSTD_BYTES

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.window_bytes = 1 << ZSTD_WINDOW_LOG
        self.stream = self.open()
        self.begun = False

    def open(self) -> Any:
        limit = {self.module.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
        return self.module.ZstdDecompressor(options=limit)

    @property
    def ended(self) -> bool:
        return bool(self.stream.eof)

    def decode(self, data: bytes) -> Iterator[bytes]:
        if data and not self.begun:
            self.begun = True
            self.window_bytes = zstd_window(data)
        while data or not (self.stream.needs_input or self.stream.eof):
            if self.stream.eof:
                self.stream = self.open()  # another frame
                self.window_bytes = 1 << ZSTD_WINDOW_LOG
            try:
                out = self.stream.decompress(data, STEP_BYTES)
            except self.module.ZstdError as error:
                raise CodingError from error
            data = self.stream.unused_data if self.stream.eof else b""
            if out:
                yield out


@functools.cache
def library(*names: str, needs: str) -> ModuleType | None:
    """The first of these modules that is there and has `needs`; None: none."""
    for name in names:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        owner, _, attribute = needs.partition(".")
        if hasattr(getattr(module, owner, None), attribute):
            return module
    return None


def decoder_of(coding: str) -> Decoder | None:
    """None: we do not know it, or its library is not installed."""
    if coding in ("gzip", "x-gzip", "deflate"):
        return Inflate()
    if coding == "br":
        module = library("brotli", needs="Decompressor.can_accept_more_data")  # bounded output came with 1.2
        return Brotli(module) if module else None
    if coding == "zstd":
        module = library("compression.zstd", "backports.zstd", needs="ZstdDecompressor.decompress")
        return Zstd(module) if module else None
    return None


class Chain:
    """The decoders of one body, in the order in which they undo its codings."""

    def __init__(self, decoders: list[Decoder], ratio: int, free_bytes: int) -> None:
        self.decoders = decoders
        self.ratio = ratio
        self.free_bytes = free_bytes
        self.taken_bytes = 0
        self.given_bytes = [0] * len(decoders)
        self.charged_bytes = 0
        self.charge(sum(decoder.fixed_bytes for decoder in decoders))

    def charge(self, size: int) -> None:
        ledger.take(size)
        self.charged_bytes += size

    def close(self) -> None:
        """Gives the memory back; to be called exactly once."""
        ledger.give_back(self.charged_bytes)
        self.charged_bytes = 0
        self.decoders = []

    @property
    def ended(self) -> bool:
        """Whether every stream came to its own end."""
        return all(decoder.ended for decoder in self.decoders)

    def spend(self, stage: int, size: int) -> None:
        before = self.given_bytes[stage]
        self.given_bytes[stage] += size
        given = sum(self.given_bytes)
        if given > self.free_bytes and given > self.ratio * self.taken_bytes:
            raise CodingBombError
        window = self.decoders[stage].window_bytes
        if before < window:
            self.charge(min(window, before + size) - before)

    def run(self, stage: int, data: bytes) -> Iterator[bytes]:
        if stage == len(self.decoders):
            yield data
            return
        for out in self.decoders[stage].decode(data):
            self.spend(stage, len(out))
            yield from self.run(stage + 1, out)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What a piece of the body adds, in steps."""
        self.taken_bytes += len(data)
        return self.run(0, data)


def open_chain(codings: list[str], ratio: int, free_bytes: int) -> Chain | None:
    """For codings in the order in which they were applied; None: one of them cannot be undone here."""
    decoders = [decoder_of(coding) for coding in reversed(codings)]
    known = [decoder for decoder in decoders if decoder is not None]
    if len(known) < len(decoders) or len(known) > CODINGS_MOST:
        return None
    return Chain(known, ratio, free_bytes)
