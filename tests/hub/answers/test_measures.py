"""Rows as numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.histograms import latencies
from whimbrel.hub.answers.measures import (
    percentile,
    percentiles,
    quantiles,
    request_sizes,
    response_sizes,
    share,
    tally,
)
from whimbrel.hub.archive import Sizes, StatusRow
from whimbrel.hub.model import BUCKETS_END_NS, Latencies

PERCENTS = (50, 75, 90, 95, 99, 99.9, 99.99)


def status(code: int, calls: int, **marks: int) -> StatusRow:
    named = {f"outcome:{name}": n for name, n in marks.items()}
    size = Sizes(100.0 * calls, 90, 110) if calls else Sizes()
    return StatusRow("a", code, calls, calls // 2, 2, Latencies(), latencies(*[1000] * calls) if calls else Latencies(),
                     size, size, 1, named)  # fmt: skip


@given(st.lists(st.integers(0, BUCKETS_END_NS - 1), min_size=1, max_size=60))
def test_percentiles_are_within_what_is_claimed(times: list[int]) -> None:
    """Of the time at that rank by 0.8 %; below 512 ns, where buckets are 8 ns wide, by 4 ns."""
    exact = [sorted(times)[math.ceil(len(times) * percent / 100) - 1] for percent in PERCENTS]
    assert percentiles(latencies(*times), *PERCENTS) == [pytest.approx(each, rel=0.008, abs=4) for each in exact]


def test_of_nothing_there_is_nothing() -> None:
    empty = quantiles(Latencies())
    assert (empty.count, empty.mean_ns, empty.p50_ns, empty.p9999_ns, empty.max_ns) == (0, None, None, None, None)
    assert share(1, 0) == 0.0 and percentile(Latencies(), 99) is None
    nothing = tally([], "http")
    assert (nothing.calls, nothing.sample, nothing.hit_share) == (0, 1, None)
    assert request_sizes([]).mean_bytes == 0.0


def test_quantiles_are_near_what_was_measured() -> None:
    found = quantiles(latencies(*range(1_000_000, 2_000_000, 1000)))
    assert (found.count, found.min_ns, found.max_ns) == (1000, 1_000_000, 1_999_000)
    assert found.mean_ns == 1_499_500
    assert found.p50_ns is not None and abs(found.p50_ns / 1_499_000 - 1) < 0.008
    assert found.p99_ns is not None and abs(found.p99_ns / 1_989_000 - 1) < 0.008


def test_http_is_judged_by_status() -> None:
    made = tally([status(200, 6), status(404, 2), status(503, 1), status(0, 1)], "http")
    assert (made.calls, made.errors, made.client_errors, made.no_response) == (10, 1, 2, 1)
    assert (made.seen, made.sample, made.last.count, made.response_bytes) == (4, 2, 10, 1000.0)


def test_caches_are_judged_by_outcome() -> None:
    made = tally([status(0, 4, hit=2, miss=1, error=1), status(0, 4, hit=1, stored=3)], "redis")
    assert (made.calls, made.errors, made.no_response) == (8, 1, 0)
    assert made.hit_share == 0.75


def test_sizes_leave_out_what_was_not_called() -> None:
    found = response_sizes([status(200, 3), status(500, 0)])
    assert (found.mean_bytes, found.min_bytes, found.max_bytes) == (100.0, 90, 110)
