"""What the archive answers, against batches that can be counted by hand."""

from pathlib import Path
from typing import Any

import pytest

from tests.hub.batches import NOON, NS, batch, edge, endpoint, latency, row, sizes
from whimbrel.hub.archive import AgentRow, EdgeRow, Period
from whimbrel.hub.duck import DuckArchive
from whimbrel.summary import hll
from whimbrel.summary.shards import curve

HOUR = Period(NOON, NOON + 3600)
A, B, C = (f"{number:016x}" for number in (1, 2, 3))


@pytest.fixture
def archive(tmp_path: Path):
    made = DuckArchive(tmp_path / "a.duckdb", memory_mib=128, clock=lambda: NOON)
    yield made
    made.close()


def test_endpoints_that_were_called_in_the_period(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1, auth=["bearer"])), batch(endpoint(1, auth=["cookie", "bearer"]), start=NOON + 20)])
    archive.load([batch(endpoint(2), start=NOON - 10), batch(endpoint(3), start=NOON + 3600)])
    [found] = archive.endpoints(HOUR)
    assert (found.id, found.host, found.template, found.auth) == (A, "shop", "/1", ("bearer", "cookie"))
    assert (found.first, found.last) == (NOON, NOON + 20)


def test_names_that_became_known_are_shown_whatever_came_first_or_last(archive: DuckArchive) -> None:
    hidden, half, known = (
        {"template": words} for words in ("/~3fa9c1d2e4b5/~aaaaaaaaaaaa", "/users/~aaaaaaaaaaaa", "/users/all")
    )
    archive.load([batch(endpoint(1, **half)), batch(endpoint(2, **known), start=NOON + 10)])
    archive.load([batch(endpoint(1, **hidden), start=NOON + 20), batch(endpoint(1, **known), start=NOON + 10)])
    archive.load([batch(endpoint(2, **hidden), start=NOON + 30)])  # its agent was started anew
    assert [(one.id, one.template) for one in archive.endpoints(HOUR)] == [(A, "/users/all"), (B, "/users/all")]


def test_histograms_sizes_and_clients_are_merged(archive: DuckArchive) -> None:
    one, two = hll.registers([1 << 5 | 2, 9 << 5 | 1]), hll.registers([1 << 5 | 4, 7 << 5 | 1])
    slow = latency(300, 1, 250, 1) | {"min": 5, "max": 77, "sum": 100, "count": 3, "overflow": 1}
    archive.load([
        batch(endpoint(1, row(2, last=latency(200, 1, 250, 1), clients=one, response=sizes(7)))),
        batch(endpoint(1, row(3, last=slow, clients=two, response=sizes(3))), agent="two"),
    ])  # fmt: skip
    [status] = archive.statuses(HOUR)
    assert (status.calls, status.seen, status.sample) == (5, 5, 1)
    assert status.last.buckets == {200: 1, 250: 2, 300: 1} and status.last.overflow == 1
    assert (status.last.count, status.last.min_ns, status.last.max_ns, status.last.sum_ns) == (5, 5, 9 * NS, 1100)
    assert status.clients == round(hll.estimate(hll.merge(one, two)))
    assert (status.response.sum, status.response.min, status.response.max) == (10, 3, 7)
    assert status.first.count == 0


def test_estimates_say_the_rate_they_were_scaled_by(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1, row(2))), batch(endpoint(1, row(2)), sample=4)])
    [status] = archive.statuses(HOUR)
    assert (status.calls, status.seen, status.sample) == (10, 4, 4)
    assert status.last.buckets == {200: 10}


def test_statuses_of_some_endpoints(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1, row(1), row(2, 500)), endpoint(2))])
    assert [(s.endpoint, s.status, s.calls) for s in archive.statuses(HOUR, [A])] == [(A, 200, 1), (A, 500, 2)]
    assert archive.statuses(HOUR, []) == [] and archive.statuses(HOUR, [C]) == []
    assert len(archive.statuses(HOUR)) == 3


def test_only_the_parts_that_are_needed(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1, row(2)))])
    [whole] = archive.statuses(HOUR)
    [lean] = archive.statuses(HOUR, parts=())
    [part] = archive.statuses(HOUR, parts=("last",))
    assert (lean.calls, lean.response) == (whole.calls, whole.response) and part.last == whole.last
    assert whole.clients == 1 and whole.marks and lean.clients == part.clients == 0 and not lean.marks
    assert lean.last.count == whole.last.count and lean.last.buckets == {}


def test_caches_have_outcomes_and_lifetimes(archive: DuckArchive) -> None:
    key = row(6, 0, outcomes={"hit": 4, "miss": 2}, ttls=[3, 1, 30, 5], request=sizes(0, [0, 4, 2, 2]))
    archive.load([batch(endpoint(1, key, protocol="redis", method="get", template="user:{integer}"))] * 1)
    [status] = archive.statuses(HOUR)
    assert status.named("outcome") == {"hit": 4, "miss": 2} and status.named("ttl") == {"3": 1, "30": 5}
    assert status.named("request_step") == {"0": 4, "2": 2}


def test_points_are_the_periods_steps(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1, row(n)), start=NOON + at) for at, n in ((0, 1), (50, 2), (60, 4), (3599, 8))])
    points = archive.points(HOUR, 60, [A])
    assert [(p.start - NOON, p.calls) for p in points] == [(0, 3), (60, 4), (3540, 8)]
    assert points[0].last.count == 3 and points[0].clients == 0


