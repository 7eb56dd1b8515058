"""The HDR export, read back by HdrHistogram's own Python package."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.base.hdr import hdr_base64, hgrm_text, leb128
from whimbrel.base.histogram import Histogram

hdrh = pytest.importorskip("hdrh.histogram")


def histogram_of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1000, 100_000_000_000), min_size=1, max_size=50))
def test_hdrhistogram_reads_the_same_distribution(values):
    decoded = hdrh.HdrHistogram.decode(hdr_base64(histogram_of(values)))
    assert decoded.get_total_count() == len(values)
    for percent in (25, 50, 90, 99, 100):
        rank = max(1, int(percent / 100 * len(values) + 0.5))  # HdrHistogram's rounding
        exact = sorted(values)[rank - 1]
        assert abs(decoded.get_value_at_percentile(percent) - exact) <= 0.01 * exact + 1


def test_the_encoding_begins_as_v2_compressed_does():
    assert hdr_base64(histogram_of([1000])).startswith("HISTFAAA")


def test_an_empty_histogram_is_a_valid_one():
    assert hdrh.HdrHistogram.decode(hdr_base64(Histogram())).get_total_count() == 0


def test_overflow_and_large_counts_are_carried():
    histogram = Histogram()
    histogram.record(2**60)
    histogram.record(5, 2**32 - 1)
    histogram.record(5, 2**32 - 1)
    decoded = hdrh.HdrHistogram.decode(hdr_base64(histogram))
    assert decoded.get_total_count() == 2 * (2**32 - 1) + 1
    assert decoded.get_max_value() >= 3_590_000_000_000


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, b"\0"),
        (-1, b"\1"),
        (1, b"\2"),
        (63, b"\x7e"),
        (64, b"\x80\1"),
        (-64, b"\x7f"),
        (2**62, b"\x80" * 8 + b"\x80"),
    ],
)
def test_zigzag_leb128(value, encoded):
    assert leb128(value) == encoded


def test_hgrm_text_is_a_rising_distribution_that_ends_at_the_maximum():
    text = hgrm_text(histogram_of(list(range(1_000_000, 101_000_000, 1_000_000))))
    rows = [line.split() for line in text.splitlines()[2:] if not line.startswith("#")]
    values = [float(row[0]) for row in rows]
    assert values == sorted(values)
    assert rows[-1] == ["100.000000", "1.000000000000", "100"]
    median = next(row for row in rows if float(row[1]) == 0.5)
    assert abs(float(median[0]) - 50) <= 0.5
    assert "Total count    =          100]" in text


def test_hgrm_text_of_nothing_has_no_rows():
    assert [line for line in hgrm_text(Histogram()).splitlines()[2:] if not line.startswith("#")] == []
