"""Connections that take their time: bounded, while requests that are being answered are left alone."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from whimbrel.hub import connections
from whimbrel.hub.connections import Connection

HEAD_S = 0.2  # here
PATIENT_S = 10.0


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers after three times HEAD_S."""
    await asyncio.sleep(3 * HEAD_S)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def scene(play: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`play` with a connection to a server."""
    monkeypatch.setattr(connections, "HEAD_S", HEAD_S)

    async def run() -> Any:
        config = uvicorn.Config(slow, http=Connection, lifespan="off", log_config=None, ws="none")
        config.load()
        state = uvicorn.server.ServerState()
        loop = asyncio.get_running_loop()
        made = lambda: Connection(config=config, server_state=state, app_state={}, _loop=loop)  # noqa: E731
        server = await loop.create_server(made, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            return await asyncio.wait_for(play(reader, writer), PATIENT_S)
        finally:
            writer.close()
            server.close()

    return asyncio.run(run())


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_who_sends_nothing_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bytes:
        return await reader.read()

    assert scene(play, monkeypatch) == b""


def test_who_sends_a_byte_now_and_then_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        for sent in range(len(REQUEST)):
            writer.write(REQUEST[sent : sent + 1])
            await asyncio.sleep(HEAD_S / 4)
            if reader.at_eof():
                return sent
        return len(REQUEST)

    assert scene(play, monkeypatch) < len(REQUEST)


def test_an_answer_may_take_longer_and_the_connection_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
        found = []
        for _ in range(2):
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            found.append(head.partition(b"\r\n")[0] + await reader.readexactly(2))
        return found

    assert scene(play, monkeypatch) == [b"HTTP/1.1 200 OKok"] * 2


def test_a_second_head_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(REQUEST)
        await reader.readuntil(b"ok")
        writer.write(REQUEST[:10])
        return await reader.read()

    assert scene(play, monkeypatch) == b""
