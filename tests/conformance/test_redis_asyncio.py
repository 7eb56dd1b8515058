"""redis-py's asyncio client, unmodified, on RESP2 and RESP3."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from .servers import Server

redis = pytest.importorskip("redis.asyncio")

pytestmark = pytest.mark.clients


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def run(redis_server: Server, request: pytest.FixtureRequest) -> Callable[[Callable[..., Awaitable[None]]], None]:
    def runner(body: Callable[..., Awaitable[None]]) -> None:
        async def main() -> None:
            async with redis.Redis(host=redis_server.host, port=redis_server.port, protocol=request.param) as client:
                await asyncio.wait_for(body(client), 30)

        asyncio.run(main())

    return runner


def test_commands(run: Callable[..., None]) -> None:
    async def body(client: redis.Redis) -> None:
        assert await client.set("key", "v", ex=100)
        assert await client.get("key") == b"v"
        assert 98 <= await client.ttl("key") <= 100
        assert await client.mget("key", "missing") == [b"v", None]
        assert await client.incrby("n", 5) == 5
        assert [key async for key in client.scan_iter(match="k*")] == [b"key"]

    run(body)


def test_pipeline_watch_and_lock(run: Callable[..., None]) -> None:
    async def body(client: redis.Redis) -> None:
        async with client.pipeline(transaction=True) as pipe:
            assert await pipe.set("a", 1).incr("a").get("a").execute() == [True, 2, b"2"]
            await pipe.watch("a")
            await client.set("a", 9)
            pipe.multi()
            pipe.set("a", 3)
            with pytest.raises(redis.WatchError):
                await pipe.execute()
        async with client.lock("lock", timeout=10) as lock:
            assert await lock.extend(5)
            assert await lock.reacquire()
        assert await client.exists("lock") == 0

    run(body)


def test_hundreds_of_coroutines(run: Callable[..., None]) -> None:
    async def body(client: redis.Redis) -> None:
        async def one(i: int) -> bytes:
            await client.set(f"key{i}", i)
            found: bytes = await client.get(f"key{i}")
            return found

        found = await asyncio.gather(*(one(i) for i in range(90)))  # the client's pool ends at 100 connections
        assert found == [b"%d" % i for i in range(90)]

    run(body)
