"""Chances: against counting by hand, against brute force, and under a null that is true."""

import math
import random
from fractions import Fraction

import pytest

from tests.hub.histograms import latencies
from whimbrel.hub.evidence import (
    CHANCE_MOST,
    chance_of_absence,
    chance_of_ranks,
    chance_of_so_few,
    chance_of_so_many,
    chance_of_so_slow,
)


def by_counting(k1: int, n1: int, k2: int, n2: int) -> float:
    k = k1 + k2
    ways = sum(math.comb(n2, x) * math.comb(n1, k - x) for x in range(max(0, k - n1), k2 + 1))
    return float(Fraction(ways, math.comb(n1 + n2, k)))


@pytest.mark.parametrize("n1, n2", [(5, 5), (3, 9), (40, 7), (300, 200)])
def test_so_few_is_the_sum_over_all_ways(n1: int, n2: int) -> None:
    for k1 in range(0, n1 + 1, max(1, n1 // 5)):
        for k2 in range(0, n2 + 1, max(1, n2 // 5)):
            if k2 * n1 < k1 * n2:
                assert chance_of_so_few(k1, n1, k2, n2) == pytest.approx(by_counting(k1, n1, k2, n2), rel=1e-6)
            else:
                assert chance_of_so_few(k1, n1, k2, n2) == 1.0


def test_so_many_is_the_mirror() -> None:
    assert chance_of_so_many(0, 10, 10, 10) == chance_of_so_few(10, 10, 0, 10) == pytest.approx(1 / math.comb(20, 10))
    assert chance_of_so_many(1, 10, 1, 10) == 1.0


def test_millions_are_no_trouble() -> None:
    assert chance_of_so_few(500_000, 10**9, 490_000, 10**9) < CHANCE_MOST
    assert chance_of_so_few(500_000, 10**9, 499_500, 10**9) > 0.1


def test_nothing_is_learnt_from_nothing() -> None:
    assert chance_of_so_few(0, 10, 0, 10) == chance_of_so_few(3, 5, 0, 0) == 1.0
    assert chance_of_absence(5, 0, 0) == 1.0


def test_absence_depends_on_how_long_was_looked() -> None:
    assert chance_of_absence(10, 60, 60) == pytest.approx(2**-10)
    assert chance_of_absence(10, 60, 6) > 0.3


def lognormal(seed: int, calls: int, factor: float = 1.0) -> list[int]:
    source = random.Random(seed)
    return [int(factor * 1e6 * source.lognormvariate(0, 1)) for _ in range(calls)]


def test_a_tail_that_grew_is_seen_and_one_that_did_not_is_not() -> None:
    before = latencies(*lognormal(1, 2000))
    assert chance_of_so_slow(before, latencies(*lognormal(2, 2000)), 99) > CHANCE_MOST
    assert chance_of_so_slow(before, latencies(*lognormal(2, 2000, 2.0)), 99) < CHANCE_MOST
    assert chance_of_so_slow(latencies(*lognormal(2, 2000, 2.0)), before, 99) == 1.0


def test_too_few_calls_have_no_tail() -> None:
    assert chance_of_so_slow(latencies(*[1000] * 99), latencies(*[10**9] * 1000), 99) == 1.0


def test_calls_behind_the_last_bucket_are_slow() -> None:
    assert chance_of_so_slow(latencies(*[1000] * 200), latencies(*[1 << 38] * 200), 99) < CHANCE_MOST


def test_what_did_not_change_is_seldom_called_a_change() -> None:
    """A thousand comparisons of equals: one in a hundred may seem one in a hundred."""
    chances = []
    for seed in range(300):
        before, after = latencies(*lognormal(seed, 300)), latencies(*lognormal(seed + 10_000, 300))
        chances.append(chance_of_so_slow(before, after, 99))
    assert sum(chance < 0.01 for chance in chances) <= 12
    assert min(chances) > CHANCE_MOST


def test_ranks() -> None:
    low, high = [1.0, 2, 3, 4, 5, 6], [7.0, 8, 9, 10, 11, 12]
    found = chance_of_ranks(low, high)
    assert found is not None and found < 0.01
    mirrored, same = chance_of_ranks(high, low), chance_of_ranks(low, low)
    assert mirrored is not None and mirrored > 0.99
    assert same is not None and 0.4 < same < 0.6
    assert chance_of_ranks(low[:5], high) is None
