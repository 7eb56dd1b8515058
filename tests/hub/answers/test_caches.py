"""Cache traffic, and what more memory would buy."""

import pytest

from tests.hub.answers.sample import ASKED, GET, cached, keys
from tests.hub.batches import NOON, batch, edge
from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.caches import READS_LEAST, advice, caches, curve_sizes
from whimbrel.hub.answers.overview import overview
from whimbrel.hub.archive import ReuseRow
from whimbrel.hub.duck import DuckArchive
from whimbrel.summary.shards import bucket_of, curve


def reuse(*pairs: float, reads: int = 10 * READS_LEAST, cold: float = 0.0, share: float = 1.0) -> ReuseRow:
    return ReuseRow("one", "~s", 6379, "redis", reads, cold, share, pairs)


def advised(row: ReuseRow, now: float | None) -> str:
    sizes = curve_sizes(row)
    return advice(row, sizes, curve(row.sample(), sizes), now)


def test_a_pattern_has_all_its_commands(shop: DuckArchive) -> None:
    found = caches(shop, ASKED)
    [line] = found.keys
    assert (line.id, line.protocol, line.template) == (GET, "redis", "user:{integer}")
    assert line.commands == {"get": 240, "set": 10} and line.calls == 250 and line.per_s == 250 / 300
    assert (line.hits, line.misses, line.hit_share, line.value_mean_bytes) == (180, 60, 0.75, 100.0)
    assert [(ttl.label, ttl.calls) for ttl in line.ttls] == [("< 1 s", 30), ("8 s to 16 s", 60), ("never", 150)]


def test_commands_by_how_often(shop: DuckArchive) -> None:
    found = caches(shop, ASKED)
    assert [(line.command, line.calls, line.share) for line in found.commands] == [
        ("get", 240, 0.96),
        ("set", 10, 0.04),
    ]
    assert (found.calls, found.hit_share) == (250, 0.75)


def test_hits_over_time(shop: DuckArchive) -> None:
    found = caches(shop, ASKED)
    assert found.hit_points == [None] * 30 + [0.75] * 30
    assert [point.calls for point in found.points] == [0] * 30 + [8] * 20 + [9] * 10


def test_the_curve_of_a_server(shop: DuckArchive) -> None:
    [found] = caches(shop, ASKED).curves
    assert (found.agent, found.server, found.port, found.reads, found.share) == ("one", "~redis", 6379, 2400, 1.0)
    assert found.miss_share_now == 0.25
    misses = [point.miss_share for point in found.points]
    assert misses == sorted(misses, reverse=True) and misses[0] == 1.0 and misses[-1] == pytest.approx(0.1)
    assert all(point.bytes == pytest.approx(100 * point.items) for point in found.points)
    assert "25.0% of reads" in found.advice


def test_misses_of_commands_that_change_are_no_misses(archive: DuckArchive) -> None:
    deleted = keys(9, "del", cached(4, ok=1, miss=3))
    one = {"server": "~s", "port": 1, "protocol": "memcache", "reads": 8, "cold": 1.0, "share": 1.0, "distances": []}
    both = edge(server="~s", port=1, protocol="redis")
    archive.load([batch(deleted, keys(3, "get", cached(8, hit=6, miss=2)), reuse=[one], edges=[both])])
    found = caches(archive, Asked.between(NOON, NOON + 60, NOON))
    assert (found.calls, found.hit_share, found.hit_points[0]) == (12, 0.75, 0.75)
    assert (found.keys[0].hits, found.keys[0].misses, found.keys[0].hit_share) == (6, 2, 0.75)
    assert found.curves[0].miss_share_now == 0.25  # of what is asked in both protocols
    assert overview(archive, Asked.between(NOON, NOON + 60, NOON)).totals.cache_hit_share == 0.75


def test_no_caches(archive: DuckArchive) -> None:
    archive.load([batch()])
    found = caches(archive, Asked.between(NOON, NOON + 60, NOON))
    assert (found.calls, found.hit_share, found.keys, found.commands, found.curves) == (0, None, [], [], [])


def test_a_server_nobody_read_from_has_no_curve(archive: DuckArchive) -> None:
    one = {"server": "~s", "port": 1, "protocol": "redis", "reads": 0, "cold": 0.0, "share": 1.0, "distances": []}
    archive.load([batch(reuse=[one])])
    [found] = caches(archive, Asked.between(NOON, NOON + 60, NOON)).curves
    assert (found.points, found.advice, found.miss_share_now) == ([], "", None)


# ---- advice ---------------------------------------------------------------------------------------------

NEAR, FAR = bucket_of(100), bucket_of(1500)
HALVES = reuse(NEAR, 4000.0, FAR, 5000.0, cold=1000.0)  # 104 to 1,408 keys miss 60 %, 1,536 only what is cold
SLOPE = reuse(*(each for place in range(8, 80) for each in (place, 125.0)), cold=1000.0)


def test_twice_the_memory() -> None:
    [now] = curve(SLOPE.sample(), [256.0])
    [twice] = curve(SLOPE.sample(), [512.0])
    assert advised(SLOPE, now) == (
        f"It misses {now:.1%} of reads, as an LRU cache of about 256 keys would; "
        f"one of twice as many would miss {twice:.1%}."
    )
    assert now - twice == pytest.approx(0.1)  # eight places of an octave


def test_where_a_little_more_changes_nothing() -> None:
    assert advised(HALVES, 0.6) == (
        "It misses 60.0% of reads, as LRU caches of 108 to 1,218 keys would; only a larger one would miss less."
    )


def test_where_everything_fits() -> None:
    assert "more memory buys nothing" in advised(HALVES, 0.1)
    assert "more memory buys nothing" in advised(HALVES, 0.05)


@pytest.mark.parametrize("row", [reuse(NEAR, 9.0, reads=READS_LEAST - 1), reuse(NEAR, 9.0, share=0.01), reuse()])
def test_too_little_to_say_anything(row: ReuseRow) -> None:
    assert advised(row, 0.5 if row.distances else None) == ""


def test_sizes_reach_beyond_what_was_seen() -> None:
    sizes = curve_sizes(HALVES)
    assert sizes[0] == 1.0 and sizes[-2] < 1664 <= sizes[-1] < 2 * 1664
    assert curve(HALVES.sample(), [sizes[-1]]) == [pytest.approx(0.1)]
    assert curve_sizes(reuse()) == [1.0]
