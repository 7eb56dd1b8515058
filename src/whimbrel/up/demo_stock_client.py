"""How the shop asks the stock service: over HTTP, as services do."""

from __future__ import annotations

from typing import Any

import httpx

from whimbrel.base.values import Address
from whimbrel.up.demo_web import Refused

TIMEOUT_S = 5.0
CONNECTIONS = 8


class StockClient:
    def __init__(self, address: Address, name: str, source: str) -> None:
        """`name` is what requests call it; they come from the address `source`."""
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self.http = httpx.Client(
            base_url=f"http://{address}",
            headers={"host": name, "user-agent": "shop"},
            transport=httpx.HTTPTransport(local_address=source, limits=limits),
            timeout=TIMEOUT_S,
        )

    def left(self, book: int) -> int:
        return int(self._ask("GET", f"/stock/{book}")["left"])

    def reserve(self, lines: dict[int, int]) -> None:
        wanted = [{"book": book, "quantity": n} for book, n in lines.items()]
        self._ask("POST", "/reservations", {"lines": wanted})

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        try:
            response = self.http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Refused(503, "the stock service cannot be reached") from error
        if response.status_code == httpx.codes.CONFLICT:
            raise Refused(409, "the stock has too few")
        if response.is_error:
            raise Refused(503, "the stock service could not answer")
        found: dict[str, Any] = response.json()
        return found

    def close(self) -> None:
        self.http.close()
