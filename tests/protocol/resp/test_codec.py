"""The RESP codec: the case tables whole, byte by byte and with a tail, and compose after parse."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.resp.cases import MAX_BULK, MAX_REQUEST, REPLIES, REQUESTS, ReplyCase, RequestCase
from whimbrel.protocol.resp.codec import (
    RequestParser,
    ResponseParser,
    compose_request,
    compose_response,
    glob_match,
)

TAIL = b"*1\r\n$4\r\nTAIL\r\n"


def parser() -> RequestParser:
    return RequestParser(MAX_BULK, MAX_REQUEST)


def expected(case: RequestCase) -> tuple[str, Any, int]:
    if case.args is None:
        return "bad", case.error, 0
    return "ok", case.args, len(case.sent)


def grow(parse: Any, sent: bytes, steps: list[int]) -> tuple[Any, ...]:
    """Feed growing prefixes of `sent` until one is enough; what `need` promised is checked on the way."""
    needed = 0
    for n in steps:
        status, value, consumed, need = parse(sent[:n])
        if status != "more":
            assert n >= needed
            return status, value, consumed
        assert consumed == 0
        assert need == 0 or need > n
        needed = max(needed, need)
    return "more", None, 0


@pytest.mark.parametrize("case", REQUESTS, ids=str)
class TestRequests:
    def test_whole(self, case: RequestCase) -> None:
        assert parser().parse(case.sent)[:3] == expected(case)

    def test_with_a_tail(self, case: RequestCase) -> None:
        if case.args is not None:
            assert parser().parse(case.sent + TAIL)[:3] == expected(case)

    def test_byte_by_byte(self, case: RequestCase) -> None:
        steps = list(range(len(case.sent) + 1)) if len(case.sent) < 500 else list(range(0, len(case.sent), 997))
        got = grow(parser().parse, case.sent, [*steps, len(case.sent)])
        assert got == expected(case)

    def test_composed_again(self, case: RequestCase) -> None:
        if case.args is not None:
            composed = compose_request(case.args)
            assert not case.canonical or composed == case.sent
            assert parser().parse(composed)[:3] == ("ok", case.args, len(composed))


def test_need_is_exact_for_a_large_argument() -> None:
    assert parser().parse(b"*2\r\n$3\r\nSET\r\n$50000\r\nv") == ("more", None, 0, 13 + 8 + 50002)


def test_a_parser_begins_anew_after_each_request() -> None:
    parse = parser().parse
    assert parse(b"*2\r\n$3\r\nGET\r\n$1")[0] == "more"
    assert parse(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n")[1] == [b"GET", b"a"]
    assert parse(b"*1\r\n$4\r\nPING\r\n")[1] == [b"PING"]


@given(st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=12), min_size=1, max_size=4), st.data())
def test_requests_survive_any_cut(requests: list[list[bytes]], data: st.DataObject) -> None:
    stream = b"".join(compose_request(args) for args in requests)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    parse, found, kept, at = parser().parse, [], b"", 0
    for cut in [*cuts, len(stream)]:
        kept, at = kept + stream[at:cut], cut
        while kept:
            status, args, consumed, _ = parse(kept)
            if status == "more":
                break
            assert status == "ok"
            found.append(args)
            kept = kept[consumed:]
    assert (found, kept) == (requests, b"")


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    status, _, consumed, need = parser().parse(data)
    assert status in ("ok", "more", "bad")
    assert consumed <= len(data)
    assert need == 0 or need > len(data)
    assert grow(parser().parse, data, list(range(len(data) + 1)))[:2][0] == status


# Replies


@pytest.mark.parametrize("case", REPLIES, ids=str)
class TestReplies:
    def expected(self, case: ReplyCase) -> tuple[Any, ...]:
        return ("bad", None, 0) if case.reply is None else ("ok", case.reply, len(case.sent))

    def test_whole(self, case: ReplyCase) -> None:
        assert ResponseParser().parse(case.sent)[:3] == self.expected(case)

    def test_with_a_tail(self, case: ReplyCase) -> None:
        if case.reply is not None:
            assert ResponseParser().parse(case.sent + b"+TAIL\r\n")[:3] == self.expected(case)

    def test_byte_by_byte(self, case: ReplyCase) -> None:
        steps = list(range(len(case.sent) + 1)) if len(case.sent) < 500 else [1, 100, 5000]
        assert grow(ResponseParser().parse, case.sent, [*steps, len(case.sent)]) == self.expected(case)

    def test_composed_again(self, case: ReplyCase) -> None:
        if case.reply is not None and case.canonical:
            assert compose_response(case.reply) == case.sent


TEXT = st.binary(max_size=20).filter(lambda text: b"\r" not in text and b"\n" not in text)
SCALARS = st.one_of(
    st.tuples(st.sampled_from("+-,("), TEXT),
    st.tuples(st.sampled_from("$!="), st.binary(max_size=40)),
    st.tuples(st.just(":"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("#"), st.booleans()),
    st.sampled_from([("$", None), ("*", None), ("_", None)]),
)
REPLY = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("*~>"), st.lists(inner, max_size=4)),
        st.tuples(st.just("%"), st.lists(st.tuples(inner, inner), max_size=3)),
        st.tuples(st.just("|"), st.lists(st.tuples(inner, inner), max_size=2), inner),
    ),
    max_leaves=20,
)


@given(REPLY, st.integers(1, 50))
def test_a_reply_composed_and_parsed_is_the_same(reply: tuple[Any, ...], step: int) -> None:
    sent = compose_response(reply)
    assert ResponseParser().parse(sent) == ("ok", reply, len(sent), 0)
    steps = [*range(0, len(sent), step), len(sent)]
    assert grow(ResponseParser().parse, sent, steps) == ("ok", reply, len(sent))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_reply_or_refused(data: bytes) -> None:
    status, _, consumed, _ = ResponseParser().parse(data)
    assert status in ("ok", "more", "bad")
    assert consumed <= len(data)


# Globs


@pytest.mark.parametrize(
    "pattern, text, matches",
    [
        (b"*", b"", True), (b"", b"", True), (b"", b"a", False), (b"a*c", b"abbc", True), (b"a*c", b"abb", False),
        (b"h?llo", b"hello", True), (b"h?llo", b"hllo", False), (b"h[ae]llo", b"hallo", True),
        (b"h[ae]llo", b"hillo", False), (b"h[^e]llo", b"hello", False), (b"h[^e]llo", b"hallo", True),
        (b"h[a-b]llo", b"hbllo", True), (b"h[b-a]llo", b"hallo", True), (b"h[a-b]llo", b"hcllo", False),
        (b"\\*", b"*", True), (b"\\*", b"a", False), (b"a\\", b"a\\", True), (b"[\\]]", b"]", True),
        (b"[abc", b"c", True), (b"[", b"a", False), (b"[a-", b"-", True), (b"**a**", b"bab", True),
        (b"*a*b", b"xaxbxb", True), (b"*a" * 40 + b"b", b"a" * 2000, False),
    ],
)  # fmt: skip
def test_glob(pattern: bytes, text: bytes, matches: bool) -> None:
    assert glob_match(pattern, text) is matches


def test_glob_without_case() -> None:
    assert glob_match(b"GE[T-T]*", b"getex", True)
    assert not glob_match(b"GET", b"get")


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_glob_is_the_regular_expression(pattern: str, text: str) -> None:
    meaning = "".join({"*": ".*", "?": "."}.get(c, c) for c in pattern)
    assert glob_match(pattern.encode(), text.encode()) == bool(re.fullmatch(meaning, text))
