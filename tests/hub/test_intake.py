"""Batches over HTTP: taken once, refused with one clear error each, and the next good one is taken."""

import itertools
import socket
import struct
import time
import zlib
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tests.hub.batches import batch, edge, endpoint, row
from tests.hub.running import Hub, running
from whimbrel.hub.ingest import JournalFullError
from whimbrel.hub.intake import accepted
from whimbrel.hub.refusal import Refusal
from whimbrel.summary.batch import DECODED_MOST, MAGIC, RECORD_MOST, BatchError, encode

_numbers = itertools.count(0x1000)


def now() -> int:
    return int(time.time()) // 10 * 10


def record(**more: Any) -> bytes:
    """One that nobody has sent before."""
    return encode(batch(endpoint(next(_numbers)), edges=[edge()], start=now() - 60, **more))


def good() -> dict[str, Any]:
    return batch(endpoint(1), start=now() - 60)


def framed(body: bytes) -> bytes:
    return MAGIC + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def packed(document: Any) -> bytes:
    return framed(zlib.compress(msgspec.msgpack.encode(document)))


def nested(levels: int) -> bytes:
    """A batch with a schema of lists in lists, deeper than Python would write one."""
    level = b"\x84\xa5types\x02\xa4seen\x01\xa5calls\x01\xa5items"
    leaf = msgspec.msgpack.encode({"types": 1, "seen": 1, "calls": 1})
    written = msgspec.msgpack.encode(good() | {"endpoints": [endpoint(1, row(body="here"))]})
    return framed(zlib.compress(written.replace(b"\xa4here", level * levels + leaf)))


def bomb() -> bytes:
    deflater = zlib.compressobj(9)
    parts = [deflater.compress(bytes(1 << 20)) for _ in range((DECODED_MOST >> 20) + 8)]
    return framed(b"".join(parts) + deflater.flush())


