"""What is added up here is what the database adds up."""

from pathlib import Path

import pytest

from tests.hub.batches import NOON, batch, endpoint, latency, row
from whimbrel.hub.archive import PARTS, Period
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.few import columns, together
from whimbrel.hub.tables import CALLS, SUM_MOST
from whimbrel.summary import hll

A = f"{1:016x}"


def test_few_endpoints_are_answered_as_many_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = DuckArchive(tmp_path / "a", memory_mib=128, clock=lambda: NOON)
    for at in (10, 70, 650, 3700, 90_000):
        rows = [row(2, last=latency(100 + at, 1, 300, 1), clients=hll.registers([at % 60 << 5 | 3])), row(1, 404)]
        archive.load([batch(endpoint(1, *rows), endpoint(2), start=NOON - at, agent=agent) for agent in ("one", "two")])
    archive.fold(NOON)
    archive.load([batch(endpoint(1), start=NOON - 80_000)])  # late
    asked = Period(NOON - 100_000, NOON)
    for ask in (
        lambda: archive.statuses(asked, [A]),
        lambda: archive.statuses(asked, [A], ("marks",)),
        lambda: archive.timeline(asked, 600, [A]),
        lambda: archive.timeline(asked, 600, [A, f"{2:016x}"], PARTS),
    ):
        few = ask()
        with monkeypatch.context() as patched:
            patched.setattr("whimbrel.hub.questions.FEW", 0)
            assert ask() == few and few
    archive.close()


def test_a_row_alone_is_taken_as_it_is_and_sums_stop() -> None:
    wanted = columns(CALLS, ("marks",))
    assert "marks_places" in wanted and not {"first_places", "last_counts", "clients"} & {*wanted}
    plain = dict.fromkeys(wanted) | dict.fromkeys((*CALLS.sums, *CALLS.totals), SUM_MOST - 1)
    plain |= {"started": 0, "endpoint": 1, "status": 200, "marks_places": ["a"], "marks_counts": [1]}
    other = plain | {"status": 404}
    one, alone = together(CALLS, [plain, other, plain], ("endpoint", "status"))
    assert alone is other
    assert (one["calls"], one["marks_places"], one["marks_counts"]) == (SUM_MOST, ["a"], [2])
