"""The first page."""

import pytest

from tests.hub.answers.sample import ASKED, BOOKS, ORDERS, START
from tests.hub.batches import NOON, batch, endpoint, row
from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.overview import SHOWN, SLOW_CALLS_LEAST, overview
from whimbrel.hub.duck import DuckArchive


def test_totals(shop: DuckArchive) -> None:
    found = overview(shop, ASKED).totals
    assert (found.calls, found.per_s, found.endpoints, found.services, found.new_endpoints) == (520, 520 / 300, 4, 2, 3)
    assert (found.error_share, found.client_error_share) == (30 / 520, 30 / 520)
    assert (found.cache_commands, found.cache_hit_share) == (250, 0.75)
    assert (found.agents, found.agents_live, found.lost_calls, found.sample) == (2, 1, 30, 2)
    assert found.latency.count == 520 and found.latency.max_ns == 9_000_000_000


def test_lists_name_what_deserves_a_look(shop: DuckArchive) -> None:
    found = overview(shop, ASKED)
    assert [line.id for line in found.busiest] == [BOOKS, ORDERS]
    assert [line.id for line in found.slowest] == [BOOKS, ORDERS]
    assert [line.id for line in found.failing] == [BOOKS]
    assert [line.id for line in found.new] == [ORDERS]
    assert found.has_data


def test_charts_of_calls_and_of_caches(shop: DuckArchive) -> None:
    found = overview(shop, ASKED)
    assert len(found.points) == len(found.cache_points) == 60
    assert sum(point.calls for point in found.points) == 520
    assert [point.calls for point in found.cache_points] == [0] * 30 + [8] * 20 + [9] * 10
    assert [point.errors for point in found.cache_points[-11:]] == [0] + [1] * 10


def test_a_quiet_period_is_not_an_empty_archive(shop: DuckArchive) -> None:
    for asked in (Asked.between(START - 600, START - 300, NOON), Asked.between(NOON - 9000, NOON - 8000, NOON)):
        found = overview(shop, asked)
        assert found.has_data and found.totals.calls == 0 and found.busiest == [] and found.totals.agents_live == 1


def test_an_empty_archive_says_so(archive: DuckArchive) -> None:
    found = overview(archive, ASKED)
    assert not found.has_data and found.totals.per_s == 0.0 and found.totals.cache_hit_share is None
    assert len(found.points) == 60


def test_rare_calls_are_not_the_slowest(archive: DuckArchive) -> None:
    often, seldom = row(SLOW_CALLS_LEAST), row(1, last={"count": 1, "sum": 9, "min": 9, "max": 9, "buckets": [900, 1]})
    archive.load([batch(endpoint(1, often), endpoint(2, seldom))])
    asked = Asked.between(NOON, NOON + 60, NOON)
    assert [line.template for line in overview(archive, asked).slowest] == ["/1"]
    archive.load([batch(endpoint(3, seldom), start=NOON + 3600)])
    later = Asked.between(NOON + 3600, NOON + 3660, NOON)
    assert [line.template for line in overview(archive, later).slowest] == ["/3"]


def test_lists_are_short_and_without_what_has_no_place(archive: DuckArchive) -> None:
    many = [endpoint(number, row(number)) for number in range(1, 9)]
    archive.load([batch(*many, endpoint(99, row(999), template="{other}"))])
    found = overview(archive, Asked.between(NOON, NOON + 60, NOON))
    assert [line.calls for line in found.busiest] == list(range(8, 8 - SHOWN, -1))
    assert found.totals.endpoints == 8 and found.totals.calls == pytest.approx(36 + 999)
