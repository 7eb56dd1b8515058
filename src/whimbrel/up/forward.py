"""Connections of this machine into the demo's own network (network.py): the same address on both sides.

    python -m whimbrel.up.forward PID HOST:PORT…

Idea: a socket belongs to the network in which it was made.  This process listens outside, moves inside, and connects
from there; what it does not read it does not take, so a slow reader on one side is waited for on the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from functools import partial

from whimbrel.base.errors import WhimbrelError
from whimbrel.net.listener import Address, Listener, open_listeners
from whimbrel.up.network import enter

READ_BYTES = 1 << 16
CONNECTIONS_MOST = 500  # two descriptors each, of the 1,024 that a process usually has


class Forwarder:
    def __init__(self) -> None:
        self.connections = 0

    async def serve(self, listeners: Sequence[Listener]) -> None:
        """Until SIGTERM or SIGINT."""
        over = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        for listener in listeners:
            await asyncio.start_server(partial(self.forward, listener.address), sock=listener.socket)
        print("forwarding " + ", ".join(str(listener.address) for listener in listeners), flush=True)
        await over.wait()

    async def forward(self, where: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: both ways until both sides have said all, or one is gone."""
        with contextlib.closing(writer):
            if self.connections >= CONNECTIONS_MOST:
                return
            self.connections += 1
            try:
                there, back = await asyncio.open_connection(where.host, where.port)
                with contextlib.closing(back):
                    await asyncio.gather(carry(reader, back), carry(there, writer))
            except OSError:  # refused, reset: the other side sees its connection close
                return
            finally:
                self.connections -= 1


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One way, to its end."""
    while data := await reader.read(READ_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def main(argv: Sequence[str]) -> int:
    pid, *addresses = argv
    try:
        listeners = [listener for address in addresses for listener in open_listeners(address, "forward")]
        enter(int(pid))
    except (WhimbrelError, OSError) as error:
        print(f"whimbrel: {error}", file=sys.stderr)
        return 1
    asyncio.run(Forwarder().serve(listeners))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
