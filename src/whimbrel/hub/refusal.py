"""What is wrong with a request, as one line: raised anywhere below a route, answered in one place (hub.site).

Under /api, /v1 and for programs it is JSON, {"error": "..."}; in a browser a page says the same.
"""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):  # noqa: N818 - it is an answer
    """`status` and one line for whoever asked."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(" ".join(message.split()))
        self.status = status
        self.headers = dict(headers or {})

    @property
    def message(self) -> str:
        return str(self)


def later(status: int, message: str, seconds: float) -> Refusal:
    """Not now: 429 or 503 with the wait."""
    return Refusal(status, message, {"Retry-After": str(max(round(seconds), 1))})
