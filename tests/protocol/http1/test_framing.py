"""Framing against another reader: what h11 accepts, is framed here as there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.http1.cases import CASES, Case
from whimbrel.protocol.http1.testing import read_stream

h11 = pytest.importorskip("h11", reason="h11, the independent reader, is not installed")

# What begins like this, both take but not for the same.
DIFFERENT = {
    b"GET / HTTP/1.1\r\nX: " + b"y" * 60000: "h11 has another limit for heads",
    b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551616": "h11's lengths have no end",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999999": "h11's lengths have no end",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\n": "h11 waits for CR LF behind a chunk's size",
}


def with_host(case: Case) -> bytes:
    """h11 refuses a request of HTTP/1.1 without Host."""
    if case.answers is None and not (case.head or {}).get("host"):
        start, newline, rest = case.sent.partition(b" HTTP/1.1\r\n")
        return start + newline + b"Host: a\r\n" * bool(newline) + rest
    return case.sent


def read_with_h11(sent: bytes, answers: bytes | None) -> list[tuple[Any, ...]] | None:
    """[(start line, header lines, body, whole)] of a side's first message, or None where h11 refuses it."""
    side = h11.Connection(h11.SERVER if answers is None else h11.CLIENT, max_incomplete_event_size=1 << 20)
    if answers is not None:
        request = h11.Request(method=answers, target=b"/", headers=[(b"Host", b"a")])
        side.send(request)
        side.send(h11.EndOfMessage())
    found: list[Any] = []
    try:
        side.receive_data(sent)
        side.receive_data(b"")
        while True:
            event = side.next_event()
            if isinstance(event, h11.Request):
                found.append([(event.method, event.target), list(event.headers), b"", False])
            elif isinstance(event, h11.InformationalResponse | h11.Response):
                start = (event.status_code, bytes(event.reason))
                found.append([start, list(event.headers), b"", isinstance(event, h11.InformationalResponse)])
            elif isinstance(event, h11.Data):
                found[-1][2] += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found[-1][3] = True
                break
            else:
                break
    except h11.RemoteProtocolError as error:
        if "closed connection" not in str(error):
            return None
    return [tuple(message) for message in found]


def compare(sent: bytes, answers: bytes | None) -> bool:
    """Whether there was anything to compare."""
    theirs = read_with_h11(sent, answers)
    if not theirs:
        return False
    messages, _, _ = read_stream([sent], None if answers is None else [answers])
    assert messages
    head, body, outcome = messages[0]
    if answers is None:
        assert (head["method"], head["target"]) == theirs[0][0]
    else:
        assert (head["status"], head.get("reason", b"")) == theirs[0][0]
    assert body == theirs[0][2]
    # to h11 a tunnel's head is no end of a message
    assert (outcome == "whole") == (theirs[0][3] or head.get("framing") == "tunnel")
    return True


@pytest.mark.parametrize("case", [case for case in CASES if case.head and case.outcome != "bad"], ids=str)
def test_as_h11_reads_it(case: Case) -> None:
    """Also what is flagged here, where h11 takes it at all; what exceeds a limit here or is refused has no equal."""
    if not case.sent.startswith(tuple(DIFFERENT)):
        compare(with_host(case), case.answers)


def test_enough_cases_are_compared() -> None:
    compared = [case for case in CASES if not case.flags and read_with_h11(with_host(case), case.answers)]
    assert len(compared) > 60


PARTS = (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: a", b"Connection: close", b"X: y", b"A:\r\n b")
BODIES = (b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"hello, world", b"0\r\nT: u\r\n\r\n")


@given(
    st.sampled_from([b"GET", b"HEAD", b"POST"]),
    st.sampled_from([None, 100, 200, 204, 304, 404]),
    st.lists(st.sampled_from(PARTS), max_size=4, unique=True),
    st.sampled_from(BODIES),
)
def test_framings_as_h11_reads_them(method: bytes, status: int | None, lines: list[bytes], body: bytes) -> None:
    start = b"%b / HTTP/1.1" % method if status is None else b"HTTP/1.1 %d x" % status
    sent = b"\r\n".join([start, *lines, b"", body])
    compare(sent, None if status is None else method)
