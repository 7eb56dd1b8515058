"""Miss-ratio curves from a sample, against exact stack distances."""

import csv
import gzip
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.base.testing import hash64
from whimbrel.summary import shards
from whimbrel.summary.testing_window import Sample

TRACES = Path(__file__).parents[3] / "shared" / "data" / "traces"
SEED = 20


def stack_distances(keys: list[str]) -> list[int | None]:
    """Distinct other keys since the last reference to the same; None: the first.  Exact, by a Fenwick tree."""
    tree = [0] * (len(keys) + 1)
    last: dict[str, int] = {}
    found: list[int | None] = []

    def add(at: int, by: int) -> None:
        while at <= len(keys):
            tree[at] += by
            at += at & -at

    def upto(at: int) -> int:
        total = 0
        while at:
            total += tree[at]
            at &= at - 1
        return total

    for now, key in enumerate(keys, 1):
        before = last.get(key)
        if before is None:
            found.append(None)
        else:
            found.append(len(last) - upto(before))
            add(before, -1)
        add(now, 1)
        last[key] = now
    return found


def exact_curve(keys: list[str], sizes: list[int]) -> list[float]:
    distances = stack_distances(keys)
    return [1 - sum(d is not None and d < size for d in distances) / len(keys) for size in sizes]


def sampled(keys: list[str], seed: int = SEED) -> dict[str, object]:
    sample = Sample()
    hashes = {key: hash64(key.encode(), seed) for key in set(keys)}
    sample.touch(hashes[key] for key in keys)
    found = sample.read()
    assert found is not None
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["web12", "oltp", "cloudphysics"])
def test_curves_of_real_traces_are_near_the_exact_ones(name: str) -> None:
    path = TRACES / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"no {path.name} in ../shared/data/traces beside the checkout")
    with gzip.open(path, "rt") as file:
        keys = [row[0] for row in itertools.islice(csv.reader(file), 200_000)]
    distinct = len(set(keys))
    sizes = [max(1, distinct * part // 40) for part in range(1, 41)]
    expected, found = exact_curve(keys, sizes), shards.curve(sampled(keys), sizes)
    errors = [abs(a - b) for a, b in zip(expected, found, strict=True)]
    assert sum(errors) / len(errors) <= 0.015, (name, distinct)


@given(st.lists(st.integers(0, 6).map(str), min_size=1, max_size=80))
def test_while_all_keys_are_tracked_it_is_exact(keys: list[str]) -> None:
    found = sampled(keys)
    distances = stack_distances(keys)
    counted: dict[int, float] = {}
    for distance in distances:
        if distance is not None:
            counted[distance] = counted.get(distance, 0) + 1
    assert found["cold"] == distances.count(None)
    assert found["distances"] == [x for distance in sorted(counted) for x in (distance, counted[distance])]


def test_memory_stays_while_keys_come() -> None:
    sample = Sample()
    before = sample.memory_used
    draw = [hash64(str(i).encode(), 1) for i in range(100_000)]
    sample.touch(draw)
    assert sample.memory_used == before <= 256 * 1024
    assert 4096 * 7 // 8 - 64 <= sample.used <= 4096
    found = sample.read()
    assert found is not None
    assert found["reads"] == 100_000
    assert abs(found["cold"] / 100_000 - 1) < 0.1  # what was never seen before, scaled up


def test_windows_start_anew_but_remember() -> None:
    sample = Sample()
    sample.touch([5 << 20])
    assert sample.read() == {"reads": 1, "cold": 1.0, "share": 1.0, "distances": []}
    assert sample.read() is None
    sample.touch([5 << 20])
    assert sample.read() == {"reads": 1, "cold": 0.0, "share": 1.0, "distances": [0, 1.0]}


def test_writes_touch_and_are_not_counted() -> None:
    sample = Sample()
    sample.touch([1 << 20, 2 << 20], read=False)
    assert sample.read() is None
    sample.touch([1 << 20])
    assert sample.read() == {"reads": 1, "cold": 0.0, "share": 1.0, "distances": [1, 1.0]}


def test_buckets_are_eighths_of_an_octave() -> None:
    for distance in [*range(100), 1000, 12345, 10**9]:
        low = shards.distance_of(shards.bucket_of(distance))
        assert low <= distance < shards.distance_of(shards.bucket_of(distance) + 1) <= max(low + 1, low * 1.13)
