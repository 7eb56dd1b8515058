"""Metrics: the text Prometheus reads, read back by its own parser."""

import pytest

from whimbrel.base.histogram import Histogram
from whimbrel.base.metrics import LE_BOUNDS_NS, Metric, Sample, docs_table, exposition, number_text

REQUESTS = Metric("requests", "counter", "", ("command", "result"), "Requests executed.")
MEMORY = Metric("memory", "gauge", "bytes", (), "Memory in use.\nBackslash \\ kept.")
LATENCY = Metric("latency", "histogram", "seconds", ("command",), "From readable to written.")


def parsed(samples):
    parser = pytest.importorskip("prometheus_client.parser")
    return {family.name: family for family in parser.text_string_to_metric_families(exposition(samples))}


def test_counters_and_gauges_with_labels_that_need_escapes():
    odd = 'a"b\\c\nd'
    families = parsed(
        [Sample(REQUESTS, ("get", odd), 7), Sample(MEMORY, (), 1.5), Sample(REQUESTS, ("set", "ok"), 2**60)]
    )
    samples = families["whimbrel_requests"].samples
    assert [(s.name, s.labels, s.value) for s in samples] == [
        ("whimbrel_requests_total", {"command": "get", "result": odd}, 7),
        ("whimbrel_requests_total", {"command": "set", "result": "ok"}, 2.0**60),
    ]
    assert families["whimbrel_memory_bytes"].type == "gauge"
    assert families["whimbrel_memory_bytes"].samples[0].value == 1.5
    assert families["whimbrel_memory_bytes"].documentation == "Memory in use.\nBackslash \\ kept."


def test_a_histogram_is_cumulative_in_seconds():
    histogram = Histogram()
    for ns in (500, 30_000, 30_000, 2_000_000_000, 1 << 60):
        histogram.record(ns)
    samples = parsed([Sample(LATENCY, ("get",), histogram)])["whimbrel_latency_seconds"].samples
    buckets = {s.labels["le"]: s.value for s in samples if s.name.endswith("_bucket")}
    assert list(buckets.values()) == sorted(buckets.values())
    assert (buckets["1e-06"], buckets["2.5e-05"], buckets["5e-05"], buckets["10"], buckets["+Inf"]) == (1, 1, 3, 4, 5)
    assert len(buckets) == len(LE_BOUNDS_NS) + 1
    by_name = {s.name: s.value for s in samples}
    assert by_name["whimbrel_latency_seconds_count"] == 5
    assert by_name["whimbrel_latency_seconds_sum"] == pytest.approx(((1 << 60) + 2_000_060_500) / 1e9)


def test_a_family_is_announced_once_and_kept_together():
    text = exposition([Sample(REQUESTS, ("a", "b"), 1), Sample(MEMORY, (), 2), Sample(REQUESTS, ("c", "d"), 3)])
    assert text.count("# TYPE whimbrel_requests_total counter") == 1
    lines = text.splitlines()
    assert lines[2].startswith("whimbrel_requests_total{")
    assert lines[3].startswith("whimbrel_requests_total{")
    assert text.endswith("\n")


def test_label_values_must_match_the_row():
    with pytest.raises(ValueError, match="zip"):
        exposition([Sample(REQUESTS, ("only one",), 1)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (2**53, str(2**53)),
        (0.25, "0.25"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_numbers(value, text):
    assert number_text(value) == text


def test_no_samples_are_no_text():
    assert exposition([]) == ""


def test_the_docs_table_has_a_line_a_metric():
    lines = docs_table([REQUESTS, LATENCY]).splitlines()
    assert lines[2] == "| `whimbrel_requests_total` | counter | `command`, `result` | Requests executed. |"
    assert len(lines) == 4
