"""aiomcache, unmodified: memcache from asyncio, many coroutines over a small pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from .servers import Server

aiomcache = pytest.importorskip("aiomcache")

pytestmark = pytest.mark.clients


def run(server: Server, body: Callable[[aiomcache.Client], Awaitable[None]]) -> None:
    async def main() -> None:
        client = aiomcache.Client(server.host, server.port, pool_size=4)
        try:
            await asyncio.wait_for(body(client), 30)
        finally:
            await client.close()

    asyncio.run(main())


def test_commands(memcache: Server) -> None:
    async def body(client: aiomcache.Client) -> None:
        assert await client.get(b"key") is None
        assert await client.set(b"key", b"value", exptime=100)
        assert await client.get(b"key") == b"value"
        assert not await client.add(b"key", b"other")
        assert await client.replace(b"key", b"other")
        assert await client.append(b"key", b"!")
        assert await client.prepend(b"key", b"?")
        value, token = await client.gets(b"key")
        assert value == b"?other!"
        assert await client.cas(b"key", b"swapped", token)
        assert not await client.cas(b"key", b"again", token)
        assert await client.touch(b"key", 100)
        assert await client.set(b"n", b"7")
        assert await client.incr(b"n", 3) == 10
        assert await client.decr(b"n", 4) == 6
        swapped, missing, n = await client.multi_get(b"key", b"missing", b"n")
        assert (swapped, missing, int(n)) == (b"swapped", None, 6)  # memcached pads a number that lost a digit
        assert await client.delete(b"key")
        assert not await client.delete(b"key")
        assert await client.version()
        assert b"cmd_get" in await client.stats()
        await client.flush_all()
        assert await client.get(b"n") is None

    run(memcache, body)


def test_hundreds_of_coroutines(memcache: Server) -> None:
    async def body(client: aiomcache.Client) -> None:
        async def one(i: int) -> bytes | None:
            await client.set(b"key%d" % i, b"%d" % i * 50)
            found: bytes | None = await client.get(b"key%d" % i)
            return found

        found = await asyncio.gather(*(one(i) for i in range(300)))
        assert found == [b"%d" % i * 50 for i in range(300)]

    run(memcache, body)


def test_incr_of_text_raises(memcache: Server) -> None:
    async def body(client: aiomcache.Client) -> None:
        await client.set(b"key", b"text")
        with pytest.raises(aiomcache.ClientException):
            await client.incr(b"key")

    run(memcache, body)
