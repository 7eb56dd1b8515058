"""What changed between two periods: hub.changes' report, with the pages its claims lead to.

A period is compared for as long as agents told of it: a hub that is ten minutes old has seen ten minutes of the hour
before, and what did not come in them may have come in the rest.  Where that is all there is, its own past is what it
is compared with: the two parts meet where an endpoint first appeared, which is what a deployment looks like, with the
window in which it did, half before and half after, in neither; else in the middle.
"""

from __future__ import annotations

from dataclasses import replace

from whimbrel.hub import changes as reports
from whimbrel.hub.answers.asked import GRID_S, Asked, check_order
from whimbrel.hub.answers.catalog import Catalog, heard, known_before
from whimbrel.hub.answers.shapes import ChangeLine, Changes, ComparedPeriod
from whimbrel.hub.archive import Archive, Period
from whimbrel.hub.model import Endpoint
from whimbrel.hub.model import Period as Compared
from whimbrel.hub.periods import NS, parted, period_of

SIDE_LEAST_S = 30  # of traffic before and after what happened: of less nothing is proven


def default_periods(archive: Archive, asked: Asked) -> tuple[Period, Period]:
    """The period and the equal one before it; where nothing is known of that, two parts of what there is."""
    length = asked.period.end - asked.period.start
    earlier = Period(max(asked.period.start - length, 0), asked.period.start)
    if archive.agents(earlier):
        return earlier, asked.period
    told = heard(archive.agents(asked.period), asked.period)
    middle = max(told.start + GRID_S, (told.start + told.end) // 2 // GRID_S * GRID_S)
    if news := _news(archive, told):
        event = min(news, key=lambda at: abs(at - middle))
        return Period(told.start, event), Period(event + GRID_S, told.end)
    return Period(told.start, middle), Period(middle, max(told.end, middle + GRID_S))


def _news(archive: Archive, told: Period) -> set[int]:
    """Windows in which an endpoint was called for the first time: there something was deployed, perhaps."""
    earlier = known_before(archive, told.start)
    firsts = {known.first for known in Catalog.of_rows(archive.endpoints(told)) if earlier.is_new(known)}
    return {first for first in firsts if told.start + SIDE_LEAST_S <= first < told.end - SIDE_LEAST_S}


def changes(archive: Archive, before: Period, after: Period, service: str = "") -> Changes:
    """Of one service, or of all."""
    for period in (before, after):
        check_order(period.start, period.end)
    earlier = known_before(archive, before.start).catalog
    one, other = (_compared(archive, period, service, earlier) for period in (before, after))
    if slower := reports.slower(one, other):
        one, other = parted(archive, before, one, slower), parted(archive, after, other, slower)
    report = reports.compare(one, other)
    sure = [_line(change) for change in report.changes]
    return Changes(
        before=_told(one),
        after=_told(other),
        breaking=[line for line in sure if line.breaking],
        changes=[line for line in sure if not line.breaking],
        undecided=[_line(change) for change in report.undecided],
    )


def _compared(archive: Archive, period: Period, service: str, earlier: Catalog) -> Compared:
    """What was seen in a period, with when each endpoint was seen first of all."""
    ids = [row.id for row in archive.endpoints(period) if (row.host or row.protocol) == service] if service else None
    endpoints = period_of(archive, period, ids, sliced=False).endpoints
    told = heard(archive.agents(period, counts=False), period)
    return Compared(told.start * NS, told.end * NS, tuple(_with_history(each, earlier) for each in endpoints))


def _with_history(endpoint: Endpoint, earlier: Catalog) -> Endpoint:
    known = earlier.known.get(endpoint.text)
    return replace(endpoint, first_seen_ns=known.first * NS) if known else endpoint


def _told(found: Compared) -> ComparedPeriod:
    return ComparedPeriod(
        start=found.start_ns // NS,
        end=found.end_ns // NS,
        calls=sum(endpoint.calls for endpoint in found.endpoints),
        endpoints=len(found.endpoints),
    )


def _line(change: reports.Change) -> ChangeLine:
    return ChangeLine(
        kind=change.kind,
        service=change.service,
        endpoint=change.endpoint,
        id=min(change.ids),
        place=change.place,
        before=change.before,
        after=change.after,
        breaking=change.breaking,
        chance=change.chance,
        sentence=change.sentence,
    )