def crowded(rows: int) -> bytes:
    """Little on the wire, and rows without end."""
    one = msgspec.msgpack.encode(row())
    written = msgspec.msgpack.encode(good() | {"endpoints": [{**endpoint(1), "rows": "here"}] * 8})
    many = b"\xdd" + (rows // 8).to_bytes(4, "big") + one * (rows // 8)
    return framed(zlib.compress(written.replace(b"\xa4here", many)))


HOSTILE = {
    "10,000 rows": crowded(10_000),
    "100,000 rows": crowded(100_000),
    "nothing": b"",
    "no batch": b"GET / HTTP/1.1\r\n\r\n",
    "cut": encode(good())[:-1],
    "more than one": encode(good()) * 2,
    "a checksum that is wrong": encode(good())[:-1] + b"\0",
    "a length that lies": MAGIC + b"\xff\xff\xff\xff" + encode(good())[8:],
    "no deflate": framed(b"not deflate"),
    "a bomb": bomb(),
    "no msgpack": framed(zlib.compress(b"\xc1")),
    "a list": packed([1, 2]),
    "text for a number": packed(good() | {"start_ns": "now"}),
    "a number for text": packed(good() | {"agent": 7}),
    "a negative count": packed(good() | {"lost_calls": -1}),
    "a count beyond 64 bits": packed(good() | {"lost_calls": 2**63}),
    "a huge count": packed(good() | {"lost_calls": 2**62}),
    "a field that is missing": packed({name: value for name, value in good().items() if name != "edges"}),
    "too many endpoints": packed(good() | {"endpoints": [endpoint(1)] * 9000}),
    "a list of a million": packed(good() | {"reuse": [None] * 1_000_000}),
    "a name of a megabyte": packed(good() | {"agent": "x" * (1 << 20)}),
    "nested 200 deep": nested(200),
    "nested 100,000 deep": nested(100_000),
    "an id that is none": packed(good() | {"id": "../../etc/passwd"}),
    "an endpoint's that is none": packed(good() | {"endpoints": [endpoint(1) | {"id": "'; DROP TABLE calls; --"}]}),
    "a window of the future": packed(batch(endpoint(1), start=now() + 10 * 86_400)),
    "a window that ends before it begins": packed(good() | {"end_ns": 0}),
    "a newer format": packed(good() | {"v": 2}),
    "registers out of order": packed(good() | {"endpoints": [endpoint(1, row(clients=struct.pack("<2H", 2, 1)))]}),
    "not a number": packed(good() | {"reuse": [{"server": "s", "port": 1, "protocol": "redis", "reads": 1,
                                                "cold": float("nan"), "share": 1.0, "distances": []}]}),
}  # fmt: skip


@pytest.fixture
def hub(open_hub: Hub) -> Hub:
    return open_hub


def test_a_batch_is_taken_once(hub: Hub) -> None:
    sent = record()
    first, again = hub.send(sent), hub.send(sent)
    assert (first.status, first.json()) == (200, {"outcome": "stored"})
    assert (again.status, again.json()) == (409, {"outcome": "duplicate"})


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_batch_costs_one_error_and_the_next_is_taken(name: str, hub: Hub) -> None:
    reply = hub.send(HOSTILE[name])
    assert reply.status == 400 and reply.error.startswith("not taken: ") and len(reply.error) < 300
    assert hub.send(record()).status == 200


def test_fields_that_a_newer_agent_adds_are_skipped(hub: Hub) -> None:
    assert hub.send(packed(good() | {"id": "newer-1", "weather": {"sun": [1, 2]}})).status == 200


def test_another_type_is_no_batch(hub: Hub) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        reply = hub.send(record(), Content_Type=kind)
        assert reply.status == 415 and "expected application/x-msgpack" in reply.error


def test_only_posting_is_sending(hub: Hub) -> None:
    for method in ("GET", "PUT", "DELETE"):
        reply = hub.ask(method, "/v1/batches")
        assert (reply.status, reply.headers["allow"]) == (405, "POST") and method in reply.error


def raw(hub: Hub, head: str, body: bytes = b"") -> bytes:
    with socket.create_connection((hub.host, hub.port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        return connection.recv(65536)


HEAD = "POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-msgpack\r\n"


def test_what_says_that_it_is_too_large_is_refused_before_it_comes(hub: Hub) -> None:
    answer = raw(hub, f"{HEAD}Content-Length: {RECORD_MOST + 1}\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413") and b"connection: close" in answer.lower()


def test_what_does_not_say_is_read_up_to_there(hub: Hub) -> None:
    before = hub.metric("whimbrel_hub_batch_bytes_total")
    piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with socket.create_connection((hub.host, hub.port), timeout=30) as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range((RECORD_MOST >> 16) + 64):
                connection.sendall(piece)
        except OSError:  # it was closed on us
            pass
        else:
            assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert hub.metric("whimbrel_hub_batch_bytes_total") == before
    assert hub.send(record()).status == 200


def test_tokens(locked_hub: Hub) -> None:
    sent = record()
    assert locked_hub.send(sent).status == 401
    assert locked_hub.send(sent, Authorization="Bearer whimbrel_wrong").error == "this token is not known"
    assert locked_hub.send(sent, **locked_hub.bearer("viewer")).status == 403
    assert [locked_hub.send(sent, **locked_hub.bearer(name)).status for name in ("agent", "admin")] == [200, 409]


def test_a_page_of_another_site_sends_nothing(hub: Hub) -> None:
    assert hub.send(record(), Origin="http://evil.example").status == 403
    assert hub.send(record(), Host="evil.example").status == 403


def test_who_sends_too_fast_waits_and_the_others_do_not(tmp_path) -> None:
    with running(tmp_path / "data") as hub:
        replies = (hub.send(b"x") for _ in range(5000))  # some a slow machine has left again before it sends the next
        late = next(reply for reply in replies if reply.status != 400)
        assert late.status == 429
        assert int(late.headers["retry-after"]) >= 1 and "too many batches" in late.error
        assert hub.metric('whimbrel_hub_refused_total{limit="batch_rate"}') >= 1
        assert hub.get("/api/agents").status == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [(OSError(28, "No space left on device"), 503), (JournalFullError("full"), 503), (BatchError("none"), 400)],
)
def test_what_cannot_be_kept_now_is_sent_again_and_what_never_will_is_not(error: Exception, status: int) -> None:
    def accept(_record: bytes) -> None:
        raise error

    service: Any = SimpleNamespace(ingest=SimpleNamespace(accept=accept))
    with pytest.raises(Refusal, match=str(error).rpartition("] ")[2]) as caught:
        accepted(service, b"")
    assert caught.value.status == status and ("Retry-After" in caught.value.headers) == (status == 503)


def test_who_announces_much_and_sends_nothing_holds_up_nobody_else(locked_hub: Hub) -> None:
    own = f"Authorization: Bearer {locked_hub.tokens['agent']}\r\nContent-Length: {RECORD_MOST}\r\n\r\n"
    with socket.create_connection((locked_hub.host, locked_hub.port), timeout=30) as connection:
        connection.sendall((HEAD + own).encode())
        deadline_s = time.monotonic() + 30
        while (reply := locked_hub.send(record(), **locked_hub.bearer("agent"))).status == 200:
            assert time.monotonic() < deadline_s
        assert reply.status == 503 and "too many batches at once" in reply.error and "retry-after" in reply.headers
        assert locked_hub.send(record(), **locked_hub.bearer("admin")).status == 200
    while locked_hub.send(record(), **locked_hub.bearer("agent")).status == 503:
        assert time.monotonic() < deadline_s


def test_what_was_taken_is_answered(hub: Hub) -> None:
    number = next(_numbers)
    sent = batch(endpoint(number, row(3), row(1, 503), host="answered.example"), start=now() - 60)
    assert hub.send(encode(sent)).status == 200
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        found = hub.get("/api/endpoints?service=answered.example").json()
        if found["total"]:
            break
        time.sleep(0.05)
    [line] = found["rows"]
    assert (line["id"], line["calls"], line["error_share"]) == (f"{number:016x}", 4, 0.25)
    assert hub.get(f"/api/endpoints/{number:016x}").json()["line"] == line
