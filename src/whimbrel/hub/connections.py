"""uvicorn's connections, with a bound on time that it does not have.

Idea: whoever connects has HEAD_S to send the whole head of a request, the first as well as the next ones.  Otherwise a
few hundred connections that send a byte now and then would be all the hub has.  Bodies have a bound of their own
(hub.bodies); what is sent has the kernel's: unacknowledged for SENT_S, the connection is gone.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
SENT_S = 30.0


class Connection(H11Protocol):
    """Between requests, uvicorn's own keep-alive timer runs; from the first byte of one, ours does."""

    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        opened: Any = transport.get_extra_info("socket")
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SENT_S * 1000))
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """A head is awaited unless a request is being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget()
        elif self.head_timer is None:
            self.head_timer = self.loop.call_later(HEAD_S, self._late)

    def _forget(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _late(self) -> None:
        self.head_timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
