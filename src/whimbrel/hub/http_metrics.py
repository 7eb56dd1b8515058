"""What the hub exposes about itself: rows, and where their values come from."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from whimbrel.base.histogram import Histogram
from whimbrel.base.metrics import Metric, Sample
from whimbrel.base.process import resident_bytes

if TYPE_CHECKING:
    from whimbrel.hub.service import Service

UPTIME = Metric("hub_uptime", "gauge", "seconds", (), "Time since the hub was started")
RESIDENT = Metric("hub_resident", "gauge", "bytes", (), "Resident memory of the process, the database's included")
CPU = Metric("hub_cpu", "counter", "seconds", (), "Processor time of the process")
REQUESTS = Metric("hub_requests", "counter", "", ("route", "status"), "HTTP requests answered, by status class")
QUESTION = Metric(
    "hub_question",
    "histogram",
    "seconds",
    ("question",),
    "From a question's turn, once there is room for it, to its answer",
)
REFUSED = Metric("hub_refused", "counter", "", ("limit",), "Requests refused because of a limit: they come again")
BATCHES = Metric(
    "hub_batches",
    "counter",
    "",
    ("outcome",),
    "Batches: stored (on disk), duplicate, refused (they never will be), full (the journal was), loaded into the "
    "archive, set_aside (the archive cannot hold them)",
)
BATCH_BYTES = Metric("hub_batch", "counter", "bytes", (), "Bytes of batches that were read")
JOURNAL = Metric("hub_journal", "gauge", "bytes", (), "Batches on disk that wait to be loaded")
WAITING = Metric("hub_batches_waiting", "gauge", "", (), "Batches that wait to be loaded")
TROUBLES = Metric("hub_ingest_troubles", "counter", "", (), "Times that loading failed; it is tried again")
ARCHIVE = Metric("hub_archive", "gauge", "bytes", (), "Size of the archive's files")

ROWS = (
    UPTIME, RESIDENT, CPU, REQUESTS, QUESTION, REFUSED,
    BATCHES, BATCH_BYTES, JOURNAL, WAITING, TROUBLES, ARCHIVE,
)  # fmt: skip
OUTCOMES = {
    "stored": "stored", "duplicate": "duplicates", "refused": "refused",
    "full": "full", "loaded": "loaded", "set_aside": "set_aside",
}  # fmt: skip


class Traffic:
    """Counted in the event loop only: no locks."""

    def __init__(self) -> None:
        self.started_s = time.monotonic()
        self.requests: Counter[tuple[str, str]] = Counter()
        self.latencies: dict[str, Histogram] = {}
        self.batch_bytes = 0

    def answered(self, route: str, status: int) -> None:
        self.requests[route, f"{status // 100}xx"] += 1

    @contextmanager
    def question(self, name: str) -> Iterator[None]:
        started_ns = time.monotonic_ns()
        try:
            yield
        finally:
            if name not in self.latencies:
                self.latencies[name] = Histogram()
            self.latencies[name].record(time.monotonic_ns() - started_ns)


def samples(service: Service) -> Iterator[Sample]:
    """All rows, now."""
    traffic, counts = service.traffic, service.ingest.counts
    yield Sample(UPTIME, (), time.monotonic() - traffic.started_s)
    yield Sample(RESIDENT, (), resident_bytes())
    yield Sample(CPU, (), time.process_time())
    for (route, status), n in sorted(traffic.requests.items()):
        yield Sample(REQUESTS, (route, status), n)
    for name, histogram in sorted(traffic.latencies.items()):
        yield Sample(QUESTION, (name,), histogram)
    for limit, n in refused(service).items():
        yield Sample(REFUSED, (limit,), n)
    for outcome, attribute in OUTCOMES.items():
        yield Sample(BATCHES, (outcome,), getattr(counts, attribute))
    yield Sample(BATCH_BYTES, (), traffic.batch_bytes)
    yield Sample(JOURNAL, (), service.ingest.journal.size)
    yield Sample(WAITING, (), len(service.ingest.waiting))
    yield Sample(TROUBLES, (), counts.troubles)
    yield Sample(ARCHIVE, (), archive_bytes(service))


def refused(service: Service) -> dict[str, int]:
    return {
        "batch_rate": service.batches.refused,
        "login_rate": service.logins.refused,
        "bodies": service.bodies.refused,
        "decoding": service.decoding.refused,
        "questions": service.questions.refused,
    }


def archive_bytes(service: Service) -> int:
    return sum(found.stat().st_size for found in service.data.glob("archive.duckdb*") if found.is_file())
