"""Conversations: wire traces in, calls out; the same calls however bytes are cut; complete or flagged behind gaps."""

from collections import Counter
from itertools import cycle, repeat
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.agent.talking import START, Step, Trace, calls_of, cut, line_of, play, traces, with_gap
from whimbrel.agent.testing_talk import Script, sizes

ALL = [*traces("http"), *traces("memcache"), *traces("resp")]
PLAIN = [trace for trace in ALL if trace.plain]
# What a call that may be incomplete says of itself.
FLAGGED = 1 | 2 | 4 | 8 | 16 | 32 | 4096


def lines_of(steps: list[Step], trace: Trace) -> list[str]:
    return [line_of(call) for call in calls_of(steps, trace.end, trace.late)]


@pytest.mark.parametrize("trace", ALL, ids=str)
def test_the_calls_of_a_trace(trace: Trace) -> None:
    assert lines_of(trace.steps, trace) == trace.calls


@pytest.mark.parametrize("trace", PLAIN, ids=str)
class TestCuts:
    def test_byte_by_byte(self, trace: Trace) -> None:
        assert lines_of(cut(trace.steps, repeat(1)), trace) == trace.calls

    def test_in_odd_pieces(self, trace: Trace) -> None:
        for pieces in ((2, 3, 5, 7, 11), (17,), (1, 40), (100, 1, 1)):
            assert lines_of(cut(trace.steps, cycle(pieces)), trace) == trace.calls


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLAIN), st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_how_bytes_are_cut_changes_no_call(trace: Trace, pieces: list[int]) -> None:
    assert lines_of(cut(trace.steps, cycle(pieces)), trace) == trace.calls


def lengths(trace: Trace) -> list[int]:
    return [sum(len(step[2]) for step in trace.steps if step[0] == "data" and step[1] == side) for side in (0, 1)]


def wrong_calls(trace: Trace, steps: list[Step]) -> list[str]:
    """Calls that are neither flagged nor among those of the whole conversation."""
    whole = Counter(trace.calls)
    claimed = Counter(line_of(call) for call in calls_of(steps, trace.end) if not call["flags"] & FLAGGED)
    return sorted((claimed - whole).elements())


@pytest.mark.parametrize("trace", PLAIN, ids=str)
def test_a_gap_anywhere_gives_no_wrong_call(trace: Trace) -> None:
    for side, length in enumerate(lengths(trace)):
        for start in range(0, length, 1 if length < 150 else 3 if length < 1000 else 97):
            for n in (1, 7, 40):
                assert wrong_calls(trace, with_gap(trace.steps, side, start, n)) == [], (side, start, n)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLAIN), st.data())
def test_several_gaps_give_no_wrong_call(trace: Trace, data: st.DataObject) -> None:
    steps = trace.steps
    for _ in range(data.draw(st.integers(1, 3))):
        side = data.draw(st.integers(0, 1))
        if lengths(trace)[side]:
            start = data.draw(st.integers(0, lengths(trace)[side] - 1))
            steps = with_gap(steps, side, start, data.draw(st.integers(1, 80)))
    assert wrong_calls(trace, steps) == []


