"""The change report: what was seeded is named, and two periods of the same service say nothing."""

import random
from typing import Any

import pytest

from tests.hub.histograms import latencies
from tests.hub.shapes import shape_of
from whimbrel.hub.changes import compare, matched
from whimbrel.hub.model import Endpoint, Latencies, Period, StatusStats
from whimbrel.hub.schema import NOTHING, of_shape

HOUR_NS = 3_600_000_000_000


def row(status: int, calls: int, *values: Any, times_ns: Any = (), kinds: Any = (1,)) -> StatusStats:
    response = of_shape(shape_of(*(values * calls))) if values else NOTHING
    latency = latencies(*times_ns) if times_ns else Latencies()
    return StatusStats(status, calls, latency, response=response, response_kinds=frozenset(kinds))


def endpoint(template: str, *rows: StatusStats, ids: str = "", **more: Any) -> Endpoint:
    known = frozenset(ids or [template])
    return Endpoint(known, "http", "GET", "shop", template, {each.status: each for each in rows}, **more)


def first(*endpoints: Endpoint) -> Period:
    return Period(0, HOUR_NS, endpoints)


def second(*endpoints: Endpoint) -> Period:
    return Period(HOUR_NS, 2 * HOUR_NS, endpoints)


def kinds(before: Period, after: Period) -> list[tuple[str, bool]]:
    return [(change.kind, change.breaking) for change in compare(before, after).changes]


def test_nothing_changed() -> None:
    some = [endpoint("/a", row(200, 50, {"x": 1}), row(404, 3)), endpoint("/b", row(200, 2))]
    report = compare(first(*some), second(*some))
    assert report.changes == report.undecided == report.breaking == ()


def test_new_and_gone() -> None:
    before, after = first(endpoint("/a", row(200, 50))), second(endpoint("/b", row(200, 50)))
    assert kinds(before, after) == [("endpoint gone", False), ("new endpoint", False)]
    assert [change.sentence for change in compare(before, after).changes] == [
        "GET /a: endpoint gone: 50 calls → none",
        "GET /b: new endpoint: none → 50 calls",
    ]


def test_a_rare_endpoint_is_neither() -> None:
    before, after = first(endpoint("/a", row(200, 3))), second(endpoint("/b", row(200, 3)))
    report = compare(before, after)
    assert report.changes == () and len(report.undecided) == 2


def test_what_was_seen_long_ago_is_not_new() -> None:
    assert kinds(first(), second(endpoint("/a", row(200, 50), first_seen_ns=1))) == []
    assert kinds(first(), second(endpoint("/a", row(200, 50), first_seen_ns=HOUR_NS + 1))) == [("new endpoint", False)]


def test_paths_that_are_not_there_and_calls_without_a_place_are_no_endpoints() -> None:
    scanned, other = endpoint("/wp-admin", row(404, 500)), endpoint("{other}", row(200, 500))
    assert kinds(first(), second(scanned, other)) == []
    assert kinds(first(scanned, other), second()) == []


def test_a_name_that_became_known_and_endpoints_that_became_one_are_the_same() -> None:
    before = [endpoint("/~3fa9c1d2e4b5", row(200, 30), ids="x"), endpoint("/b", row(200, 20), ids="y")]
    after = endpoint("/{word}", row(200, 50), ids="xyz")
    ((was, now),), gone, new = matched(before, [after])
    assert (was.calls, was.ids, now) == (50, frozenset("xy"), after)
    assert gone == new == []


def test_schemas_of_requests_and_responses() -> None:
    one = endpoint(
        "/a",
        row(200, 50, {"id": 1, "name": "x", "total": 5}),
        request=of_shape(shape_of(*[{"n": 1}] * 50)),
        query=of_shape(shape_of(*[{"page": "1"}] * 50)),
    )
    other = endpoint(
        "/a",
        row(200, 50, {"id": "x", "total": 5}),
        request=of_shape(shape_of(*[{"n": 1, "m": 2}] * 50)),
        query=of_shape(shape_of(*[{"page": "1", "token": "x"}] * 50)),
    )
    report = compare(first(one), second(other))
    assert [(change.kind, change.place) for change in report.breaking] == [
        ("new required field", "query: token"),
        ("new required field", "request: m"),
        ("type changed", "response 200: id"),
        ("field removed", "response 200: name"),
    ]
    assert report.changes == report.breaking and report.undecided == ()


