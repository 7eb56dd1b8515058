"""Where a message may begin again: found in what is left of a stream, never in what only talks about HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.http1.cases import CASES
from whimbrel.protocol.http1.testing import parse_request, parse_response, resync

REQUEST = b"GET /x?y=z HTTP/1.1\r\nHost: a\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

REQUESTS = {  # bytes behind a gap: where a request begins, or None
    REQUEST: 0,
    b'{"a": 1}' + REQUEST: 8,
    b'{"a": 1}\r\n' + REQUEST: 10,
    b"rest of a body without a line end" + REQUEST: 33,
    b"Accept: */*\r\n\r\n" + REQUEST: 15,
    b"x ABCDEFGHIJ" + REQUEST: 12,
    b"\x00\xff\x80" + REQUEST: 3,
    b"x\nFOO_BAR / HTTP/1.0\r\n\r\n": 2,
    b"x\nGET / HTTP/1.1\n\n": 2,
    b"GET / HTTP/1.1\r\n": 0,
    b"GET / HTTP/1.1\r\nHos": 0,
    b"POST /a/very/long": 0,
    b"POST ": 0,
    b"DEL": 0,
    b"CONNECT a.example:443": 0,
    # a request's tail, text about HTTP, other protocols
    b"ET /x HTTP/1.1\r\nHost: a\r\n\r\n": None,
    b"FOO / HTTP/1.1\r\n\r\n": None,
    b"M_POST / HTTP/1.1\r\n\r\n": None,
    b"/x HTTP/1.1\r\nHost: a\r\n\r\n": None,
    b"the line GET /x HTTP/1.1\r\nHost: a\r\n\r\n": None,
    b'"GET /x HTTP/1.1" 200 12\r\n': None,
    b"x\nGET /x HTTP/1.1\r\nno header\r\n": None,
    b"x\nGET /x y HTTP/1.1\r\n\r\n": None,
    b"x\nGET  HTTP/1.1\r\n\r\n": None,
    b"x\nGET /x HTTP/2.0\r\n\r\n": None,
    b"x\n / HTTP/1.1\r\n\r\n": None,
    b"x\nHTTP/1.1\r\n": None,
    b"GE": None,
    b"GET \x00": None,
    b"GOT /x": None,
    b"": None,
}

RESPONSES = {
    RESPONSE: 0,
    b"tail" + RESPONSE: 4,
    b"tail\r\n" + RESPONSE: 6,
    b"HTTP/1.1 2 HTTP/1.1 HTTP/" + RESPONSE: 25,
    b"H" * 100 + RESPONSE: 100,
    b"x\nHTTP/1.0 404 Not Found\n\n": 2,
    b"xHTTP/1.1 200\r\n\r\n": 1,
    b"HTTP/1.1 200 OK": 0,
    b"HTTP/1.1 2": 0,
    b"HTT": 0,
    b"tail HTTP/1.1 200 OK": None,
    b"HTTP/2.0 200 OK\r\n\r\n": None,
    b"HTTP/1.1 099 x\r\n\r\n": None,
    b"HTTP/1.1 2000\r\n\r\n": None,
    b"HTTP/1.1 200\rx\n\r\n": None,
    b"see HTTP/1.1 200 OK in the log\nand more": None,
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n": None,
    b"HTTP/1.1 200 " + b"x" * 600 + b"\r\n\r\n": None,
    b"": None,
}


@pytest.mark.parametrize("sent", REQUESTS, ids=lambda sent: repr(sent[:40]))
def test_requests(sent: bytes) -> None:
    assert resync(sent, False) == (len(sent) if REQUESTS[sent] is None else REQUESTS[sent])


@pytest.mark.parametrize("sent", RESPONSES, ids=lambda sent: repr(sent[:40]))
def test_responses(sent: bytes) -> None:
    assert resync(sent, True) == (len(sent) if RESPONSES[sent] is None else RESPONSES[sent])


BODY = st.text('abc {}:,\r\n"', max_size=300).map(lambda text: text.rstrip(" ").encode())  # see find_method
MESSAGES = st.lists(st.tuples(st.integers(1, 99), BODY), min_size=2, max_size=4)


@given(MESSAGES, st.data())
def test_the_next_message_behind_a_gap_is_found(messages: list[tuple[int, bytes]], data: st.DataObject) -> None:
    """Whatever was lost up to some byte of the first message, the second one's start is where it is."""
    for responses in (False, True):
        made = [
            (b"HTTP/1.1 2%02d x\r\n" % number if responses else b"PUT /%d HTTP/1.1\r\n" % number)
            + b"Content-Length: %d\r\n\r\n" % len(body)
            + body
            for number, body in messages
        ]
        lost = data.draw(st.integers(1, len(made[0])))
        assert resync(b"".join(made)[lost:], responses) == len(made[0]) - lost


SOUP = st.lists(
    st.sampled_from(
        [*(case.sent[:400] for case in CASES), REQUEST, RESPONSE, b"GET ", b" HTTP/1.1\r\n", b"\n", b"HTTP/1.1 ", b"H"]
    ),
    max_size=6,
)


@given(SOUP, st.booleans())
def test_what_is_found_the_parser_takes(parts: list[bytes], responses: bool) -> None:
    sent = b"".join(parts)
    at = resync(sent, responses)
    assert at <= len(sent)
    if at < len(sent):
        assert (parse_response if responses else parse_request)(sent[at:])[0] != "bad"


@pytest.mark.parametrize("unit", [b"HTTP/1.1 200 ", b"H", b"A / HTTP/1.1\r\nx", b"\n", b"GET ", b" HTTP/1.1\r\n"])
def test_the_work_grows_with_the_bytes(unit: bytes) -> None:
    """A megabyte of candidates: quadratic work would not end within the test's time."""
    sent = unit * ((1 << 20) // len(unit))
    for responses in (False, True):
        assert resync(sent, responses) <= len(sent)
