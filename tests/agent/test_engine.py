"""The whole data path in one object: what goes in as packets comes out as calls and windows, within its arena."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.conformance.pcaps import STEP_NS, Talk, pcap
from whimbrel.agent.engine import Engine
from whimbrel.base.errors import UsageError
from whimbrel.capture.files import open_capture
from whimbrel.capture.write import Record

MIB = 1 << 20
WINDOW_S = 10
REQUEST = b"GET /things HTTP/1.1\r\nHost: a.example\r\n\r\n"
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'


def talks(count: int, first_port: int = 10_000) -> list[Talk]:
    made = []
    for port in range(first_port, first_port + count):
        made.append(Talk(client_end=("10.0.0.1", port)).client(REQUEST).server(ANSWER).close())
    return made


class Run:
    """An engine that reads captures; its calls and windows are kept."""

    def __init__(self, arena_bytes: int = 16 * MIB, **options: Any) -> None:
        self.calls: list[dict[str, Any]] = []
        self.windows: list[dict[str, Any]] = []
        options = {"on_call": self.calls.append, "reveal_calls": 1, **options}
        self.engine = Engine(arena_bytes=arena_bytes, key=b"k" * 32, **options)

    def read(self, data: bytes, make_filter: Any = None, packets: int = 1000) -> Run:
        with open_capture(io.BytesIO(data)) as reader:
            while self.engine.read(reader, make_filter, packets):
                if self.engine.window_due():
                    self.windows.append(self.engine.close_window())
        return self

    def finish(self) -> Run:
        self.engine.finish()
        self.windows.append(self.engine.close_window())
        return self


def called(window: dict[str, Any]) -> int:
    return sum(row["calls"] for endpoint in window["endpoints"] for row in endpoint["rows"])


def test_calls_come_out_as_they_complete() -> None:
    run = Run().read(pcap(talks(3))).finish()
    assert [call["client"] for call in run.calls] == [f"10.0.0.1:{port}" for port in (10_000, 10_001, 10_002)]
    call = run.calls[0]
    assert (call["protocol"], call["method"], call["host"], call["path"]) == ("http", "GET", "a.example", "/things")
    assert (call["status"], call["request_bytes"], call["response_bytes"], call["flags"]) == (200, 0, 7, [])
    assert call["latency_ms"] == pytest.approx(2 * STEP_NS / 1e6)  # an acknowledgement lies between the two
    assert run.engine.counts()["calls"] == 3
    assert called(run.windows[0]) == 3


def spread(count: int, step_s: float) -> bytes:
    """Connections so far apart."""
    return later(enumerate(talks(count)), step_s)


def later(numbered: Iterable[tuple[int, Talk]], step_s: float) -> bytes:
    from whimbrel.capture.write import write_pcap

    def moved() -> Iterator[Record]:
        for number, talk in numbered:
            for at, (_, data) in enumerate(talk.frames):
                yield (1_700_000_000 * 10**9 + round(number * step_s * 1e9) + at * STEP_NS, data, None)

    file = io.BytesIO()
    write_pcap(file, moved())
    return file.getvalue()


def test_a_window_is_ten_seconds_and_calls_add_up() -> None:
    run = Run().read(spread(10, 3.0)).finish()
    assert [called(window) for window in run.windows] == [4, 3, 3]
    starts = [window["start_ns"] for window in run.windows]
    assert [start % (WINDOW_S * 10**9) for start in starts] == [0, 0, 0]
    assert [window["end_ns"] - window["start_ns"] for window in run.windows] == [WINDOW_S * 10**9] * 3
    assert sum(window["counts"]["packets"] for window in run.windows) == run.engine.counts()["packets"]


def test_one_damaged_time_does_not_move_the_clock() -> None:
    talk = talks(1)[0]
    far = [(0, talks(1, 20_000)[0]), (10_000_000, talks(1, 30_000)[0])]
    far[1][1].frames[1:] = []  # a single packet four months ahead
    run = Run().read(later([*far, (0, talk)], 1.0)).finish()
    assert run.engine.now_ns < 1_700_000_100 * 10**9
    assert len(run.calls) == 2


def test_another_day_is_believed() -> None:
    run = Run().read(later([(10_000_000, one) for one in talks(3)], 1.0))
    run.read(later([(0, one) for one in talks(3, 20_000)], 1.0)).finish()
    assert run.engine.now_ns < 1_700_000_100 * 10**9
    assert sum(called(window) for window in run.windows) == 6
    assert len(run.windows) == 2


def test_a_filter_is_made_for_the_link_type_and_counted() -> None:
    asked: list[int] = []

    def nothing(link: int) -> bytes:
        asked.append(link)
        return bytes.fromhex("0600000000000000")  # return 0: no packet

    run = Run().read(pcap(talks(2)), nothing).finish()
    assert asked == [1]
    assert run.calls == []
    assert run.engine.counts()["filtered_packets"] == sum(len(talk.frames) for talk in talks(2))


def test_what_a_filter_or_a_reader_of_calls_raises_is_raised() -> None:
    def refuses(link: int) -> bytes:
        raise UsageError(f"no filter for {link}")

    with pytest.raises(UsageError, match="no filter for 1"):
        Run().read(pcap(talks(1)), refuses)

    def breaks(call: dict[str, Any]) -> None:
        raise KeyError(call["host"])

    with pytest.raises(KeyError, match=r"a\.example"):
        Run(on_call=breaks).read(pcap(talks(2)))


def test_a_closed_engine_says_so() -> None:
    run = Run().finish()
    with pytest.raises(ValueError, match="closed"):
        run.read(pcap(talks(1)))
    with pytest.raises(MemoryError):
        Engine(arena_bytes=MIB, key=b"k" * 32, reveal_calls=10)
    run.engine.close()
    run.engine.close()


def test_what_is_given_up_under_pressure_is_counted_and_taken_up_again() -> None:
    """Heads that never end fill the arena; nothing else may, and nothing may be lost silently."""
    head = b"GET /things HTTP/1.1\r\nHost: a.example\r\nX-Long: " + b"x" * 6000
    hungry = [Talk(client_end=("10.0.0.1", port)).client(head) for port in range(10_000, 14_000)]
    run = Run(arena_bytes=8 * MIB).read(pcap(hungry))
    counts = run.engine.counts()
    assert counts["pressure_bodies"] >= 1
    assert run.engine.arena_peak <= 8 * MIB
    assert counts["flows"] + counts["flows_sampled_out"] + counts["packets_refused"] >= 4_000
    assert run.engine.pressure >= 1
    run.engine.finish()
    assert run.engine.arena_used < 4 * MIB


def test_a_flow_that_is_not_read_is_an_edge() -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    unread = [
        Talk(client_end=("10.0.0.1", 10_000), server_end=("10.0.0.2", 443)).client(preface).close(),
        Talk(client_end=("10.0.0.1", 10_001), server_end=("10.0.0.2", 22)).server(b"SSH-2.0-x\r\n").close(),
    ]
    window = Run().read(pcap(unread)).finish().windows[0]
    assert sorted((edge["protocol"], edge["port"], edge["flows"]) for edge in window["edges"]) == [
        ("http2", 443, 1),
        ("opaque", 22, 1),
    ]
