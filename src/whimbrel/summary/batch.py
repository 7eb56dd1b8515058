"""A window as bytes: what goes to the hub, into the spool and into `--out` files.  docs/batch.md explains every field.

    record   | "WHB1" | length of the rest, 4 bytes | CRC-32 of the rest, 4 bytes | zlib(msgpack(batch)) |

One form for all three: a file is records in a row, so it can be appended to by whoever has a batch, and what a crash
left of the last one is recognised.  Numbers of the frame are big-endian.

Only the fields named below get into a batch, whatever else a window's dict holds.  Reading takes nothing on trust: a
hub reads what strangers send it, so sizes are bounded before memory is taken, types and lengths are checked by msgspec
while decoding, and how deep schemas are nested is checked after it.  Fields that a newer agent adds are skipped.
"""

import math
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, NotRequired, Required, TypedDict, cast

import msgspec

from whimbrel import __version__
from whimbrel.summary import hll

VERSION = 1
MAGIC = b"WHB1"
HEADER_BYTES = 12
RECORD_MOST = 16 << 20  # bytes of a record: 4096 busy rows and 8 MiB of schemas compress to about 2 MiB
DECODED_MOST = 48 << 20  # bytes of msgpack; the same before compression is about 10 MiB
DEPTH_MOST = 160  # of nested schemas: the agent's own limit is 64 levels
ROWS_MOST = 8192  # endpoints, rows, edges of one batch: the agent's own limit is 4096
NODES_MOST = 1 << 18  # places in all schemas of a batch: the agent's 8 MiB hold fewer
WORDS_MOST = {b"request": 4 * ROWS_MOST, b"seen": NODES_MOST}  # each row has the one, each place in a schema the other
COUNTS_MOST = 1 << 23  # numbers in all histograms of a batch: 4096 rows with 512 buckets in both of theirs
TEXT_MOST = 8192  # characters of a template
NAME_MOST = 256  # of anything else
BUCKETS = 1856  # base/histogram's
CALLERS_MOST = 64  # of a row: the agent's own limit is 8

Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Amount = Annotated[float, msgspec.Meta(ge=0)]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_MOST)]
Name = Annotated[str, msgspec.Meta(max_length=NAME_MOST)]
Named = Annotated[dict[Name, Count], msgspec.Meta(max_length=256)]
Steps = Annotated[list[Count], msgspec.Meta(max_length=2 * 64)]  # place, count, place, count ...
Buckets = Annotated[list[Count], msgspec.Meta(max_length=2 * BUCKETS)]
Distances = Annotated[list[Amount], msgspec.Meta(max_length=2 * 320)]
Bits = Annotated[list[Count], msgspec.Meta(max_length=32)]
Registers = Annotated[bytes, msgspec.Meta(max_length=2 * 2048)]


class BatchError(ValueError):
    """These bytes are no batch that we read."""


class LatencyDoc(TypedDict, total=False):
    count: Required[Count]
    sum: Required[Count]
    min: Required[Count]
    max: Required[Count]
    buckets: Required[Buckets]
    overflow: Count
    unplaced: Count


class SizesDoc(TypedDict):
    sum: Count
    min: Count
    max: Count
    steps: Steps


class HiddenDoc(TypedDict):
    keys: Count
    types: Count
    formats: Count
    seen: Count


class ShapeDoc(TypedDict, total=False):
    types: Required[Count]
    seen: Required[Count]
    calls: Required[Count]
    formats: Count
    nulls: Count
    map: bool
    keys: dict[Name, "ShapeDoc"]
    items: "ShapeDoc"
    hidden: HiddenDoc


class RowDoc(TypedDict, total=False):
    calls: Required[Count]
    request: Required[SizesDoc]
    response: Required[SizesDoc]
    status: int
    first: LatencyDoc
    last: LatencyDoc
    clients: Registers
    flags: Named
    request_kinds: Bits
    response_kinds: Bits
    body_flags: Named
    body: ShapeDoc
    outcomes: Named
    ttls: Steps
    callers: Annotated[list[tuple[Name, Name, Count]], msgspec.Meta(max_length=CALLERS_MOST)]
    more_callers: bool


