"""A form with a file in it (multipart/form-data), for the one page that takes a document.

The body is in memory and bounded before it comes here, and is cut at its boundary: one pass, whatever is in it.  Only
the few lines before each part go through the standard library's mail parser, which is slow, and follows parts that have
parts of their own as deep as somebody nests them.
"""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import HTTP

from whimbrel.hub.refusal import Refusal

PARTS_MOST = 16
HEAD_BYTES_MOST = 4096  # of a part: its name, the name of its file, its type
TYPE = "multipart/form-data"
LINE = b"\r\n"


def fields_of(content_type: str, body: bytes) -> dict[str, bytes]:
    """The parts by their names; Refusal 400."""
    before, *parts = (LINE + body).split(LINE + b"--" + boundary_of(content_type), PARTS_MOST + 1)
    if before.strip() or not parts or not parts.pop().startswith(b"--"):
        raise Refusal(400, f"expected a form as {TYPE}, of at most {PARTS_MOST} parts")
    return dict(map(field_of, parts))


def boundary_of(content_type: str) -> bytes:
    if not content_type.isascii() or not content_type.isprintable():
        raise Refusal(400, "Content-Type: not a form's")
    told = Message()
    told["Content-Type"] = content_type
    boundary = told.get_boundary("")
    if told.get_content_type() != TYPE or not boundary:
        raise Refusal(400, f"expected a form as {TYPE}")
    return boundary.encode()


def field_of(part: bytes) -> tuple[str, bytes]:
    head, _, content = part.partition(LINE + LINE)
    if len(head) > HEAD_BYTES_MOST:
        raise Refusal(400, f"a part of the form begins with more than {HEAD_BYTES_MOST} bytes about itself")
    name = BytesHeaderParser(policy=HTTP).parsebytes(head.lstrip()).get_param("name", "", header="content-disposition")
    return name if isinstance(name, str) else "", content
