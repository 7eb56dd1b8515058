"""The list of endpoints: found by words, service, protocol or method, sorted by any of its columns.

Merging the histograms of all endpoints is what a list costs, so it is done for those that are shown, and for all only
when the order depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whimbrel.hub.answers.asked import Asked, QuestionError
from whimbrel.hub.answers.catalog import (
    Before,
    Catalog,
    Counted,
    Known,
    counted,
    heard,
    ids_of,
    known_before,
    line,
    seconds,
)
from whimbrel.hub.answers.measures import CACHES, percentile, share
from whimbrel.hub.answers.shapes import Endpoints
from whimbrel.hub.archive import Archive, Period, StatusRow

LIMIT_MOST = 1000  # lines of one answer
Key = Callable[[Counted, Before], tuple[float | str, ...]]


def _percentile(percent: float) -> Key:
    """What has no latency is below what has one."""
    return lambda one, _: (percentile(one.tally.last, percent) or -1.0,)


KEYS: dict[str, Key] = {
    "calls": lambda one, _: (one.tally.calls,),
    "errors": lambda one, _: (share(one.tally.errors, one.tally.calls), one.tally.errors),
    "client_errors": lambda one, _: (share(one.tally.client_errors, one.tally.calls), one.tally.client_errors),
    "p50": _percentile(50),
    "p90": _percentile(90),
    "p99": _percentile(99),
    "bytes": lambda one, _: (share(one.tally.response_bytes, one.tally.calls),),
    "first": lambda one, earlier: (earlier.first_of(one.known),),
    "last": lambda one, _: (one.known.last,),
    "service": lambda one, _: (one.known.service,),
    "method": lambda one, _: (one.known.words[1],),
    "template": lambda one, _: (one.known.words[3],),
}
SORTS = tuple(KEYS)
PARTS_OF = {"p50": ("last",), "p90": ("last",), "p99": ("last",), "errors": ("marks",)}  # what an order needs
PARTS_SHOWN = {False: ("last",), True: ("last", "marks")}  # of caches also their errors, which are outcomes


@dataclass(frozen=True, slots=True)
class Wanted:
    text: str = ""  # in method, service or template, whatever their case
    service: str = ""
    protocol: str = ""
    method: str = ""
    unused: bool = False  # those of before the period that were not called in it
    sort: str = "calls"
    descending: bool = True
    limit: int = 100
    offset: int = 0

    def __post_init__(self) -> None:
        if self.sort not in SORTS:
            raise QuestionError(f"sort by {self.sort!r}; {', '.join(SORTS)} are possible")
        if not 1 <= self.limit <= LIMIT_MOST:
            raise QuestionError(f"a limit of {self.limit}; 1 to {LIMIT_MOST} are possible")
        if self.offset < 0:
            raise QuestionError(f"an offset of {self.offset}; 0 or more are possible")

    def matches(self, known: Known) -> bool:
        protocol, method, _, template = known.words
        exact = ((self.service, known.service), (self.protocol, protocol), (self.method, method))
        if any(wanted and wanted != has for wanted, has in exact):
            return False
        return all(word in f"{method} {known.service} {template}".lower() for word in self.text.lower().split())


def endpoints(archive: Archive, asked: Asked, wanted: Wanted) -> Endpoints:
    earlier = known_before(archive, asked.period.start)
    catalog = Catalog.of_rows(archive.endpoints(asked.period))
    period, length_s = asked.period, seconds(heard(archive.agents(asked.period, counts=False), asked.period))
    if wanted.unused:
        period, length_s, catalog = _unused(catalog, earlier, asked)
    found = [known for known in catalog if wanted.matches(known)]
    page = _page(archive, period, catalog, found, wanted, earlier)
    return Endpoints(
        span=asked.span,
        total=len(found),
        limit=wanted.limit,
        offset=wanted.offset,
        sort=wanted.sort,
        descending=wanted.descending,
        services=sorted({known.service for known in catalog}),
        methods=sorted({known.words[1] for known in catalog}),
        rows=[line(one, length_s, earlier) for one in page],
        unused=wanted.unused,
    )


def _unused(catalog: Catalog, earlier: Before, asked: Asked) -> tuple[Period, int, Catalog]:
    """What was called before and is not any more, over the time it was called in."""
    gone = earlier.catalog.without(catalog)
    start = min((known.first for known in gone), default=0)
    period = Period(start, max(asked.period.start, start + 1))
    return period, seconds(period), gone


def _page(
    archive: Archive, period: Period, catalog: Catalog, found: Sequence[Known], wanted: Wanted, earlier: Before
) -> list[Counted]:
    """Those to be shown, in order, with everything that is shown of them."""
    rough = catalog.grouped(archive.statuses(period, None, PARTS_OF.get(wanted.sort, ())))
    key = KEYS[wanted.sort]
    ordered = sorted(counted(found, rough), key=lambda one: one.known.words)
    ordered.sort(key=lambda one: key(one, earlier), reverse=wanted.descending)
    shown = [one.known for one in ordered[wanted.offset : wanted.offset + wanted.limit]]
    rows: list[StatusRow] = []
    for is_cache, parts in PARTS_SHOWN.items():
        if ids := ids_of(one for one in shown if (one.protocol in CACHES) == is_cache):
            rows += archive.statuses(period, ids, parts)
    return counted(shown, catalog.grouped(rows))
