"""One endpoint: how often, how fast, with which statuses, by whom, and what its bodies are made of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from whimbrel.hub.answers.asked import EVER, Asked, UnknownError
from whimbrel.hub.answers.catalog import Catalog, Counted, Known, heard, known_before, line, seconds
from whimbrel.hub.answers.charts import by_step, points
from whimbrel.hub.answers.fields import schema_view
from whimbrel.hub.answers.measures import HTTP, quantiles, request_sizes, response_sizes, share, tally
from whimbrel.hub.answers.services import names_at
from whimbrel.hub.answers.shapes import (
    CallerLine,
    EndpointView,
    Heat,
    OutcomeLine,
    SchemaView,
    StatusLine,
    TtlLine,
)
from whimbrel.hub.archive import Archive, StatusRow
from whimbrel.hub.model import OCTAVE_STEPS, added, bucket_bounds_ns, status_class
from whimbrel.hub.periods import schemas_in_force
from whimbrel.hub.schema import Schema, unite
from whimbrel.summary.bodies import KINDS

PARTS_IN_ORDER = ("query", "headers", "body", "response")
TTL_NEVER, TTL_NOT_GIVEN = 30, 31
HEAT_STEPS = 16  # buckets a cell of a heat map: a quarter of an octave, four rows for each doubling
HEAT_BOUNDS_NS = [bucket_bounds_ns(place)[0] for place in range(0, 29 * OCTAVE_STEPS + 1, HEAT_STEPS)]


def endpoint(archive: Archive, asked: Asked, endpoint_id: str) -> EndpointView:
    known = find(archive, asked, endpoint_id)
    earlier = known_before(archive, asked.period.start, known.ids)
    told = heard(archive.agents(asked.period, counts=False), asked.period)
    http = known.protocol == HTTP
    rows = archive.statuses(asked.period, known.ids)
    steps = archive.timeline(asked.period, asked.step_s, known.ids, ("last",) if http else ("last", "marks"))
    succeeded = [row.last for row in rows if not http or 100 <= row.status < 400]
    marks = _marks(rows)
    return EndpointView(
        span=asked.span,
        line=line(Counted(known, tally(rows, known.protocol)), seconds(told), earlier),
        ids=list(known.ids),
        agents=list(known.agents),
        first_byte=quantiles(added(row.first for row in rows)),
        last_byte=quantiles(added(row.last for row in rows)),
        succeeded=quantiles(added(succeeded)),
        statuses=_statuses(rows),
        points=points(asked, steps, known.protocol, told),
        status_points=_status_points(asked, steps, http=http),
        heat=_heat(asked, steps),
        request=request_sizes(rows),
        response=response_sizes(rows),
        clients=max((row.clients for row in rows), default=0),
        callers=_callers(archive, asked, marks["caller"]),
        callers_complete=sum(marks["caller"].values()) >= sum(row.calls for row in rows),
        schemas=_schemas(archive, asked, known),
        outcomes=_outcomes(marks["outcome"]),
        ttls=ttl_lines(marks["ttl"]),
        flags=dict(sorted(marks["flag"].items())),
    )


def find(archive: Archive, asked: Asked, endpoint_id: str) -> Known:
    """By any of its ids; one that was not called in the period is known all the same."""
    alike = archive.alike(endpoint_id)
    for period in (asked.period, EVER):
        known = Catalog.of_rows(archive.endpoints(period, alike)).by_id.get(endpoint_id)
        if known is not None:
            return known
    raise UnknownError(f"no endpoint {endpoint_id!r} in the archive")


def _marks(rows: Iterable[StatusRow]) -> dict[str, Counter[str]]:
    """Of all rows together, by kind and name."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in ("flag", "outcome", "ttl", "caller")}
    for row in rows:
        for kind, counter in found.items():
            counter.update(row.named(kind))
    return found


# ---- statuses ------------------------------------------------------------------------------------------


def _statuses(rows: Sequence[StatusRow]) -> list[StatusLine]:
    whole, several = sum(row.calls for row in rows), dict[int, list[StatusRow]]()
    for row in rows:
        several.setdefault(row.status, []).append(row)
    return [_status(status, several[status], whole) for status in sorted(several)]


def _status(status: int, rows: Sequence[StatusRow], whole: int) -> StatusLine:
    calls = sum(row.calls for row in rows)
    kinds = sorted({int(number) for row in rows for number in row.named("response_kind")})
    return StatusLine(
        status=status,
        calls=calls,
        share=share(calls, whole),
        clients=max(row.clients for row in rows),
        latency=quantiles(added(row.last for row in rows)),
        response_mean_bytes=share(sum(row.response.sum for row in rows), calls),
        response_kinds=[KINDS[number] for number in kinds if number < len(KINDS)],
    )


