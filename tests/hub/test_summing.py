"""What is added up here and what the database adds up are the same."""

from pathlib import Path

from tests.hub.batches import NOON, batch, endpoint, latency, row, sizes
from whimbrel.hub.archive import Period
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.summing import summed
from whimbrel.hub.tables import CALLS, SUM_MOST
from whimbrel.summary import hll

A, B = (f"{number:016x}" for number in (1, 2))


def test_one_endpoint_read_once_is_what_the_database_adds_up(tmp_path: Path) -> None:
    archive = DuckArchive(tmp_path / "a", clock=lambda: NOON)
    for at in range(0, 7200, 500):
        rows = [
            row(
                3,
                last=latency(100 + at % 7, 2, 300, 1),
                clients=hll.registers([at % 2000 << 5 | 3]),
                outcomes={"hit": 7},
            ),
            row(1, 404, first=latency(90, 1), request=sizes(5, [1, 1])),
            row(1, 500, last=None),
        ]
        archive.load([batch(endpoint(1, *rows), endpoint(2, row(7)), start=NOON - 7200 + at)])
    for _ in range(2):
        for asked, step in ((Period(NOON - 7200, NOON), 600), (Period(NOON - 90_000, NOON), 3600)):
            statuses, steps = archive.history(asked, step, [A])
            expected = archive.statuses(asked, [A])
            assert [(one.status, one.calls, one.clients) for one in statuses] == [
                (one.status, one.calls, one.clients) for one in expected
            ]
            assert [(one.first, one.last, one.marks, one.request, one.start) for one in statuses] == [
                (one.first, one.last, one.marks, one.request, one.start) for one in expected
            ]
            parts = ("first", "last", "marks", "clients")
            assert steps == archive.timeline(asked, step, [A], parts)
        archive.fold(NOON)
    both, _ = archive.history(Period(NOON - 7200, NOON), 600, [A, B])
    assert both[0].calls == sum(one.calls for one in archive.statuses(Period(NOON - 7200, NOON)) if one.status == 200)
    assert archive.history(Period(NOON - 7200, NOON), 600, []) == ([], [])
    archive.close()


def test_a_sum_stops_where_the_database_stops() -> None:
    empty = dict.fromkeys(CALLS.columns())
    rows = [empty | dict.fromkeys(CALLS.sums, SUM_MOST) | dict.fromkeys(CALLS.totals, 1.0)] * 2
    [one] = summed(CALLS, rows, lambda _: 0).values()
    assert one["calls"] == SUM_MOST and one["last_sum"] == 2.0 and one["last_min"] is None and one["clients"] == []
