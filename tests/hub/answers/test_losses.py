"""Losses have the names that agents count under."""

from whimbrel.agent.engine import Engine
from whimbrel.hub.answers.losses import LOSSES, losses


def test_every_loss_is_counted_by_agents() -> None:
    counted = Engine(key=bytes(32), arena_bytes=32 << 20, reveal_calls=1).counts()
    assert set(LOSSES) <= set(counted)


def test_only_what_happened_is_told_in_the_order_of_the_way() -> None:
    told = losses({"malformed": 3, "gaps": 0, "kernel_drops": 2, "calls": 9, "stranger": 4})
    assert [(line.name, line.count) for line in told] == [("kernel_drops", 2), ("malformed", 3)]
    assert all(line.meaning for line in told)
