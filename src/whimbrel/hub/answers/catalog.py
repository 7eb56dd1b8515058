"""Endpoints of the same words as one, and the lines that lists show of them.

Each agent has ids of its own: two that watch one service tell of `GET shop /users/{integer}` under two.  Here they are
one endpoint, known by the least of its ids and found by every one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from whimbrel.hub.answers.asked import EVER, GRID_S
from whimbrel.hub.answers.measures import CACHES, CHANGING, Tally, percentiles, share, tally
from whimbrel.hub.answers.shapes import EndpointLine
from whimbrel.hub.archive import AgentRow, Archive, EndpointRow, Period, StatusRow
from whimbrel.hub.model import OTHER

LISTENED_S = 20  # two windows: what an agent hears of as soon as it listens was there before it

Words = tuple[str, str, str, str]  # protocol, method, host, template


@dataclass(frozen=True, slots=True)
class Known:
    """One endpoint, whoever saw it."""

    words: Words
    ids: tuple[str, ...]  # ascending
    agents: tuple[str, ...]
    auth: tuple[str, ...]
    first: int
    last: int

    @property
    def id(self) -> str:
        return self.ids[0]

    @property
    def protocol(self) -> str:
        return self.words[0]

    @property
    def service(self) -> str:
        """Who answers: the host; caches of a kind are one."""
        return self.words[2] or self.words[0]

    @property
    def is_read(self) -> bool:
        """Whether it asks a cache for something, so that it can hit or miss."""
        return self.protocol in CACHES and self.words[1] not in CHANGING

    @property
    def is_other(self) -> bool:
        """Whether it stands for calls that found no place of their own."""
        return self.words[3] == OTHER


class Catalog:
    """The endpoints of a period."""

    def __init__(self, every: Iterable[Known]) -> None:
        self.known = {known.words: known for known in every}
        self.by_id = {each: known for known in self.known.values() for each in known.ids}

    @classmethod
    def of_rows(cls, rows: Iterable[EndpointRow]) -> Catalog:
        groups: dict[Words, list[EndpointRow]] = {}
        for row in rows:
            groups.setdefault((row.protocol, row.method, row.host, row.template), []).append(row)
        return cls(known_of(words, several) for words, several in groups.items())

    def without(self, other: Catalog) -> Catalog:
        return Catalog(known for known in self if known.words not in other.known)

    def __iter__(self) -> Iterator[Known]:
        return iter(self.known.values())

    def __len__(self) -> int:
        return len(self.known)

    def of(self, *protocols: str) -> list[Known]:
        return [known for known in self if known.protocol in protocols]

    def grouped(self, rows: Iterable[StatusRow]) -> dict[Words, list[StatusRow]]:
        """Rows by the endpoint they are of; of others nothing."""
        found: dict[Words, list[StatusRow]] = {}
        for row in rows:
            if known := self.by_id.get(row.endpoint):
                found.setdefault(known.words, []).append(row)
        return found


def known_of(words: Words, rows: Sequence[EndpointRow]) -> Known:
    return Known(
        words,
        ids=tuple(sorted(row.id for row in rows)),
        agents=tuple(sorted({row.agent for row in rows})),
        auth=tuple(sorted({kind for row in rows for kind in row.auth})),
        first=min(row.first for row in rows),
        last=max(row.last for row in rows),
    )


def ids_of(several: Iterable[Known]) -> list[str]:
    return [each for known in several for each in known.ids]


# ---- what was there before -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Before:
    """What the archive has of before a period, and since when its agents listen: nobody knows what was before that."""

    catalog: Catalog
    since: Mapping[str, int]  # by agent, ever

    def knows_new(self, until: int) -> bool:
        """Whether anything before `until` can be new."""
        return any(first + LISTENED_S < until for first in self.since.values())

    def first_of(self, known: Known) -> int:
        earlier = self.catalog.known.get(known.words)
        return min(known.first, earlier.first) if earlier else known.first

    def is_new(self, known: Known) -> bool:
        """Not called before, though an agent that tells of it would have heard it."""
        heard_since = [self.since[agent] for agent in known.agents if agent in self.since]
        settled = min(heard_since, default=known.first) + LISTENED_S
        return known.first >= settled and known.words not in self.catalog.known


def known_before(archive: Archive, start: int, ids: Collection[str] | None = None) -> Before:
    """Of the endpoints with these ids, or of all."""
    catalog = Catalog.of_rows(archive.endpoints(Period(0, start), ids))
    return Before(catalog, {row.agent: row.first for row in archive.agents(EVER, counts=False)})


def heard(agents: Iterable[AgentRow], period: Period) -> Period:
    """The part of a period that agents told of: rates are over it, so that a hub's first minute is no quiet hour."""
    every = list(agents)
    first = min((agent.first for agent in every), default=period.start) // GRID_S * GRID_S
    last = -(-max((agent.last for agent in every), default=period.end) // GRID_S) * GRID_S
    start, end = max(period.start, first), min(period.end, last)
    return Period(start, end) if start < end else period


def seconds(period: Period) -> int:
    return max(period.end - period.start, 1)


# ---- lines ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counted:
    """An endpoint with its numbers."""

    known: Known
    tally: Tally


def counted(several: Iterable[Known], rows: Mapping[Words, Sequence[StatusRow]]) -> list[Counted]:
    return [Counted(known, tally(rows.get(known.words, ()), known.protocol)) for known in several]


def line(one: Counted, length_s: int, earlier: Before) -> EndpointLine:
    known, numbers = one.known, one.tally
    protocol, method, _, template = known.words
    p50, p90, p99 = percentiles(numbers.last, 50, 90, 99)
    return EndpointLine(
        id=known.id,
        service=known.service,
        protocol=protocol,
        method=method,
        template=template,
        calls=numbers.calls,
        seen=numbers.seen,
        sample=numbers.sample,
        per_s=numbers.calls / length_s,
        error_share=share(numbers.errors, numbers.calls),
        client_error_share=share(numbers.client_errors, numbers.calls),
        no_response_share=share(numbers.no_response, numbers.calls),
        p50_ns=p50,
        p90_ns=p90,
        p99_ns=p99,
        response_mean_bytes=share(numbers.response_bytes, numbers.calls),
        first=earlier.first_of(known),
        last=known.last,
        is_new=earlier.is_new(known),
        auth=list(known.auth),
    )
