"""Hellos of real handshakes, whole and broken in every way."""

import random
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.protocol.testing_detect import parse_hello

TLS_1_2, TLS_1_3 = 0x0303, 0x0304
NAME = "api.example.com"

# A server needs no certificate for these ciphers, so none has to lie here.  TLS 1.3 has no such thing: its answer was
# recorded.
ANONYMOUS = "AECDH:@SECLEVEL=0"
SERVER_1_3 = bytes.fromhex(
    "160303007a020000760303dc4e119c74fe6755c137d322e31c62183623af9cb62c9d1c44385a0b07458d7120ec3a462769efc5b1437b6e77"
    "339ebbbd1a70f0d128e31ecb5679bde3699b686c130200002e002b0002030400330024001d002094c9858498acda91f439d0ce09b53163cd"
    "1a7e5550c5e37b5daa7702dbbe9e69"
)


def client_hello(
    version: ssl.TLSVersion, name: str | None = NAME, alpn: tuple[str, ...] = ("h2", "http/1.1"), ciphers: str = ""
) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    outgoing = ssl.MemoryBIO()
    side = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    return outgoing.read()


def server_answer() -> bytes:
    """A TLS 1.2 server's hello and what follows it at once, in one handshake of the library's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.set_ciphers(ANONYMOUS)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(client_hello(ssl.TLSVersion.TLSv1_2, ciphers=ANONYMOUS))
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    return outgoing.read()


HELLO_1_2 = client_hello(ssl.TLSVersion.TLSv1_2)
HELLO_1_3 = client_hello(ssl.TLSVersion.TLSv1_3)


@pytest.mark.parametrize(("sent", "version"), [(HELLO_1_2, TLS_1_2), (HELLO_1_3, TLS_1_3)], ids=["1.2", "1.3"])
def test_a_client(sent: bytes, version: int) -> None:
    hello = {"client": True, "version": version, "cipher": 0, "server_name": NAME.encode(), "alpn": b"h2"}
    assert parse_hello(sent) == ("done", hello)
    assert parse_hello(sent + b"\x17\x03\x03\x00\x01x") == ("done", hello)


def test_a_server_of_1_2() -> None:
    hello = {"client": False, "version": TLS_1_2, "cipher": 0xC019, "server_name": b"", "alpn": b"http/1.1"}
    assert parse_hello(server_answer()) == ("done", hello)


def test_a_server_of_1_3() -> None:
    hello = {"client": False, "version": TLS_1_3, "cipher": 0x1302, "server_name": b"", "alpn": b""}
    assert parse_hello(SERVER_1_3) == ("done", hello)


def test_a_client_that_tells_little() -> None:
    status, hello = parse_hello(client_hello(ssl.TLSVersion.TLSv1_2, None, ()))
    assert status == "done"
    assert hello is not None
    assert (hello["server_name"], hello["alpn"]) == (b"", b"")


# Hellos by hand: what the library above does not make


def vector(length_bytes: int, data: bytes) -> bytes:
    return len(data).to_bytes(length_bytes, "big") + data


def extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2, "big") + vector(2, data)


def record(data: bytes, kind: int = 22) -> bytes:
    return bytes([kind, 3, 1]) + vector(2, data)


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + vector(3, body)


def client_body(extensions: bytes | None, version: int = TLS_1_2, session: bytes = b"s" * 32) -> bytes:
    body = version.to_bytes(2, "big") + bytes(32) + vector(1, session) + vector(2, b"\x13\x01") + vector(1, b"\x00")
    return body if extensions is None else body + vector(2, extensions)


def server_body(extensions: bytes | None, version: int = TLS_1_2, cipher: int = 0xC02F) -> bytes:
    body = version.to_bytes(2, "big") + bytes(32) + vector(1, b"") + cipher.to_bytes(2, "big") + b"\x00"
    return body if extensions is None else body + vector(2, extensions)


SNI = extension(0, vector(2, b"\x00" + vector(2, b"a.example")))
ALPN = extension(16, vector(2, vector(1, b"h2") + vector(1, b"http/1.1")))


def client(*extensions: bytes, **fields: Any) -> bytes:
    return record(message(1, client_body(b"".join(extensions), **fields)))


def server(*extensions: bytes, **fields: Any) -> bytes:
    return record(message(2, server_body(b"".join(extensions), **fields)))


def field(sent: bytes, name: str) -> Any:
    status, hello = parse_hello(sent)
    assert status == "done"
    assert hello is not None
    return hello[name]


def test_a_server_names_what_it_chose() -> None:
    chosen = extension(16, vector(2, vector(1, b"http/1.1")))
    assert field(server(chosen), "alpn") == b"http/1.1"
    assert field(server(extension(43, b"\x03\x04"), cipher=0x1301), "cipher") == 0x1301


def test_versions_that_are_none_are_passed_over() -> None:
    offered = extension(43, vector(1, bytes.fromhex("1a1a 7f1c 0302 0304 0303")))
    assert field(client(offered), "version") == TLS_1_3
    assert field(client(extension(43, vector(1, bytes.fromhex("1a1a"))), version=0x0301), "version") == 0x0301


def test_without_extensions() -> None:
    assert field(record(message(1, client_body(None, 0x0301))), "version") == 0x0301
    assert field(record(message(2, server_body(None))), "cipher") == 0xC02F
    assert field(client(), "alpn") == b""


def test_a_name_that_is_no_host_name_is_passed_over() -> None:
    names = extension(0, vector(2, b"\x07" + vector(2, b"other") + b"\x00" + vector(2, b"b.example")))
    assert field(client(names), "server_name") == b"b.example"


def test_the_first_of_two_counts() -> None:
    again = extension(0, vector(2, b"\x00" + vector(2, b"late.example")))
    assert field(client(SNI, ALPN, again), "server_name") == b"a.example"


def test_empty_extensions_and_unknown_ones() -> None:
    sent = client(extension(0, b""), extension(16, b""), extension(0xABCD, b"x" * 50), SNI)
    assert field(sent, "server_name") == b"a.example"


def split(sent: bytes, size: int) -> bytes:
    """The message of one record in many."""
    body = sent[5:]
    return b"".join(record(body[i : i + size]) for i in range(0, len(body), size))


@pytest.mark.parametrize("size", [1, 2, 3, 17, 40, 100])
def test_over_several_records(size: int) -> None:
    """A slice that crosses a border is empty; numbers are read wherever the borders are."""
    sent = client(SNI, ALPN, extension(43, vector(1, b"\x03\x04")))
    status, hello = parse_hello(split(sent, size))
    assert status == "done"
    assert hello is not None
    assert hello["version"] == TLS_1_3
    assert hello["server_name"] in (b"a.example", b"")
    assert size < 100 or hello["server_name"] == b"a.example"
    assert size > 8 or hello["server_name"] == b""


def test_every_border() -> None:
    sent = client(SNI, ALPN)
    body = sent[5:]
    names = []
    for cut in range(1, len(body)):
        status, hello = parse_hello(record(body[:cut]) + record(body[cut:]))
        assert status == "done"
        assert hello is not None
        names.append(hello["server_name"])
    # the name is lost where the border lies within it, and nowhere else
    assert names.count(b"") == len(b"a.example") - 1
    assert set(names) == {b"", b"a.example"}


@pytest.mark.parametrize("sent", [HELLO_1_2, HELLO_1_3, SERVER_1_3, client(SNI, ALPN)], ids=len)
def test_every_prefix_wants_more(sent: bytes) -> None:
    for n in range(len(sent)):
        assert parse_hello(sent[:n]) == ("more", None)


REFUSED = {
    "not a handshake": record(message(1, client_body(SNI)), kind=23),
    "no version of TLS": b"\x16\x02\x00\x00\x10",
    "a version to come": b"\x16\x03\x05\x00\x10",
    "an empty record": record(b""),
    "a record that is too long": b"\x16\x03\x01\xff\xff",
    "another message": record(message(11, b"x" * 50)),
    "a message that is too long": record(b"\x01\x00\xff\xff" + b"x" * 50),
    "a message that is too short": record(message(1, b"\x03\x03" + bytes(10))),
    "a version of nothing": client(version=0x0203),
    "a session id that is too long": client(session=b"s" * 33),
    "extensions that end early": record(message(1, client_body(SNI) + b"x")),
    "extensions that end late": record(message(1, client_body(SNI)[:-1])),
    "an extension beyond the others": client(b"\x00\x00\x00\x10abc"),
    "a name beyond its extension": client(extension(0, vector(2, b"\x00\x00\xffabc"))),
    "a protocol beyond its extension": client(extension(16, b"\x00\x09\x08h2")),
    "an odd version list": client(extension(43, b"\x03\x03\x04\x03")),
    "another record within": record(message(1, client_body(SNI))[:50]) + b"\x15\x03\x03\x00\x02\x01\x00",
    "records without end": record(b"\x01\x00\x40\x00" + client_body(None)) + split(record(bytes(16000)), 1),
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused(why: str) -> None:
    assert parse_hello(REFUSED[why]) == ("bad", None)


def flips(sent: bytes) -> Iterator[bytes]:
    for i in range(len(sent)):
        for bit in range(8):
            changed = bytearray(sent)
            changed[i] ^= 1 << bit
            yield bytes(changed)


def test_a_flipped_bit_is_read_or_refused() -> None:
    """The reader checks itself that every slice lies within the bytes."""
    seen = {parse_hello(sent)[0] for sent in flips(client(SNI, ALPN, extension(43, vector(1, b"\x03\x04"))))}
    assert seen == {"done", "bad"}
    for sent in random.Random(7).sample(list(flips(HELLO_1_3)), 500):
        parse_hello(sent)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes(data: bytes, framed: bool) -> None:
    assert parse_hello(record(b"\x01" + vector(3, data)) if framed else data)[0] in ("done", "more", "bad")
