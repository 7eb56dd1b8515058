"""Schedules that make no sense are refused."""

from __future__ import annotations

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.bench.schedule import MAX_RATE, Schedule


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"pace": "sometimes", "requests": 1}, "not one of closed, fixed, poisson"),
        ({"pace": "fixed", "requests": 1}, "an open loop needs one"),
        ({"pace": "closed", "rate": 5, "requests": 1}, "a closed loop has none"),
        ({"pace": "fixed", "rate": MAX_RATE + 1, "requests": 1}, "above"),
        ({"duration_s": -1.0}, "not negative"),
        ({}, "needs an end"),
    ],
)
def test_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        Schedule(**wrong)
