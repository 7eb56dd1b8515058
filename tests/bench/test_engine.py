"""What a latency and a count include: stalls, warm-ups, answers that never come."""

from __future__ import annotations

import time

import pytest

from tests.bench.tiny import Reply, client_of
from whimbrel.bench.report import both_ns, kept_up
from whimbrel.bench.schedule import Schedule
from whimbrel.bench.workload import Workload

STALL_S = 0.2


def stall_at(number_of_stall: int) -> Reply:
    def reply(number: int, _words: list[bytes], _value: bytes) -> bytes:
        if number == number_of_stall:
            time.sleep(STALL_S)
        return b"END\r\n"

    return reply


def test_an_open_loop_charges_a_stall_to_all_it_delays(tiny):
    """200 ms of 1,000 ms: every fifth request was due in the stall, answered or not, connection or not."""
    client = client_of(tiny(stall_at(200)), Workload(keys=10, get_share=1.0), connections=2)
    result = client.run(Schedule("fixed", rate=500, duration_s=1))
    assert result["requests"] == 500
    assert result["unsent"] == result["unanswered"] == 0
    latencies = result["get_ns"]
    assert latencies.max_ns >= STALL_S * 1e9 * 0.99
    assert latencies.percentile(99) >= 0.9 * STALL_S * 1e9
    assert latencies.percentile(90) >= 0.4 * STALL_S * 1e9


def test_a_closed_loop_does_not_and_is_named_so(tiny):
    client = client_of(tiny(stall_at(200)), Workload(keys=10, get_share=1.0), connections=2)
    result = client.run(Schedule(requests=1_000))
    waited = sum(count for low, _high, count in result["get_ns"].buckets() if low > 0.9 * STALL_S * 1e9)
    assert 1 <= waited <= 2  # one a connection


@pytest.mark.parametrize("pace", ["fixed", "poisson"])
def test_an_open_loop_asks_at_its_rate(tiny, pace):
    server = tiny(lambda *_asked: b"END\r\n")
    result = client_of(server, Workload(keys=10, get_share=1.0)).run(Schedule(pace, rate=400, duration_s=1))
    assert result["requests"] == server.asked
    assert result["requests"] == 400 if pace == "fixed" else 300 < result["requests"] < 500
    assert result["late_ns"].count == result["requests"]
    assert isinstance(kept_up(result), bool)


def test_what_is_never_answered_is_charged(tiny):
    """Requests that were due and found no connection count with the time they waited until the run gave up."""
    server = tiny(lambda number, _words, _value: b"END\r\n" if number < 10 else b"")
    client = client_of(server, Workload(keys=10, get_share=1.0), connections=2)
    result = client.run(Schedule("fixed", rate=1_000, duration_s=0.2), drain_ns=100_000_000)
    assert result["requests"] == 9
    assert result["unanswered"] == 2
    assert result["unsent"] == 200 - 11
    assert both_ns(result).count == 200
    assert result["get_ns"].percentile(50) >= 100_000_000


def test_a_warm_up_is_sent_and_not_counted(tiny):
    server = tiny(lambda *_asked: b"END\r\n")
    client = client_of(server, Workload(keys=10, get_share=1.0))
    result = client.run(Schedule("fixed", rate=500, duration_s=0.2, warmup_s=0.4))
    assert server.asked == result["asked"] == 300
    assert result["requests"] == result["get_ns"].count == 100
