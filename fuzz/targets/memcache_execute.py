"""What a connection is answered does not depend on how its bytes arrive, nor on how much room there is for replies.

The first byte of the input chooses the size of the pieces; the rest is the connection.  Two stores live through
the same history, one fed whole with much room, one in pieces with little; the clock stands still between them as far
as seconds go, and CAS tokens are not compared, for they are each store's own.
"""

import re

from whimbrel.protocol.memcache import commands
from whimbrel.server.shim import Shim
from whimbrel.store.store import StoreHandle

HEAP_BYTES = 4 << 20
MAX_ITEM = 600
SMALL_ROOM = 2048  # bytes: enough for any one reply to items of MAX_ITEM
TOKENS = (
    *(command.name.encode() + b" a" for command in commands.COMMANDS),
    b" noreply\r\n",
    b"\r\n",
    b" 0 0 5\r\n12345\r\n",
    b"set a 0 0 1\r\n5\r\n",
    b"ms a 2 I C1 T5\r\n12\r\n",
    b"mg a v k c t f s h N5 R9\r\n",
    b"md a I\r\n",
    b"ma a N0 J5 v\r\n",
    b"get " + b"a b " * 600 + b"\r\n",
)

# Numbers that are a store's or a clock's own: CAS tokens, seconds left or gone, stats.
OWN = re.compile(
    rb"(VALUE [^ \r\n]+ \d+ \d+) \d+|( [ct])-?\d+|(exp=)-?\d+|(la=|cas=|size=)\d+|( l)\d+"
    rb"|(STAT \S+) [^\r]*|(VERSION) [^\r]*"
)

_large = Shim(StoreHandle.create(HEAP_BYTES), max_item=MAX_ITEM)
_small = Shim(StoreHandle.create(HEAP_BYTES), max_item=MAX_ITEM, out_bytes=SMALL_ROOM)


def one_input(data: bytes) -> tuple[str, ...]:
    size = data[0] % 64 + 1 if data else 1
    sent = data[1:]
    if b"stats" in sent or re.search(rb"[CE]\d", sent) or b"cas" in sent:
        size = 0  # tokens and long stats differ between the stores: only that it survives
    wires = _large.connect("memcache"), _small.connect("memcache")
    for shim in (_large, _small):
        shim.connect("memcache").feed(b"flush_all\r\n")
    answers = wires[0].feed(sent)
    if size:
        pieces = b"".join([wires[1].feed(sent[i : i + size]) for i in range(0, len(sent), size)])
        if OWN.sub(rb"\1\2\3\4\5\6\7", answers) != OWN.sub(rb"\1\2\3\4\5\6\7", pieces):
            raise AssertionError(f"whole {answers!r}, in pieces of {size} {pieces!r}")
        if (wires[0].kept, wires[0].closed) != (wires[1].kept, wires[1].closed):
            raise AssertionError(f"left over {wires[0].kept!r} and {wires[1].kept!r}")
    words = [line.split(b" ")[0] for line in answers.split(b"\r\n")[-4:]]
    return tuple(word.decode() for word in words if word in commands.REPLIES or word.endswith(b"ERROR"))
