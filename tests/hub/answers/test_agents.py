"""Agents: those that talk, and those that fell silent."""

from tests.hub.answers.sample import ASKED, START
from tests.hub.batches import NOON, batch, endpoint
from whimbrel.hub.answers.agents import LIVE_S, agents, live_agents
from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.duck import DuckArchive


def test_what_each_saw_and_lost(shop: DuckArchive) -> None:
    one, two = agents(shop, ASKED).agents
    assert (one.agent, one.batches, one.calls, one.packets, one.dropped_packets) == ("one", 30, 660, 3000, 60)
    assert [(loss.name, loss.count) for loss in one.losses] == [("kernel_drops", 60)]
    assert (one.first, one.last, one.is_live, one.sample) == (NOON - 1200, NOON, True, 1)
    assert (two.lost_calls, two.lost_batches, two.sample, two.is_live) == (30, 0, 2, False)
    assert two.last == START + 100 and one.counts["flows"] == 30
    assert live_agents(shop, NOON) == 1


def test_what_each_costs(shop: DuckArchive) -> None:
    one, two = agents(shop, ASKED).agents
    assert (one.version, one.cpu_share, one.resident_bytes) == ("1.2.3", 0.02, 40 << 20)
    assert (two.version, two.cpu_share, two.resident_bytes) == (None, None, None)


def test_a_silent_one_is_listed_without_numbers(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(), start=NOON - 7200, counts={"calls": 9, "gaps": 1}, sample=4)])
    [line] = agents(archive, Asked.last(600, NOON)).agents
    assert (line.agent, line.is_live, line.batches, line.calls, line.losses) == ("one", False, 0, 0, [])
    assert (line.last, line.sample) == (NOON - 7190, 1)


def test_an_agent_is_live_for_a_minute(archive: DuckArchive) -> None:
    archive.load([batch(start=NOON - 10)])
    assert [live_agents(archive, now) for now in (NOON, NOON + LIVE_S, NOON + LIVE_S + 1)] == [1, 1, 0]


def test_nobody_yet(archive: DuckArchive) -> None:
    assert agents(archive, ASKED).agents == []
