"""Sparse latencies are the dense histogram's buckets, in less memory."""

from hypothesis import given
from hypothesis import strategies as st

from whimbrel.base.histogram import Histogram
from whimbrel.summary.testing_window import Memory, latencies, latency_size

VALUES = st.lists(st.integers(0, 2**38) | st.integers(0, 5000) | st.integers(0, 2**50), max_size=60)


def dense(values: list[int]) -> dict[str, object] | None:
    h = Histogram()
    for value in values:
        h.record(value)
    if not values:
        return None
    number = {low: index for index, low in enumerate(lows())}
    pairs = [x for low, _, count in h.buckets() for x in (number[low], count)]
    found: dict[str, object] = {
        "count": h.count,
        "sum": sum(values),
        "min": min(values),
        "max": max(values),
        "buckets": pairs,
    }
    return found | ({"overflow": h.overflow} if h.overflow else {})


def lows() -> list[int]:
    """Lower bounds of the 1856 buckets, by their definition."""
    found = [8 * step for step in range(64)]
    for octave in range(9, 37):
        found += [(64 + step) << (octave - 6) for step in range(64)]
    return found


@given(VALUES)
def test_the_buckets_of_the_dense_histogram(values: list[int]) -> None:
    assert latencies(values)[0] == dense(values)


@given(VALUES, VALUES)
def test_merging_adds(a: list[int], b: list[int]) -> None:
    assert latencies(a, also=b)[0] == dense(a + b)


def test_few_latencies_cost_little() -> None:
    assert latency_size() <= 128
    assert latencies([1_000_000] * 1000)[1] == 128
    assert latencies(range(1 << 20, 1 << 22, 1000))[1] == 512
    assert latencies(lows())[1] == 8192  # every bucket there is


def test_without_memory_everything_is_still_counted() -> None:
    memory = Memory(1 << 20)
    memory.fill()
    found, _ = latencies([1000, 2000, 3000], memory=memory)
    assert found == {"count": 3, "sum": 6000, "min": 1000, "max": 3000, "buckets": [], "unplaced": 3}
