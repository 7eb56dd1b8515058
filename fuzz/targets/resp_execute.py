"""What a RESP connection is answered does not depend on how its bytes arrive, nor on the room there is for replies.

The first byte of the input chooses the size of the pieces; the rest is the connection.  Two stores live through the
same history, one fed whole with much room, one in pieces with little, and at its end a connection holds no memory.
What is a store's or a clock's own (scan order, times, memory, identity) is not compared.
"""

import re

from whimbrel.protocol.resp import commands
from whimbrel.server.shim import Shim
from whimbrel.store.store import StoreHandle

HEAP_BYTES = 4 << 20
MAX_ITEM = 600
SMALL_ROOM = 34 * 1024  # bytes: a SCAN's reply wants 32 KiB
TOKENS = (
    *(command.name.encode() + b" a " for command in commands.COMMANDS),
    *(command.full_name.replace("|", " ").encode() + b" a " for command in commands.SUBCOMMANDS),
    b"\r\n", b"MULTI\r\n", b"EXEC\r\n", b"WATCH a b\r\n", b"set a 5\r\n", b" EX 100", b" PX 5", b" NX", b" XX", b" GET",
    b" KEEPTTL",
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhello\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
    b"mget " + b"a b " * 300 + b"\r\n",
    b"evalsha c3f8721cbb97f72bc19e972846bd7aaf91901658 1 a 5\r\n", b"client reply off\r\n", b"client reply on\r\n",
    b"hello 3\r\n",
)  # fmt: skip

# Commands whose answers are a store's or a clock's own.
OWN = re.compile(
    rb"info|client(?! reply)|hello|time|random|object|memory|scan|keys|command|config|ttl|expire|px|psetex|script|eval",
    re.IGNORECASE,
)
# A missing key that is watched may abort for the sake of a neighbour in its group of the table; whose neighbour it
# is, each store's seed decides.
WATCH = re.compile(rb"watch", re.IGNORECASE)
ABORTED = b"*-1\r\n"

_large = Shim(StoreHandle.create(HEAP_BYTES), max_item=MAX_ITEM)
_small = Shim(StoreHandle.create(HEAP_BYTES), max_item=MAX_ITEM, out_bytes=SMALL_ROOM)


def one_input(data: bytes) -> tuple[str, ...]:
    size = data[0] % 64 + 1 if data else 1
    sent = data[1:]
    for shim in (_large, _small):
        shim.connect("resp").feed(b"FLUSHALL\r\n")
    wires = _large.connect("resp"), _small.connect("resp")
    answers = wires[0].feed(sent)
    pieces = b"".join([wires[1].feed(sent[i : i + size]) for i in range(0, len(sent), size)])
    aborted = WATCH.search(sent) and (ABORTED in answers or ABORTED in pieces)
    if not OWN.search(sent) and not aborted:
        if answers != pieces:
            raise AssertionError(f"whole {answers!r}, in pieces of {size} {pieces!r}")
        if (wires[0].kept, wires[0].closed) != (wires[1].kept, wires[1].closed):
            raise AssertionError(f"left over {wires[0].kept!r} and {wires[1].kept!r}")
    for wire in wires:
        wire.close()
        if wire.shim.held_bytes:
            raise AssertionError(f"{wire.shim.held_bytes} bytes are still held")
    words = [line.split(b" ")[0] for line in answers.split(b"\r\n")[-4:]]
    return tuple(word[:1].decode("latin-1") if word[:1] != b"-" else word.decode("latin-1") for word in words)
