"""What every page has around its answer: where one is, which period is looked at, who looks, and links that keep it.

A page's whole state is its address.  Links to other pages take the period along and nothing else; links on the page
itself take everything along and change what they are for.  So every view can be bookmarked, sent and gone back to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from whimbrel.hub.access import Visitor
from whimbrel.hub.answers.shapes import Span
from whimbrel.hub.views.formats import ago, clock

PRESETS = ("5m", "15m", "1h", "6h", "24h", "7d", "30d")
DEFAULT_LAST = "1h"
YOUNG = (("5m", 300), ("15m", 900))  # what is looked at instead while there is no more than that
PERIOD_NAMES = ("last", "start", "end")
CHANGES_NAMES = ("before_start", "before_end", "after_start", "after_end")
REFRESH_S = 10  # a window: there is nothing newer in between
REFRESH_LONGEST_S = 60  # of long periods a chart's step is longer than that anyway


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the page's head."""

    name: str
    path: str
    title: str
    twin: str  # the same as JSON


PLACES = (
    Place("overview", "/", "Overview", "/api/overview"),
    Place("endpoints", "/endpoints", "Endpoints", "/api/endpoints"),
    Place("services", "/services", "Services", "/api/services"),
    Place("changes", "/changes", "Changes", "/api/changes"),
    Place("openapi", "/openapi", "OpenAPI", "/api/services/document"),
    Place("cache", "/cache", "Cache", "/api/cache"),
    Place("agents", "/agents", "Agents", "/api/agents"),
)


NOBODY = Visitor("", "admin", "open")  # without tokens everybody on this machine may do everything


@dataclass(frozen=True, slots=True)
class Frame:
    """One view of one page."""

    place: Place
    path: str
    query: Mapping[str, str]
    now: int
    visitor: Visitor = NOBODY
    twin_path: str = ""
    default_last: str = DEFAULT_LAST

    @property
    def period(self) -> dict[str, str]:
        """The period's part of the address."""
        found = {name: self.query[name] for name in PERIOD_NAMES if self.query.get(name)}
        return found or {"last": self.default_last}

    @property
    def last(self) -> str:
        """ "1h" where the period ends now; "" where it is fixed."""
        return self.period.get("last", "")

    def to(self, path: str, **more: object) -> str:
        """Another page, about the same period."""
        return address(path, {**self.kept_period(), **more})

    def here(self, **changes: object) -> str:
        """This page with something else: None leaves a parameter out."""
        return address(self.path, {**self.query, **changes})

    def during(self, **period: object) -> str:
        """This page about another period, from its first row on."""
        rest = {name: value for name, value in self.query.items() if name not in (*PERIOD_NAMES, *CHANGES_NAMES)}
        return address(self.path, {**rest, "offset": None, **period})

    def kept_period(self) -> dict[str, str]:
        """Nothing where nothing was chosen."""
        return self.period if any(self.query.get(name) for name in PERIOD_NAMES) else {}

    @property
    def twin(self) -> str:
        """This page as JSON."""
        return address(self.twin_path or self.place.twin, {**self.query, **self.period})

    def kept(self, *without: str) -> list[tuple[str, str]]:
        """For forms, which forget an address's parameters: what hidden fields carry along."""
        return [(name, value) for name, value in self.query.items() if name not in without and value]

    def endpoint(self, endpoint_id: str) -> str:
        return self.to(f"/endpoints/{quote(endpoint_id, safe='')}")

    def ago(self, at: int | None) -> str:
        return ago(at, self.now)

    def said(self, span: Span) -> str:
        """The period as it is on the clock."""
        return f"{clock(span.start, span.end)} UTC"

    def refresh_s(self, span: Span) -> int:
        """How often the page looks again; 0 for a period that is over."""
        return max(REFRESH_S, min(span.step_s, REFRESH_LONGEST_S)) if self.last else 0


def address(path: str, query: Mapping[str, object]) -> str:
    kept = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path


def field_time(at: int) -> str:
    """As <input type=datetime-local> takes it; UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
