"""Forms that change something: tokens, and backups.  They stand on the page of agents, for who may.

Each is a form of ours from a session of ours, or it is refused; what it did is said on the page that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whimbrel.hub import api_admin
from whimbrel.hub.access import FORM_FIELD, Visitor
from whimbrel.hub.answers.agents import agents
from whimbrel.hub.bodies import read_form
from whimbrel.hub.parameters import PERIOD, Given
from whimbrel.hub.refusal import Refusal
from whimbrel.hub.service import Service
from whimbrel.hub.views.formats import size
from whimbrel.hub.views.rendering import Looked, frame_of, page

PLACE = "agents"
SAID_HERE = (400, 404, 409)  # refusals that whoever filled in the form can mend


async def show(service: Service, request: Request) -> Response:
    return await shown(service, request, service.access.require(request, "read"))


async def make_token(service: Service, request: Request) -> Response:
    """The token is shown on the page that answers, and nowhere again."""
    visitor, fields = await form(service, request)

    async def change() -> Mapping[str, Any]:
        return {"made": await api_admin.add_token(service, fields.get("name", ""), fields.get("role", ""))}

    return await done(service, request, visitor, change)


async def remove_token(service: Service, request: Request) -> Response:
    visitor, fields = await form(service, request)
    name = fields.get("name", "")

    async def change() -> Mapping[str, Any]:
        await api_admin.remove_token(service, name)
        return {"done": f"The token of {name} is taken away."}

    return await done(service, request, visitor, change)


async def back_up(service: Service, request: Request) -> Response:
    visitor, _ = await form(service, request)

    async def change() -> Mapping[str, Any]:
        made = await api_admin.make_backup(service, Given())
        return {"done": f"{made.file} has {size(made.bytes)}, in {api_admin.BACKUPS_NAME} in the data directory."}

    return await done(service, request, visitor, change)


async def form(service: Service, request: Request) -> tuple[Visitor, Mapping[str, str]]:
    """Who may change something, and what the form says."""
    visitor = service.access.require(request, "change")
    fields = await read_form(request)
    service.access.prove(request, visitor, fields.get(FORM_FIELD, ""))
    return visitor, fields


async def done(service: Service, request: Request, visitor: Visitor, change: Any) -> Response:
    try:
        return await shown(service, request, visitor, **await change())
    except Refusal as refusal:
        if refusal.status not in SAID_HERE:
            raise
        return await shown(service, request, visitor, status=refusal.status, trouble=f"{refusal.message}.")


async def shown(service: Service, request: Request, visitor: Visitor, status: int = 200, **said: Any) -> Response:
    looked = await Looked.of(service, request, PERIOD)
    asked = looked.given.asked(service)
    answer = await service.ask("agents", lambda archive: agents(archive, asked))
    admin = visitor.may("change")
    tokens = (await api_admin.list_tokens(service, looked.given)).tokens if admin else []
    frame = frame_of(service, request, visitor, PLACE, looked)
    said = {"made": None, "done": "", "trouble": "", **said}
    return page(request, "agents.html", status, frame=frame, answer=answer, admin=admin, tokens=tokens, **said)
