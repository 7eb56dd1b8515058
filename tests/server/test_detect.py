"""What the first bytes of a connection decide, through a real socket."""

from collections.abc import Iterator

import pytest

from tests.server.serving import Serving, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving() as started:
        yield started


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"version\r\n", b"VERSION "),
        (b"mn\r\n", b"MN\r\n"),
        (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
        (b"PING\r\n", b"+PONG\r\n"),
        (b"GET / HTTP\r\n", b"-ERR wrong number"),  # not a request line: an inline command
        (b"nonsense\r\n", b"ERROR\r\n"),
        (b"\r\n", b"ERROR\r\n"),
    ],
)
@pytest.mark.parametrize("piece", [1, 1000])
def test_either_protocol_is_told_by_its_first_bytes(server: Serving, sent: bytes, answer: bytes, piece: int) -> None:
    with server.connect() as peer:
        for start in range(0, len(sent), piece):
            peer.send(sent[start : start + piece])
        assert peer.until(b"\r\n").startswith(answer)


@pytest.mark.parametrize(
    ("sent", "line", "counter"),
    [
        (b"\x80\x00\x00\x00" + bytes(20), b"ERROR the binary memcache protocol", "refused_binary"),
        (b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", b"ERROR this port speaks memcache and RESP; HTTP", "refused_http"),
        (b"POST /x HTTP/1.0\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000, b"ERROR this port", "refused_http"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"ERROR this port", "refused_http"),
        (b"\x16\x03\x01\x02\x00\x01", b"ERROR this port does not speak TLS", "refused_tls"),
    ],
)
def test_other_protocols_are_refused_in_one_line_and_closed(
    server: Serving, sent: bytes, line: bytes, counter: str
) -> None:
    before = server.counter(counter)
    with server.connect() as peer:
        peer.send(sent)
        answer = peer.rest()
    assert answer.startswith(line)
    assert answer.endswith(b"\r\n") and answer.count(b"\n") == 1
    assert server.counter(counter) == before + 1


def test_an_endless_first_line_is_resps_to_refuse(server: Serving) -> None:
    with server.connect() as peer:
        peer.send(b"A" * (1 << 20))
        assert peer.rest().startswith(b"-ERR Protocol error")
