"""Histogram: the error bound, merging, and its bytes, against plain sorted lists."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.base.histogram import Histogram

MICROSECOND, SECOND = 1_000, 1_000_000_000
IN_RANGE = st.one_of(
    st.integers(MICROSECOND, 100 * SECOND),
    st.integers(10, 36).flatmap(lambda bit: st.integers((1 << bit) - 2, (1 << bit) + 2)),
)
ANY = st.one_of(IN_RANGE, st.integers(0, 2000), st.integers(1 << 37, (1 << 64) - 1))


def histogram_of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def exact_percentile(values: list[int], percent: float) -> int:
    return sorted(values)[max(1, math.ceil(percent / 100.0 * len(values))) - 1]


@given(IN_RANGE)
def test_one_value_is_within_one_percent(value):
    histogram = histogram_of([value])
    for low, high, _count in histogram.buckets():
        assert low <= value < high
        assert abs((low + high) // 2 - value) <= 0.01 * value


@given(st.lists(IN_RANGE, min_size=1, max_size=60), st.floats(0, 100))
def test_percentiles_are_within_one_percent_of_the_sorted_list(values, percent):
    exact = exact_percentile(values, percent)
    assert abs(histogram_of(values).percentile(percent) - exact) <= 0.01 * exact


@given(st.lists(ANY, max_size=40))
def test_nothing_is_lost(values):
    histogram = histogram_of(values)
    assert histogram.count == len(values)
    assert histogram.overflow == sum(value >= 1 << 37 for value in values)
    assert histogram.underflow == sum(value < 512 for value in values)
    assert sum(count for _low, _high, count in histogram.buckets()) + histogram.overflow == len(values)
    assert histogram.min_ns == min(values, default=0)
    assert histogram.max_ns == max(values, default=0)
    assert histogram.sum_ns == sum(values) % (1 << 64)


@given(st.lists(ANY, max_size=20), st.lists(ANY, max_size=20), st.lists(ANY, max_size=20))
def test_merge_is_recording_together_in_any_order(a, b, c):
    together = histogram_of(a + b + c)
    left = histogram_of(a)
    left.merge(histogram_of(b))
    left.merge(histogram_of(c))
    right = histogram_of(c)
    right.merge(histogram_of(a))
    right.merge(histogram_of(b))
    nested = histogram_of(b)
    nested.merge(histogram_of(c))
    outer = histogram_of(a)
    outer.merge(nested)
    assert left == right == outer == together


@given(st.lists(ANY, max_size=40))
def test_bytes_round_trip(values):
    histogram = histogram_of(values)
    assert Histogram.from_bytes(histogram.to_bytes()) == histogram
    assert pickle.loads(pickle.dumps(histogram)) == histogram


def test_merging_a_histogram_into_itself_doubles_it():
    histogram = histogram_of([1000, 5000])
    histogram.merge(histogram)
    assert histogram == histogram_of([1000, 5000, 1000, 5000])


def test_record_takes_a_count_and_zero_changes_nothing():
    histogram = Histogram()
    histogram.record(1500, 3)
    histogram.record(9999, 0)
    assert histogram == histogram_of([1500] * 3)
    assert histogram.mean_ns == 1500.0


def test_an_empty_histogram_answers_zero():
    histogram = Histogram()
    assert histogram.percentiles([0, 50, 99.99, 100]) == [0, 0, 0, 0]
    assert (histogram.count, histogram.min_ns, histogram.max_ns, histogram.mean_ns) == (0, 0, 0, 0.0)


def test_clear_forgets_everything():
    histogram = histogram_of([1, 1000, 1 << 50])
    histogram.clear()
    assert histogram == Histogram()


def test_counts_do_not_wrap_at_32_bits():
    histogram = Histogram()
    for _ in range(3):
        histogram.record(2000, (1 << 32) - 1)
    assert histogram.count == 3 * ((1 << 32) - 1)
    assert histogram.percentile(100) == 2000


@pytest.mark.parametrize("percent", [-0.1, 100.1, float("nan")])
def test_percentiles_outside_0_to_100_are_refused(percent):
    with pytest.raises(ValueError, match="within 0 to 100"):
        Histogram().percentile(percent)


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_values_that_are_no_64_bit_numbers_are_refused(value):
    with pytest.raises(OverflowError):
        Histogram().record(value)


@given(st.binary(max_size=80))
def test_foreign_bytes_are_refused(data):
    with pytest.raises(ValueError, match="not a histogram"):
        Histogram.from_bytes(data)
    good = histogram_of([1000, 2000]).to_bytes()
    with pytest.raises(ValueError, match="not a histogram"):
        Histogram.from_bytes(good[:44] + data)


@given(st.lists(ANY, max_size=40), st.lists(st.integers(1000, 10**12), min_size=1, max_size=5).map(sorted))
def test_counts_below_bounds_are_off_by_at_most_the_error(values, bounds):
    for bound, count in zip(bounds, histogram_of(values).count_below(bounds), strict=True):
        assert sum(value < 1 << 37 and value <= bound * 0.99 for value in values) <= count
        assert count <= sum(value <= bound * 1.01 for value in values)
