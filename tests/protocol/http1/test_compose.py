"""Composing into little room."""

import pytest

from whimbrel.protocol.http1.testing import compose, parse_response

REQUEST = {"method": b"GET", "target": b"/x", "minor": 1, "headers": b"Host: a\r\n"}
RESPONSE = {"status": 404, "reason": b"Not Found", "minor": 0, "headers": b""}
SIMPLE = {"method": b"GET", "target": b"/x", "flags": ["0.9"]}
MADE = (
    (REQUEST, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    (RESPONSE, b"HTTP/1.0 404 Not Found\r\n\r\n"),
    (SIMPLE, b"GET /x\r\n"),
)


@pytest.mark.parametrize(("head", "made"), MADE, ids=lambda value: repr(value)[:30])
def test_it_fits_or_says_that_it_does_not(head: dict[str, object], made: bytes) -> None:
    assert compose(head) == made
    assert compose(head, len(made)) == made
    assert [compose(head, room) for room in range(len(made))] == [None] * len(made)


def test_a_response_without_a_reason_gets_its_space() -> None:
    _, head, _ = parse_response(b"HTTP/1.1 200\r\n\r\n")
    assert head is not None
    assert compose(head) == b"HTTP/1.1 200 \r\n\r\n"