class EndpointDoc(TypedDict, total=False):
    id: Required[Name]
    protocol: Required[Name]
    method: Required[Name]
    template: Required[Text]
    rows: Required[Annotated[list[RowDoc], msgspec.Meta(max_length=ROWS_MOST)]]
    host: Name
    auth: Annotated[list[Name], msgspec.Meta(max_length=16)]
    body: ShapeDoc
    query: ShapeDoc
    headers: ShapeDoc


class EdgeDoc(TypedDict, total=False):
    client: Required[Name]
    client_class: Required[Name]
    server: Required[Name]
    server_class: Required[Name]
    port: Required[Count]
    protocol: Required[Name]
    calls: Count
    request_bytes: Count
    response_bytes: Count
    flows: Count
    flow_bytes: Count
    handshakes: Count
    version: Name
    name: Name
    alpn: Name


class ReuseDoc(TypedDict):
    server: Name
    port: Count
    protocol: Name
    reads: Count
    cold: Amount
    share: Amount
    distances: Distances


class BatchDoc(TypedDict):
    v: int
    id: Name
    agent: Name
    start_ns: int
    end_ns: int
    sample: NotRequired[Count]
    program: NotRequired[Name]
    cpu_ns: NotRequired[Count]
    resident_bytes: NotRequired[Count]
    lost_batches: Count
    lost_calls: Count
    counts: Named
    aliases: Annotated[list[tuple[Name, Name]], msgspec.Meta(max_length=65536)]
    endpoints: Annotated[list[EndpointDoc], msgspec.Meta(max_length=ROWS_MOST)]
    edges: Annotated[list[EdgeDoc], msgspec.Meta(max_length=ROWS_MOST)]
    reuse: Annotated[list[ReuseDoc], msgspec.Meta(max_length=64)]


DOCUMENTS: tuple[Any, ...] = (
    BatchDoc, EndpointDoc, RowDoc, LatencyDoc, SizesDoc, ShapeDoc, HiddenDoc, EdgeDoc, ReuseDoc,
)  # fmt: skip
WINDOW_FIELDS = (
    "start_ns", "end_ns", "sample", "cpu_ns", "resident_bytes", "counts", "aliases", "endpoints", "edges", "reuse",
)  # fmt: skip

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(BatchDoc)


@dataclass(frozen=True, slots=True)
class Batch:
    """A window with its sender and its name."""

    document: dict[str, Any]

    @classmethod
    def of(cls, agent: str, window: Mapping[str, Any], lost_batches: int = 0, lost_calls: int = 0) -> "Batch":
        """A new batch; what was lost is what no batch before has told."""
        head = {"v": VERSION, "id": str(uuid.uuid4()), "agent": agent, "program": __version__}
        lost = {"lost_batches": lost_batches, "lost_calls": lost_calls}
        return cls(head | lost | {name: window[name] for name in WINDOW_FIELDS if name in window})

    @property
    def id(self) -> str:
        return str(self.document["id"])

    @property
    def calls(self) -> int:
        """Calls of all rows."""
        return sum(row["calls"] for endpoint in self.document["endpoints"] for row in endpoint["rows"])

    def encode(self) -> bytes:
        """A record."""
        return encode(self.document)


def encode(batch: Mapping[str, Any]) -> bytes:
    """A record of a batch that is complete."""
    body = zlib.compress(_encoder.encode(dict(batch)), 6)
    return MAGIC + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def decode(record: bytes) -> dict[str, Any]:
    """The batch of exactly one record; BatchError for anything else, whoever wrote it."""
    size = _body_size(record[:HEADER_BYTES])
    if len(record) != HEADER_BYTES + size:
        raise BatchError(f"a record of {HEADER_BYTES + size} bytes, not {len(record)}")
    return _decode_body(record[:HEADER_BYTES], record[HEADER_BYTES:])


def _body_size(header: bytes) -> int:
    if len(header) < HEADER_BYTES or header[:4] != MAGIC:
        raise BatchError("this does not begin like a batch")
    size = int.from_bytes(header[4:8], "big")
    if size > RECORD_MOST:
        raise BatchError(f"a record of {size} bytes; at most {RECORD_MOST} are read")
    return size


