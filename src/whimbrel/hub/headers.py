"""Around every answer: headers that tell browsers what a page of ours may do, and the count of what was answered.

Content-Security-Policy     nothing but what this hub serves; no inline script, no other site's frame
Cache-Control: no-store     what is measured stays out of caches; only /static is kept

And bodies leave in pieces, each when the one before is on its way: whoever asks for a large file and does not read it
would otherwise have the hub hold a copy for every connection.
"""

from __future__ import annotations

from collections.abc import Iterator

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whimbrel.hub.http_metrics import Traffic

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # `no-referrer` would make the Origin of forms null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
STATIC = "/static/"
NOT_KEPT = "no-store"
PIECE_BYTES = 64 * 1024  # as much as waits in a connection before its sender has to


class Headers:
    """ASGI around the site."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self.app, self.traffic = app, traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith(STATIC):
                    headers.setdefault("Cache-Control", NOT_KEPT)
                self.traffic.answered(getattr(scope.get("route"), "name", "other"), message["status"])
            for piece in pieces(message):
                await send(piece)

        await self.app(scope, receive, with_headers)


def pieces(message: Message) -> Iterator[Message]:
    """A message with a large body as several."""
    body = message.get("body", b"")
    if len(body) <= PIECE_BYTES:
        yield message
        return
    for start in range(0, len(body), PIECE_BYTES):
        more = start + PIECE_BYTES < len(body) or message.get("more_body", False)
        yield {**message, "body": body[start : start + PIECE_BYTES], "more_body": more}
