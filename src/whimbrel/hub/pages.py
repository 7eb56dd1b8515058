"""The pages: each is one row of the API's table, rendered.

    GET /endpoints?last=6h  ->  the row of GET /api/endpoints: its right, parameters and function  ->  endpoints.html

Idea: a page asks nothing that the API does not answer, with the same parameters checked by the same rows; its twin
under /api has the same address.  What a page shows besides (a drawing, names for a choice) its `besides` makes.
Pages of rows change nothing; the forms that do are in pages_admin, and documents that are sent in pages_openapi.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from whimbrel.hub import api, pages_admin, pages_openapi
from whimbrel.hub.answers.shapes import Changes, EndpointView, Services
from whimbrel.hub.login import HOME, NOT_A_READER, TOO_FAST, UNKNOWN, local
from whimbrel.hub.parameters import Given
from whimbrel.hub.refusal import Refusal
from whimbrel.hub.service import Service
from whimbrel.hub.views.assets import COMPRESS_FROM, KEPT_FOR_GOOD, PREFIX
from whimbrel.hub.views.drawing import draw
from whimbrel.hub.views.rendering import LOGIN, Looked, assets, frame_of, page

FAILED = {
    UNKNOWN: "This token is not known here.",
    NOT_A_READER: "This token is an agent's, which sends and does not look. Use a viewer's or an admin's.",
    TOO_FAST: "Too many attempts. Wait a few seconds, then try again.",
}
FILTERS = ("text", "service", "protocol", "method", "unused")
SCHEMA_ORDER = ("body", "query", "response", "headers")
ASCENDING_FIRST = ("template", "service", "method")  # columns of words are sorted from A

Handler = Callable[[Service, Request], Awaitable[Response]]
Besides = Callable[[Service, Given, Any], Awaitable[Mapping[str, Any]]]


async def nothing(_service: Service, _given: Given, _answer: Any) -> Mapping[str, Any]:
    return {}


async def endpoints_besides(_service: Service, given: Given, _answer: Any) -> Mapping[str, Any]:
    return {"ascending_first": ASCENDING_FIRST, "filtered": any(given[name] for name in FILTERS)}


async def endpoint_besides(_service: Service, _given: Given, answer: EndpointView) -> Mapping[str, Any]:
    """Kinds of bodies over all statuses ("none" is no kind worth a tag); schemas, what is asked before what comes."""
    kinds = {kind for status in answer.statuses for kind in status.response_kinds}
    schemas = sorted(answer.schemas, key=lambda view: (SCHEMA_ORDER.index(view.part), view.status))
    return {"kinds": sorted(kinds - {"none"}), "schemas": schemas}


async def services_besides(_service: Service, _given: Given, answer: Services) -> Mapping[str, Any]:
    return {
        "drawing": draw(answer.nodes, answer.links),
        "labels": {node.id: node.label for node in answer.nodes},
    }


async def changes_besides(service: Service, given: Given, _answer: Changes) -> Mapping[str, Any]:
    asked = given.asked(service)
    rows = await service.ask("changes", lambda archive: archive.endpoints(asked.period))
    return {"span": asked.span, "service_names": sorted({row.host or row.protocol for row in rows})}


@dataclass(frozen=True, slots=True)
class Page:
    """One row: where it is, which entry of the head is lit, and of which question it is the answer."""

    path: str
    place: str
    twin: str
    template: str
    besides: Besides = nothing

    @property
    def row(self) -> api.Route:
        return next(row for row in api.ROUTES if row.method == "GET" and row.path == self.twin)


PAGES = (
    Page("/", "overview", "/overview", "overview.html"),
    Page("/endpoints", "endpoints", "/endpoints", "endpoints.html", endpoints_besides),
    Page("/endpoints/{id}", "endpoints", "/endpoints/{id}", "endpoint.html", endpoint_besides),
    Page("/services", "services", "/services", "services.html", services_besides),
    Page("/changes", "changes", "/changes", "changes.html", changes_besides),
    Page("/cache", "cache", "/cache", "cache.html"),
)


def shower(of: Page) -> Handler:
    row = of.row

    async def show(service: Service, request: Request) -> Response:
        visitor = service.access.require(request, row.right)
        looked = await Looked.of(service, request, row.parameters)
        answer = await row.call(service, looked.given)
        more = await of.besides(service, looked.given, answer)
        twin = api.PREFIX + of.twin.format_map(request.path_params)
        frame = frame_of(service, request, visitor, of.place, looked, twin)
        return page(request, of.template, frame=frame, answer=answer, **more)

    return show


async def log_in(_service: Service, request: Request) -> Response:
    target = local(request.query_params.get("next", HOME))
    trouble = FAILED.get(request.query_params.get("failed", ""), "")
    return page(request, "login.html", next=target, trouble=trouble)


async def static(service: Service, request: Request) -> Response:
    """A file of ours; nobody is asked who they are, for the form to log in needs its style."""
    asset = assets().files.get(request.path_params["name"])
    if asset is None:
        raise Refusal(404, f"there is nothing at {request.url.path}")
    headers = {"ETag": f'"{asset.digest}"', "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
    if request.query_params.get("v") == asset.digest:
        headers["Cache-Control"] = KEPT_FOR_GOOD
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    body = asset.body
    if len(body) >= COMPRESS_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = await service.in_thread(asset.compressed)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=asset.media_type)


def routes(service: Service) -> list[Route]:
    def route(path: str, handler: Handler, method: str = "GET") -> Route:
        async def handle(request: Request) -> Response:
            return await handler(service, request)

        return Route(path, handle, methods=[method], name=f"{method} {path}")

    assets()  # what is missing is said when the hub starts, not when somebody looks
    return [
        *(route(row.path, shower(row)) for row in PAGES),
        route(pages_openapi.PATH, pages_openapi.show),
        route(pages_openapi.PATH, pages_openapi.compare, "POST"),
        route("/agents", pages_admin.show),
        route("/agents/tokens", pages_admin.make_token, "POST"),
        route("/agents/tokens/remove", pages_admin.remove_token, "POST"),
        route("/agents/backup", pages_admin.back_up, "POST"),
        route(LOGIN, log_in),
        route(PREFIX + "{name}", static),
    ]
