"""The report: a table, --json, progress, and a live table on a terminal."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from tests.agent.windows import endpoint, latency, row, window
from whimbrel.agent import report as module
from whimbrel.agent.options import ROWS, WatchOptions
from whimbrel.agent.report import Report
from whimbrel.base.options import load

COUNTS = {"packets": 1234, "wire_bytes": 5 << 20, "flows": 3, "calls": 17, "kernel_drops": 0, "gaps": 0}


class Engine:
    """What a report asks of an engine."""

    def __init__(self, **counts: int) -> None:
        self.told = {**COUNTS, **counts}

    def counts(self) -> dict[str, int]:
        return self.told


class Reader:
    name, bytes_read, bytes_total, packets = "shop.pcap", 1 << 20, 4 << 20, 5000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def report(*argv: str, out: io.StringIO | None = None) -> tuple[Any, io.StringIO]:
    out = out or io.StringIO()
    return Report(WatchOptions.of(load("watch", ROWS, argv, {})), 1 << 20, out), out


SHOP = window(
    endpoint("1", row(98, 200, 2048, (1_000_000, 3_000_000)), row(2, 500, 10, (9_000_000,))),
    endpoint("2", {"calls": 3, "outcomes": {"hit": 2, "miss": 1}, "last": latency(50_000)}, protocol="redis", host="",
             method="get", template="user:{integer}"),
)  # fmt: skip


def test_the_table_of_a_file() -> None:
    made, out = report("x.pcap")
    made.window(SHOP, Engine())
    made.end(Engine())
    title, http, redis, blank, seen, lost = out.getvalue().splitlines()
    assert " ".join(title.split()) == "method host path or key answers calls p50 p99 request response"
    assert " ".join(http.split()) == "GET shop.example /orders 200 98%, 500 2% 100 2.95 ms 9 ms 0 B 1.96 KiB"
    assert " ".join(redis.split()) == "get redis user:{integer} hit 67%, miss 33% 3 50 µs 50 µs 0 B 0 B"
    assert blank == "" and seen == "1,234 packets, 5 MiB, 3 connections, 17 calls" and lost == "nothing was lost"


def test_calls_without_an_answer_are_part_of_the_mix() -> None:
    made, out = report("x.pcap")
    made.window(window(endpoint("1", row(3, 200), row(1, 0))), Engine())
    made.end(Engine())
    assert "200 75%, none 25%" in out.getvalue()


def test_losses_are_named() -> None:
    made, out = report("x.pcap")
    made.end(Engine(kernel_drops=7, gaps=2, unpaired=1))
    last = out.getvalue().splitlines()[-1]
    assert last == "not whole: 7 packets dropped by the kernel, 2 gaps, 1 message without its other half"


def test_json_is_the_summary() -> None:
    made, out = report("x.pcap", "--json")
    made.window(SHOP, Engine())
    made.end(Engine())
    summary = json.loads(out.getvalue())
    assert (summary["start"], summary["end"], summary["counts"]) == (1000, 1010, COUNTS)
    assert [one["calls"] for one in summary["endpoints"]] == [100, 3]
    assert summary["endpoints"][0]["statuses"] == {"200": 98, "500": 2}


def test_who_sends_without_a_terminal_keeps_and_prints_nothing() -> None:
    made, out = report("--out", "x")
    made.window(SHOP, Engine())
    made.end(Engine())
    assert made.endpoints is None and out.getvalue() == ""


def test_a_live_table_is_drawn_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "5")
    made, out = report(out=Terminal())
    assert not made.wants_window(False)
    made.shown_s -= module.REFRESH_S
    assert made.wants_window(False) and not made.wants_window(True)
    made.window(SHOP, Engine())
    first = out.getvalue()
    assert first.startswith("\x1b[2J\x1b[H") and first.endswith("\x1b[J") and first.count("\n") == 4
    made.window(SHOP, Engine())
    assert out.getvalue()[len(first) :].startswith("\x1b[H1,234 packets")
    made.end(Engine())
    assert out.getvalue().count("\x1b[2J") == 1


def test_a_live_run_without_a_terminal_prints_its_table_once_at_the_end() -> None:
    made, out = report()
    assert not made.wants_window(False)
    made.window(SHOP, Engine())
    assert out.getvalue() == ""
    made.end(Engine())
    assert "/orders" in out.getvalue() and "\x1b" not in out.getvalue()


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = Terminal()
    monkeypatch.setattr(sys, "stderr", errors)
    made, _ = report("x.pcap")
    made.progress_s -= 1
    made.progress(Reader(), Engine())
    assert errors.getvalue() == "\rshop.pcap: 25% 1 MiB, 5,000 packets, 17 calls\x1b[K"
    made.progress(Reader(), Engine())  # not at every turn
    made.progress_ends()
    assert errors.getvalue().endswith("calls\x1b[K\r\x1b[K")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    silent, _ = report("x.pcap")
    silent.progress_s -= 1
    silent.progress(Reader(), Engine())
    silent.progress_ends()
    assert silent.errors.getvalue() == ""
