"""What changed between two periods: hub.changes' report, with the pages its claims lead to."""

from __future__ import annotations

from whimbrel.hub import changes as reports
from whimbrel.hub.answers.asked import GRID_S, Asked, QuestionError
from whimbrel.hub.answers.catalog import heard
from whimbrel.hub.answers.shapes import ChangeLine, Changes, ComparedPeriod
from whimbrel.hub.archive import Archive, Period
from whimbrel.hub.model import Period as Compared
from whimbrel.hub.periods import period_of


def default_periods(archive: Archive, asked: Asked) -> tuple[Period, Period]:
    """The period and the equal one before it; where nothing is known of that, the halves of what there is."""
    length = asked.period.end - asked.period.start
    earlier = Period(max(asked.period.start - length, 0), asked.period.start)
    if archive.agents(earlier):
        return earlier, asked.period
    told = heard(archive, asked)
    start, end = told.start // GRID_S * GRID_S, -(-told.end // GRID_S) * GRID_S
    middle = (start + end) // 2 // GRID_S * GRID_S
    return Period(start, middle), Period(middle, end)


def changes(archive: Archive, before: Period, after: Period, service: str = "") -> Changes:
    """Of one service, or of all."""
    for period in (before, after):
        if period.end <= period.start:
            raise QuestionError(f"a period from {period.start} to {period.end}; its end must be later than its start")
    one, other = (_of_service(period_of(archive, period), service) for period in (before, after))
    report = reports.compare(one, other)
    sure = [_line(change) for change in report.changes]
    return Changes(
        before=_compared(before, one),
        after=_compared(after, other),
        breaking=[line for line in sure if line.breaking],
        changes=[line for line in sure if not line.breaking],
        undecided=[_line(change) for change in report.undecided],
    )


def _of_service(period: Compared, service: str) -> Compared:
    if not service:
        return period
    kept = tuple(each for each in period.endpoints if each.service == service)
    return Compared(period.start_ns, period.end_ns, kept)


def _compared(period: Period, found: Compared) -> ComparedPeriod:
    calls = sum(endpoint.calls for endpoint in found.endpoints)
    return ComparedPeriod(start=period.start, end=period.end, calls=calls, endpoints=len(found.endpoints))


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
