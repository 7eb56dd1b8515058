"""The hub: what comes in, what it takes on disk and in memory, and how soon its pages are answered.

The archive is a month's (see benchmarks.month).  Questions go over HTTP to a `whimbrel hub` process with its own
defaults, one at a time; its processor time is the kernel's word, so that a busy machine can be told from a slow hub.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.month import CACHES, Month, endpoint_id, fill, words
from benchmarks.rows import Row, Section, Spread
from benchmarks.setting import Setting
from benchmarks.watch import used_s
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.ingest import Ingest
from whimbrel.hub.options import ARCHIVE_NAME, JOURNAL_NAME
from whimbrel.summary.batch import encode

MIB = 1 << 20
DAYS = 30
PERIODS = ("1h", "24h", "30d")
TARGET_MS = 100.0
BATCHES = 120  # two minutes of ten agents
START_S = 120.0
READY = re.compile(r"http://([^:]+):(\d+)/")


def pages(setting: Setting) -> Section:
    section = Section(
        f"Hub: {DAYS} days of 1,000 endpoints",
        "Every row is a question to a running hub over HTTP, asked again and again for its JSON: milliseconds of p99,"
        " of p50, and of its processor.  The endpoint is one of the middle, then the busiest.  Ingest: batches of 100"
        " endpoints with two statuses each, synced one by one, then loaded.",
    )
    with tempfile.TemporaryDirectory(prefix="whimbrel-bench-") as name:
        data = Path(name)
        month = Month(int(time.time()) // 10 * 10, endpoints=300 if setting.quick else 1000, days=DAYS)
        start = time.monotonic()
        fill(data / ARCHIVE_NAME, month)
        note = f"{month.endpoints:,} endpoints; made in {time.monotonic() - start:.0f} s"
        section.rows.append(one("archive file", "MiB", (data / ARCHIVE_NAME).stat().st_size / MIB, note))
        section.rows += ingested(data, month)
        with hub(data) as (address, pid):
            section.rows += answers(address, pid, month, 5 if setting.quick else 30)
            section.rows.append(
                one("resident, after all questions", "MiB", resident_bytes(pid) / MIB, "database's bound 512")
            )
    return section


def one(what: str, unit: str, value: float, note: str = "") -> Row:
    return Row(what, "", unit, Spread((value,)), note=note)


# ---- what comes in -------------------------------------------------------------------------------------


def ingested(data: Path, month: Month) -> list[Row]:
    """Accepted, which is on disk, and loaded; then one round of ageing."""
    archive = DuckArchive(data / ARCHIVE_NAME)
    try:
        ingest = Ingest(archive, data / JOURNAL_NAME)
        records = [encode(batch(n, month)) for n in range(BATCHES)]
        rows = BATCHES * month.endpoints // month.agents * 2
        accepted = took(lambda: [ingest.accept(record) for record in records])
        loaded = took(ingest.load_waiting)
        ingest.stop()
        folded = took(lambda: archive.fold(month.now + 600))
    finally:
        archive.close()
    each = sum(map(len, records)) / BATCHES
    return [
        one("accepted", "batches/s", BATCHES / accepted, f"{each / 1024:.0f} KiB each"),
        one("loaded", "rows/s", rows / loaded, f"{BATCHES / loaded:.0f} batches/s"),
        one("ageing, a round of ten minutes", "s", folded),
    ]


def took(work: Any) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def batch(number: int, month: Month) -> dict[str, Any]:
    """Of the agents in turn, ten seconds apart."""
    agent, start = number % month.agents, month.now + number // month.agents * 10
    histogram = {"count": 20, "sum": 10**8, "min": 4 * 10**6, "max": 6 * 10**6}
    sizes = {"sum": 20_000, "min": 900, "max": 1100, "steps": [10, 10, 11, 10]}
    endpoints = []
    for i in range(agent, month.endpoints, month.agents):
        buckets = [pair for step in range(20) for pair in (1000 + (i + 7 * step) % 200, 1)]
        row = {"calls": 20, "first": histogram | {"buckets": buckets}, "last": histogram | {"buckets": buckets}}
        row |= {"request": sizes, "response": sizes, "response_kinds": [1]}
        statuses = (0, 0) if i % 100 < CACHES else (200, 404)
        rows = [row | {"status": status} for status in dict.fromkeys(statuses)]
        endpoints.append({"id": endpoint_id(i), "rows": rows} | words(i))
    return {
        "v": 1, "id": f"bench-{number}", "agent": f"agent-{agent}", "start_ns": start * 10**9,
        "end_ns": (start + 10) * 10**9, "lost_batches": 0, "lost_calls": 0, "counts": {}, "aliases": [],
        "endpoints": endpoints, "edges": [], "reuse": [],
    }  # fmt: skip


# ---- what goes out -------------------------------------------------------------------------------------


@contextmanager
def hub(data: Path) -> Iterator[tuple[tuple[str, int], int]]:
    """A running one: its address and its process."""
    command = [sys.executable, "-m", "whimbrel", "hub", "--listen", "127.0.0.1:0", "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WHIMBREL_")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        ready = READY.search(process.stdout.readline())
        if ready is None:
            raise RuntimeError("the hub did not start")
        yield (ready[1], int(ready[2])), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def answers(address: tuple[str, int], pid: int, month: Month, times: int) -> list[Row]:
    connection = http.client.HTTPConnection(*address, timeout=START_S)
    ask(connection, "/api/agents?last=1h")  # until the first round of ageing lets it through
    middle, busiest = (found(connection, offset) for offset in (month.endpoints // 2, 0))
    rows = []
    for title, path, target in (
        ("overview", "/api/overview?", None),
        ("endpoints", "/api/endpoints?", None),
        ("endpoints by p99", "/api/endpoints?sort=p99&", None),
        ("an endpoint", f"/api/endpoints/{middle}?", TARGET_MS),
        ("the busiest endpoint", f"/api/endpoints/{busiest}?", TARGET_MS),
        ("services", "/api/services?", None),
        ("cache", "/api/cache?", None),
        ("agents", "/api/agents?", None),
    ):
        for period in PERIODS:
            often = times if target else times // 3
            rows += measured(connection, pid, f"{title}, {period}", f"{path}last={period}", often, target)
    rows += measured(connection, pid, "changes, 1h", "/api/changes?last=1h", max(times // 10, 1), None)
    connection.close()
    return rows


def found(connection: http.client.HTTPConnection, offset: int) -> str:
    """The id of the endpoint at a place of the list by calls."""
    answer = ask(connection, f"/api/endpoints?last=24h&protocol=http&limit=1&offset={offset * 9 // 10}")
    match = re.search(rb'"id":"([0-9a-f]{16})"', answer)
    if match is None:
        raise RuntimeError("the list of endpoints is empty")
    return match[1].decode()


def ask(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status} {body[:200]!r}")
    return body


def measured(
    connection: http.client.HTTPConnection, pid: int, what: str, path: str, times: int, target: float | None
) -> list[Row]:
    """Its first time is not counted: it reads the file."""
    size = len(ask(connection, path))
    before, walls = used_s(pid), []
    for _ in range(times):
        start = time.perf_counter()
        ask(connection, path)
        walls.append((time.perf_counter() - start) * 1000)
    processor = (used_s(pid) - before) / times * 1000
    walls.sort()
    worst = Spread((walls[min(int(times * 0.99), times - 1)],))
    note = f"p50 {walls[times // 2]:.0f}, processor {processor:.0f} ms, {size / 1024:.0f} KiB"
    return [Row(what, "", "ms p99", worst, None, worst if target else None, "<=", target, note)]


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
