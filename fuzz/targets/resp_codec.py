"""A request or reply means the same however its bytes arrive, is never longer than they are, and survives composing.

The first byte chooses the size of the pieces; the rest is parsed as a stream of requests and as a stream of
replies, whole and in growing pieces.  What `need` says must be true: no prefix shorter than it is enough.
"""

from collections.abc import Callable
from typing import Any

from whimbrel.protocol.resp.codec import (
    RequestParser,
    ResponseParser,
    compose_request,
    compose_response,
    glob_match,
)

MAX_BULK = 5000
MAX_REQUEST = 20_000
TOKENS = (
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n", b"*1\r\n$4\r\nPING\r\n", b"*-1\r\n", b"*0\r\n", b"$-1\r\n",
    b"\r\n", b'set "a b" \'c\'\r\n', b'"\\x41\\n"', b"%1\r\n+a\r\n:1\r\n",
    b"|1\r\n+a\r\n:1\r\n", b"=5\r\ntxt:a\r\n", b"~2\r\n",
    b">2\r\n", b"_\r\n", b"#t\r\n", b",1.5\r\n", b"(12345678901234567890\r\n", b"!5\r\nERR x\r\n", b"$5000\r\n",
    b"$5001\r\n", b"*1048577\r\n", b"[a-z]", b"**",
)  # fmt: skip

Parse = Callable[[bytes], tuple[str, Any, int, int]]


def stream(parse: Parse, data: bytes, size: int) -> tuple[list[Any], bytes, str]:
    """Every message of `data` as it grows by `size`, what is left, and how it ended."""
    messages: list[Any] = []
    kept, at, needed = b"", 0, 0
    while True:
        status, value, consumed, need = parse(kept) if kept else ("more", None, 0, 0)
        if status != "more" and len(kept) < needed:
            raise AssertionError(f"needed {needed} bytes, did with {len(kept)}")
        if consumed > len(kept) or (need and need <= len(kept)):
            raise AssertionError(f"consumed {consumed} and needs {need} of {len(kept)}")
        if status == "bad":
            return messages, b"", "bad"
        if status == "ok":
            messages.append(value)
            kept, needed = kept[consumed:], 0
            continue
        needed = max(needed, need)
        if at >= len(data):
            return messages, kept, "more"
        kept += data[at : at + size]
        at += size


def one_input(data: bytes) -> tuple[str, ...]:
    size = data[0] % 64 + 1 if data else 1
    data = data[1:]
    requests = stream(RequestParser(MAX_BULK, MAX_REQUEST).parse, data, len(data) + 1)
    if stream(RequestParser(MAX_BULK, MAX_REQUEST).parse, data, size) != requests:
        raise AssertionError(f"requests differ in pieces of {size}")
    for args in requests[0]:
        if args and RequestParser().parse(compose_request(args))[1] != args:
            raise AssertionError(f"{args} changed")
        if len(args) > 1 and len(args[0]) < 40:
            glob_match(args[0], args[1])
    replies = stream(ResponseParser().parse, data, len(data) + 1)
    if stream(ResponseParser().parse, data, size) != replies:
        raise AssertionError(f"replies differ in pieces of {size}")
    for reply in replies[0]:
        if ResponseParser().parse(compose_response(reply))[1] != reply:
            raise AssertionError(f"{reply} changed")
    kinds = sorted({reply[0] for reply in replies[0]})
    return (requests[2], replies[2], str(min(len(requests[0]), 3)), *kinds)
