"""What the hub needs of an archive, whichever database keeps it.

    batches -> load -> [10 s] -> fold -> [1 min] -> fold -> [1 h] -> gone
                          \\___________________________________/
                                   statuses, points, edges, agents, reuse, schemas over [start, end)

An archive keeps windows, exactly once by batch id, and answers with merged rows; what they mean (templates, schemas,
changes) is not its business.  Times are whole seconds since 1970, of the windows' starts.  Histograms and HyperLogLog
registers are arrays which ordinary SQL merges (unnest, GROUP BY, SUM or MAX), so that another database can stand
behind the same words.

Numbers are estimates where flows were sampled: `calls`, sizes and histograms are multiplied by the batch's `sample`,
`seen` is what was really looked at, and `sample` the largest rate in it.  1 means exact.

Ids that became others (`aliases`) are kept as they came.  `set_roots` says what they mean: rows of an id are answered
under its root from then on, those already there too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from whimbrel.base.errors import WhimbrelError
from whimbrel.hub.model import Latencies
from whimbrel.summary import hll

Document = Mapping[str, Any]  # a batch, as summary.batch decodes it
PARTS = ("first", "last", "marks", "clients")  # what of a StatusRow is made of arrays; the rest is always there
MARKS = (
    "flag", "request_kind", "response_kind", "body", "outcome", "ttl", "request_step", "response_step",
    "caller",  # "~3fa9c1d2e4b5/private": calls of that client address; of a row that was rolled up, of the busiest 64
    "callers",  # "more": calls of all others, and of windows in which there were too many to tell
)  # fmt: skip


class ArchiveError(WhimbrelError):
    """The archive cannot do it now (a full disk, no memory): the same may work later."""


class ArchiveRefusedError(ArchiveError):
    """It will never do this: a file that is no archive, or of a version it does not know; a batch it cannot hold."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in seconds since 1970."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Loaded:
    loaded: int = 0
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Folded:
    """What a round of roll-up and retention did, in rows."""

    read: int = 0
    written: int = 0
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Sizes:
    sum: float = 0.0
    min: int = 0
    max: int = 0


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """Who an endpoint is; `id` is that of its root."""

    id: str
    protocol: str
    method: str
    host: str
    template: str
    agent: str  # that told of it first
    auth: tuple[str, ...]
    first: int  # window in which it was first called, within retention
    last: int


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One endpoint with one status over a period, or over one step of it."""

    endpoint: str
    status: int
    calls: int
    seen: int
    sample: int
    first: Latencies
    last: Latencies
    request: Sizes
    response: Sizes
    clients: int  # estimate, standard error 2.3 %
    marks: Mapping[str, int] = field(default_factory=dict)  # "outcome:hit": 3; of kinds only which, not how many
    start: int = 0

    def named(self, kind: str) -> dict[str, int]:
        """The marks of one of MARKS: outcomes, ttls by place, ..."""
        prefix = kind + ":"
        return {name[len(prefix) :]: n for name, n in self.marks.items() if name.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class EdgeRow:
    client: str
    client_class: str
    server: str
    server_class: str
    port: int
    protocol: str
    version: str
    name: str
    alpn: str
    calls: int
    request_bytes: float
    response_bytes: float
    flows: int
    flow_bytes: float
    handshakes: int


@dataclass(frozen=True, slots=True)
class AgentRow:
    agent: str
    version: int  # of the batch format
    first: int  # the first window's start
    last: int  # the last window's end
    batches: int
    lost_batches: int
    lost_calls: int
    sample: int
    counts: Mapping[str, int]
    program: str = ""  # its version, as the newest batch says; "" where it does not
    cpu_ns: int = 0  # of all batches together
    resident_bytes: int = 0  # the most


@dataclass(frozen=True, slots=True)
class ReuseRow:
    agent: str
    server: str
    port: int
    protocol: str
    reads: int
    cold: float
    share: float  # the smallest of the period
    distances: tuple[float, ...]  # pairs, as in a batch

    def sample(self) -> dict[str, Any]:
        """As summary.shards.curve takes it."""
        flat: list[float] = list(self.distances)
        flat[::2] = map(int, flat[::2])
        return {"reads": self.reads, "cold": self.cold, "share": self.share, "distances": flat}


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """A schema that was in force in the period: `part` is body (request), query, headers or response."""

    endpoint: str
    part: str
    status: int
    start: int
    document: Mapping[str, Any]  # a ShapeDoc


class Archive(Protocol):
    """Any thread may ask; loading and folding exclude each other."""

    def load(self, batches: Sequence[Document]) -> Loaded:
        """All of them or, with an ArchiveError, none; those that are there already are duplicates."""
        ...

    def has(self, batch_id: str, started: int) -> bool:
        """Whether the batch with this id, of the window that began then (hub.rows.started_of), is there."""
        ...

    def fold(self, now: int) -> Folded:
        """Roll up and drop what is old enough, in bounded slices; each is done whole or not at all."""
        ...

    def backup(self, target: Path) -> None:
        """One moment's state as a file of its own, while everything goes on."""
        ...

    def close(self) -> None: ...

    def endpoints(self, period: Period, endpoints: Collection[str] | None = None) -> list[EndpointRow]: ...

    def alike(self, endpoint: str) -> list[str]:
        """Its id and those of endpoints with the same words, as other agents know it; none where there is no such."""
        ...

    def statuses(
        self, period: Period, endpoints: Collection[str] | None = None, parts: Collection[str] = PARTS
    ) -> list[StatusRow]:
        """`parts` are what of PARTS is needed: merging arrays of all endpoints is what a long list costs."""
        ...

    def points(self, period: Period, step: int, endpoints: Collection[str] | None = None) -> list[StatusRow]: ...

    def timeline(
        self,
        period: Period,
        step: int,
        endpoints: Collection[str] | None = None,
        parts: Collection[str] = ("last",),
    ) -> list[StatusRow]:
        """The same with all of these endpoints as one (`endpoint` is ""): what one chart of several is made of."""
        ...

    def traffic(
        self, period: Period, step: int, protocols: Collection[str], parts: Collection[str] = ("last", "marks")
    ) -> list[StatusRow]:
        """The same of all endpoints of these protocols, from sums that are kept of them: without first bytes and
        clients, and of the marks with outcomes only."""
        ...

    def hosts(
        self, period: Period, parts: Collection[str] = ("last", "marks")
    ) -> dict[tuple[str, str], list[StatusRow]]:
        """Such sums of the whole period by (protocol, host)."""
        ...

    def edges(self, period: Period) -> list[EdgeRow]: ...

    def agents(self, period: Period, *, counts: bool = True) -> list[AgentRow]:
        """Without `counts` sooner."""
        ...

    def reuse(self, period: Period) -> list[ReuseRow]: ...

    def schemas(self, period: Period, endpoints: Collection[str] | None = None) -> list[SchemaRow]: ...

    def aliases(self) -> list[tuple[str, str]]: ...

    def set_roots(self, roots: Mapping[str, str]) -> None: ...


def distinct(entries: Sequence[int]) -> int:
    """How many clients HyperLogLog registers stand for."""
    return round(hll.estimate(hll.registers(entries)))
