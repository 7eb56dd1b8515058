"""Signing in and out of the pages: a token becomes a session's cookie.

POST /login  token=... & next=/endpoints   ->  303 to `next` with the cookie, or back to the form with why
POST /logout form_token=...                ->  303 to /login, the cookie gone
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whimbrel.hub import tokens
from whimbrel.hub.access import FORM_FIELD, check_origin
from whimbrel.hub.bodies import read_form
from whimbrel.hub.refusal import Refusal
from whimbrel.hub.service import Service
from whimbrel.hub.sessions import SESSION_S

HOME, FORM = "/", "/login"
SEE_OTHER = 303
UNKNOWN, NOT_A_READER, TOO_FAST = "unknown", "role", "wait"  # why it did not work, for the form


async def log_in(service: Service, request: Request) -> Response:
    check_origin(request)
    fields = await read_form(request)
    target = local(fields.get("next", HOME))
    try:
        service.logins.take(request.client.host if request.client else "", "attempts to sign in")
    except Refusal:
        return back(TOO_FAST, target)
    grant = tokens.find(service.access.grants(), fields.get("token", "").strip())
    if grant is None:
        return back(UNKNOWN, target)
    if not grant.may("read"):
        return back(NOT_A_READER, target)
    response = RedirectResponse(target, SEE_OTHER)
    response.set_cookie(
        service.access.sessions.cookie,
        service.access.sessions.open(grant, service.clock()),
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


def back(why: str, target: str) -> Response:
    return RedirectResponse(f"{FORM}?{urlencode({'failed': why, 'next': target})}", SEE_OTHER)


async def log_out(service: Service, request: Request) -> Response:
    check_origin(request)
    visitor = service.access.visitor(request)
    if visitor is not None:
        service.access.prove(request, visitor, (await read_form(request)).get(FORM_FIELD, ""))
    response = RedirectResponse(FORM, SEE_OTHER)
    response.delete_cookie(service.access.sessions.cookie, httponly=True, samesite="strict")
    return response


def local(target: str) -> str:
    """A path of ours, and nothing that a browser would take for another host."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return HOME
    plain = target.isascii() and target.isprintable() and "\\" not in target
    own = not parts.scheme and not parts.netloc and target.startswith("/") and not target.startswith("//")
    return target if plain and own else HOME