def _status_points(asked: Asked, rows: Iterable[StatusRow], *, http: bool) -> dict[str, list[int]]:
    """Calls by class at each step; of caches, which have no statuses, by outcome."""
    steps = by_step(rows)
    counted = [Counter(dict[str, int]()) for _ in asked.starts()]
    for counter, start in zip(counted, asked.starts(), strict=True):
        for row in steps.get(start, ()):
            counter.update({status_class(row.status): row.calls} if http else row.named("outcome"))
    return {
        name: [counter[name] for counter in counted] for name in sorted({name for each in counted for name in each})
    }


# ---- latencies by time ---------------------------------------------------------------------------------


def _heat(asked: Asked, steps: Iterable[StatusRow]) -> Heat:
    """From the histograms that the chart has anyway."""
    starts = list(asked.starts())
    columns = {start: column for column, start in enumerate(starts)}
    cells = Counter[tuple[int, int]]()
    for row in steps:
        column: defaultdict[int, int] = defaultdict(int)
        for place, calls in row.last.buckets.items():
            column[place // HEAT_STEPS] += calls
        for low, calls in column.items():
            cells[columns[row.start], low] += calls
    rows = [row for _, row in cells]
    low, high = min(rows, default=0), max(rows, default=-1)
    return Heat(
        starts=starts,
        bounds_ns=HEAT_BOUNDS_NS[low : high + 2] if rows else [],
        cells=[[column, row - low, calls] for (column, row), calls in sorted(cells.items())],
    )


# ---- who, and what -------------------------------------------------------------------------------------


def _callers(archive: Archive, asked: Asked, counts: Mapping[str, int]) -> list[CallerLine]:
    names = names_at(archive.edges(asked.period)) if counts else {}
    lines = [_caller(caller, calls, names) for caller, calls in counts.items()]
    return sorted(lines, key=lambda one: (-one.calls, one.client))


def _caller(caller: str, calls: int, names: Mapping[str, str]) -> CallerLine:
    client, _, client_class = caller.rpartition("/")
    return CallerLine(client=client, client_class=client_class, name=names.get(client, ""), calls=calls)


def _schemas(archive: Archive, asked: Asked, known: Known) -> list[SchemaView]:
    several: dict[tuple[int, int], list[Schema]] = {}
    found = schemas_in_force(archive.schemas(asked.period, known.ids), asked.period.start)
    for (_, part, status), schema in found.items():
        if schema.types and part in PARTS_IN_ORDER:
            several.setdefault((PARTS_IN_ORDER.index(part), status), []).append(schema)
    return [
        schema_view(PARTS_IN_ORDER[place], status, unite(several[place, status])) for place, status in sorted(several)
    ]


def _outcomes(counts: Mapping[str, int]) -> list[OutcomeLine]:
    whole = sum(counts.values())
    lines = [OutcomeLine(name=name, calls=calls, share=share(calls, whole)) for name, calls in counts.items()]
    return sorted(lines, key=lambda one: (-one.calls, one.name))


def ttl_lines(counts: Mapping[str, int]) -> list[TtlLine]:
    """By place; see docs/batch.md."""
    return list(_ttl_lines({int(place): calls for place, calls in counts.items()}))


def _ttl_lines(counts: Mapping[int, int]) -> Iterator[TtlLine]:
    for place, calls in sorted(counts.items()):
        if place == TTL_NEVER:
            yield TtlLine(label="never", low_s=None, calls=calls)
        elif place >= TTL_NOT_GIVEN:
            yield TtlLine(label="not given", low_s=None, calls=calls)
        elif place == 0:
            yield TtlLine(label="< 1 s", low_s=0, calls=calls)
        else:
            low = 1 << (place - 1)
            yield TtlLine(label=f"{duration(low)} to {duration(2 * low)}", low_s=low, calls=calls)


def duration(length_s: int) -> str:
    """1 s, 68 min, 36 h, 48 d"""
    for unit, size, least in (("d", 86_400, 172_800), ("h", 3600, 7200), ("min", 60, 120)):
        if length_s >= least:
            return f"{length_s / size:.2g} {unit}" if length_s / size < 100 else f"{length_s // size} {unit}"
    return f"{length_s} s"
