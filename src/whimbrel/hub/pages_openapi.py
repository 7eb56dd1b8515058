"""The page about documents: what was observed of a service as OpenAPI, and against a document of somebody's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.documents import DOCUMENT_BYTES_MOST, comparison, document, parse_document
from whimbrel.hub.answers.services import services
from whimbrel.hub.answers.shapes import Comparison, ServiceLine
from whimbrel.hub.archive import Archive
from whimbrel.hub.bodies import media_type, read_body
from whimbrel.hub.parameters import PERIOD, Parameter, text
from whimbrel.hub.refusal import Refusal
from whimbrel.hub.service import Service
from whimbrel.hub.views import uploads
from whimbrel.hub.views.frame import address
from whimbrel.hub.views.rendering import Looked, frame_of, page

PATH, PLACE = "/openapi", "openapi"
FORM_BYTES_MOST = DOCUMENT_BYTES_MOST + 64 * 1024  # with what a form has around it
PARAMETERS = (*PERIOD, Parameter("service", text(), "Which service; the busiest where none is given.", ""))


async def show(service: Service, request: Request) -> Response:
    return await shown(service, request, None, "")


async def compare(service: Service, request: Request) -> Response:
    """The same page with findings.  What is wrong with the document is said on it."""
    service.access.require(request, "read")
    raw = await upload_of(request)
    try:
        if not raw.strip():
            raise Refusal(400, "no document was given: choose a file, or paste its text")
        return await shown(service, request, raw, "")
    except Refusal as refusal:
        if refusal.status != 400:
            raise
        return await shown(service, request, None, refusal.message)


async def upload_of(request: Request) -> bytes:
    if media_type(request) != uploads.TYPE:
        raise Refusal(415, f"expected a form as {uploads.TYPE}")
    body = await read_body(request, FORM_BYTES_MOST)
    fields = uploads.fields_of(request.headers.get("content-type", ""), body)
    return fields.get("file", b"").strip() or fields.get("text", b"")


async def shown(service: Service, request: Request, raw: bytes | None, trouble: str) -> Response:
    visitor = service.access.require(request, "read")
    looked = await Looked.of(service, request, PARAMETERS)
    asked, name = looked.given.asked(service), looked.given["service"]
    found = await service.ask("document", lambda archive: answers(archive, asked, name, raw))
    frame = frame_of(service, request, visitor, PLACE, looked)
    url = address(frame.place.twin, {**frame.period, "service": found["service"]})
    status = 400 if trouble else 200
    return page(
        request, "openapi.html", status, frame=frame, span=asked.span, trouble=trouble, document_url=url, **found
    )


def answers(archive: Archive, asked: Asked, name: str, raw: bytes | None) -> Mapping[str, Any]:
    lines: list[ServiceLine] = [one for one in services(archive, asked).services if one.is_documented]
    name = name or (lines[0].name if lines else "")
    compared: Comparison | None = comparison(archive, asked, name, parse_document(raw)) if raw and name else None
    made = document(archive, asked, name) if name else {"paths": {}}
    return {"services": lines, "service": name, "document": made, "comparison": compared}
