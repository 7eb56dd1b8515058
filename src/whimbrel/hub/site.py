"""The hub as one ASGI application: agents' batches, the API, the pages, and what watches the hub itself.

    POST /v1/batches     hub.intake
    /api/..., /openapi.json    hub.api, hub.api_admin, hub.document_api
    /login, /logout      hub.login
    /metrics, /healthz   hub.plain
    everything else      hub.pages

Whatever is refused on the way ends here: JSON for programs, a page or the form to sign in for people.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from whimbrel.hub import api, api_admin, document_api, intake, login, pages, plain
from whimbrel.hub.headers import Headers
from whimbrel.hub.json_response import json_response
from whimbrel.hub.refusal import Refusal
from whimbrel.hub.service import Service
from whimbrel.hub.views import rendering

ROWS = api.ROUTES + api_admin.ROUTES
Handler = Callable[[Service, Request], Awaitable[Response]]


def build(service: Service) -> ASGIApp:
    app = Starlette(
        routes=[
            route(service, intake.PATH, intake.take_batch, "POST"),
            *api.routes(service, ROWS),
            route(service, "/openapi.json", own_document),
            route(service, "/login", login.log_in, "POST"),
            route(service, "/logout", login.log_out, "POST"),
            route(service, "/metrics", plain.metrics),
            route(service, "/healthz", plain.health),
            *pages.routes(service),
        ],
        exception_handlers={Refusal: refused, HTTPException: unrouted, Exception: defect},
    )
    return Headers(app, service.traffic)


def route(service: Service, path: str, handler: Handler, method: str = "GET") -> Route:
    async def handle(request: Request) -> Response:
        return await handler(service, request)

    return Route(path, handle, methods=[method], name=f"{method} {path}")


@functools.cache
def described() -> dict[str, Any]:
    return document_api.document(ROWS)


async def own_document(_service: Service, _request: Request) -> Response:
    """Says nothing that the source does not: no token is needed."""
    return json_response(described())


# ---- what went wrong


async def refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return problem(request, refusal.status, refusal.message, refusal.headers)


async def unrouted(request: Request, error: Exception) -> Response:
    """No such path, or not with this method."""
    assert isinstance(error, HTTPException)
    messages = {404: f"there is nothing at {request.url.path}", 405: f"{request.method} is not for {request.url.path}"}
    return problem(request, error.status_code, messages.get(error.status_code, error.detail), dict(error.headers or {}))


async def defect(request: Request, _error: Exception) -> Response:
    """Ours; the traceback is on standard error."""
    return problem(request, 500, "a defect of the hub; its log has more", {})


def problem(request: Request, status: int, message: str, headers: dict[str, str]) -> Response:
    if rendering.is_for_people(request):
        return rendering.problem(request, status, message, headers)
    return json_response(document_api.Problem(error=message[:1000]), status, headers)
