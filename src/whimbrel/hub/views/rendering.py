"""From an answer to a page: who looks, where they are, and the template around it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from whimbrel.hub.access import Visitor
from whimbrel.hub.service import Service
from whimbrel.hub.views.assets import Assets
from whimbrel.hub.views.frame import PLACES, Frame, Place
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


def frame_of(service: Service, request: Request, visitor: Visitor, place: str, twin_path: str = "") -> Frame:
    return Frame(BY_NAME[place], request.url.path, query_of(request), service.now(), visitor, twin_path)


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
    shown = page(request, "trouble.html", status, title=title, message=sentence(message), **way_back(request))
    shown.headers.update({name: value for name, value in headers.items() if name.lower() != "www-authenticate"})
    return shown


def way_back(request: Request) -> dict[str, str]:
    """Without what was asked for; from there the overview is a click."""
    place = next((one for one in PLACES if one.path == request.url.path and one.path != "/"), None)
    if place and request.url.query:
        return {"back": place.path, "back_words": place.title}
    return {"back": "/", "back_words": "Overview"}


def sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."