@pytest.mark.parametrize("step", [0, -10, 15])
def test_steps_that_windows_do_not_fit_are_refused(archive: DuckArchive, step: int) -> None:
    with pytest.raises(ValueError, match="a multiple of 10"):
        archive.points(HOUR, step)
    with pytest.raises(ValueError, match="take longer ones"):
        archive.points(Period(0, NOON), 10)


def test_schemas_in_force(archive: DuckArchive) -> None:
    def shape(types: int) -> dict[str, int]:
        return {"types": types, "seen": 1, "calls": 1}

    for at, types in ((-200, 1), (-100, 2), (10, 4), (4000, 8)):
        archive.load([batch(endpoint(1, row(1, 201, body=shape(types))), start=NOON + at)])
    archive.load([batch(endpoint(2, query=shape(16)), start=NOON + 20)])
    found = [(s.endpoint, s.part, s.status, s.document["types"]) for s in archive.schemas(HOUR)]
    assert found == [(A, "response", 201, 2), (A, "response", 201, 4), (B, "query", 0, 16)]
    assert [s.document["types"] for s in archive.schemas(HOUR, [B])] == [16]


def test_of_schemas_that_only_grew_the_ends_are_answered(archive: DuckArchive) -> None:
    def told(at: int, calls: int, **more: Any) -> dict[str, Any]:
        shape = {"types": 1, "seen": calls, "calls": calls}
        return batch(endpoint(1, row(1, 200, body=shape)), start=NOON + at, **more)

    grown = [(-600, 3), (-300, 5), (0, 8), (300, 11), (600, 12), (900, 2), (1200, 9), (1500, 10), (4000, 30)]
    archive.load([told(at, calls) for at, calls in grown])
    found = [(s.start - NOON, s.document["calls"]) for s in archive.schemas(HOUR)]
    assert found == [(0, 8), (300, 11), (600, 12), (1500, 10)]  # the agent began anew in between


def test_who_called_whom(archive: DuckArchive) -> None:
    tls = edge(protocol="tls", port=443, handshakes=2, version="tls1.3", name="x", alpn="h2")
    archive.load([batch(edges=[edge(request_bytes=5), edge("~b"), tls]), batch(edges=[edge(request_bytes=6, flows=1)])])
    http = ("private", "~s", "private", 80, "http", "", "", "")
    assert archive.edges(HOUR) == [
        EdgeRow("~a", *http, 2, 11.0, 0.0, 1, 0.0, 0),
        EdgeRow("~a", "private", "~s", "private", 443, "tls", "tls1.3", "x", "h2", 1, 0.0, 0.0, 0, 0.0, 2),
        EdgeRow("~b", *http, 1, 0.0, 0.0, 0, 0.0, 0),
    ]


def test_agents_and_what_they_lost(archive: DuckArchive) -> None:
    archive.load([batch(counts={"drops": 2, "gaps": 1}), batch(counts={"drops": 3}, start=NOON + 60, sample=8)])
    archive.load([batch(agent="two", lost_batches=1, lost_calls=9)])
    assert archive.agents(HOUR) == [
        AgentRow("one", 1, NOON, NOON + 70, 2, 0, 0, 8, {"drops": 5, "gaps": 1}),
        AgentRow("two", 1, NOON, NOON + 10, 1, 1, 9, 1, {}),
    ]


def test_what_an_agent_costs_and_is(archive: DuckArchive) -> None:
    made = {10: ("0.9.0", 5, 70), 20: ("0.10.0", 6, 60), 0: ("0.8.0", 1, 10)}
    for at, (program, cpu_ns, resident) in made.items():
        archive.load([batch(start=NOON + at, program=program, cpu_ns=cpu_ns, resident_bytes=resident)])
    [agent] = archive.agents(HOUR)
    assert (agent.program, agent.cpu_ns, agent.resident_bytes) == ("0.10.0", 12, 70)
    archive.fold(NOON + 5 * 86_400)
    assert archive.agents(HOUR) == [agent]


def test_reuse_makes_a_miss_ratio_curve(archive: DuckArchive) -> None:
    sample = {"server": "~s", "port": 6379, "protocol": "redis", "reads": 10, "cold": 2.0, "share": 1.0}
    archive.load([batch(reuse=[sample | {"distances": [0, 4.0, 5, 4.0]}]) for _ in range(3)])
    [found] = archive.reuse(HOUR)
    assert (found.reads, found.cold, found.distances) == (30, 6.0, (0.0, 12.0, 5.0, 12.0))
    assert curve(found.sample(), [1, 100]) == pytest.approx([0.6, 0.2])


def test_history_follows_an_id_that_became_another(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1, row(2)), endpoint(3)), batch(endpoint(2, row(3)), aliases=[(A, B)])])
    assert archive.aliases() == [(A, B)]
    archive.set_roots({A: B})
    assert [(s.endpoint, s.calls) for s in archive.statuses(HOUR)] == [(B, 5), (C, 1)]
    assert [e.template for e in archive.endpoints(HOUR)] == ["/2", "/3"]
    assert archive.statuses(HOUR, [B]) == archive.statuses(HOUR)[:1]
    assert archive.statuses(HOUR, [A]) == []  # it is B now
    archive.set_roots({})
    assert len(archive.statuses(HOUR)) == 3


def test_an_id_that_was_not_told_yet_has_the_words_of_what_becomes_it(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1))])
    archive.set_roots({A: B})
    assert [(e.id, e.template) for e in archive.endpoints(HOUR)] == [(B, "/1")]
