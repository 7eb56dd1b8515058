"""What a run shows: progress while it reads, a table while it watches, and what was asked for at the end.

    stdout    the table, --json, --explain (and --calls, which calls.py writes)
    stderr    progress, on a terminal only

Idea: windows are added up in endpoints.py where somebody will see the sum, and only then: an agent that sends to a hub
from a terminal-less unit keeps nothing here.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from whimbrel.agent.endpoints import ROW_BYTES, Endpoint, Endpoints, as_json
from whimbrel.agent.explain import Explanation
from whimbrel.agent.options import WatchOptions
from whimbrel.agent.table import (
    CLEAR_SCREEN,
    Column,
    bytes_text,
    count_text,
    lines,
    screen,
    share_text,
    time_text,
)
from whimbrel.base.process import resident_peak_bytes
from whimbrel.base.words import counted

if TYPE_CHECKING:
    from whimbrel.agent.engine import Engine
    from whimbrel.capture.files import PacketReader

PROGRESS_S = 0.2
REFRESH_S = 1.0  # of a live table that has windows to itself; one that shares them with a hub waits for their end
COLUMNS = (
    Column("method"),
    Column("host", gives_way=True),
    Column("path or key", gives_way=True),
    Column("answers"),
    Column("calls", right=True),
    Column("p50", right=True, goes=True),
    Column("p99", right=True),
    Column("request", right=True, goes=True),
    Column("response", right=True, goes=True),
)
ANSWERS_SHOWN = 3
# Counters that say that something is missing, in the order of a packet's way; the rest is in --json.
LOSSES = (
    ("kernel_drops", "packet", "dropped by the kernel"),
    ("gaps", "gap", ""),
    ("lost_messages", "message", "lost to gaps"),
    ("flows_evicted", "flow", "given up for others"),
    ("packets_refused", "packet", "without memory"),
    ("flows_sampled_out", "flow", "not followed"),
    ("untyped_bodies", "body", "not looked into"),
    ("pending_dropped", "request", "without room to wait"),
    ("keys_dropped", "call", "left out of commands with too many keys"),
    ("unpaired", "message", "without its other half"),
    ("malformed", "malformed message", ""),
)


class Report:
    def __init__(self, options: WatchOptions, report_bytes: int, out: TextIO | None = None) -> None:
        self.options = options
        self.out = sys.stdout if out is None else out
        self.errors = sys.stderr
        self.terminal = self.out.isatty()
        silent = options.live and bool(options.hub or options.out) and not self.terminal
        self.table = options.shows_table and not silent
        self.live_table = self.table and options.live and self.terminal
        self.endpoints = Endpoints(report_bytes // ROW_BYTES) if self.table or options.json else None
        self.explanation = Explanation() if options.explain else None
        self.shown_s = self.progress_s = time.monotonic()
        self.drawn = False
        self.begin_ns = self.end_ns = 0

    # ---- windows

    def wants_window(self, delivers: bool) -> bool:
        """Now, though its ten seconds are not over."""
        return self.live_table and not delivers and time.monotonic() - self.shown_s >= REFRESH_S

    def window(self, window: dict[str, Any], engine: Engine) -> None:
        if window["endpoints"]:
            self.begin_ns = self.begin_ns or window["start_ns"]
            self.end_ns = window["end_ns"]
        if self.endpoints is not None:
            self.endpoints.window(window)
        if self.explanation is not None:
            self.explanation.add(window["explained"])
        if self.live_table:
            self.draw(engine.counts())

    def draw(self, counts: Mapping[str, int]) -> None:
        size = shutil.get_terminal_size()
        if not self.drawn:
            self.out.write(CLEAR_SCREEN)
            self.drawn = True
        self.out.write(screen([*self.heading(counts), "", *self.rows(size.columns)], size.lines, size.columns))
        self.out.flush()
        self.shown_s = time.monotonic()

    # ---- progress

    def progress(self, reader: PacketReader, engine: Engine) -> None:
        now_s = time.monotonic()
        if not self.errors.isatty() or now_s - self.progress_s < PROGRESS_S:
            return
        self.progress_s = now_s
        share = f"{share_text(reader.bytes_read, reader.bytes_total)} " if reader.bytes_total else ""
        text = f"{reader.name}: {share}{bytes_text(reader.bytes_read)}, {count_text(reader.packets)} packets"
        self.errors.write(f"\r{text}, {count_text(engine.counts().get('calls', 0))} calls\x1b[K")
        self.errors.flush()

    def progress_ends(self) -> None:
        if self.errors.isatty():
            self.errors.write("\r\x1b[K")
            self.errors.flush()

    # ---- the end

    def end(self, engine: Engine) -> None:
        counts = engine.counts()
        if self.explanation is not None:
            self.print("\n".join(self.explanation.lines()))
        elif self.options.json:
            self.print(json.dumps(self.summary(counts), indent=2))
        elif self.table and not self.drawn:
            width = shutil.get_terminal_size().columns if self.terminal else None
            self.print("\n".join([*self.rows(width), "", *self.heading(counts)]))

    def print(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()

    def summary(self, counts: Mapping[str, int]) -> dict[str, Any]:
        assert self.endpoints is not None
        return {
            "start": self.begin_ns / 1e9,
            "end": self.end_ns / 1e9,
            "endpoints": [as_json(endpoint) for endpoint in self.endpoints.most_called()],
            "counts": dict(counts),
            "resident_peak_bytes": resident_peak_bytes(),
        }

    def heading(self, counts: Mapping[str, int]) -> list[str]:
        """What was seen, and what was lost of it."""
        seen = f"{counted(counts.get('packets', 0), 'packet')}, {bytes_text(counts.get('wire_bytes', 0))}"
        flows = f"{counted(counts.get('flows', 0), 'connection')}, {counted(counts.get('calls', 0), 'call')}"
        lost = [f"{counted(counts[name], noun)} {what}".rstrip() for name, noun, what in LOSSES if counts.get(name)]
        return [f"{seen}, {flows}", f"not whole: {', '.join(lost)}" if lost else "nothing was lost"]

    def rows(self, width: int | None) -> list[str]:
        assert self.endpoints is not None
        return lines(COLUMNS, [cells(endpoint) for endpoint in self.endpoints.most_called()], width)


def cells(endpoint: Endpoint) -> list[str]:
    latencies = endpoint.latencies
    p50, p99 = latencies.percentile_ns(50), latencies.percentile_ns(99)
    return [
        endpoint.method,
        endpoint.host or endpoint.protocol,
        endpoint.template,
        answers(endpoint),
        count_text(endpoint.calls),
        "" if p50 is None else time_text(p50),
        "" if p99 is None else time_text(p99),
        bytes_text(endpoint.request.sum / endpoint.calls) if endpoint.calls else "",
        bytes_text(endpoint.response.sum / endpoint.calls) if endpoint.calls else "",
    ]


def answers(endpoint: Endpoint) -> str:
    """200 98%, 404 2%: statuses of HTTP, outcomes of caches, none; a lone one without its share."""
    mix: Counter[int | str] = Counter()
    mix.update(endpoint.statuses or endpoint.outcomes)
    total = sum(mix.values())
    if total < endpoint.calls:
        mix["none"] = endpoint.calls - total
    if len(mix) == 1:
        return str(next(iter(mix)))
    shown = [f"{answer} {share_text(count, endpoint.calls)}" for answer, count in mix.most_common(ANSWERS_SHOWN)]
    return ", ".join(shown) + (", …" if len(mix) > ANSWERS_SHOWN else "")