def test_json_that_became_html() -> None:
    one, other = endpoint("/a", row(200, 50)), endpoint("/a", row(200, 50, kinds=(6,)))
    (change,) = compare(first(one), second(other)).breaking
    assert change.sentence == "GET /a: body kind changed in response 200: json → html"


@pytest.mark.parametrize(
    "before, after, found",
    [
        ({200: 100}, {200: 98, 500: 2}, []),
        ({200: 100}, {500: 100}, [("status class changed", True)]),
        ({200: 100}, {302: 100}, [("status class changed", True)]),
        ({200: 100}, {404: 100}, [("status class changed", True)]),
        ({200: 100}, {200: 70, 500: 30}, [("more calls fail", True)]),
        ({200: 70, 500: 30}, {200: 100}, []),
        ({200: 100}, {201: 100}, [("usual status changed", False)]),
        ({200: 2}, {500: 2}, []),
        ({0: 100}, {200: 100}, []),
        ({200: 51, 404: 49}, {200: 49, 404: 51}, []),
    ],
)
def test_statuses(before: dict[int, int], after: dict[int, int], found: list[tuple[str, bool]]) -> None:
    one = endpoint("/a", *(row(status, calls) for status, calls in before.items()))
    other = endpoint("/a", *(row(status, calls) for status, calls in after.items()))
    assert kinds(first(one), second(other)) == found


# ---- latency -------------------------------------------------------------------------------------------


def times(seed: int, calls: int, factor: float = 1.0) -> list[int]:
    source = random.Random(seed)
    return [int(factor * 1e7 * source.lognormvariate(0, 0.5)) for _ in range(calls)]


def in_parts(seed: int, factors: list[float]) -> StatusStats:
    slices = {part: latencies(*times(seed + part, 300, factor)) for part, factor in enumerate(factors)}
    every = [ns for part, factor in enumerate(factors) for ns in times(seed + part, 300, factor)]
    return StatusStats(200, len(every), latencies(*every), slices)


def test_a_tail_that_grew() -> None:
    one, other = endpoint("/a", row(200, 1000, times_ns=times(1, 1000))), times(2, 1000, 1.6)
    assert kinds(first(one), second(endpoint("/a", row(200, 1000, times_ns=other)))) == [("p99 regression", True)]
    assert kinds(second(endpoint("/a", row(200, 1000, times_ns=other))), first(one)) == []


def test_latencies_are_told_in_units_that_fit() -> None:
    before, after = ([ns] * 500 for ns in (124_000_000, 999_900_000))
    [slower] = compare(
        first(endpoint("/a", row(200, 500, times_ns=before))), second(endpoint("/a", row(200, 500, times_ns=after)))
    ).changes
    assert (slower.before.split()[1], slower.after.split()[1]) == ("ms", "s")


def test_a_tail_of_errors_is_none() -> None:
    one = endpoint("/a", row(200, 1000, times_ns=times(1, 1000)), row(500, 9, times_ns=[10**6] * 9))
    other = endpoint("/a", row(200, 1000, times_ns=times(1, 1000)), row(500, 9, times_ns=[10**10] * 9))
    assert kinds(first(one), second(other)) == []


def test_a_period_with_slow_minutes_is_no_regression_where_there_were_some_before() -> None:
    steady, slow = [1.0] * 8, [1.0, 1.6, 1.0, 2.2, 1.0, 1.0, 1.6, 2.4]
    one, other = in_parts(1, slow), in_parts(100, [*slow[1:], 2.6])
    assert kinds(first(endpoint("/a", one)), second(endpoint("/a", other))) == []
    now_slow = in_parts(200, [2.0] * 8)
    found = kinds(first(endpoint("/a", in_parts(1, steady))), second(endpoint("/a", now_slow)))
    assert found == [("p99 regression", True)]


def test_forty_pairs_of_periods_of_the_same_service_claim_nothing() -> None:
    for seed in range(40):
        one = endpoint("/a", row(200, 500, times_ns=times(seed, 500)))
        other = endpoint("/a", row(200, 500, times_ns=times(seed + 1000, 500)))
        assert kinds(first(one), second(other)) == []
