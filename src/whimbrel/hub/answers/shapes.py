"""What the hub answers: the JSON under /api/, as types; every page shows one of them and nothing else.

    question -> answers/*.py -> one of these -> JSON under /api/ (msgspec), or a page (template)

The API's own document is made of the same types, so a field that is not here is nowhere.  Times are seconds since 1970,
latencies nanoseconds (`_ns`), sizes bytes; a share is between 0 and 1.  None is "not known".  Counts are estimates
where flows were sampled (`sample` > 1: they were multiplied already; `seen`, and an agent's, are what it looked at).
"""

from __future__ import annotations

from typing import Any

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything here."""


class Span(Answer, frozen=True):
    """The period that was asked for, [start, end), and the steps of its charts."""

    start: int
    end: int
    step_s: int


class Quantiles(Answer, frozen=True):
    """Of a latency; each off by at most 0.8 %."""

    count: int
    mean_ns: float | None
    min_ns: int | None
    p50_ns: float | None
    p75_ns: float | None
    p90_ns: float | None
    p95_ns: float | None
    p99_ns: float | None
    p999_ns: float | None
    p9999_ns: float | None
    max_ns: int | None


class Point(Answer, frozen=True):
    """One step of a chart.  Steps without calls are there too, with zeros and None."""

    start: int
    calls: int
    per_s: float
    errors: int  # HTTP 5xx; of caches: error
    client_errors: int  # HTTP 4xx
    no_response: int  # HTTP: calls of which none was seen
    p50_ns: float | None
    p90_ns: float | None
    p99_ns: float | None
    p999_ns: float | None


class EndpointLine(Answer, frozen=True):
    """One endpoint in a list."""

    id: str  # of /api/endpoints/{id}
    service: str  # the host; where there is none, as of caches, the protocol
    protocol: str
    method: str
    template: str
    calls: int
    seen: int
    sample: int
    per_s: float
    error_share: float  # 5xx, or error of caches
    client_error_share: float  # 4xx
    no_response_share: float
    p50_ns: float | None
    p90_ns: float | None
    p99_ns: float | None
    response_mean_bytes: float
    first: int  # window in which it was first called, within retention
    last: int
    is_new: bool  # first called in the period, and not as soon as an agent listened
    auth: list[str]


# ---- /api/overview ---------------------------------------------------------------------------------------


class Totals(Answer, frozen=True):
    calls: int
    per_s: float
    error_share: float
    client_error_share: float
    latency: Quantiles  # of HTTP calls
    services: int
    endpoints: int
    new_endpoints: int
    cache_commands: int
    cache_hit_share: float | None
    agents: int
    agents_live: int  # heard of in the last minute
    lost_calls: int
    sample: int


class Overview(Answer, frozen=True):
    span: Span
    totals: Totals
    points: list[Point]  # HTTP
    cache_points: list[Point]
    busiest: list[EndpointLine]  # five each; HTTP
    slowest: list[EndpointLine]
    failing: list[EndpointLine]
    new: list[EndpointLine]
    has_data: bool  # whether the archive has anything at all, ever
    has_earlier: bool  # whether agents listened for long enough that something can be called new


# ---- /api/endpoints --------------------------------------------------------------------------------------


class Endpoints(Answer, frozen=True):
    span: Span
    total: int  # that match; `rows` is one page of them
    limit: int
    offset: int
    sort: str
    descending: bool
    services: list[str]  # what the filters can be set to
    methods: list[str]
    rows: list[EndpointLine]
    unused: bool  # rows are endpoints of before the period that were not called in it; their numbers are of then


# ---- /api/endpoints/{id} ---------------------------------------------------------------------------------


class StatusLine(Answer, frozen=True):
    status: int  # HTTP; 0: no response was seen, or a cache
    calls: int
    share: float
    clients: int  # estimate
    latency: Quantiles  # to the response's last byte
    response_mean_bytes: float
    response_kinds: list[str]  # "json"


class Heat(Answer, frozen=True):
    """Calls below 137 s by time and latency, [step, row, calls] by number; row r: bounds_ns[r] to bounds_ns[r+1]."""

    starts: list[int]
    bounds_ns: list[int]
    cells: list[list[int]]


class FieldLine(Answer, frozen=True):
    """A place in a schema, in order of reading."""

    depth: int
    name: str  # "" for the whole body, "[]" for items, "{}" for a map's values, "(n hidden)" for keys without names
    types: list[str]
    formats: list[str]
    required: bool  # every parent had it
    nullable: bool
    calls: int  # at least
    hidden_keys: int  # more than 0: this line stands for so many keys whose names did not leave the host


class SchemaView(Answer, frozen=True):
    part: str  # "body", "query", "headers", "response"
    status: int  # of "response"
    fields: list[FieldLine]
    schema: dict[str, Any]  # the same as JSON Schema


class CallerLine(Answer, frozen=True):
    client: str  # the token of an address
    client_class: str  # loopback, private, public
    name: str  # the service it is, where calls to this address were seen too; "" otherwise
    calls: int


class SizeView(Answer, frozen=True):
    mean_bytes: float
    min_bytes: int
    max_bytes: int


class OutcomeLine(Answer, frozen=True):
    name: str  # hit, miss, stored, ...
    calls: int
    share: float


class TtlLine(Answer, frozen=True):
    label: str  # "< 1 s", "1 s to 2 s", "never", "not given"
    low_s: int | None
    calls: int


class EndpointView(Answer, frozen=True):
    span: Span
    line: EndpointLine
    ids: list[str]
    agents: list[str]
    first_byte: Quantiles  # request's last byte to the response's first
    last_byte: Quantiles
    succeeded: Quantiles  # last byte, of calls below 400
    statuses: list[StatusLine]
    points: list[Point]
    status_points: dict[str, list[int]]  # "2xx": calls in each of `points`
    heat: Heat
    request: SizeView
    response: SizeView
    clients: int  # at least: of the status and the agent that had most; an estimate
    callers: list[CallerLine]  # the busiest first; empty where there were too many to tell of
    callers_complete: bool
    schemas: list[SchemaView]
    outcomes: list[OutcomeLine]  # caches
    ttls: list[TtlLine]  # caches
    flags: dict[str, int]  # what was not as it should be, in calls


# ---- /api/services ---------------------------------------------------------------------------------------


class ServiceLine(Answer, frozen=True):
    name: str  # host, or the protocol of a cache
    protocol: str
    endpoints: int
    calls: int
    per_s: float
    error_share: float
    client_error_share: float
    latency: Quantiles
    is_documented: bool  # has HTTP endpoints that OpenAPI can express


class MapNode(Answer, frozen=True):
    id: str  # token of the address, with ":port" where it serves
    label: str  # names by which it is called, or what serves there ("redis :6379"), or "client ~12ab…"
    kind: str  # "service", "cache", "client", "tls", "other"
    address_class: str
    calls: int  # that it answered
    services: list[str]


class MapLink(Answer, frozen=True):
    source: str  # MapNode.id
    target: str
    protocol: str
    name: str  # by which the client called it: a host, a TLS server name
    calls: int
    per_s: float
    request_bytes: float
    response_bytes: float
    flows: int  # where calls cannot be seen
    handshakes: int


class Services(Answer, frozen=True):
    span: Span
    services: list[ServiceLine]
    nodes: list[MapNode]
    links: list[MapLink]
    truncated: int  # links that were left out, the least busy ones


# ---- /api/changes, /api/services/comparison -----------------------------------------------------------------


class ChangeLine(Answer, frozen=True):
    kind: str
    service: str
    endpoint: str
    id: str  # of the endpoint's page
    place: str
    before: str
    after: str
    breaking: bool
    chance: float
    sentence: str


class ComparedPeriod(Answer, frozen=True):
    start: int
    end: int
    calls: int  # looked at
    endpoints: int


class Changes(Answer, frozen=True):
    before: ComparedPeriod
    after: ComparedPeriod
    breaking: list[ChangeLine]
    changes: list[ChangeLine]  # the others
    undecided: list[ChangeLine]


class FindingLine(Answer, frozen=True):
    kind: str
    endpoint: str
    place: str
    documented: str
    observed: str


class Comparison(Answer, frozen=True):
    span: Span
    service: str
    operations: int  # in the document
    findings: list[FindingLine]


# ---- /api/cache, /api/agents -------------------------------------------------------------------------------


class KeyLine(Answer, frozen=True):
    """A key pattern: all commands on keys of one template."""

    id: str  # of its busiest command's endpoint page
    protocol: str
    template: str
    commands: dict[str, int]
    calls: int
    per_s: float
    hits: int  # of reading commands
    misses: int
    hit_share: float | None
    value_mean_bytes: float
    p50_ns: float | None
    p99_ns: float | None
    ttls: list[TtlLine]


class CommandLine(Answer, frozen=True):
    protocol: str
    command: str
    calls: int
    share: float
    latency: Quantiles


class CurvePoint(Answer, frozen=True):
    items: float  # cache size in keys
    bytes: float | None  # the same by the mean size of values seen; None where no value was seen
    miss_share: float


class MissCurve(Answer, frozen=True):
    agent: str
    server: str
    port: int
    protocol: str
    reads: int
    share: float  # of keys that are followed
    miss_share_now: float | None  # seen, of the protocols it speaks
    points: list[CurvePoint]
    advice: str  # one sentence: what twice the memory would buy; "" where there is too little to say


class Caches(Answer, frozen=True):
    span: Span
    calls: int
    hit_share: float | None
    points: list[Point]
    hit_points: list[float | None]  # hit share at each of `points`
    keys: list[KeyLine]
    commands: list[CommandLine]
    curves: list[MissCurve]


class LossLine(Answer, frozen=True):
    name: str  # a counter of docs/watch.md
    count: int
    meaning: str


class AgentLine(Answer, frozen=True):
    agent: str
    format_version: int
    version: str | None  # of the program
    first: int
    last: int
    is_live: bool
    batches: int
    calls: int
    lost_batches: int
    lost_calls: int
    sample: int
    cpu_share: float | None  # of one core, in the windows of the period
    resident_bytes: int | None  # the most of the period
    packets: int
    dropped_packets: int
    losses: list[LossLine]  # what was lost or given up, by counter
    counts: dict[str, int]


class Agents(Answer, frozen=True):
    span: Span
    agents: list[AgentLine]
