"""The demo's web framework in miniature: a table of rows becomes an application that counts what it answers.

    Row(method, path, template, work, handler)  ->  Starlette's routes
    request -> Call (values of a handler's interest) -> handler(service, call) -> Reply -> gzip, chunks, bytes

A handler is plain and blocking, since it asks caches and other services; it runs in the thread pool.  How long it would
take in earnest is its row's `work`, drawn anew for each call and waited for without holding a thread.  What was
answered is counted where the last byte is handed over (demo_tally.py), so that a test can hold an observer to it.

Deliberately not: how one should write a service.  The next request knows nothing of the last but what is in memory.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whimbrel.up.demo_tally import Answered, Tally

BODY_BYTES_MAX = 64 << 10  # an order is below 1 KiB
GZIP_BYTES_MIN = 500  # below that gzip saves less than its header costs in attention


class Refused(Exception):  # noqa: N818 - the client's error, not ours
    """Answered with `status` and one sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Work:
    """How long a call takes: log-normal around the median, and now and then `slow` times as long."""

    median_ms: float = 1.0
    sigma: float = 0.25
    slow_share: float = 0.0
    slow: float = 1.0

    def draw_ms(self, source: random.Random) -> float:
        spread = math.exp(source.gauss(0.0, self.sigma))
        return self.median_ms * spread * (self.slow if source.random() < self.slow_share else 1.0)


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler may want to know."""

    path: Mapping[str, Any]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.body)
        except ValueError:
            raise Refused(400, "the body is not JSON") from None
        if not isinstance(found, dict):
            raise Refused(400, "the body is not an object")
        return found

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode("utf-8", "replace")).items()}

    def number(self, name: str, default: int, most: int) -> int:
        """A parameter of the query, 1 to `most`."""
        text = self.query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise Refused(400, f"{name} must be a whole number from 1 to {most}")
        return int(text)


@dataclass(frozen=True, slots=True)
class Reply:
    """`body`: bytes as they are, an iterator of bytes in chunks, None for nothing; anything else as JSON."""

    status: int = 200
    body: object = None
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint; `template` is its path in Whimbrel's words."""

    method: str
    path: str
    template: str
    handler: Callable[[Any, Call], Reply]
    work: Work = Work()
    work_next: Work | None = None  # of version 2, where it is another
    since: int = 1  # version


class Service:
    """What every service here has; handlers get it first."""

    def __init__(self, name: str, *, version: int = 1, seed: int = 1, work_scale: float = 1.0) -> None:
        self.name = name
        self.version = version
        self.source = random.Random(seed)
        self.work_scale = work_scale
        self.tally = Tally()

    def waiting_ms(self, row: Row) -> float:
        work = row.work_next if self.version > 1 and row.work_next else row.work
        return work.draw_ms(self.source)


def application(service: Service, rows: Sequence[Row]) -> Starlette:
    routes = [Route(row.path, _endpoint(service, row), methods=[row.method]) for row in rows]
    middleware = [Middleware(_Counting, service=service), Middleware(GZipMiddleware, minimum_size=GZIP_BYTES_MIN)]
    return Starlette(routes=routes, middleware=middleware)


def _endpoint(service: Service, row: Row) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        answered: Answered = request.scope["answered"]
        answered.template = row.template
        if service.version < row.since:
            return _response(Reply(404, {"error": "there is nothing here"}), {})
        body = await _body(request)
        call = Call(request.path_params, request.query_params, request.headers, body or b"")
        reply = await run_in_threadpool(_handled, service, row, call, body is None)
        work_ms = service.waiting_ms(row)
        await asyncio.sleep(work_ms * service.work_scale / 1000)
        answered.took_ns = int(work_ms * service.work_scale * 1e6)
        answered.request, answered.response = body, reply.body
        return _response(reply, {"server-timing": f"work;dur={work_ms:.3f}", "api-version": str(service.version)})

    return answer


async def _body(request: Request) -> bytes | None:
    """None where it is larger than anything that is sent here; the rest is read, and forgotten."""
    found = bytearray()
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= BODY_BYTES_MAX:
            found += piece
    return bytes(found) if size <= BODY_BYTES_MAX else None


def _handled(service: Service, row: Row, call: Call, too_large: bool) -> Reply:
    try:
        if too_large:
            raise Refused(413, f"the body is larger than {BODY_BYTES_MAX} bytes")
        return row.handler(service, call)
    except Refused as refused:
        return Reply(refused.status, {"error": str(refused)})


def _response(reply: Reply, headers: dict[str, str]) -> Response:
    headers |= reply.headers
    if reply.body is None:
        return Response(None, reply.status, headers)
    if isinstance(reply.body, Iterator):
        return StreamingResponse(reply.body, reply.status, headers, reply.kind)
    content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    return Response(content, reply.status, headers, reply.kind)


class _Counting:
    """Outermost: what was answered, once its last byte is sent."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answered = scope["answered"] = Answered(self.service.name, scope["method"], scope["path"])

        async def sent(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                answered.status = message["status"]
            elif not message.get("more_body", False):
                self.service.tally.add(answered)

        await self.app(scope, receive, sent)
