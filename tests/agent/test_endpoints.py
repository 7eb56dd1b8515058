"""Endpoints added up from windows: sums, percentiles, ids that change, a bound."""

import random

import pytest

from tests.agent.windows import endpoint, latency, row, window
from whimbrel.agent.endpoints import BUCKETS, Endpoints, Latencies, as_json, bucket_ns, merged
from whimbrel.base.histogram import Histogram


def test_windows_add_up() -> None:
    first = window(endpoint("1", row(3, 200, 10, (1_000_000,) * 3), row(1, 404, 20, (2_000_000,))))
    second = window(endpoint("1", row(2, 200, 50, (4_000_000,) * 2)), endpoint("2", row(), template="/items"))
    one, other = merged([first, second])
    assert (one.template, one.calls, other.template, other.calls) == ("/orders", 6, "/items", 1)
    assert one.statuses == {200: 5, 404: 1}
    assert (one.response.sum, one.response.max) == (3 * 10 + 20 + 2 * 50, 50)
    assert (one.latencies.count, one.latencies.min_ns, one.latencies.max_ns) == (6, 1_000_000, 4_000_000)


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_within_three_per_cent(seed: int) -> None:
    draw = random.Random(seed)
    values = [int(draw.lognormvariate(13, 2)) + 1 for _ in range(3000)]
    latencies, exact = Latencies(), Histogram()
    for at in range(0, len(values), 100):
        latencies.add(latency(*values[at : at + 100]))
    for value in values:
        exact.record(value)
    for percent in (1, 50, 90, 99, 99.9, 100):
        ours, theirs = latencies.percentile_ns(percent), exact.percentile(percent)
        assert ours is not None and abs(ours - theirs) <= 0.04 * theirs + 32


def test_a_bucket_s_middle_is_in_it() -> None:
    for place in range(BUCKETS - 1):
        middle = bucket_ns(place)
        assert bucket_ns(place + 1) > middle
        told = latency(int(middle))
        assert told["buckets"][0] // 4 == place


def test_what_was_too_long_for_a_bucket_is_the_maximum() -> None:
    latencies = Latencies()
    latencies.add({"count": 2, "sum": 3 << 38, "min": 5, "max": 2 << 38, "buckets": [0, 1], "overflow": 1})
    assert latencies.percentile_ns(99) == 2 << 38
    assert latencies.percentile_ns(10) == 5 + 15 - 4  # the middle of the first bucket


def test_nothing_measured_is_none() -> None:
    latencies = Latencies()
    latencies.add(None)
    assert latencies.percentile_ns(50) is None
    assert "latency_ms" not in as_json(merged([window(endpoint("1", {"calls": 1}))])[0])


def test_an_id_that_changed_is_followed() -> None:
    endpoints = Endpoints(100)
    endpoints.window(window(endpoint("a", row(5), template="/users/~1"), endpoint("b", row(1), template="/users/~2")))
    endpoints.window(
        window(endpoint("c", row(2), template="/users/{value}"), aliases=[["a", "c"], ["b", "c"], ["x", "c"]])
    )
    (one,) = endpoints.most_called()
    assert (one.template, one.calls, one.latencies.count, one.statuses) == ("/users/{value}", 8, 3, {200: 8})


def test_a_token_that_became_a_name_is_shown_as_it_is_now() -> None:
    one = window(endpoint("1", template="/~3fa9c1d2e4b5"))
    assert merged([one, window(endpoint("1", template="/orders"))])[0].template == "/orders"


def test_further_endpoints_are_counted_together() -> None:
    endpoints = Endpoints(16)
    endpoints.window(window(*(endpoint(str(n), row(2)) for n in range(50))))
    shown = endpoints.most_called()
    assert len(shown) == 17 and sum(one.calls for one in shown) == 100
    assert (shown[-1].template, shown[-1].calls) == ("{other}", 68)


def test_json_of_a_cache_has_outcomes_and_no_host() -> None:
    told = {"calls": 4, "outcomes": {"hit": 3, "miss": 1}, "last": latency(1000, 2000), "flags": {"no_reply": 1}}
    shown = as_json(merged([window(endpoint("1", told, protocol="redis", host="", method="get"))])[0])
    assert shown["outcomes"] == {"hit": 3, "miss": 1} and shown["flags"] == {"no_reply": 1}
    assert "host" not in shown and "statuses" not in shown
    assert shown["latency_ms"]["count"] == 2 and shown["latency_ms"]["max"] == 0.002
