"""How bytes arrive does not change what is parsed, nothing is consumed that is not there, and heads survive composing.

The first byte chooses the size of the pieces; the rest is read as one side of a connection, as requests and as the
responses to GET, HEAD and CONNECT in turn.  A gap of a few bytes is then cut out of it: what resync finds behind the
gap, the parser takes.
"""

from collections.abc import Sequence
from typing import Any

from whimbrel.protocol.http1.testing import (
    compose,
    header_lines,
    parse_request,
    parse_response,
    read_stream,
    resync,
)

TOKENS = (
    b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Host: a\r\n", b"\r\n\r\n", b"\r\n", b"\n", b"\r\n ", b"5\r\nhello\r\n", b"0\r\n\r\n",
    b"HTTP/1.1 101 x\r\n\r\n", b"HTTP/1.1 304 x\r\n\r\n", b"HEAD ", b"CONNECT a:1", b" HTTP/1.0\r\n", b";ext",
    b"Content-Length: 18446744073709551615\r\n", b"ffffffffffffffff\r\n", b"http://u@h/", b"\x00", b": ",
)  # fmt: skip
METHODS = (b"GET", b"HEAD", b"CONNECT", b"GET")
HEAD_BYTES = 60_000  # of what resync looks at: beyond it a head that was found may turn out too long
PIECES_MOST = 3000  # so that a large input in small pieces does not take seconds


def one_input(data: bytes) -> tuple[str, ...]:
    size = max(data[0] % 64 + 1 if data else 1, len(data) // PIECES_MOST)
    sent = data[1:]
    kinds = []
    for methods in (None, METHODS):
        whole = read_stream([sent], methods)
        if read_stream([sent[i : i + size] for i in range(0, len(sent), size)], methods) != whole:
            raise AssertionError(f"differs in pieces of {size}")
        for head, _, outcome in whole[0]:
            check_head(head)
            kinds.append(f"{outcome} {head.get('framing')} {head.get('flags')}")
        check_resync(sent[size:HEAD_BYTES], methods)
        kinds.append(whole[2])
    return tuple(kinds[-3:])


def check_head(head: dict[str, Any]) -> None:
    block = head.get("headers", b"")
    if any(name not in block or value not in block for name, value in header_lines(block)):
        raise AssertionError("a header line that is not in its block")
    composed = compose(head)
    if composed is None or head.get("flags"):
        return
    # framing aside: a response's depends on the request, and composing knows none
    again = parse_response(composed)[1] if "status" in head else parse_request(composed)[1]
    if again is None or without_framing(again) != without_framing(head):
        raise AssertionError(f"{head} composed and parsed is {again}")


def without_framing(head: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in head.items() if name not in ("framing", "keep_alive")}


def check_resync(sent: bytes, methods: Sequence[bytes] | None) -> None:
    at = resync(sent, methods is not None)
    parse = parse_request if methods is None else parse_response
    if at > len(sent) or (at < len(sent) and parse(sent[at:])[0] == "bad"):
        raise AssertionError(f"found a start at {at} that is none")
