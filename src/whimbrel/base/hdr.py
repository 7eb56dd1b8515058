"""Histograms in the formats HdrHistogram's tools read.

Idea: our buckets are coarser (64 an octave) than HdrHistogram's at three digits (1024 an octave), so each
count goes to the place of its bucket's middle and nothing more is lost than was lost when recording.

    V2 payload      cookie | length | normalizing offset | digits | lowest | highest | ratio | counts
    counts          zigzag LEB128; a negative number is a run of that many zeros
    V2 compressed   cookie | length | zlib(payload), in base64: "HISTFAAA..."

Deliberately not: reading these formats, which is what the tools are for.
"""

import base64
import struct
import zlib
from collections.abc import Iterator

from whimbrel.base.histogram import Histogram

COOKIE_V2 = 0x1C849303 | 0x10  # 0x10: counts are LEB128 words
COOKIE_V2_COMPRESSED = 0x1C849304 | 0x10
DIGITS = 3
HALF_BITS = 10  # 2048 sub-buckets hold 3 digits (2 * 10^3 <= 2^11); the lower half is covered by the octave below
LOWEST_NS = 1
HIGHEST_NS = 3_600_000_000_000  # one hour; what is longer is placed there
PERCENTILE_TICKS = 5  # rows of the .hgrm text for each halving of the distance to 100 %


def hdr_index(ns: int) -> int:
    """Index of `ns` in HdrHistogram's counts array for LOWEST_NS and DIGITS."""
    bucket = (ns | ((2 << HALF_BITS) - 1)).bit_length() - (HALF_BITS + 1)
    return ((bucket + 1) << HALF_BITS) + (ns >> bucket) - (1 << HALF_BITS)


def leb128(value: int) -> bytes:
    """Zigzag LEB128 of a 64-bit number, whose ninth byte carries eight bits, as V2 defines it."""
    word = ((value << 1) ^ (value >> 63)) & 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while word > 0x7F and len(out) < 8:
        out.append(word & 0x7F | 0x80)
        word >>= 7
    out.append(word)
    return bytes(out)


def _placed_counts(histogram: Histogram) -> dict[int, int]:
    counts: dict[int, int] = {}
    for low, high, count in histogram.buckets():
        middle = min(max((low + high) // 2, histogram.min_ns), histogram.max_ns)
        index = hdr_index(middle)
        counts[index] = counts.get(index, 0) + count
    if histogram.overflow:
        index = hdr_index(min(histogram.max_ns, HIGHEST_NS))
        counts[index] = counts.get(index, 0) + histogram.overflow
    return counts


def hdr_payload(histogram: Histogram) -> bytes:
    """The V2 payload, not compressed."""
    words, position = [], 0
    for index, count in sorted(_placed_counts(histogram).items()):
        if index > position:
            words.append(leb128(position - index))
        words.append(leb128(count))
        position = index + 1
    body = b"".join(words)
    return struct.pack(">iiiiqqd", COOKIE_V2, len(body), 0, DIGITS, LOWEST_NS, HIGHEST_NS, 1.0) + body


def hdr_base64(histogram: Histogram) -> str:
    """The V2 compressed histogram in base64, as histogram logs (.hlog) carry it."""
    compressed = zlib.compress(hdr_payload(histogram))
    return base64.b64encode(struct.pack(">ii", COOKIE_V2_COMPRESSED, len(compressed)) + compressed).decode()


def _hgrm_percents() -> Iterator[float]:
    """0 to just under 100, `PERCENTILE_TICKS` steps for every halving of what remains."""
    percent, step = 0.0, 50.0 / PERCENTILE_TICKS
    for _halving in range(30):
        for _tick in range(PERCENTILE_TICKS):
            yield percent
            percent += step
        step /= 2


def hgrm_text(histogram: Histogram, ns_per_unit: int = 1_000_000) -> str:
    """The percentile distribution as .hgrm text (what HdrHistogram's plotter reads), by default in ms."""
    lines = [f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}", ""]
    total, last = histogram.count, -1
    for percent in _hgrm_percents() if total else ():
        rank = max(1, round(percent / 100 * total))
        if rank == total:
            break
        if rank != last:
            value = histogram.percentile(percent) / ns_per_unit
            lines.append(f"{value:12.6f} {percent / 100:14.12f} {rank:10d} {1 / (1 - percent / 100):14.2f}")
            last = rank
    if total:
        lines.append(f"{histogram.max_ns / ns_per_unit:12.6f} {1.0:14.12f} {total:10d}")
    mean, deviation = histogram.mean_ns / ns_per_unit, _deviation(histogram) / ns_per_unit
    lines += [
        f"#[Mean    = {mean:12.6f}, StdDeviation   = {deviation:12.6f}]",
        f"#[Max     = {histogram.max_ns / ns_per_unit:12.6f}, Total count    = {total:12d}]",
        f"#[Buckets = {hdr_index(HIGHEST_NS) >> HALF_BITS:12d}, SubBuckets     = {2 << HALF_BITS:12d}]",
    ]
    return "\n".join(lines) + "\n"


def _deviation(histogram: Histogram) -> float:
    """Standard deviation as far as buckets tell."""
    if not histogram.count:
        return 0.0
    mean = histogram.mean_ns
    squares = sum(count * ((low + high) / 2 - mean) ** 2 for low, high, count in histogram.buckets())
    squares += histogram.overflow * (histogram.max_ns - mean) ** 2
    return float((squares / histogram.count) ** 0.5)
