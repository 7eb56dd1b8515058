"""However a conversation is cut, its certain calls are the same; with gaps in it nothing crashes, and nothing stays.

The first byte chooses the sizes of the pieces, the second how the flow ends and where bytes are lost; lines that
begin with a byte below 128 are said by the client, the others by the server.
"""

from typing import Any

from whimbrel.agent.testing_talk import Script

TOKENS = (
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HEAD / HTTP/1.1\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n", b"Content-Length: 9\r\n", b"*1\r\n$5\r\nMULTI\r\n", b"*1\r\n$4\r\nEXEC\r\n",
    b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", b"$1\r\nx\r\n",
    b"+OK\r\n", b"+QUEUED\r\n", b"*2\r\n$1\r\na\r\n$-1\r\n", b":1\r\n", b"%1\r\n+a\r\n_\r\n", b"|1\r\n+a\r\n:1\r\n",
    b"*3\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nb\r\n", b">2\r\n+message\r\n+a\r\n", b"get a b\r\n",
    b"VALUE a 0 1\r\nx\r\n", b"END\r\n", b"set a 0 0 2\r\nhi\r\n", b"STORED\r\n", b"mg a v q\r\n", b"VA 1 ka\r\nx\r\n",
    b"mn\r\n", b"MN\r\n", b"mg a v k Oz q\r\n", b"\xff\x00\x05", b"\x00\x00\x05",
)  # fmt: skip
ENDS = ("fin", "rst", "idle", "stopped")
SHOWN = ("method", "host", "target", "key", "status", "outcome", "flags", "keys", "request_bytes", "response_bytes")
IN_DOUBT = 4096 | 64  # unpaired, malformed
FLAGS = SHOWN.index("flags")

Said = list[tuple[int, bytes]]


def conversation(data: bytes) -> Said:
    """Turns: side (the top bit of a byte), a length (15 bits), the bytes."""
    said: Said = []
    at = 0
    while at + 3 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 3], "big") % 4096
        said.append((data[at] >> 7, data[at + 3 : at + 3 + size]))
        at += 3 + size
    return said


def heard(said: Said, size: int, end: str, lost: int = 0) -> tuple[list[tuple[Any, ...]], tuple[int, ...]]:
    """The calls, and which protocol was found; with `lost`, every lost-th piece is a gap."""
    script = Script(memory=1 << 20)
    pieces = 0
    for side, text in said:
        for at in range(0, len(text), size):
            pieces += 1
            if lost and pieces % lost == 0:
                script.gap(side, len(text[at : at + size]), pieces)
            else:
                script.data(side, text[at : at + size], pieces)
    script.half(0, pieces)
    script.half(1, pieces)
    script.over(end, pieces)
    if script.used_bytes:
        raise AssertionError(f"{script.used_bytes} bytes stayed")
    spoken = tuple(script.counts[name] for name in ("flows_http", "flows_memcache", "flows_redis"))
    return [tuple(call[name] for name in SHOWN) for call in script.calls], spoken


def certain(calls: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The calls before the pairing came into doubt: from there on a start is looked for, piece by piece."""
    doubt = [i for found in (calls, others) for i, call in enumerate(found) if call[FLAGS] & IN_DOUBT]
    return calls[: min(doubt)] if doubt else calls


def one_input(data: bytes) -> tuple[str, ...]:
    first, second = (data[0], data[1]) if len(data) > 1 else (0, 0)
    said, end = conversation(data[2:]), ENDS[second % 4]
    whole, spoken = heard(said, 1 << 20, end)
    size = first % 31 + 1
    cut, spoken_too = heard(said, size, end)
    # garbage may be called opaque before the other side's first bytes would have explained it
    if spoken == spoken_too and certain(cut, whole) != certain(whole, cut):
        raise AssertionError(f"other calls in pieces of {size}")
    heard(said, size, end, lost=second // 4 + 2)
    outcomes = {f"{call[4]}/{call[5]}/{call[FLAGS]}" for call in whole}
    return str(min(len(whole), 8)), *sorted(outcomes)[:4]
