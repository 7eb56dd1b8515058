"""A form with a file in it (multipart/form-data), for the one page that takes a document.

The body is in memory and bounded before it comes here; the standard library's mail parser knows the format.
"""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP

from whimbrel.hub.refusal import Refusal

PARTS_MOST = 16
TYPE = "multipart/form-data"


def fields_of(content_type: str, body: bytes) -> dict[str, bytes]:
    """The parts by their names; Refusal 400."""
    if not content_type.isascii() or not content_type.isprintable():
        raise Refusal(400, "Content-Type: not a form's")
    head = f"Content-Type: {content_type}\r\n\r\n".encode("ascii")
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    parts = form.get_payload()
    if form.get_content_type() != TYPE or not isinstance(parts, list):
        raise Refusal(400, f"expected a form as {TYPE}")
    if len(parts) > PARTS_MOST:
        raise Refusal(400, f"a form of {len(parts)} parts; expected at most {PARTS_MOST}")
    return {name_of(part): content_of(part) for part in parts if isinstance(part, Message)}


def name_of(part: Message) -> str:
    name = part.get_param("name", "", header="content-disposition")
    return name if isinstance(name, str) else ""


def content_of(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
