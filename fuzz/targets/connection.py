"""However its bytes are cut and its replies are read, a connection answers the same, and at its end holds nothing.

An input is a header and a stream.  The header's bytes choose where the stream is cut and when replies are read;
the stream is memcache or RESP, or neither.  The same stream is also sent whole to a fresh store; the answers
must be equal, except where they tell of time or of the process (stats, INFO and the like).
"""

import re
import socket
from collections.abc import Hashable

from whimbrel.server.drive import Drive
from whimbrel.store.store import StoreHandle

TOKENS = (
    b"get a\r\n", b"set a 0 0 3\r\nabc\r\n", b"set a 0 0 30000\r\n" + b"v" * 30000 + b"\r\n", b"mg a v t f\r\n",
    b"mn\r\n", b"quit\r\n", b"set a 0 0 70000\r\n", b"\x80", b"GET / HTTP/1.1\r\n\r\n", b"*1\r\n$4\r\nPING\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", b"MULTI\r\n", b"EXEC\r\n",
    b"gat 10 a b\r\n", b"incr a 1\r\n", b"HELLO 3\r\n", b"*2\r\n$3\r\nGET\r\n$100000\r\n",
)  # fmt: skip
HEADER = 8
HEAP_BYTES = 8 << 20
SIDE_BYTES = 256 << 10  # small, so that memory runs short
TURNS = 4
PIECES_MAX = 300
# What may differ between two runs of one stream: time, identity, chance, memory.
UNEQUAL = re.compile(
    rb"stats|info|client|hello|time|randomkey|object|memory|lru|cas|gets|gats|\bm[gsad] |\bme |scan|keys|command|"
    rb"config|ttl|expire|debug|monitor|reset|latency|slowlog",
    re.IGNORECASE,
)


def drain(peer: socket.socket, limit: int) -> tuple[bytes, bool]:
    """Up to about `limit` bytes that are there, and whether the server closed."""
    got = bytearray()
    while len(got) < limit:
        try:
            data = peer.recv(65536)
        except BlockingIOError:
            return bytes(got), False
        except ConnectionError:
            return bytes(got), True
        if not data:
            return bytes(got), True
        got += data
    return bytes(got), False


def run(header: bytes, stream: bytes) -> bytes:
    """The answer to `stream`, cut and read as the header says."""
    store = StoreHandle.create(HEAP_BYTES, max_item_bytes=1 << 20)
    drive = Drive(store, side_bytes=SIDE_BYTES)
    peer = drive.connect()
    answer, at, step, closed = bytearray(), 0, 0, False
    while at < len(stream) and not closed:
        size = max((header[step % HEADER] or 65536) * (97 if header[0] & 1 else 1), len(stream) // PIECES_MAX)
        try:
            at += peer.send(stream[at : at + size])
        except BlockingIOError:
            pass
        except ConnectionError:
            closed = True
        drive.turn()
        step += 1
        if not header[1] or step % header[1] == 0 or step > len(stream):
            got, closed = drain(peer, 1 << 16)
            answer += got
    if not closed:
        try:
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            closed = True
    idle = 0
    while idle < TURNS:
        drive.turn(2)
        got, ended = drain(peer, 1 << 20)
        answer += got
        idle = idle + 1 if ended or not got else 0
    peer.close()
    drive.turn(TURNS)
    left = drive.close()
    assert left == (0, 0), f"{left} bytes are held by nobody"
    store.close()
    return bytes(answer)


def one_input(data: bytes) -> Hashable:
    header, stream = data[:HEADER].ljust(HEADER, b"\1"), data[HEADER:]
    cut = run(header, stream)
    whole = run(bytes(HEADER), stream)
    if not UNEQUAL.search(stream):
        assert cut == whole, f"cut: {cut[:200]!r} ({len(cut)}), whole: {whole[:200]!r} ({len(whole)})"
    return cut[:8], len(cut).bit_length(), whole.count(b"\r\n").bit_length()
