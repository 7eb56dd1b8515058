"""Numbers as people read them."""

import pytest

from whimbrel.hub.views import formats


@pytest.mark.parametrize(
    ("ns", "said"),
    [(None, "–"), (0, "0 ns"), (850, "850 ns"), (999.4, "999 ns"), (1000, "1.00 µs"), (61_234, "61.2 µs"),
     (999_999, "1.00 ms"), (12_345_678, "12.3 ms"), (1.5e9, "1.50 s"), (119e9, "119 s"), (137e9, "2.28 min")],
)  # fmt: skip
def test_a_latency_has_its_own_unit(ns: float | None, said: str) -> None:
    assert formats.latency(ns) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1.5 * (1 << 20), "1.50 MiB"),
        (3 << 40, "3.00 TiB"),
    ],
)
def test_a_size(count: float | None, said: str) -> None:
    assert formats.size(count) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "0"),
        (99_999, "99,999"),
        (100_000, "100 k"),
        (1_234_567, "1.23 M"),
        (5e9, "5.00 G"),
        (2e12, "2.00 T"),
    ],
)
def test_a_count_is_exact_while_it_is_short(value: float | None, said: str) -> None:
    assert formats.number(value) == said


@pytest.mark.parametrize(
    ("per_s", "said"),
    [(None, "–"), (0, "0"), (0.0001, "<0.001"), (0.973, "0.973"), (9.99, "9.99"), (42.34, "42.3"), (123.4, "123"),
     (2345.6, "2,346")],
)  # fmt: skip
def test_a_rate(per_s: float | None, said: str) -> None:
    assert formats.rate(per_s) == said


@pytest.mark.parametrize(
    ("part", "said"),
    [(None, "–"), (0, "0 %"), (0.00001, "<0.01 %"), (0.0042, "0.42 %"), (0.0999, "9.99 %"), (0.5, "50.0 %"),
     (0.9995, "99.95 %"), (1, "100 %")],
)  # fmt: skip
def test_a_share_is_never_nothing_and_never_all_unless_it_is(part: float | None, said: str) -> None:
    assert formats.share(part) == said


def test_times_are_utc() -> None:
    assert formats.moment(1_760_011_205) == "2025-10-09 12:00:05"
    assert formats.moment(0) == "–"
    assert formats.iso(1_760_011_205) == "2025-10-09T12:00:05Z"
    assert formats.clock(1_760_011_200, 1_760_011_800) == "2025-10-09 12:00:00 to 12:10:00"
    assert formats.clock(1_760_011_200, 1_760_111_800) == "2025-10-09 12:00 to 2025-10-10 15:56"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "now"), (19, "now"), (20, "20 s ago"), (90, "2 min ago"), (7200, "2 h ago"), (3e5, "3 d ago")],
)
def test_how_long_ago(seconds: float, said: str) -> None:
    assert formats.ago(1_000_000 - seconds, 1_000_000) == said


def test_what_never_was_is_not_long_ago() -> None:
    assert formats.ago(0, 1_000_000) == formats.ago(None, 1_000_000) == "–"
