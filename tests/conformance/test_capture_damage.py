"""Damaged captures: what is missing is flagged, order and doubling change nothing, and nothing crashes.

The reference is the same capture undamaged.  A call of the damaged one is right when the reference has it (same
connection, method, target, status, lengths), or when it carries a flag that says what is not known of it, and then
the parts that are not flagged are the reference's.
"""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .pcaps import Capture, Talk, pcap
from .watching import Call, captures, identity, needs_captures, see

PCAPS = [path.name for path in captures("*.pcap") if path.name != "http2-nghttp2.pcap"]
PACKETS_MOST = 120  # deletions tried of a large capture: evenly spread
BOTH = ("protocol", "client", "server")


def request(method: str, target: str, body: bytes = b"", *extra: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: shop.example", *extra]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def response(status: int, body: bytes = b"", *extra: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *extra, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(status: int, *chunks: bytes) -> bytes:
    head = f"HTTP/1.1 {status} OK\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def keep_alive() -> bytes:
    """One connection, ten different calls, bodies of several packets each way."""
    talk = Talk(mss=200)
    for n in range(10):
        talk.client(request("POST" if n % 2 else "GET", f"/items/{n}", b"x" * (n % 2) * (150 * n + 7)))
        talk.server(chunked(210 + n, b"a" * 333, b"b" * n * 40) if n % 3 else response(210 + n, b"r" * n * 211))
    return pcap([talk.close()])


def pipelined() -> bytes:
    talk = Talk(mss=300)
    talk.client(b"".join(request("GET", f"/p/{n}") for n in range(8)))
    talk.server(b"".join(response(210 + n, b"y" * (100 + n)) for n in range(8)))
    return pcap([talk.close()])


def cache() -> bytes:
    memcache = Talk(server_end=("10.0.0.2", 11211), mss=90)
    redis = Talk(server_end=("10.0.0.2", 6379), client_end=("10.0.0.1", 40001), mss=90)
    for n in range(12):
        value = b"v" * (n * 31)
        memcache.client(b"set key%d 0 60 %d\r\n%b\r\n" % (n, len(value), value)).server(b"STORED\r\n")
        memcache.client(b"get key%d\r\n" % n)
        memcache.server(b"VALUE key%d 0 %d\r\n%b\r\nEND\r\n" % (n, len(value), value))
        redis.client(b"*3\r\n$3\r\nSET\r\n$4\r\nkey%d\r\n$%d\r\n%b\r\n" % (n % 10, len(value), value)).server(
            b"+OK\r\n"
        )
        redis.client(b"*2\r\n$3\r\nGET\r\n$4\r\nkey%d\r\n" % (n % 10)).server(b"$%d\r\n%b\r\n" % (len(value), value))
    return pcap([memcache.close(), redis.close()])


MADE = {"keep-alive": keep_alive, "pipelined": pipelined, "cache": cache}
EVERY = [*MADE, *PCAPS]


@functools.cache
def capture_of(name: str) -> Capture:
    if name in MADE:
        return Capture.of(MADE[name]())
    needs_captures()
    return Capture.of(next(iter(captures(name))).read_bytes())


@functools.cache
def reference(name: str) -> list[Call]:
    return see(capture_of(name).whole()).calls


def test_the_reference_of_what_was_made_is_what_was_made() -> None:
    calls = reference("keep-alive")
    assert [(c["method"], c["path"], c["status"]) for c in calls] == [
        ("POST" if n % 2 else "GET", f"/items/{n}", 210 + n) for n in range(10)
    ]
    assert [c["request_bytes"] for c in calls] == [n % 2 * (150 * n + 7) for n in range(10)]
    assert [c["response_bytes"] for c in calls] == [333 + n * 40 if n % 3 else n * 211 for n in range(10)]
    assert [c["path"] for c in reference("pipelined")] == [f"/p/{n}" for n in range(8)]
    assert len(reference("cache")) == 48
    assert all(c["flags"] == [] for name in MADE for c in reference(name))


# ---- one packet is missing -----------------------------------------------------------------------------

REQUEST_SIDE = ("method", "host", "path", "key", "request_bytes")
RESPONSE_SIDE = ("status", "outcome", "response_bytes")
# What a flag says is not known of a call.
UNKNOWN: dict[str, tuple[str, ...]] = {
    "no_response": RESPONSE_SIDE,
    "no_request": REQUEST_SIDE,
    "request_gap": ("request_bytes",),
    "response_gap": ("response_bytes", "outcome"),
    "request_cut": ("request_bytes",),
    "response_cut": ("response_bytes", "outcome"),
    "unpaired": RESPONSE_SIDE,
    "malformed": (*REQUEST_SIDE, *RESPONSE_SIDE),
    "target_cut": ("path",),
}


def known(call: Call) -> dict[str, Any]:
    """What the call claims to know."""
    hidden = {name for flag in call["flags"] for name in UNKNOWN.get(flag, ())}
    return {name: call[name] for name in (*BOTH, *REQUEST_SIDE, *RESPONSE_SIDE) if name in call and name not in hidden}


def wrong(calls: list[Call], truth: list[Call]) -> list[Call]:
    """Calls that claim what no call of the reference has; each call of the reference is used once."""
    left = list(truth)
    bad = []
    for call in sorted(calls, key=lambda one: len(one["flags"])):  # those that claim most choose first
        claims = known(call)
        match = next((one for one in left if all(one.get(name) == value for name, value in claims.items())), None)
        if match is None:
            bad.append(call)
        else:
            left.remove(match)
    return bad


@pytest.mark.parametrize("name", EVERY)
def test_any_one_packet_missing_gives_calls_that_are_complete_or_flagged(name: str) -> None:
    capture, truth = capture_of(name), reference(name)
    step = max(1, len(capture.records) // PACKETS_MOST)
    for place in range(0, len(capture.records), step):
        bad = wrong(see(capture.without(place)).calls, truth)
        assert bad == [], f"without packet {place}"


@pytest.mark.parametrize("name", list(MADE))
def test_one_missing_packet_costs_few_calls(name: str) -> None:
    """Resynchronising: what is far from the gap is there and complete."""
    capture, truth = capture_of(name), reference(name)
    whole = Counter(map(identity, truth))
    for place in range(len(capture.records)):
        kept = Counter(map(identity, see(capture.without(place)).calls))
        assert sum((whole & kept).values()) >= len(truth) * (0 if name == "pipelined" else 0.5), f"without {place}"


# ---- order and copies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_any_order_within_a_window_gives_the_same_calls(name: str) -> None:
    capture, truth = capture_of(name), Counter(map(identity, reference(name)))
    for seed in range(6):
        seen = see(capture.permuted(seed))
        assert Counter(seen.pairs()) == truth, f"seed {seed}"


@pytest.mark.parametrize("name", EVERY)
def test_copies_of_packets_change_nothing(name: str) -> None:
    capture, truth = capture_of(name), Counter(map(identity, reference(name)))
    for seed in range(4):
        seen = see(capture.doubled(seed))
        assert Counter(seen.pairs()) == truth, f"seed {seed}"


@pytest.mark.parametrize("name", list(MADE))
def test_pieces_of_any_budget_give_the_same_calls(name: str) -> None:
    for budget in (1, 7, 1000):
        assert see(capture_of(name).whole(), budget=budget).pairs() == list(map(identity, reference(name)))


# ---- cut and flipped -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_a_capture_cut_anywhere_is_read_to_there(name: str) -> None:
    data, truth = capture_of(name).whole(), reference(name)
    step = max(1, len(data) // 60)
    for size in range(24, len(data), step):
        bad = wrong(see(data[:size]).calls, truth)
        assert bad == [], f"cut at {size}"


@pytest.mark.parametrize("name", EVERY)
def test_flipped_bits_never_crash(name: str) -> None:
    capture = capture_of(name)
    for seed in range(25):
        seen = see(capture.flipped(seed, 1 + seed))
        assert seen.counts


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_many_flipped_bits_never_crash(name: str) -> None:
    capture = capture_of(name)
    for seed in range(1000, 1300):
        see(capture.flipped(seed, 1 + seed % 97))


def test_captures_are_found_where_they_should_be() -> None:
    if not Path(__file__).resolve().parents[3].joinpath("shared/data").is_dir():
        pytest.skip("no ../shared/data beside this checkout")
    assert len(PCAPS) >= 18
