"""Rates, budgets and gates: who takes too much is told when to come again, and the others are not held up."""

import asyncio

import pytest

from whimbrel.hub.limits import KEYS_MOST, Buckets, Budget, Gate
from whimbrel.hub.refusal import Refusal


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def refused(buckets: Buckets, key: str) -> Refusal | None:
    try:
        buckets.take(key, "batches")
    except Refusal as refusal:
        return refusal
    return None


def test_a_burst_then_a_rate_and_the_others_are_not_held_up() -> None:
    clock = Clock()
    buckets = Buckets(2, 3, clock)
    assert [refused(buckets, "a") is None for _ in range(4)] == [True, True, True, False]
    told = refused(buckets, "a")
    assert told is not None and told.status == 429 and told.headers["Retry-After"] == "1"
    assert "too many batches: at most 2 a second" in told.message
    assert refused(buckets, "b") is None
    clock.now_s += 0.5
    assert refused(buckets, "a") is None and refused(buckets, "a") is not None
    clock.now_s += 1000
    assert [refused(buckets, "a") is None for _ in range(4)] == [True, True, True, False]  # no more than the burst
    assert buckets.refused == 4


def test_a_rate_below_one_a_second_says_how_long() -> None:
    buckets = Buckets(0.1, 1, Clock())
    assert refused(buckets, "a") is None
    told = refused(buckets, "a")
    assert told is not None and told.headers["Retry-After"] == "10"


def test_names_that_are_made_up_do_not_fill_the_memory() -> None:
    buckets = Buckets(1, 1, Clock())
    for number in range(KEYS_MOST + 10):
        buckets.take(str(number), "batches")
    assert len(buckets.kept) == KEYS_MOST
    assert refused(buckets, str(KEYS_MOST + 9)) is not None


def test_a_budget_is_given_back_whatever_happens() -> None:
    budget = Budget(100, 60)
    with budget.hold("a", 60, "batches"):
        with pytest.raises(Refusal) as caught, budget.hold("b", 50, "batches"):
            pass
        with budget.hold("b", 40, "batches"):
            assert budget.held == {"a": 60, "b": 40}
    assert (caught.value.status, budget.held, budget.refused) == (503, {}, 1)
    with pytest.raises(KeyError), budget.hold("a", 60, "batches"):
        raise KeyError
    assert budget.held == {}
    with budget.hold("a", 500, "batches"):  # alone, the largest is taken: what may come at all is bounded elsewhere
        assert budget.held == {"a": 500}


def test_one_who_holds_much_leaves_the_rest_to_others() -> None:
    budget = Budget(100, 30)
    with budget.hold("a", 20, "batches"):
        with pytest.raises(Refusal, match="too many batches at once"), budget.hold("a", 20, "batches"):
            pass
        with budget.hold("b", 20, "batches"), budget.hold("a", 10, "batches"):
            assert budget.held == {"a": 30, "b": 20}


def test_a_gate_lets_so_many_in_and_few_wait() -> None:
    async def scene() -> list[str]:
        gate, leave, said = Gate(2, 1, 30.0), asyncio.Event(), []

        async def visit(name: str) -> None:
            try:
                async with gate.through("questions"):
                    said.append(f"{name} in")
                    await leave.wait()
            except Refusal as refusal:
                said.append(f"{name} {refusal.status}")

        tasks = []
        for name in "abcd":
            tasks.append(asyncio.create_task(visit(name)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        leave.set()
        await asyncio.gather(*tasks)
        assert (gate.waiting, gate.refused) == (0, 1)
        return said

    assert asyncio.run(scene()) == ["a in", "b in", "d 503", "c in"]


def test_who_waits_too_long_is_sent_away_and_takes_no_place() -> None:
    async def scene() -> None:
        gate = Gate(1, 5, 0.01)
        async with gate.through("questions"):
            with pytest.raises(Refusal, match="too many questions at once"):
                async with gate.through("questions"):
                    pass
        async with gate.through("questions"):
            assert gate.waiting == 0

    asyncio.run(scene())
