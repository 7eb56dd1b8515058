"""An application asked in this process: an httpx client of it, without a server and without sockets."""

from __future__ import annotations

import asyncio

import httpx
from starlette.applications import Starlette


class InProcess(httpx.BaseTransport):
    def __init__(self, app: Starlette) -> None:
        self.inner = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self.answer(request))

    async def answer(self, request: httpx.Request) -> httpx.Response:
        found = await self.inner.handle_async_request(request)
        body = b"".join([part async for part in found.aiter_raw()])
        return httpx.Response(found.status_code, headers=found.headers, content=body)


def client_of(app: Starlette) -> httpx.Client:
    return httpx.Client(transport=InProcess(app), base_url="http://test")
