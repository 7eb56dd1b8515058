"""The case table of HTTP/1 whole, byte by byte, in pieces and with a tail; composed again; streams in any chunks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.http1.cases import CASES, Case
from whimbrel.protocol.http1 import testing

TAILS = {False: b"TAIL /tail HTTP/1.1\r\n\r\n", True: b"HTTP/1.1 299 Tail\r\nContent-Length: 0\r\n\r\n"}
LONG = 3000  # bytes, from which on a case is fed in larger steps: a byte at a time they would take minutes


def read(case: Case, chunks: list[bytes], closed: bool = True) -> tuple[list[tuple[Any, bytes, str]], bytes, str]:
    """Messages without their header block, what is left, and how the connection ended."""
    methods = None if case.answers is None else [case.answers]
    messages, left, how = testing.read_stream(chunks, methods, closed)
    return [(without_headers(head), body, outcome) for head, body, outcome in messages], left, how


def without_headers(head: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in head.items() if name != "headers"}


def expected(case: Case) -> tuple[list[tuple[Any, bytes, str]], str]:
    return [] if case.head is None else [(case.head, case.body, case.outcome)], case.how


def pieces(sent: bytes, size: int) -> list[bytes]:
    return [sent[i : i + size] for i in range(0, len(sent), size)]


@pytest.mark.parametrize("case", CASES, ids=str)
class TestCases:
    def test_whole(self, case: Case) -> None:
        messages, left, how = read(case, [case.sent])
        assert (messages, how) == expected(case)
        assert left == b""

    def test_byte_by_byte(self, case: Case) -> None:
        messages, _, how = read(case, pieces(case.sent, 1 if len(case.sent) < LONG else 997))
        assert (messages, how) == expected(case)

    @pytest.mark.parametrize("size", [2, 3, 7, 64])
    def test_in_pieces(self, case: Case, size: int) -> None:
        if len(case.sent) < LONG:
            messages, _, how = read(case, pieces(case.sent, size))
            assert (messages, how) == expected(case)

    def test_with_a_tail(self, case: Case) -> None:
        tail = TAILS[case.answers is not None]
        messages, left, how = read(case, [case.sent + tail])
        if case.outcome == "cut":
            assert messages[0][1].startswith(case.body)
        elif case.until_close:
            assert messages == [(case.head, case.body + tail, "whole")]
        elif case.how == "open":
            assert messages[0] == expected(case)[0][0]
            assert (len(messages), left, how) == (2, b"", "open")
        else:
            assert (messages, how) == expected(case)
            assert left == (b"" if case.how == "bad" else tail)

    def test_no_proper_prefix_of_a_head_is_a_head(self, case: Case) -> None:
        if case.head is None or len(case.sent) >= LONG:
            return
        consumed = parse(case, case.sent)[2]
        for n in range(consumed):
            assert parse(case, case.sent[:n]) == ("more", None, 0)

    def test_what_is_refused_stays_refused(self, case: Case) -> None:
        if case.head is None:
            for tail in (b"\r\n", b"\r\n\r\n", TAILS[case.answers is not None], b"\x00" * 70000):
                assert parse(case, case.sent + tail)[0] == "bad"

    def test_composed_again(self, case: Case) -> None:
        if case.head is None or (case.flags and case.flags != ["0.9"]):
            return
        _, head, consumed = parse(case, case.sent)
        assert head is not None
        composed = testing.compose(head)
        assert composed is not None
        assert parse(case, composed) == ("done", head, len(composed))
        if case.answers is None:
            assert composed == case.sent[:consumed].lstrip(b"\r\n")

    def test_header_lines(self, case: Case) -> None:
        if case.lines is not None:
            head = parse(case, case.sent)[1]
            assert head is not None
            assert testing.header_lines(head.get("headers", b"")) == case.lines


def parse(case: Case, sent: bytes) -> tuple[str, dict[str, Any] | None, int]:
    return testing.parse_request(sent) if case.answers is None else testing.parse_response(sent, case.answers)


def test_every_flag_and_framing_has_a_case() -> None:
    heads = [case.head for case in CASES if case.head is not None]
    assert {flag for case in CASES for flag in case.flags} == set(testing.FLAGS)
    assert {head.get("framing", "empty") for head in heads} == set(testing.FRAMING)


# Streams of well-formed messages, in any chunks


TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_!#", min_size=1, max_size=20).map(
    str.encode
)
VALUE = st.binary(max_size=30).map(lambda raw: bytes(33 + byte % 94 for byte in raw))
TARGET = VALUE.map(lambda raw: b"/" + raw)
FRAMING_NAMES = {b"content-length", b"transfer-encoding", b"connection"}
HEADER = st.tuples(TOKEN.filter(lambda name: name.lower() not in FRAMING_NAMES), VALUE)
BODY = st.one_of(
    st.none(),
    st.tuples(st.just("length"), st.binary(max_size=200)),
    st.tuples(st.just("chunked"), st.lists(st.binary(min_size=1, max_size=60), max_size=4)),
)


def message(start: bytes, headers: list[tuple[bytes, bytes]], body: Any) -> tuple[bytes, bytes]:
    """(bytes of a message, its body)."""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    if body is None:
        return start + lines + b"\r\n", b""
    framing, data = body
    if framing == "length":
        return start + lines + b"Content-Length: %d\r\n\r\n" % len(data) + data, data
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in data)
    return start + lines + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", b"".join(data)


REQUESTS = st.lists(st.tuples(TOKEN, TARGET, st.lists(HEADER, max_size=6), BODY), min_size=1, max_size=4)


@given(REQUESTS, st.integers(1, 300))
def test_pipelined_requests_in_any_chunks(requests: list[Any], size: int) -> None:
    made = [
        message(method + b" " + target + b" HTTP/1.1\r\n", headers, body) for method, target, headers, body in requests
    ]
    messages, left, how = testing.read_stream(pieces(b"".join(sent for sent, _ in made), size))
    assert (left, how) == (b"", "open")
    assert [body for _, body, _ in messages] == [body for _, body in made]
    for (head, _, outcome), (method, target, headers, _) in zip(messages, requests, strict=True):
        assert outcome == "whole"
        assert (head["method"], head["target"]) == (method, target)
        assert testing.header_lines(head.get("headers", b""))[: len(headers)] == headers


RESPONSES = st.lists(
    st.tuples(st.integers(100, 999).filter(lambda status: status != 101), st.sampled_from([b"GET", b"HEAD"]), BODY),
    min_size=1,
    max_size=5,
)


@given(RESPONSES, st.integers(1, 300))
def test_pipelined_responses_in_any_chunks(responses: list[Any], size: int) -> None:
    sent, bodies = b"", []
    for status, method, body in responses:
        whole, data = message(b"HTTP/1.1 %d x\r\n" % status, [], body or ("length", b""))
        bare = method == b"HEAD" or status < 200 or status in (204, 304)
        sent += whole[: whole.index(b"\r\n\r\n") + 4] if bare else whole
        bodies.append(b"" if bare else data)
    messages, left, how = testing.read_stream(pieces(sent, size), align(responses))
    assert (left, how) == (b"", "open")
    assert [(head["status"], body) for head, body, _ in messages] == [
        (status, body) for (status, _, _), body in zip(responses, bodies, strict=True)
    ]


def align(responses: list[Any]) -> list[bytes]:
    """The methods of the final responses: interim ones answer nothing."""
    return [method for status, method, _ in responses if status >= 200]


NONSENSE = st.lists(
    st.sampled_from([*(case.sent for case in CASES if len(case.sent) < 500), b"\r\n", b"\n", b"\x00", b" ", b"HTTP/"]),
    max_size=6,
)


@given(NONSENSE, st.booleans())
def test_nonsense_means_the_same_in_any_chunks(parts: list[bytes], responses: bool) -> None:
    sent = b"".join(parts)
    methods: list[bytes] | None = [] if responses else None
    whole = testing.read_stream([sent], methods)
    for size in (1, 5, 333):
        assert testing.read_stream(pieces(sent, size), methods) == whole
