import re

from whimbrel.server.metrics import COUNTERS, ROWS


def test_names_are_unique_and_prometheus() -> None:
    names = [row.full_name for row in ROWS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"whimbrel_[a-z0-9_]+", name) for name in names)


def test_every_counter_is_exposed() -> None:
    assert set(COUNTERS.values()) <= set(ROWS)
