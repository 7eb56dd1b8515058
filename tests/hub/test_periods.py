"""Periods out of an archive: counts as they were seen, and the schema that was true in them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.hub.batches import NOON, batch, latency
from tests.hub.batches import endpoint as endpoint_doc
from tests.hub.batches import row as row_doc
from tests.hub.histograms import latencies
from tests.hub.shapes import shape_of
from whimbrel.hub.archive import EndpointRow, Period, SchemaRow, Sizes, StatusRow
from whimbrel.hub.changes import compare
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.model import Latencies
from whimbrel.hub.periods import parted, period_of, schemas_in_force, thinned
from whimbrel.hub.schema import INTEGER
from whimbrel.summary.batch import Batch, decode
from whimbrel.summary.testing_window import Watch

NS = 1_000_000_000


def status(endpoint: str = "x", calls: int = 50, **more: Any) -> StatusRow:
    told: dict[str, Any] = {"seen": calls, "sample": 1, "first": Latencies(), "last": latencies(*[5000] * calls)} | more
    return StatusRow(endpoint, 200, calls, request=Sizes(), response=Sizes(), clients=1, **told)


class Told:
    """An archive with two agents' ids of one endpoint; `later` is what the second period's schema is."""

    def __init__(self, later: Any) -> None:
        self.later = later

    def endpoints(self, asked: Period) -> list[EndpointRow]:
        ids = ("x", "y") if asked.start else ("x",)
        return [EndpointRow(one, "http", "GET", "shop", "/a", "web1", ("basic",), asked.start, 9) for one in ids]

    def statuses(self, asked: Period, endpoints: Any = None, parts: Any = ()) -> list[StatusRow]:
        marks = {"response_kind:1": 1, "flag:cut": 2}
        return [status(marks=marks), status("y", marks=marks), status("gone")]

    def points(self, asked: Period, step: int, endpoints: Any = None) -> list[StatusRow]:
        assert step == 300
        return [status(calls=25, start=asked.start), status(calls=25, start=asked.start + step)]

    def schemas(self, asked: Period, endpoints: Any = None) -> list[SchemaRow]:
        shape = self.later if asked.start else shape_of(*[{"id": 1, "b": 1}] * 50)
        return [SchemaRow("x", "response", 200, asked.start + 10, shape)]


def test_a_period() -> None:
    archive: Any = Told(shape_of(*[{"id": 1}] * 50))
    found = period_of(archive, Period(0, 3600))
    (endpoint,) = found.endpoints
    row = endpoint.statuses[200]
    assert (found.end_ns, endpoint.ids, endpoint.auth) == (3600 * NS, frozenset("x"), frozenset(["basic"]))
    assert (row.calls, row.response_kinds, set(row.slices)) == (50, frozenset([1]), {0, 300})
    assert row.response.keys["b"].required and endpoint.last_seen_ns == 9 * NS
    assert period_of(archive, Period(0, 3600), ["other"]).endpoints == ()
    whole = period_of(archive, Period(0, 3600), sliced=False)
    assert not whole.endpoints[0].statuses[200].slices
    assert parted(archive, Period(0, 3600), whole, {"x"}) == found


def test_two_periods_of_an_archive_are_compared() -> None:
    archive: Any = Told(shape_of(*[{"id": 1}] * 50))
    first, second = (period_of(archive, Period(start, start + 3600)) for start in (0, 3600))
    (endpoint,) = second.endpoints
    assert endpoint.ids == frozenset("xy") and endpoint.calls == 100
    assert [change.sentence for change in compare(first, second).changes] == [
        "GET /a: field removed in response 200, b: integer → absent"
    ]


def test_histograms_of_sampled_calls_count_what_was_seen() -> None:
    found = thinned(latencies(*[5000] * 40), status(calls=40, seen=10))
    assert (found.count, found.placed, found.max_ns) == (10, 10, 5000)
    assert thinned(found, status()) is found


def row(start: int, *values: Any, endpoint: str = "x") -> SchemaRow:
    return SchemaRow(endpoint, "body", 0, start, shape_of(*values))


def in_force(*rows: SchemaRow) -> Any:
    return schemas_in_force(rows, 100)["x", "body", 0]


def test_a_schema_that_was_not_renewed_is_in_force() -> None:
    assert in_force(row(50, {"a": 1})).keys["a"].required


def test_what_came_in_the_period_counts() -> None:
    found = in_force(row(50, {"a": 1}), row(150, {"a": 1}, {"b": 1}), row(160, {"a": 1}, {"b": 1}, {"b": 1}))
    assert found.keys.keys() == {"b"} and found.calls == 2


def test_the_first_of_a_period_is_its_base_where_the_one_in_force_is_older() -> None:
    told = [row(10, {"a": 1}), row(110, {"a": 1}, {"a": 1}, {"b": 1}), row(160, {"a": 1}, {"a": 1}, {"b": 1}, {"b": 1})]
    found = in_force(*told)
    assert found.keys.keys() == {"b"} and found.calls == 1
    assert in_force(*told[:2]).keys.keys() == {"a", "b"}


def test_an_agent_that_began_anew_speaks_for_itself() -> None:
    assert in_force(row(50, {"a": 1}, {"a": 1}), row(150, {"b": 1})).keys.keys() == {"b"}


def test_two_agents_are_united() -> None:
    found = in_force(row(150, {"a": 1}, {"a": 1}), row(160, {"b": 1}))
    assert found.keys.keys() == {"a", "b"} and not found.keys["a"].required
    assert found.keys["a"].schema.types == INTEGER


# ---- the whole way -------------------------------------------------------------------------------------


def hour(start: int, *, changed: bool) -> list[Any]:
    """Sixty windows.  `changed`: /2 loses a field, wants another and gets slow, /3 becomes /4, /5 fails."""
    user: dict[str, Any] = {"id": 1, "name": "x"}
    order: dict[str, Any] = {"item": 1}
    if changed:
        user, order = {"id": "x"}, {"item": 1, "token": "x"}
    made = []
    for at in range(start, start + 3600, 60):
        shapes: Any = {"body": shape_of(*[user] * 40)} if at == start else {}
        request: Any = {"body": shape_of(*[order] * 40)} if at == start else {}
        slow = row_doc(20, last=latency(400 if changed else 200, 20), response_kinds=[1], **shapes)
        made.append(
            batch(
                endpoint_doc(1, row_doc(9, response_kinds=[1])),
                endpoint_doc(2, slow, method="POST", **request),
                endpoint_doc(4 if changed else 3),
                endpoint_doc(5, row_doc(3, status=500 if changed else 200)),
                start=at,
            )
        )
    return made


def test_what_was_seeded_is_found_in_a_database_and_nothing_else(tmp_path: Path) -> None:
    archive = DuckArchive(tmp_path / "archive.duckdb", memory_mib=128, clock=lambda: NOON + 9000)
    try:
        archive.load(hour(NOON, changed=False))
        archive.load(hour(NOON + 3600, changed=True))
        first, second = (period_of(archive, Period(start, start + 3600)) for start in (NOON, NOON + 3600))
    finally:
        archive.close()
    report = compare(first, second)
    assert [(change.endpoint, change.kind, change.place) for change in report.breaking] == [
        ("GET /5", "status class changed", ""),
        ("POST /2", "p99 regression", ""),
        ("POST /2", "new required field", "request: token"),
        ("POST /2", "type changed", "response 200: id"),
        ("POST /2", "field removed", "response 200: name"),
    ]
    rest = [(change.endpoint, change.kind) for change in report.changes if not change.breaking]
    assert rest == [("GET /3", "endpoint gone"), ("GET /4", "new endpoint")]
    assert report.undecided == ()
    assert compare(first, replace(first, start_ns=second.start_ns, end_ns=second.end_ns)).changes == ()


def told_by_an_agent(start: int, bodies: list[bytes]) -> list[Any]:
    """A real agent's batches of windows with a few calls each, which answered these."""
    watch, made = Watch(k=1), []
    for number, body in enumerate(bodies):
        for _ in range(3):
            watch.call(host=b"shop", target=b"/items", response=body)
        start_ns = (start + number * 10) * NS
        record = Batch.of("0123456789abcdef", watch.close(start_ns, start_ns + 10 * NS)).encode()
        made.append(decode(record))
    return made


def test_a_field_that_goes_while_the_agent_runs_is_proved_to_be_gone(tmp_path: Path) -> None:
    """It is told as optional at once, and told again until nobody has had it for long enough."""
    archive = DuckArchive(tmp_path / "archive.duckdb", memory_mib=128, clock=lambda: NOON + 3600)
    was, now = b'{"id": 1, "price": {"net": 2, "gross": 3}}', b'{"id": 1, "price": {"net": 2}}'
    try:
        archive.load(told_by_an_agent(NOON, [was] * 60 + [now] * 60))
        whole, half = period_of(archive, Period(NOON, NOON + 1200)), NOON + 600
        first, second = (period_of(archive, Period(start, start + 600)) for start in (NOON, half))
    finally:
        archive.close()
    assert not whole.endpoints[0].statuses[200].response.keys["price"].schema.keys["gross"].required
    assert [(change.kind, change.place) for change in compare(first, second).changes] == [
        ("field removed", "response 200: price.gross")
    ]
