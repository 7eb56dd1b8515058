"""One endpoint."""

import itertools

import pytest

from tests.hub.answers.sample import ASKED, BOOK, BOOKS, BOOKS_OF_TWO, GET, OLD, ORDERS
from tests.hub.batches import NOON, batch, edge, endpoint, latency, row
from tests.hub.shapes import shape_of
from whimbrel.hub.answers.asked import Asked, UnknownError
from whimbrel.hub.answers.endpoint import HEAT_BOUNDS_NS, duration, ttl_lines
from whimbrel.hub.answers.endpoint import endpoint as answer
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.model import BUCKETS_END_NS


def test_found_by_any_of_its_ids(shop: DuckArchive) -> None:
    view = answer(shop, ASKED, BOOKS_OF_TWO)
    assert view.line.id == BOOKS and view.ids == [BOOKS, BOOKS_OF_TWO] and view.agents == ["one", "two"]
    assert view == answer(shop, ASKED, BOOKS)


def test_an_id_nobody_told_is_unknown(shop: DuckArchive) -> None:
    with pytest.raises(UnknownError, match="no endpoint 'ffffffffffffffff'"):
        answer(shop, ASKED, "f" * 16)


def test_statuses_add_up(shop: DuckArchive) -> None:
    view = answer(shop, ASKED, BOOKS)
    fine, failed = view.statuses
    assert (fine.status, fine.calls, fine.share, fine.clients) == (200, 400, 400 / 430, 2)
    assert (failed.status, failed.calls, failed.response_mean_bytes) == (500, 30, 5.0)
    assert view.line.calls == 430 and view.line.per_s == 430 / 300 and view.clients == 2
    assert view.flags == {} and view.outcomes == [] and view.ttls == []


def test_latencies_of_all_and_of_what_succeeded(shop: DuckArchive) -> None:
    view = answer(shop, ASKED, BOOKS)
    assert (view.first_byte.count, view.last_byte.count, view.succeeded.count) == (400, 430, 400)
    assert view.succeeded.p90_ns is not None and view.succeeded.p99_ns is not None
    assert 2304 <= view.succeeded.p90_ns < 2368  # 370 of 400 are fast
    assert 10_752 <= view.succeeded.p99_ns <= 10_800
    assert view.succeeded.mean_ns == 2500 and (view.succeeded.min_ns, view.succeeded.max_ns) == (2310, 10_800)


def test_classes_over_time_agree_with_the_points(shop: DuckArchive) -> None:
    view = answer(shop, ASKED, BOOKS)
    assert {name: sum(counts) for name, counts in view.status_points.items()} == {"2xx": 400, "5xx": 30}
    assert [point.calls for point in view.points] == [sum(at) for at in zip(*view.status_points.values(), strict=True)]


def test_heat_has_every_call(shop: DuckArchive) -> None:
    heat = answer(shop, ASKED, BOOKS).heat
    assert heat.starts == list(ASKED.starts())
    assert sum(calls for _, _, calls in heat.cells) == 430
    assert heat.bounds_ns[0] <= 2304 < heat.bounds_ns[1] and heat.bounds_ns[-1] > 10_752
    assert heat.bounds_ns == [each for each in HEAT_BOUNDS_NS if heat.bounds_ns[0] <= each <= heat.bounds_ns[-1]]
    slow = {row for _, row, calls in heat.cells if calls == 1 and heat.bounds_ns[row] > 3000}
    assert slow == {len(heat.bounds_ns) - 2}


def test_rows_of_a_heat_map_reach_as_far_as_latencies() -> None:
    assert HEAT_BOUNDS_NS[0] == 0 and HEAT_BOUNDS_NS[-1] == BUCKETS_END_NS
    assert all(low < high <= max(128, low * 1.25 + 1) + 128 for low, high in itertools.pairwise(HEAT_BOUNDS_NS))


