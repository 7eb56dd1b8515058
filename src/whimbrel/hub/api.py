"""The API under /api: a table of routes.

A row says who may ask, what can be given, what is answered and which function answers it.  Routing, checking and the
API's own document (/openapi.json) come from the rows, so none of them can forget what another knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from whimbrel.hub.access import SAFE_METHODS
from whimbrel.hub.answers import shapes
from whimbrel.hub.answers.agents import agents
from whimbrel.hub.answers.caches import caches
from whimbrel.hub.answers.changes import changes, default_periods
from whimbrel.hub.answers.documents import DOCUMENT_BYTES_MOST, comparison, document, parse_document
from whimbrel.hub.answers.endpoint import endpoint
from whimbrel.hub.answers.endpoints import LIMIT_MOST, SORTS, Wanted, endpoints
from whimbrel.hub.answers.measures import CACHES, HTTP
from whimbrel.hub.answers.overview import overview
from whimbrel.hub.answers.services import services
from whimbrel.hub.archive import Archive
from whimbrel.hub.bodies import read_body
from whimbrel.hub.json_response import json_response
from whimbrel.hub.parameters import (
    FLAG,
    ID,
    PERIOD,
    TWO_PERIODS,
    Given,
    Parameter,
    choice,
    read_values,
    text,
    whole,
)
from whimbrel.hub.service import Service
from whimbrel.hub.tokens import Right

PREFIX = "/api"
OFFSET_MOST = 1_000_000
PROTOCOLS = (HTTP, *CACHES)

Answers = Callable[[Service, Given], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries."""

    types: tuple[str, ...]
    most: int
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One row: `path` is under PREFIX, `answer` the type of what comes back (None: nothing does)."""

    method: str
    path: str
    right: Right
    sentence: str
    answer: Any
    call: Answers
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    status: int = 200

    @property
    def name(self) -> str:
        """What metrics call it."""
        return f"{self.method} {PREFIX}{self.path}"


# ---- what they call


def asking(name: str, function: Callable[[Archive, Any], Any]) -> Answers:
    """A question about a period and nothing else."""

    async def call(service: Service, given: Given) -> Any:
        asked = given.asked(service)
        return await service.ask(name, lambda archive: function(archive, asked))

    return call


async def ask_endpoints(service: Service, given: Given) -> Any:
    asked = given.asked(service)
    wanted = Wanted(**{row.name: given[row.name] for row in WANTED})
    return await service.ask("endpoints", lambda archive: endpoints(archive, asked, wanted))


async def ask_endpoint(service: Service, given: Given) -> Any:
    asked = given.asked(service)
    return await service.ask("endpoint", lambda archive: endpoint(archive, asked, given["id"]))


async def ask_changes(service: Service, given: Given) -> Any:
    asked, periods = given.asked(service), given.two_periods(service)

    def answer(archive: Archive) -> shapes.Changes:
        before, after = periods or default_periods(archive, asked)
        return changes(archive, before, after, given["service"])

    return await service.ask("changes", answer)


async def ask_document(service: Service, given: Given) -> Any:
    asked = given.asked(service)
    return await service.ask("document", lambda archive: document(archive, asked, given["service"]))


async def ask_comparison(service: Service, given: Given) -> Any:
    asked = given.asked(service)

    def answer(archive: Archive) -> shapes.Comparison:
        return comparison(archive, asked, given["service"], parse_document(given.body))

    return await service.ask("comparison", answer)


# ---- the rows

WANTED = (
    Parameter("text", text(), "Only endpoints with this in their words.", ""),
    Parameter("service", text(), "Only this service's.", ""),
    Parameter("protocol", choice(PROTOCOLS), "Only of this protocol.", ""),
    Parameter("method", text(64), "Only with this method or command.", ""),
    Parameter("unused", FLAG, "Those that were called before the period and not in it.", False),
    Parameter("sort", choice(SORTS), "By what.", "calls"),
    Parameter("descending", FLAG, "The largest first.", True),
    Parameter("limit", whole(1, LIMIT_MOST), "So many lines.", 100),
    Parameter("offset", whole(0, OFFSET_MOST), "After so many.", 0),
)
SERVICE = Parameter("service", text(), "Only this service's.", "")
ONE_SERVICE = Parameter("service", text(least=1), "Which service: a host, as in /api/services.", required=True)
ENDPOINT_ID = Parameter("id", ID, "The endpoint, as in /api/endpoints.", place="path", required=True)
DOCUMENT = Body(("application/json", "application/yaml"), DOCUMENT_BYTES_MOST, {"type": "object"})

ROUTES: tuple[Route, ...] = (
    Route("GET", "/overview", "read", "What there was in a period, in short.",
          shapes.Overview, asking("overview", overview), PERIOD),
    Route("GET", "/endpoints", "read", "Endpoints, sorted and filtered.",
          shapes.Endpoints, ask_endpoints, (*PERIOD, *WANTED)),
    Route("GET", "/endpoints/{id}", "read", "One endpoint: latencies, statuses, schemas, callers.",
          shapes.EndpointView, ask_endpoint, (ENDPOINT_ID, *PERIOD)),
    Route("GET", "/services", "read", "Services, and who calls whom.",
          shapes.Services, asking("services", services), PERIOD),
    Route("GET", "/services/document", "read", "What was seen of a service, as an OpenAPI 3.1 document.",
          dict[str, Any], ask_document, (ONE_SERVICE, *PERIOD)),
    Route("POST", "/services/comparison", "read", "What was seen of a service against an OpenAPI document.",
          shapes.Comparison, ask_comparison, (ONE_SERVICE, *PERIOD), DOCUMENT),
    Route("GET", "/changes", "read", "What is new, gone or changed between two periods.",
          shapes.Changes, ask_changes, (*PERIOD, *TWO_PERIODS, SERVICE)),
    Route("GET", "/cache", "read", "Cache traffic: keys, commands, hit ratios, miss-ratio curves.",
          shapes.Caches, asking("cache", caches), PERIOD),
    Route("GET", "/agents", "read", "Agents, and what was lost.",
          shapes.Agents, asking("agents", agents), PERIOD),
)  # fmt: skip


# ---- from rows to routes


def handler(service: Service, route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        visitor = service.access.require(request, route.right)
        if route.right == "change" and route.method not in SAFE_METHODS:
            service.access.prove(request, visitor)
        values = read_values(route.parameters, request.query_params.multi_items(), request.path_params)
        body = await read_body(request, route.body.most) if route.body else b""
        answer = await route.call(service, Given(values, body))
        return Response(status_code=route.status) if route.answer is None else json_response(answer, route.status)

    return handle


def routes(service: Service, rows: tuple[Route, ...] = ROUTES) -> list[StarletteRoute]:
    return [
        StarletteRoute(PREFIX + row.path, handler(service, row), methods=[row.method], name=row.name) for row in rows
    ]
