"""Walking a block of header lines, also one that no parser made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.protocol.http1.testing import header_lines, parse_request

BLOCKS = {
    b"": [],
    b"a: b": [(b"a", b"b")],
    b"a: b\r\nc:d": [(b"a", b"b"), (b"c", b"d")],
    b"a: b\n": [(b"a", b"b")],
    b"a:\r\n\tb": [(b"a", b"b")],
    b" a: b\r\nc: d\r\n": [(b"c", b"d")],
    b"\r\n\r\na: b\r\n": [(b"a", b"b")],
    b"no\r\n\x00\r\na: b\r\n": [(b"a", b"b")],
    b"a:b:c\r\n": [(b"a", b"b:c")],
    b"caf\xc3\xa9: x\r\n": [(b"caf\xc3\xa9", b"x")],
}


@pytest.mark.parametrize("block", BLOCKS, ids=repr)
def test_lines_of(block: bytes) -> None:
    assert header_lines(block) == BLOCKS[block]


@given(
    st.lists(st.sampled_from([b"a", b":", b" ", b"\t", b"\r\n", b"\n", b"\r", b"\x00", b"Host", b"x y"]), max_size=20)
)
def test_any_block_is_walked_to_its_end(parts: list[bytes]) -> None:
    block = b"".join(parts)
    for name, value in header_lines(block):
        assert name in block
        assert value in block
        assert name
        assert b"\n" not in name


@given(st.lists(st.sampled_from([b"a:", b"b", b" ", b"\r\n", b"\n", b"\x00", b"Host: x", b": ", b"\t"]), max_size=20))
def test_the_parser_and_the_walk_see_the_same_host(parts: list[bytes]) -> None:
    status, head, _ = parse_request(b"GET / HTTP/1.1\r\n" + b"".join(parts) + b"\r\n\r\n")
    if status == "done" and head is not None:
        hosts = [value for name, value in header_lines(head.get("headers", b"")) if name.lower() == b"host"]
        assert head.get("host", b"") == (hosts[0] if hosts else b"")
