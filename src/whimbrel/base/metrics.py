"""Metrics are rows too: what is exposed, in which unit, and what it means; the docs come from the same rows.

Idea: whoever counts keeps plain numbers and histograms; at a scrape it yields samples (row, label values,
value) and `exposition` writes Prometheus text format 0.0.4.  A histogram is exposed in seconds with the
fixed bounds below, whatever its own resolution.
Deliberately not: a registry, global state, or anything on a request's path.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from whimbrel.base.histogram import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "whimbrel_"

# Bounds of exposed histograms in nanoseconds: 1-2.5-5 steps where caches live (5 µs to 100 ms), decades
# outside.  Fixed, because changing them breaks every stored rate of a bucket.
LE_BOUNDS_NS = (
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
    1_000_000_000, 10_000_000_000, 100_000_000_000,
)  # fmt: skip

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One row.  `name` is without prefix, unit and `_total`: those are added from `unit` and `kind`."""

    name: str
    kind: Kind
    unit: str  # "bytes", "seconds", or "" for plain numbers
    labels: tuple[str, ...]
    sentence: str

    @property
    def full_name(self) -> str:
        """The name Prometheus sees."""
        parts = (self.name, self.unit, "total" if self.kind == "counter" else "")
        return PREFIX + "_".join(part for part in parts if part)


class Sample(NamedTuple):
    """A value of a row at a scrape, with one label value for each of the row's labels."""

    metric: Metric
    labels: tuple[str, ...]
    value: int | float | Histogram


def _escape(text: str, quotes: bool) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _labels(names: Sequence[str], values: Sequence[str], extra: str = "") -> str:
    pairs = [f'{name}="{_escape(value, True)}"' for name, value in zip(names, values, strict=True)]
    if extra:
        pairs.append(extra)
    return "{" + ",".join(pairs) + "}" if pairs else ""


def number_text(value: float) -> str:
    """A number as Prometheus reads it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1 << 63 else repr(value)


def _histogram_lines(sample: Sample, histogram: Histogram) -> list[str]:
    name, names = sample.metric.full_name, sample.metric.labels
    lines = []
    for bound, count in zip(LE_BOUNDS_NS, histogram.count_below(LE_BOUNDS_NS), strict=True):
        le = f'le="{bound / 1e9:.9g}"'
        lines.append(f"{name}_bucket{_labels(names, sample.labels, le)} {count}")
    infinity = 'le="+Inf"'
    plain = _labels(names, sample.labels)
    lines.append(f"{name}_bucket{_labels(names, sample.labels, infinity)} {histogram.count}")
    lines.append(f"{name}_sum{plain} {histogram.sum_ns / 1e9!r}")
    lines.append(f"{name}_count{plain} {histogram.count}")
    return lines


def _sample_lines(sample: Sample) -> list[str]:
    if isinstance(sample.value, Histogram):
        return _histogram_lines(sample, sample.value)
    return [f"{sample.metric.full_name}{_labels(sample.metric.labels, sample.labels)} {number_text(sample.value)}"]


def exposition(samples: Iterable[Sample]) -> str:
    """Prometheus text; the samples of one row are kept together whatever their order."""
    groups: dict[Metric, list[str]] = {}
    for sample in samples:
        groups.setdefault(sample.metric, []).extend(_sample_lines(sample))
    lines = []
    for metric, body in groups.items():
        lines.append(f"# HELP {metric.full_name} {_escape(metric.sentence, False)}")
        lines.append(f"# TYPE {metric.full_name} {metric.kind}")
        lines.extend(body)
    return "\n".join(lines) + "\n" if lines else ""


def docs_table(rows: Sequence[Metric]) -> str:
    """The rows as a Markdown table."""
    lines = ["| metric | kind | labels | what it is |", "|---|---|---|---|"]
    for row in rows:
        labels = ", ".join(f"`{label}`" for label in row.labels)
        lines.append(f"| `{row.full_name}` | {row.kind} | {labels} | {row.sentence} |")
    return "\n".join(lines) + "\n"
