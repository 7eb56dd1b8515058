"""The body of a request, bounded in bytes and in time before it is kept.

What says that it is larger than it may be is refused without reading it; what does not say is read up to there.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from whimbrel.hub.refusal import Refusal

BODY_S = 30.0  # from the first byte to the last: 16 MiB at 5 Mbit/s
FORM_BYTES_MOST = 16 * 1024
FORM_FIELDS_MOST = 32
FORM_TYPE = "application/x-www-form-urlencoded"


def media_type(request: Request) -> str:
    """Without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_type(request: Request, *allowed: str) -> None:
    if media_type(request) not in allowed:
        given = media_type(request)[:64] or "nothing"
        raise Refusal(415, f"Content-Type: {given!r} was given, expected {' or '.join(allowed)}")


def announced(request: Request, most: int) -> int:
    """How many bytes may come: what Content-Length says, `most` where nothing does; Refusal 413."""
    text = request.headers.get("content-length")
    if text is None:
        return most
    length = int(text) if text.isascii() and text.isdigit() else most + 1
    if length > most:
        raise too_large(most)
    return length


def too_large(most: int) -> Refusal:
    return Refusal(413, f"the body is larger than {most} bytes", {"Connection": "close"})


async def read_body(request: Request, most: int, seconds: float = BODY_S) -> bytes:
    """All of it; Refusal 413 or 408."""
    announced(request, most)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                if len(body) + len(chunk) > most:
                    raise too_large(most)
                body += chunk
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {seconds:g} s", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise Refusal(400, "the connection was closed before the body's end") from None
    return bytes(body)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; a field given twice is refused."""
    require_type(request, FORM_TYPE)
    raw = await read_body(request, FORM_BYTES_MOST)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MOST, errors="strict")
    except ValueError:
        raise Refusal(400, f"not a form of at most {FORM_FIELDS_MOST} fields") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refusal(400, "a field of the form was given twice")
    return fields