@pytest.mark.parametrize("trace", PLAIN, ids=str)
def test_an_end_anywhere_frees_everything(trace: Trace) -> None:
    pieces = cut(trace.steps, cycle((9, 4)))
    for end in range(0, len(pieces), 1 + len(pieces) // 200):
        calls_of(pieces[:end], "rst")


@pytest.mark.parametrize("trace", PLAIN, ids=str)
@pytest.mark.parametrize("pressure", [1, 2])
def test_pressure_changes_no_number(trace: Trace, pressure: int) -> None:
    def numbers(calls: list[dict[str, Any]]) -> Counter[tuple[object, ...]]:
        return Counter((call["method"], call["status"]) for call in calls if call["keys"] < 2)

    script = Script(pressure=pressure)
    play(script, trace.steps, trace.end)
    assert numbers(script.calls) == numbers(calls_of(trace.steps, trace.end))
    assert script.used_bytes == 0


class TestMemory:
    def test_a_conversation_is_one_small_block(self) -> None:
        assert sizes()["conversation"] <= 512

    def test_without_memory_a_flow_is_left_alone_and_counted(self) -> None:
        script = Script(memory=1 << 20)
        script.take_all()
        script.data(0, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", START)
        script.data(1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", START)
        script.over()
        assert script.calls == []
        assert script.counts["flows_refused"] == 1

    def test_requests_that_wait_are_bounded_and_the_order_stays(self) -> None:
        script = Script()
        for i in range(1500):
            script.data(0, b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i, START)
        used = script.used_bytes
        assert script.counts["pending_dropped"] == 1500 - 1024
        for i in range(1501):
            script.data(1, b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % (200 + i % 100), START)
        assert used < 1 << 20
        certain = [call for call in script.calls if not call["flags"]]
        assert len(certain) == 1024
        assert all(call["status"] == 200 + int(call["target"][1:]) % 100 for call in certain)
        script.over()
        assert script.used_bytes == 0

    def test_a_head_that_never_ends_is_given_up(self) -> None:
        script = Script()
        script.data(0, b"GET / HTTP/1.1\r\n", START)
        for _ in range(100):
            script.data(0, b"A: " + b"b" * 1000 + b"\r\n", START)
            assert script.used_bytes <= 300_000
        assert script.counts["malformed"] == 1
        script.over()
        assert script.used_bytes == 0

    @pytest.mark.parametrize("size", [1 << 20, 1000])
    def test_commands_with_very_many_keys_are_bounded_and_what_is_left_out_is_counted(self, size: int) -> None:
        request = b"*50001\r\n$4\r\nMGET\r\n" + b"$10\r\nkey:%06d\r\n" * 50000 % tuple(range(50000))
        reply = b"*50000\r\n" + b"$1\r\nx\r\n$-1\r\n" * 25000
        script = Script(memory=8 << 20)
        play(script, cut([("data", 0, request), ("data", 1, reply)], repeat(size)))
        calls = script.calls
        assert 20000 < len(calls) < 50000
        assert script.counts["keys_dropped"] == 50000 - len(calls)
        assert all(call["keys"] == 50000 and not call["flags"] for call in calls)
        assert all((call["outcome"] == 1) == (int(call["key"][4:]) % 2 == 0) for call in calls)

    def test_values_of_a_command_with_many_keys_take_no_room(self) -> None:
        request = b"*2001\r\n$4\r\nMSET\r\n" + b"$8\r\nkey:%04d\r\n$400\r\n%s\r\n" * 1000 % tuple(
            part for i in range(1000) for part in (i, b"v" * 400)
        )
        script = Script()
        play(script, cut([("data", 0, request), ("data", 1, b"+OK\r\n")], repeat(1000)))
        assert [call["key"] for call in script.calls] == [b"key:%04d" % i for i in range(1000)]
        assert all(call["request_bytes"] == 400 for call in script.calls)
        assert script.counts["keys_dropped"] == 0

    @pytest.mark.parametrize("size", [1 << 20, 1000])
    def test_a_get_line_of_any_length(self, size: int) -> None:
        request = b"get" + b" key:%05d" * 50000 % tuple(range(50000)) + b"\r\n"
        reply = b"VALUE key:%05d 0 1\r\nx\r\n" * 5000 % tuple(range(0, 50000, 10)) + b"END\r\n"
        script = Script(memory=8 << 20)
        play(script, cut([("data", 0, request), ("data", 1, reply)], repeat(size)))
        calls = script.calls
        assert 20000 < len(calls) < 50000
        assert script.counts["keys_dropped"] == 50000 - len(calls)
        assert all((call["outcome"] == 1) == (int(call["key"][4:]) % 10 == 0) for call in calls)
        assert all(call["keys"] == 50000 for call in calls)

    def test_a_value_of_a_gigabyte_keeps_nothing(self) -> None:
        script = Script()
        script.data(0, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000000000\r\n", START)
        most = 0
        for _ in range(1000):
            script.data(0, b"x" * 100_000, START)
            most = max(most, script.used_bytes)
        script.gap(0, 900_000_000, START)
        script.data(0, b"\r\n", START)
        script.data(1, b"+OK\r\n", START)
        assert line_of(script.calls[0]) == "set a stored 1000000000/0 ttl=0 request_gap"
        assert most <= 2048


class TestDetection:
    def test_what_nobody_knows_costs_nothing(self) -> None:
        script = Script()
        for _ in range(5):
            script.data(0, b"\x00\x01\x02\x03" * 100, START)
        assert script.opaque
        assert script.counts["flows_opaque"] == 1

    def test_http2_is_counted_apart(self) -> None:
        script = Script()
        script.data(0, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), START)
        assert script.opaque
        assert (script.counts["flows_http2"], script.counts["flows_opaque"]) == (1, 0)

    def test_an_upgraded_flow_is_opaque_and_counted(self) -> None:
        script = Script()
        script.data(0, b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n", START)
        script.data(1, b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n", START)
        assert script.opaque
        assert (script.counts["flows_http"], script.counts["flows_opaque"]) == (1, 1)

    def test_a_joined_flow_that_says_nothing_known_is_given_up(self) -> None:
        script = Script(syn=False)
        for _ in range(64):
            script.data(0, b"\x00\x01\x02\x03" * 10, START)
        assert script.opaque
        assert script.counts["flows_opaque"] == 1

    def test_the_first_packet_of_a_joined_flow_may_be_the_servers(self) -> None:
        script = Script(syn=False)
        script.data(0, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", START)
        script.data(1, b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n", START)
        script.data(0, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", START)
        script.over()
        call = script.calls[1]
        assert line_of(call) == "GET x/b 200 0/1"
        assert (call["client_port"], call["server_port"]) == (80, 40000)


class TestTimes:
    def test_first_and_last_bytes(self) -> None:
        script = Script()
        script.data(0, b"POST /a HTTP/1.1\r\nHost: x\r\n", 10)
        script.data(0, b"Content-Length: 2\r\n\r\na", 20)
        script.data(0, b"b", 30)
        script.data(1, b"HTTP/1.1 200 OK\r\nContent-Length: 2", 40)
        script.data(1, b"\r\n\r\nc", 50)
        script.data(1, b"d", 60)
        call = script.calls[0]
        times = ("request_first", "request_last", "response_first", "response_last")
        assert [call[name] for name in times] == [10, 30, 40, 60]


class TestTexts:
    def test_long_ones_are_cut_and_flagged(self) -> None:
        script = Script()
        script.data(0, b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: " + b"h" * 300 + b"\r\n\r\n", START)
        script.data(1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", START)
        call = script.calls[0]
        assert (len(call["target"]), len(call["host"]), call["flags"]) == (4096, 256, 2048)

    def test_headers_are_there_while_they_are_small(self) -> None:
        script = Script()
        script.data(0, b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n", START)
        script.data(1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", START)
        assert script.calls[0]["headers"] == b"Host: x\r\nA: b\r\n"
