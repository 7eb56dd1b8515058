"""What an archive has of a period, as the values that are compared and exported.

Counts here are of calls that were really looked at, for comparisons judge by evidence: where flows were sampled, the
archive's histograms are thinned again by as much as they were scaled.

Schemas need care, since agents count from when they began to learn and send only what changed.  What counts in a
period is what came on top of the schema that was in force when it began; an agent that began anew in it speaks for
itself; and where none came, the one in force is still true.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from whimbrel.hub.archive import Archive, EndpointRow, SchemaRow, StatusRow
from whimbrel.hub.archive import Period as Span
from whimbrel.hub.model import Endpoint, Latencies, Period, StatusStats, added, united
from whimbrel.hub.schema import NOTHING, Schema, grew, of_shape, since, unite
from whimbrel.summary.batch import ShapeDoc

PARTS = 12  # of a period, whose percentiles are compared by rank
STEP_S = 10  # of the archive's grid
NS = 1_000_000_000

Placed = tuple[str, str, int]  # endpoint, part, status


def period_of(archive: Archive, span: Span, endpoints: Collection[str] | None = None, *, sliced: bool = True) -> Period:
    """Endpoints of a span with rows, parts (if `sliced`) and schemas; agents that saw the same are one."""
    rows = _by_endpoint(archive.statuses(span, endpoints, ("last", "marks")))
    parts = _parts(archive, span, endpoints) if sliced else {}
    schemas = schemas_in_force(archive.schemas(span, endpoints), span.start)
    found = [
        _endpoint(row, rows.get(row.id, []), parts.get(row.id, []), schemas)
        for row in archive.endpoints(span)
        if endpoints is None or row.id in endpoints
    ]
    return Period(span.start * NS, span.end * NS, united(found))


def parted(archive: Archive, span: Span, found: Period, endpoints: Collection[str]) -> Period:
    """What was found without parts, with those of some endpoints."""
    parts = _parts(archive, span, endpoints)
    return replace(found, endpoints=tuple(_parted(endpoint, parts) for endpoint in found.endpoints))


def _parted(endpoint: Endpoint, parts: Mapping[str, Sequence[StatusRow]]) -> Endpoint:
    own = [part for known in sorted(endpoint.ids) for part in parts.get(known, ())]
    if not own:
        return endpoint
    statuses = {number: replace(of, slices=_slices(own, number)) for number, of in endpoint.statuses.items()}
    return replace(endpoint, statuses=statuses)


def _slices(parts: Iterable[StatusRow], status: int) -> dict[int, Latencies]:
    several: dict[int, list[Latencies]] = {}
    for part in parts:
        if part.status == status and part.last.count:
            several.setdefault(part.start, []).append(thinned(part.last, part))
    return {start: added(of) for start, of in several.items()}


def _parts(archive: Archive, span: Span, endpoints: Collection[str] | None) -> dict[str, list[StatusRow]]:
    step = max(STEP_S, -(-(span.end - span.start) // PARTS) // STEP_S * STEP_S)
    return _by_endpoint(archive.points(span, step, endpoints))


def _by_endpoint(rows: Iterable[StatusRow]) -> dict[str, list[StatusRow]]:
    found: dict[str, list[StatusRow]] = {}
    for row in rows:
        found.setdefault(row.endpoint, []).append(row)
    return found


def _endpoint(
    row: EndpointRow, statuses: Sequence[StatusRow], parts: Sequence[StatusRow], schemas: Mapping[Placed, Schema]
) -> Endpoint:
    def part(name: str) -> Schema:
        return schemas.get((row.id, name, 0), NOTHING)

    return Endpoint(
        ids=frozenset((row.id,)),
        protocol=row.protocol,
        method=row.method,
        host=row.host,
        template=row.template,
        statuses={one.status: _stats(one, parts, schemas) for one in statuses},
        request=part("body"),
        query=part("query"),
        headers=part("headers"),
        auth=frozenset(row.auth),
        first_seen_ns=row.first * NS,
        last_seen_ns=row.last * NS,
    )


def _stats(row: StatusRow, parts: Sequence[StatusRow], schemas: Mapping[Placed, Schema]) -> StatusStats:
    return StatusStats(
        status=row.status,
        calls=row.seen,
        latency=thinned(row.last, row),
        slices=_slices(parts, row.status),
        response=schemas.get((row.endpoint, "response", row.status), NOTHING),
        request_kinds=frozenset(map(int, row.named("request_kind"))),
        response_kinds=frozenset(map(int, row.named("response_kind"))),
    )


def thinned(latencies: Latencies, row: StatusRow) -> Latencies:
    """As many as were looked at."""
    if row.seen >= row.calls:
        return latencies
    share = row.seen / row.calls
    buckets = {place: round(count * share) for place, count in latencies.buckets.items()}
    return replace(
        latencies,
        count=round(latencies.count * share),
        sum_ns=round(latencies.sum_ns * share),
        buckets=buckets,
        overflow=round(latencies.overflow * share),
    )


# ---- schemas -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """Schemas of one agent's learning, of which only the ends matter."""

    before: SchemaRow | None  # in force when the period began
    told: list[SchemaRow] = field(default_factory=list)  # in the period

    @property
    def last(self) -> ShapeDoc:
        row = self.told[-1] if self.told else self.before
        assert row is not None
        return _shape(row)

    def base(self, start: int) -> ShapeDoc | None:
        """What is not of the period: the schema in force, which may be minutes old.  Where the period's first is nearer
        to its beginning, that: the calls between are the fewer to count wrongly."""
        if self.before is None:
            return None
        later = len(self.told) < 2 or self.told[0].start - start >= start - self.before.start
        return _shape(self.before if later else self.told[0])


def _shape(row: SchemaRow) -> ShapeDoc:
    return cast("ShapeDoc", row.document)


def schemas_in_force(rows: Iterable[SchemaRow], start: int) -> dict[Placed, Schema]:
    """One schema for every endpoint, part and status."""
    runs: dict[Placed, list[_Run]] = {}
    for row in sorted(rows, key=lambda one: one.start):
        several = runs.setdefault((row.endpoint, row.part, row.status), [])
        run = next((one for one in several if grew(_shape(row), one.last)), None)
        if row.start <= start:
            several.append(_Run(row))
        elif run is None:
            several.append(_Run(None, [row]))
        else:
            run.told.append(row)
    return {placed: _schema(several, start) for placed, several in runs.items()}


def _schema(runs: Sequence[_Run], start: int) -> Schema:
    """What came in the period; else what was in force."""
    renewed = [of_shape(since(run.last, run.base(start))) for run in runs if run.told]
    return unite(renewed or [of_shape(run.last) for run in runs])
