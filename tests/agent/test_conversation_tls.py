"""TLS flows: what the hellos say is told once, then the flow is left alone."""

import ssl
from itertools import repeat

import pytest

from tests.agent.talking import START, Step, cut, play
from whimbrel.agent.testing_talk import Script

# A TLS 1.3 server's hello, recorded; it names no protocol in the clear.
SERVER_1_3 = bytes.fromhex(
    "160303007a020000760303dc4e119c74fe6755c137d322e31c62183623af9cb62c9d1c44385a0b07458d7120ec3a462769efc5b1437b6e77"
    "339ebbbd1a70f0d128e31ecb5679bde3699b686c130200002e002b0002030400330024001d002094c9858498acda91f439d0ce09b53163cd"
    "1a7e5550c5e37b5daa7702dbbe9e69"
)
RECORDS = b"\x17\x03\x03\x00\x10" + b"x" * 16


def client_hello(name: str | None = "api.example.com", alpn: tuple[str, ...] = ("h2", "http/1.1")) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def told(steps: list[Step]) -> list[tuple[bytes, bytes, int]]:
    script = Script()
    play(script, steps, "fin")
    assert script.used_bytes == 0
    assert script.calls == []
    assert (script.counts["flows_tls"], script.counts["flows_opaque"]) == (1, 0)
    return script.hellos


HANDSHAKE: list[Step] = [
    ("data", 0, client_hello()),
    ("data", 1, SERVER_1_3),
    ("data", 0, RECORDS),
    ("data", 1, RECORDS),
]


def test_both_hellos() -> None:
    assert told(HANDSHAKE) == [(b"api.example.com", b"h2", 0x0304)]


def test_byte_by_byte() -> None:
    assert told(cut(HANDSHAKE, repeat(1))) == [(b"api.example.com", b"h2", 0x0304)]


def test_a_client_nobody_answers() -> None:
    assert told(HANDSHAKE[:1]) == [(b"api.example.com", b"h2", 0x0304)]


def test_a_client_that_names_nothing() -> None:
    assert told([("data", 0, client_hello(None, ())), *HANDSHAKE[1:]]) == [(b"", b"", 0x0304)]


def test_a_hello_with_a_gap_says_nothing() -> None:
    hello = client_hello()
    steps: list[Step] = [("data", 0, hello[:50]), ("gap", 0, 30), ("data", 0, hello[80:]), ("data", 1, SERVER_1_3)]
    assert told(steps) == []


def test_after_the_handshake_nothing_is_kept() -> None:
    script = Script()
    for step in HANDSHAKE[:2]:
        script.data(step[1], step[2], START)
    assert script.opaque
