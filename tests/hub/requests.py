"""Requests as a server hands them to the hub's functions."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import Message

Headers = Sequence[tuple[str, str]]


def request(method: str = "GET", headers: Headers = (("host", "127.0.0.1:9800"),), *chunks: bytes) -> Request:
    """`chunks` are its body, as they arrive."""
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks[:-1]]
    waiting.append({"type": "http.request", "body": chunks[-1] if chunks else b"", "more_body": False})

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    scope = {
        "type": "http", "method": method, "path": "/", "query_string": b"", "scheme": "http",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 9800),
    }  # fmt: skip
    return Request(scope, receive)