def test_caches_have_outcomes_and_ttls(shop: DuckArchive) -> None:
    view = answer(shop, ASKED, GET)
    assert [(line.name, line.calls, line.share) for line in view.outcomes] == [("hit", 180, 0.75), ("miss", 60, 0.25)]
    assert [(line.label, line.low_s, line.calls) for line in view.ttls] == [
        ("< 1 s", 0, 30), ("8 s to 16 s", 8, 60), ("never", None, 150),
    ]  # fmt: skip
    assert {name: sum(counts) for name, counts in view.status_points.items()} == {"hit": 180, "miss": 60}
    assert (view.response.mean_bytes, view.response.max_bytes) == (75.0, 600)
    assert view.succeeded == view.last_byte


def test_schemas_of_both_agents_are_one(archive: DuckArchive) -> None:
    def told(number: int, agent: str, *values: object) -> None:
        one = endpoint(number, row(3, body=shape_of(*values)), template="/x", query=shape_of({"page": 1}))
        archive.load([batch(one, agent=agent)])

    told(1, "one", BOOK, BOOK)
    told(2, "two", BOOK | {"price": 1.5})
    query, response = answer(archive, Asked.between(NOON, NOON + 60, NOON), BOOKS).schemas
    assert (query.part, query.status, response.part, response.status) == ("query", 0, "response", 200)
    assert [(field.name, field.required) for field in response.fields] == [
        ("", True), ("id", True), ("price", False), ("tags", True), ("[]", False), ("title", True),
    ]  # fmt: skip
    assert response.schema["required"] == ["id", "tags", "title"]


def test_callers_and_what_they_are(archive: DuckArchive) -> None:
    several = [["~web", "private", 3], ["~ada", "loopback", 7]]
    edges = [edge("~x", server="~web", port=80, name="site"), edge("~x", server="~web", port=1, protocol="redis")]
    archive.load([batch(endpoint(1, row(10, callers=several)), edges=edges)])
    view = answer(archive, Asked.between(NOON, NOON + 60, NOON), BOOKS)
    assert [(line.client, line.client_class, line.name, line.calls) for line in view.callers] == [
        ("~ada", "loopback", "", 7), ("~web", "private", "site", 3),
    ]  # fmt: skip
    assert view.callers_complete


def test_of_too_many_callers_none_is_told(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1, row(10, more_callers=True)))])
    view = answer(archive, Asked.between(NOON, NOON + 60, NOON), BOOKS)
    assert view.callers == [] and not view.callers_complete


def test_one_that_was_not_called_in_the_period_is_known(shop: DuckArchive) -> None:
    view = answer(shop, ASKED, OLD)
    assert (view.line.calls, view.line.last, view.line.p99_ns, view.clients) == (0, NOON - 1200, None, 0)
    assert view.statuses == [] and view.heat.cells == [] and view.callers_complete
    assert {point.calls for point in view.points} == {0}


def test_what_was_odd_is_counted(archive: DuckArchive) -> None:
    odd = row(4, 0, last=latency() | {"count": 0}, flags={"no_response": 4, "request_gap": 1})
    archive.load([batch(endpoint(1, odd), sample=2)])
    view = answer(archive, Asked.between(NOON, NOON + 60, NOON), BOOKS)
    assert view.flags == {"no_response": 8, "request_gap": 2} and view.line.no_response_share == 1.0
    assert view.status_points == {"none": [8, 0, 0, 0, 0, 0]}


def test_times_in_words() -> None:
    found = {place: line.label for place in range(32) for line in ttl_lines({str(place): 1})}
    assert found[1] == "1 s to 2 s" and found[7] == "64 s to 2.1 min" and found[13] == "68 min to 2.3 h"
    assert found[29] == "3106 d to 6213 d" and found[31] == "not given"
    assert duration(119) == "119 s" and duration(172_800) == "2 d"


def test_orders_are_new(shop: DuckArchive) -> None:
    view = answer(shop, ASKED, ORDERS)
    assert view.line.is_new and view.line.auth == ["bearer"] and view.line.client_error_share == pytest.approx(1 / 3)


def test_what_is_no_id_at_all_is_unknown_too(shop: DuckArchive) -> None:
    with pytest.raises(UnknownError, match=r"no endpoint '\.\./x' in"):
        answer(shop, ASKED, "../x")
