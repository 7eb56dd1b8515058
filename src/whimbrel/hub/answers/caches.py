"""Cache traffic: patterns of keys, commands, hits, and what more memory would buy.

The miss-ratio curve is that of an LRU cache of so many keys, from the reuse distances that agents sampled.  A cache
that evicts otherwise, or loses keys to expiry and deletion, has its own point: the size at which the curve misses as
often as the cache was seen to miss is the size it is worth, and doubling that is what the advice is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.catalog import Catalog, Counted, Words, counted, heard, ids_of, seconds
from whimbrel.hub.answers.charts import by_step, points
from whimbrel.hub.answers.endpoint import ttl_lines
from whimbrel.hub.answers.measures import CACHES, Tally, percentile, quantiles, share, tally
from whimbrel.hub.answers.shapes import Caches, CommandLine, CurvePoint, KeyLine, MissCurve
from whimbrel.hub.archive import Archive, ReuseRow, StatusRow
from whimbrel.summary.shards import curve, distance_of

KEYS_MOST = 200  # patterns that are listed, the busiest
READS_LEAST = 1000  # that were followed: below, a curve is an accident
SIZES_AN_OCTAVE = 4  # of a curve's points
GAIN_LEAST = 0.005  # of the miss share: less is not worth memory

Rows = Mapping[Words, Sequence[StatusRow]]


def caches(archive: Archive, asked: Asked) -> Caches:
    catalog = Catalog(Catalog.of_rows(archive.endpoints(asked.period)).of(*CACHES))
    told = heard(archive.agents(asked.period, counts=False), asked.period)
    rows = catalog.grouped(archive.statuses(asked.period, ids_of(catalog), ("last", "marks")))
    steps = archive.traffic(asked.period, asked.step_s, CACHES)
    reads = archive.timeline(asked.period, asked.step_s, ids_of(each for each in catalog if each.is_read), ("marks",))
    several = counted(catalog, rows)
    return Caches(
        span=asked.span,
        calls=sum(one.tally.calls for one in several),
        hit_share=tally(reads, CACHES[0]).hit_share,
        points=points(asked, steps, CACHES[0], told),
        hit_points=_hit_points(asked, reads),
        keys=_keys(several, rows, seconds(told)),
        commands=_commands(several, rows),
        curves=_curves(archive, asked, several, rows),
    )


def _hit_points(asked: Asked, rows: Iterable[StatusRow]) -> list[float | None]:
    steps = by_step(rows)
    return [tally(steps.get(start, ()), CACHES[0]).hit_share for start in asked.starts()]


# ---- keys and commands ---------------------------------------------------------------------------------


def _grouped(several: Iterable[Counted], place: int) -> dict[tuple[str, str], list[Counted]]:
    """By protocol and the method (1) or the template (3)."""
    found: dict[tuple[str, str], list[Counted]] = {}
    for one in several:
        found.setdefault((one.known.protocol, one.known.words[place]), []).append(one)
    return found


def _rows_of(of: Iterable[Counted], rows: Rows) -> list[StatusRow]:
    return [row for one in of for row in rows.get(one.known.words, ())]


def _keys(several: Iterable[Counted], rows: Rows, length_s: int) -> list[KeyLine]:
    groups = _grouped(several, 3)
    busiest = sorted(groups, key=lambda key: (-sum(one.tally.calls for one in groups[key]), key))[:KEYS_MOST]
    return [_key(key, groups[key], _rows_of(groups[key], rows), length_s) for key in busiest]


def _key(key: tuple[str, str], of: Sequence[Counted], rows: Sequence[StatusRow], length_s: int) -> KeyLine:
    protocol, template = key
    numbers, commands, ttls = tally(rows, protocol), Counter[str](), Counter[str]()
    reads = reads_of(of)
    for one in of:
        commands[one.known.words[1]] += one.tally.calls
    for row in rows:
        ttls.update(row.named("ttl"))
    busiest = max(of, key=lambda one: (one.tally.calls, one.known.id))
    return KeyLine(
        id=busiest.known.id,
        protocol=protocol,
        template=template,
        commands=dict(commands.most_common()),
        calls=numbers.calls,
        per_s=numbers.calls / length_s,
        hits=reads.outcomes["hit"],
        misses=reads.outcomes["miss"],
        hit_share=reads.hit_share,
        value_mean_bytes=mean_value_bytes(rows) or 0.0,
        p50_ns=percentile(numbers.last, 50),
        p99_ns=percentile(numbers.last, 99),
        ttls=ttl_lines(ttls),
    )


def _commands(several: Iterable[Counted], rows: Rows) -> list[CommandLine]:
    groups = _grouped(several, 1)
    tallies = {key: tally(_rows_of(of, rows), key[0]) for key, of in groups.items()}
    whole = sum(each.calls for each in tallies.values())
    lines = [
        CommandLine(
            protocol=protocol,
            command=command,
            calls=numbers.calls,
            share=share(numbers.calls, whole),
            latency=quantiles(numbers.last),
        )
        for (protocol, command), numbers in tallies.items()
    ]
    return sorted(lines, key=lambda one: (-one.calls, one.protocol, one.command))


def mean_value_bytes(rows: Iterable[StatusRow]) -> float | None:
    """Of values that were sent or received; None where there was none."""
    total, values = 0.0, 0
    for row in rows:
        for sizes, kind in ((row.request, "request_step"), (row.response, "response_step")):
            total += sizes.sum
            values += sum(calls for place, calls in row.named(kind).items() if place != "0")
    return total / values if values else None


def reads_of(several: Iterable[Counted]) -> Tally:
    """Outcomes of those that read."""
    outcomes = Counter[str]()
    for one in several:
        if one.known.is_read:
            outcomes.update(one.tally.outcomes)
    return Tally(outcomes=outcomes)


# ---- curves --------------------------------------------------------------------------------------------


def _curves(archive: Archive, asked: Asked, several: Sequence[Counted], rows: Rows) -> list[MissCurve]:
    """Each with what was seen of the protocols that its server speaks: which server a call went to is not told."""
    samples = archive.reuse(asked.period)
    spoken: dict[tuple[str, int], set[str]] = {(row.server, row.port): {row.protocol} for row in samples}
    for edge in archive.edges(asked.period) if samples else ():
        if edge.protocol in CACHES:
            spoken.get((edge.server, edge.port), set()).add(edge.protocol)
    made = []
    for row in samples:
        own = [one for one in several if one.known.protocol in spoken[row.server, row.port]]
        made.append(_curve(row, reads_of(own), mean_value_bytes(_rows_of(own, rows))))
    return made


def _curve(row: ReuseRow, seen: Tally, value_bytes: float | None) -> MissCurve:
    sizes = curve_sizes(row)
    misses = curve(row.sample(), sizes) if row.reads else []
    now = None if seen.hit_share is None else 1 - seen.hit_share
    return MissCurve(
        agent=row.agent,
        server=row.server,
        port=row.port,
        protocol=row.protocol,
        reads=row.reads,
        share=row.share,
        miss_share_now=now,
        points=[
            CurvePoint(items=size, bytes=None if value_bytes is None else size * value_bytes, miss_share=miss)
            for size, miss in zip(sizes, misses, strict=False)
        ],
        advice=advice(row, sizes, misses, now),
    )


def curve_sizes(row: ReuseRow) -> list[float]:
    """From one key to beyond the largest distance seen, in equal ratios."""
    places = row.distances[::2]
    largest = distance_of(int(max(places)) + 1) if places else 1.0
    sizes = [1.0]
    while sizes[-1] < largest:
        sizes.append(sizes[-1] * 2 ** (1 / SIZES_AN_OCTAVE))
    return sizes


def advice(row: ReuseRow, sizes: Sequence[float], misses: Sequence[float], now: float | None) -> str:
    """What twice the memory would buy."""
    if row.reads * row.share < READS_LEAST or now is None or not misses:
        return ""
    if now - misses[-1] < GAIN_LEAST:
        return f"Nearly every key that came back was still there ({now:.1%} of reads miss): more memory buys nothing."
    alike = [size for size, miss in zip(sizes, misses, strict=True) if abs(miss - now) < GAIN_LEAST]
    if alike and alike[-1] >= 2 * alike[0]:
        return (
            f"It misses {now:.1%} of reads, as LRU caches of {alike[0]:,.0f} to {alike[-1]:,.0f} keys would; "
            f"only a larger one would miss less."
        )
    worth = max((size for size, miss in zip(sizes, misses, strict=True) if miss >= now), default=sizes[0])
    [twice] = curve(row.sample(), [2 * worth])
    return (
        f"It misses {now:.1%} of reads, as an LRU cache of about {worth:,.0f} keys would; "
        f"one of twice as many would miss {twice:.1%}."
    )
