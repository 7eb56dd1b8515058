"""A body's walk: pieces, what is lost, what a close means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.protocol.http1.testing import Body


def walk(body: Body, sent: bytes) -> tuple[list[bytes], str, bytes]:
    """(pieces, status at the end, what was not consumed)."""
    found: list[bytes] = []
    while True:
        status, piece, consumed = body.next(sent)
        sent = sent[consumed:]
        if status != "piece":
            return found, status, sent
        found.append(piece)


def test_a_piece_is_as_long_as_the_bytes_allow() -> None:
    assert walk(Body("length", 70000), b"x" * 60000) == ([b"x" * 60000], "more", b"")
    assert walk(Body("until close"), b"x" * 60000) == ([b"x" * 60000], "more", b"")
    sent = b"1000\r\n" + b"x" * 4096 + b"\r\n2;e\r\nyz\r\n0\r\n\r\nrest"
    assert walk(Body("chunked"), sent) == ([b"x" * 4096, b"yz"], "done", b"rest")


@pytest.mark.parametrize("framing", ["empty", "tunnel"])
def test_without_a_body_nothing_is_taken(framing: str) -> None:
    body = Body(framing)
    assert body.next(b"x") == ("done", b"", 0)
    assert body.close()
    assert not body.skip(1)


def test_the_end_is_said_by_a_call_of_its_own() -> None:
    body = Body("length", 2)
    assert body.next(b"hix") == ("piece", b"hi", 2)
    assert body.next(b"") == ("done", b"", 0)
    assert body.next(b"x") == ("done", b"", 0)


def test_length_counts_the_body_without_its_chunks() -> None:
    body = Body("chunked")
    walk(body, b"5;name=value\r\nhello\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n")
    assert body.length == 8


@pytest.mark.parametrize(
    "sent",
    [b"1\nx\r\n0\r\n\r\n", b"1;a\nx\r\n0\r\n\r\n", b"1\r\nx\n0\r\n\r\n", b"0\r\na: b\n\r\n", b"0\r\n\n"],
)
@pytest.mark.parametrize("size", [1, 100])
def test_a_lone_line_feed_is_remembered(sent: bytes, size: int) -> None:
    body = Body("chunked")
    for i in range(0, len(sent), size):
        _, status, _ = walk(body, sent[i : i + size])
    assert (status, body.bare_lf) == ("done", True)


@pytest.mark.parametrize("size", [1, 100])
def test_proper_line_ends_are_not_odd(size: int) -> None:
    body, sent = Body("chunked"), b"1;a\r\nx\r\n0;b\r\nc: d\r\ne: f\r\n\r\n"
    for i in range(0, len(sent), size):
        walk(body, sent[i : i + size])
    assert not body.bare_lf


class TestSkip:
    def test_within_a_length(self) -> None:
        body = Body("length", 10)
        walk(body, b"abc")
        assert body.skip(6)
        assert (body.length, body.close()) == (9, False)
        assert walk(body, b"jk") == ([b"j"], "done", b"k")
        assert body.length == 10

    def test_to_the_end_of_a_length(self) -> None:
        body = Body("length", 10)
        assert body.skip(10)
        assert body.close()
        assert body.next(b"x") == ("done", b"", 0)

    def test_beyond_a_length(self) -> None:
        body = Body("length", 10)
        assert not body.skip(11)
        assert body.length == 0

    def test_within_a_chunk(self) -> None:
        body = Body("chunked")
        walk(body, b"a\r\n123")
        assert body.skip(6)
        assert walk(body, b"0\r\n0\r\n\r\n") == ([b"0"], "done", b"")
        assert body.length == 10

    def test_to_the_end_of_a_chunk(self) -> None:
        body = Body("chunked")
        walk(body, b"a\r\n")
        assert body.skip(10)
        assert walk(body, b"\r\n0\r\n\r\n") == ([], "done", b"")

    @pytest.mark.parametrize("sent", [b"", b"a", b"a\r\n1234567890", b"a;", b"0\r\n", b"a\r\n12"])
    def test_what_is_not_all_data_cannot_be_skipped(self, sent: bytes) -> None:
        body = Body("chunked")
        walk(body, sent)
        assert not body.skip(9)

    def test_until_close_anything(self) -> None:
        body = Body("until close")
        assert body.skip(1 << 40)
        assert (body.length, body.close()) == (1 << 40, True)

    @pytest.mark.parametrize("framing", ["empty", "length", "chunked", "until close", "tunnel"])
    def test_nothing_lost_is_nothing(self, framing: str) -> None:
        assert Body(framing, 5).skip(0)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.data())
def test_a_gap_within_a_chunk_loses_only_what_was_in_it(chunks: list[bytes], data: st.DataObject) -> None:
    """Skipping bytes that were all data leaves the rest as it was, and the length whole."""
    sent, data_at = b"", []
    for chunk in chunks:
        sent += b"%x\r\n" % len(chunk)
        data_at.append((len(sent), len(sent) + len(chunk)))
        sent += chunk + b"\r\n"
    sent += b"0\r\n\r\n"
    begin = data.draw(st.integers(0, len(sent)))
    end = data.draw(st.integers(begin, len(sent)))
    body = Body("chunked")
    walk(body, sent[:begin])
    inside = any(first <= begin and end <= last for first, last in data_at) or begin == end
    assert body.skip(end - begin) == inside
    if inside:
        assert walk(body, sent[end:])[1:] == ("done", b"")
        assert body.length == sum(map(len, chunks))
