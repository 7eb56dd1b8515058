"""What the demo answered and asked, counted by itself: the truth that an observer is held to.

A call is counted by service, method, template and status.  In detail (`Tally(detailed=True)`) JSON bodies are taken
apart too, with a walker of its own, as simple as can be: which path had which type how often; and how long calls took.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

DURATIONS_MOST = 100_000  # of one endpoint and status: what is kept for a test of a minute

TYPES: dict[type, str] = {
    dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number",
    type(None): "null",
}  # fmt: skip


@dataclass(slots=True)
class Answered:
    """One call."""

    service: str
    method: str
    template: str  # the path as it was, where no row answered
    status: int = 0
    request: bytes | None = None
    response: object = None
    took_ns: int = 0  # the API: at least, since it waited for that long; a client: at most, for it looked around it

    @property
    def name(self) -> str:
        return f"{self.service} {self.method} {self.template} {self.status}"


def places(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, type) of a JSON value and everything in it: `items[].price`; the value itself is ""."""
    yield path, TYPES[type(value)]
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield from places(item, path + "[]")


@dataclass(slots=True)
class Detail:
    """Of one endpoint and status: in how many calls a place had a type, and how long they took."""

    calls: int = 0
    request: Counter[str] = field(default_factory=Counter)  # "address.city string"
    response: Counter[str] = field(default_factory=Counter)
    took_ns: list[int] = field(default_factory=list)

    def add(self, answered: Answered) -> None:
        self.calls += 1
        self.request.update(_told(_parsed(answered.request)))
        self.response.update(_told(answered.response))
        if len(self.took_ns) < DURATIONS_MOST:
            self.took_ns.append(answered.took_ns)

    def plain(self) -> dict[str, Any]:
        return {"calls": self.calls, "request": self.request, "response": self.response, "took_ns": self.took_ns}


def _parsed(body: bytes | None) -> object:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


def _told(value: object) -> set[str]:
    return {f"{path} {kind}" for path, kind in places(value)} if isinstance(value, (dict, list)) else set()


class Tally:
    """Any thread may add."""

    def __init__(self, *, detailed: bool = False) -> None:
        self.detailed = detailed
        self.counts: Counter[str] = Counter()
        self.details: dict[str, Detail] = {}
        self.lock = Lock()

    def add(self, answered: Answered) -> None:
        with self.lock:
            self.counts[answered.name] += 1
            if self.detailed:
                self.details.setdefault(answered.name, Detail()).add(answered)

    def count(self, name: str) -> None:
        with self.lock:
            self.counts[name] += 1


def write(path: Path, *tallies: Tally) -> None:
    """All of them as one JSON document: {"counts": {name: calls}, "details": {name: ...}}."""
    counts: Counter[str] = Counter()
    details: dict[str, Any] = {}
    for tally in tallies:
        with tally.lock:
            counts.update(tally.counts)
            details |= {name: detail.plain() for name, detail in tally.details.items()}
    path.write_text(json.dumps({"counts": counts, "details": details}))
