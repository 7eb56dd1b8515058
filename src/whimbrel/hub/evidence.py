"""How surely two periods differ: the chance of what was seen, had nothing changed.

    presence   k1 of n1 calls before and k2 of n2 after: Fisher's exact test, one-sided.  Had the k1 + k2 fallen
               anywhere among all calls, how often would so few of them (or fewer) fall into the second group?
    quantile   the same test on calls slower than the first period's percentile.  It needs no assumption about the shape
               of latencies: only that calls are exchangeable, had nothing changed.
    parts      calls are not quite exchangeable: a machine has slow minutes.  So percentiles of equal parts of both
               periods are compared by ranks too (Mann and Whitney), which sees how much they differ anyway.

Deliberately not: means and standard deviations, which one slow call decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from whimbrel.hub.model import Latencies

CHANCE_MOST = 1e-4  # what is less likely than this is a change: 1,000 endpoints make one false claim in ten reports
PARTS_CHANCE_MOST = 0.01  # of the parts' ranks: there are few, and they only have to agree with the first test
PARTS_LEAST = 6  # of each period; with fewer no order of them is unlikely enough
TAIL_CALLS_LEAST = 100  # in each period: below that the p99 is the slowest call
TERMS_MOST = 100_000  # of a sum, far beyond where terms stop counting


def chance_of_so_few(k1: int, n1: int, k2: int, n2: int) -> float:
    """That at most k2 of the k1 + k2 are in the second group; 1.0 where k2 is no less than its share."""
    k = k1 + k2
    if not n1 or not n2 or not k or k2 * n1 >= k1 * n2:
        return 1.0
    term = math.exp(_ln_choose(n1, k1) + _ln_choose(n2, k2) - _ln_choose(n1 + n2, k))
    total, x = 0.0, k2
    for _ in range(TERMS_MOST):
        total += term
        if x <= 0 or k - x >= n1 or term <= total * 1e-12:
            break
        term *= x * (n1 - k + x) / ((n2 - x + 1) * (k - x + 1))
        x -= 1
    return min(total, 1.0)


def chance_of_so_many(k1: int, n1: int, k2: int, n2: int) -> float:
    """That at least k2 of them are in the second group."""
    return chance_of_so_few(k2, n2, k1, n1)


def _ln_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def chance_of_absence(calls: int, length_ns: int, other_length_ns: int) -> float:
    """That `calls` spread over both periods all fall into the first."""
    whole = length_ns + other_length_ns
    return (length_ns / whole) ** calls if whole else 1.0


def chance_of_so_slow(before: Latencies, after: Latencies, percent: float) -> float:
    """That so many calls of `after` are slower than `before`'s percentile."""
    if min(before.placed, after.placed) < TAIL_CALLS_LEAST:
        return 1.0
    rank = math.ceil(before.placed * percent / 100)
    start_ns = _start_of_rank(before, rank)
    return chance_of_so_many(_slower(before, start_ns), before.placed, _slower(after, start_ns), after.placed)


def _start_of_rank(histogram: Latencies, rank: int) -> int:
    """Where the bucket of the rank-th smallest begins."""
    below = 0
    for start_ns, count in histogram.starts():
        below += count
        if below >= rank:
            return start_ns
    return 0


def _slower(histogram: Latencies, start_ns: int) -> int:
    """How many are in later buckets than the one that begins there."""
    return sum(count for low_ns, count in histogram.starts() if low_ns > start_ns)


def chance_of_ranks(before: Sequence[float], after: Sequence[float]) -> float | None:
    """That `after` ranks so high among both; None where there are too few to tell."""
    m, n = len(before), len(after)
    if min(m, n) < PARTS_LEAST:
        return None
    above = sum((a > b) + 0.5 * (a == b) for a in after for b in before)
    z = (above - m * n / 2 - 0.5) / math.sqrt(m * n * (m + n + 1) / 12)
    return math.erfc(z / math.sqrt(2)) / 2
