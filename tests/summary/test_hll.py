"""Distinct counts: near the truth, the same in either form, and united by merging."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.summary import hll
from whimbrel.summary.testing_window import Memory, distinct

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=400)


@pytest.mark.parametrize("n", [1, 5, 20, 100, 1000, 10_000, 60_000])
def test_the_standard_error_is_kept(n: int) -> None:
    """Twenty counts of n: their root mean square error within 1.5 of what is stated."""
    draw = random.Random(n)
    errors = [distinct(draw.getrandbits(64) for _ in range(n))[0] / n - 1 for _ in range(20)]
    assert (sum(error**2 for error in errors) / len(errors)) ** 0.5 <= 1.5 * hll.STANDARD_ERROR


@given(HASHES, HASHES)
def test_merging_is_the_union(a: list[int], b: list[int]) -> None:
    both = distinct(a + b)
    assert distinct(a, also=b)[:2] == both[:2]
    assert distinct(b, also=a)[1] == both[1]
    assert hll.merge(distinct(a)[1], distinct(b)[1]) == both[1]
    assert hll.estimate(both[1]) == pytest.approx(both[0])


@given(HASHES)
def test_what_is_added_twice_counts_once(a: list[int]) -> None:
    assert distinct(a + a) == distinct(a)
    assert distinct(a, also=a) == distinct(a)


def test_few_cost_little_and_many_two_kilobytes() -> None:
    memory = Memory(1 << 20)
    assert distinct(range(0, 1 << 64, 1 << 60), memory)[2] == 0
    assert memory.used == 0  # given back


def test_registers_are_checked() -> None:
    good = distinct([1 << 63, 1])[1]
    assert hll.check(good) and hll.check(b"")
    for bad in (good[:-1], good[2:4] + good[:2], b"\x00\x00", good + good, b"\x01\x00" * 3000):
        assert not hll.check(bad)
        with pytest.raises(ValueError, match="not registers"):
            hll.estimate(bad)