def _decode_body(header: bytes, body: bytes) -> dict[str, Any]:
    if zlib.crc32(body).to_bytes(4, "big") != header[8:12]:
        raise BatchError("the record is damaged: its checksum is another")
    try:
        document = _decoder.decode(_counted(_inflate(body)))
    except (msgspec.DecodeError, RecursionError) as error:
        raise BatchError(f"not a batch: {error}") from None
    if document["v"] != VERSION:
        raise BatchError(f"version {document['v']} of the format; this reads {VERSION}")
    _check(document)
    return cast("dict[str, Any]", document)


def _inflate(body: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(body, DECODED_MOST)
    except zlib.error as error:
        raise BatchError(f"not a batch: {error}") from None
    if not inflater.eof or inflater.unused_data:
        raise BatchError(f"cut off, or more than {DECODED_MOST} bytes")
    return text


def _counted(text: bytes) -> bytes:
    """Before anything is made of it: some kilobytes of zlib can be a million rows, and seconds of decoding."""
    for word, most in WORDS_MOST.items():
        if (found := text.count(word)) > most:
            raise BatchError(f"{found} times {word.decode()!r}; a batch has at most {most}")
    return text


def _check(document: BatchDoc) -> None:
    """What types do not say."""
    if (rows := sum(len(endpoint["rows"]) for endpoint in document["endpoints"])) > ROWS_MOST:
        raise BatchError(f"{rows} rows; at most {ROWS_MOST} are read")
    if (counts := sum(map(_counts, document["endpoints"]))) > COUNTS_MOST:
        raise BatchError(f"{counts} numbers in histograms; at most {COUNTS_MOST} are read")
    for endpoint in document["endpoints"]:
        _check_shape(endpoint.get("body"), endpoint.get("query"), endpoint.get("headers"))
        for row in endpoint["rows"]:
            _check_shape(row.get("body"))
            if not hll.check(row.get("clients", b"")):
                raise BatchError("registers of a distinct count are out of order")
            for latency in (row.get("first"), row.get("last")):
                _check_buckets(latency["buckets"] if latency else [], BUCKETS)
            _check_buckets(row.get("ttls", []), 32)
            _check_buckets(row["request"]["steps"], 34)
            _check_buckets(row["response"]["steps"], 34)
    for sample in document["reuse"]:
        _check_buckets(sample["distances"], 320)
        if not all(map(math.isfinite, (sample["cold"], sample["share"], *sample["distances"]))):
            raise BatchError("numbers that are none")


def _counts(endpoint: EndpointDoc) -> int:
    latencies = (row[which] for row in endpoint["rows"] for which in ("first", "last") if which in row)
    return sum(len(latency["buckets"]) for latency in latencies)


def _check_buckets(pairs: list[Any], buckets: int) -> None:
    if len(pairs) % 2 or not all(0 <= place < buckets and place % 1 == 0 for place in pairs[::2]):
        raise BatchError("buckets that do not exist")


def _check_shape(*shapes: ShapeDoc | None) -> None:
    level = [shape for shape in shapes if shape is not None]
    for _ in range(DEPTH_MOST):
        level = [
            child
            for shape in level
            for child in (*shape.get("keys", {}).values(), *([shape["items"]] if "items" in shape else []))
        ]
        if not level:
            return
    raise BatchError(f"a schema of more than {DEPTH_MOST} levels")


@dataclass(slots=True)
class Tail:
    """What the end of a file said: "" when the last record was whole."""

    trouble: str = ""


def read_batches(file: BinaryIO, tail: Tail | None = None) -> Iterator[dict[str, Any]]:
    """The batches of an `--out` file, in order.

    A last record that is cut off (the agent was killed, or is writing it) ends the file without an error, and `tail`
    says so.  Anything else that is no record raises BatchError.
    """
    tail = tail if tail is not None else Tail()
    while header := file.read(HEADER_BYTES):
        if len(header) < HEADER_BYTES and MAGIC.startswith(header[:4]):
            tail.trouble = f"the last record is cut off after {len(header)} bytes"
            return
        size = _body_size(header)
        body = file.read(size)
        if len(body) < size:
            tail.trouble = f"the last record is cut off: {len(body)} of {size} bytes"
            return
        yield _decode_body(header, body)
