"""The memory plan: it adds up, and the smallest it names is enough."""

import re

import pytest

from whimbrel.agent.budget import ARENA_MIN, MIB, RING_MAX, RING_MIN, plan
from whimbrel.base.errors import UsageError

BASELINE = 22 * MIB


@pytest.mark.parametrize("memory", [48 * MIB, 64 * MIB, 100 * MIB + 7, 1 << 30, 1 << 40])
@pytest.mark.parametrize("live", [True, False])
def test_the_lines_sum_up_to_the_memory(memory: int, live: bool) -> None:
    planned = plan(memory, BASELINE, live=live, delivers=True)
    total = sum(size for _, size in planned.lines()) + planned.arena // 64
    assert memory - 2 * MIB < total <= memory
    assert planned.arena % MIB == 0 and planned.arena >= ARENA_MIN
    assert not live or RING_MIN <= planned.ring <= RING_MAX


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("delivers", [True, False])
def test_the_smallest_memory_it_names_is_enough_and_the_smallest(live: bool, delivers: bool) -> None:
    with pytest.raises(UsageError) as refused:
        plan(8 * MIB, BASELINE, live=live, delivers=delivers)
    found = re.search(r"at least (\d+)MiB", str(refused.value))
    assert found
    least = int(found[1]) * MIB
    assert plan(least, BASELINE, live=live, delivers=delivers).arena >= ARENA_MIN
    with pytest.raises(UsageError, match="too small"):
        plan(least - MIB, BASELINE, live=live, delivers=delivers)


def test_who_sends_nothing_needs_no_threads() -> None:
    assert plan(64 * MIB, BASELINE, live=False, delivers=False).threads == 0
