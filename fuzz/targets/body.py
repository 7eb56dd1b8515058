"""A body's shape is the same however its bytes are cut, small whatever they are, and all memory comes back.

The first byte chooses the content type, the second the codings, the third the size of the pieces.
"""

from itertools import pairwise
from typing import Any

from whimbrel.summary.coding import ledger
from whimbrel.summary.testing_body import Bodies

TYPES = (
    b"application/json", b"", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=B",
    b'multipart/form-data; x="\\";"; boundary="a b"', b"text/html",
)  # fmt: skip
CODINGS = (b"", b"", b"", b"gzip", b"deflate", b"br", b"zstd", b"gzip, br", b"deflate,identity,gzip", b"compress")
ARENA_BYTES = 1 << 20
TOKENS = (
    b'{"a":', b"[", b"]", b"}", b",", b'"', b"null", b"\r\n--B", b"\r\n--B--\r\n", b"--B\r\n", b"\r\n\r\n",
    b'Content-Disposition: form-data; name="x"', b"; filename=y", b"Content-Type: image/png\r\n", b"%41", b"%",
    b"&", b"=",
    b"+", b"name=value&", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", b"\x78\x9c", b"\x28\xb5\x2f\xfd", b"\x0b\x01\x80",
    b"a@b.co", b"2024-01-02T03:04:05Z", b"123e4567-e89b-12d3-a456-426614174000", b"x" * 70, b"17",
)  # fmt: skip


def typed(bodies: Bodies, content_type: bytes, coding: bytes, pieces: list[bytes]) -> dict[str, Any]:
    typer = bodies.begin(content_type, coding)
    if typer is None:
        raise AssertionError("an empty arena has no room")
    for piece in pieces:
        typer.feed(piece)
    told = typer.end()
    if bodies.used or ledger.used_bytes:
        raise AssertionError(f"{bodies.used} bytes of the arena and {ledger.used_bytes} of decoders did not come back")
    return told


def one_input(data: bytes) -> tuple[str | int | bool, ...]:
    first, second, third = (*data[:3], 0, 0, 0)[:3]
    content_type, coding, size = TYPES[first % len(TYPES)], CODINGS[second % len(CODINGS)], third % 60 + 1
    data = data[3:]
    bodies = Bodies(ARENA_BYTES)
    whole = typed(bodies, content_type, coding, [data])
    cut = typed(bodies, content_type, coding, [data[a:b] for a, b in pairwise([*range(0, len(data), size), len(data)])])
    if cut["decoded"] or whole["decoded"]:
        whole["decoded"] = cut["decoded"] = 1  # typing stops within a piece, decoding at its end
    if coding and "broken" in (*whole["flags"], *cut["flags"]):
        whole = cut  # a decoder that finds an error may or may not have given what came before it
    if whole != cut:
        raise AssertionError(f"the body differs in pieces of {size}")
    shape = cut.get("shape") or {"types": 0}
    return (cut["kind"], shape["types"], "keys" in shape, "values" in shape, *cut.get("flags", ["broken"]))
