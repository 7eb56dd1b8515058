"""The model: histograms as values, and endpoints of several agents as one."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.hub.histograms import latencies, place_of
from whimbrel.base.histogram import Histogram
from whimbrel.hub.model import Endpoint, Latencies, StatusStats, added, both, bucket_bounds_ns, status_class, united
from whimbrel.hub.schema import Schema

TIMES_NS = [0, 7, 8, 500, 511, 512, 519, 520, 1023, 1024, 1_000_000, 999_999_999, (1 << 37) - 1]


def test_buckets_join_without_gaps_up_to_the_end() -> None:
    bounds = [bucket_bounds_ns(place) for place in range(1856)]
    assert bounds[0][0] == 0 and bounds[-1][1] == 1 << 37
    assert all(one[1] == following[0] for one, following in pairwise(bounds))


@pytest.mark.parametrize("ns", TIMES_NS)
def test_buckets_are_those_of_the_server(ns: int) -> None:
    server = Histogram()
    server.record(ns)
    ((low, high, _),) = server.buckets()
    assert bucket_bounds_ns(place_of(ns))[0] == low
    assert high - bucket_bounds_ns(place_of(ns))[1] in (0, -1)


def test_a_histogram_from_a_batch() -> None:
    doc = {"count": 3, "sum": 30, "min": 1, "max": 20, "buckets": [0, 2, 2, 1]}
    assert Latencies.of(doc) == Latencies(3, 30, 1, 20, {0: 2, 2: 1})  # type: ignore[arg-type]
    assert Latencies.of(None) == Latencies()


@pytest.mark.parametrize("percent", [0, 50, 90, 99, 99.9, 100])
def test_percentiles_agree_with_the_server(percent: float) -> None:
    times = [1000 + 17 * number * number for number in range(1000)]
    server = Histogram()
    for ns in times:
        server.record(ns)
    assert latencies(*times).percentile_ns(percent) == pytest.approx(server.percentile(percent), rel=0.016)


def test_percentiles_stay_within_what_was_seen() -> None:
    assert latencies(1_000_000).percentile_ns(99) == 1_000_000
    assert latencies(1 << 38).percentile_ns(50) > 1 << 37
    assert Latencies().percentile_ns(50) == 0


def test_histograms_are_added() -> None:
    one, other = latencies(10, 600), latencies(11, 1 << 38)
    assert added([one, Latencies(), other]) == latencies(10, 600, 11, 1 << 38)
    assert added([]) == Latencies()


def endpoint(ids: str, template: str = "/a", **more) -> Endpoint:
    return Endpoint(frozenset(ids), "http", "GET", "shop", template, **more)


def test_agents_that_saw_the_same_endpoint_are_one_row() -> None:
    one = endpoint("x", statuses={200: StatusStats(200, 2, latencies(5), {0: latencies(5)})}, first_seen_ns=7)
    other = endpoint(
        "y",
        statuses={200: StatusStats(200, 3, latencies(6), {0: latencies(6), 1: latencies(7)}), 404: StatusStats(404, 1)},
        query=Schema(1, calls=4),
        auth=frozenset(["basic"]),
        last_seen_ns=9,
    )
    (found, alone) = united([one, endpoint("z", "/b"), other])
    assert alone.template == "/b"
    assert found.ids == {"x", "y"} and found.calls == 6 and found.auth == {"basic"}
    assert found.statuses[200].latency == latencies(5, 6)
    assert found.statuses[200].slices == {0: latencies(5, 6), 1: latencies(7)}
    assert (found.first_seen_ns, found.last_seen_ns, found.query) == (7, 9, Schema(1, calls=4))
    assert both(one, other).text == both(other, one).text


def test_words_about_an_endpoint() -> None:
    rows = {status: StatusStats(status, 1) for status in (0, 200, 302, 404)}
    assert endpoint("x", statuses=rows).name == "GET /a"
    assert replace(endpoint("x"), method="client", template="").name == "client"
    assert [row.status for row in endpoint("x", statuses=rows).succeeded()] == [200, 302]
    assert [row.status_class for row in rows.values()] == ["none", "2xx", "3xx", "4xx"]
    assert endpoint("x").service == "shop"
    assert Endpoint(frozenset("x"), "redis", "get", "", "{word}").service == "redis"


@pytest.mark.parametrize(
    ("status", "of"), [(0, "none"), (99, "none"), (200, "2xx"), (404, "4xx"), (599, "5xx"), (600, "none")]
)
def test_classes_of_statuses(status: int, of: str) -> None:
    assert status_class(status) == of
