"""What is different in version 2 of the demo's shop: what a report on two periods should name, and nothing else.

Endpoints and places are in Whimbrel's words (docs/changes.md).  The code of each is where the endpoint is, in
demo_shop.py; this table is what it is held to.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seeded:
    kind: str
    endpoint: str
    place: str = ""
    breaking: bool = True
    running: str = ""  # the kind that is named where one agent saw both versions: it goes on to tell of earlier types


SEEDED: tuple[Seeded, ...] = (
    Seeded("field removed", "GET /books/{integer}", "response 200: pages"),
    Seeded("new field", "GET /books/{integer}", "response 200: weight_g", breaking=False),
    Seeded("type changed", "GET /carts/{uuid}", "response 200: total", running="type widened"),
    Seeded("became optional", "GET /authors/{value}", "response 200: born"),
    Seeded("became nullable", "GET /orders/{uuid}", "response 200: shipped_at"),
    Seeded("new required field", "POST /orders", "request: phone"),
    Seeded("status class changed", "GET /books/{integer}/cover"),
    Seeded("more calls fail", "POST /carts/{uuid}/items"),
    Seeded("p99 regression", "GET /search"),
    Seeded("new endpoint", "GET /books/{integer}/reviews", breaking=False),
    Seeded("endpoint gone", "GET /recommendations", breaking=False),
)
