"""The clocks are the ones they say."""

import time

from whimbrel.base.testing import clocks


def test_precise_is_the_monotonic_clock_and_never_runs_back():
    before = time.monotonic_ns()
    readings = [clocks()[0] for _ in range(1000)]
    assert before <= readings[0]
    assert readings[-1] <= time.monotonic_ns()
    assert readings == sorted(readings)


def test_coarse_is_at_most_late():
    for _ in range(1000):
        precise_before = time.monotonic_ns()
        _precise, coarse, _wall = clocks()
        assert precise_before - 1_000_000_000 < coarse <= time.monotonic_ns()


def test_wall_is_milliseconds_since_1970():
    before = time.time_ns() // 1_000_000
    wall = clocks()[2]
    assert before <= wall <= time.time_ns() // 1_000_000
