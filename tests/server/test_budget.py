import re

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.server.budget import MIB, plan, side_bytes

BASE = {"baseline": 20 * MIB, "workers": 2, "connections": 10000, "max_item": MIB, "commands": 150}


@pytest.mark.parametrize("memory", [48 * MIB, 64 * MIB, 1 << 30, 1 << 40])
def test_the_lines_sum_up_to_the_memory(memory: int) -> None:
    assert sum(size for _, size in plan(memory, **BASE).lines()) == memory


def test_the_smallest_memory_it_names_is_enough() -> None:
    with pytest.raises(UsageError) as refused:
        plan(10 * MIB, **BASE)
    found = re.search(r"at least (\d+)MiB", str(refused.value))
    assert found
    assert plan(int(found[1]) * MIB, **BASE).heap > 0
    with pytest.raises(UsageError):
        plan((int(found[1]) - 2) * MIB, **BASE)


def test_a_worker_can_always_hold_two_of_the_largest_items_each_way() -> None:
    assert side_bytes(64 * MIB, 4, MIB) >= 2 * MIB
    assert side_bytes(1 << 34, 1, MIB) == (1 << 34) // 40
