"""Composing: into little room, and back by parsing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.protocol.http1.testing import compose, header_lines, parse_request, parse_response

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


TOKEN = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=32).map(str.encode)
PRINTABLE = st.binary(max_size=40).map(lambda raw: bytes(33 + byte % 94 for byte in raw))
LINES = st.lists(st.tuples(TOKEN, PRINTABLE), max_size=8)


def block(lines: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in lines)


def fields(head: dict[str, Any] | None, *names: str) -> list[Any]:
    assert head is not None
    return [head.get(name, b"" if name in ("reason", "headers") else 0) for name in names]


@given(TOKEN, PRINTABLE.filter(bool), st.integers(0, 1), LINES)
def test_a_request_composed_and_parsed_is_the_same(method: bytes, target: bytes, minor: int, lines: Any) -> None:
    made = {"method": method, "target": target, "minor": minor, "headers": block(lines)}
    composed = compose(made)
    assert composed is not None
    status, head, consumed = parse_request(composed)
    assert (status, consumed) == ("done", len(composed))
    assert fields(head, *made) == list(made.values())
    assert header_lines(block(lines)) == lines


@given(st.integers(100, 999), st.binary(max_size=30), st.integers(0, 1), LINES)
def test_a_response_composed_and_parsed_is_the_same(status: int, reason: bytes, minor: int, lines: Any) -> None:
    reason = reason.replace(b"\n", b" ").rstrip(b"\r")
    made = {"status": status, "reason": reason, "minor": minor, "headers": block(lines)}
    composed = compose(made)
    assert composed is not None
    said, head, consumed = parse_response(composed)
    assert (said, consumed) == ("done", len(composed))
    assert fields(head, *made) == list(made.values())
