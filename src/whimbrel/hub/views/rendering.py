"""From an answer to a page: who looks, where they are, and the template around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from whimbrel.hub.access import Visitor
from whimbrel.hub.archive import Archive, Period
from whimbrel.hub.parameters import DEFAULT_LAST_S, Given, Parameter, read_values
from whimbrel.hub.service import Service
from whimbrel.hub.views.assets import Assets
from whimbrel.hub.views.frame import DEFAULT_LAST, PERIOD_NAMES, PLACES, YOUNG, Frame, Place
from whimbrel.hub.views.templates import render

SEE_OTHER = 303
LOGIN = "/login"
TITLES = {
    400: "This cannot be answered",
    403: "Not allowed",
    404: "There is nothing here",
    413: "Too large",
    500: "A defect of the hub",
    503: "Not now",
}
BY_NAME: Mapping[str, Place] = {place.name: place for place in PLACES}
PROGRAMS = ("/api/", "/v1/", "/metrics", "/healthz", "/openapi.json", "/static/")  # never a page, whoever asks


@lru_cache(maxsize=1)
def assets() -> Assets:
    return Assets()


def query_of(request: Request) -> dict[str, str]:
    """What was given; a form's empty fields are what was not."""
    return {name: value for name, value in request.query_params.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Looked:
    """What a request for a page gave, with a period in any case."""

    given: Given
    default_last: str

    @classmethod
    async def of(cls, service: Service, request: Request, rows: Sequence[Parameter]) -> Looked:
        query, default = query_of(request), DEFAULT_LAST
        if not any(name in query for name in PERIOD_NAMES):
            default = await service.ask("period", lambda archive: default_last(archive, service.now()))
            query["last"] = default
        return cls(Given(read_values(rows, query.items(), request.path_params)), default)


def default_last(archive: Archive, now: int) -> str:
    """An hour; less while agents have sent for less, so that the first minutes are not a line at a chart's edge."""
    known = archive.agents(Period(now - DEFAULT_LAST_S, now))
    age_s = now - min((agent.first for agent in known), default=0)
    return next((last for last, seconds in YOUNG if age_s <= seconds), DEFAULT_LAST)


def frame_of(
    service: Service, request: Request, visitor: Visitor, place: str, looked: Looked, twin_path: str = ""
) -> Frame:
    query = query_of(request)
    return Frame(BY_NAME[place], request.url.path, query, service.now(), visitor, twin_path, looked.default_last)


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    origin = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return HTMLResponse(render(template, static=assets().address, origin=origin, **values), status)


def is_for_people(request: Request) -> bool:
    """A browser that goes to a page, and no program."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(PROGRAMS)


def problem(request: Request, status: int, message: str, headers: Mapping[str, str]) -> Response:
    """What went wrong, as a page; who is not known is asked who it is."""
    if status == 401:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        again = request.method == "GET" and target != "/"
        return RedirectResponse(f"{LOGIN}?{urlencode({'next': target})}" if again else LOGIN, SEE_OTHER)
    title = TITLES.get(status, "That did not work")
    shown = page(request, "trouble.html", status, title=title, message=message, **way_back(request))
    shown.headers.update({name: value for name, value in headers.items() if name.lower() != "www-authenticate"})
    return shown


def way_back(request: Request) -> dict[str, str]:
    """Without what was asked for; from there the overview is a click."""
    place = next((one for one in PLACES if one.path == request.url.path and one.path != "/"), None)
    if place and request.url.query:
        return {"back": place.path, "back_words": place.title}
    return {"back": "/", "back_words": "Overview"}
