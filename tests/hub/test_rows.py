"""Batches as rows: what is scaled, what is refused."""

from typing import Any

import pytest

from tests.hub.batches import NOON, NS, batch, edge, endpoint, latency, row, sizes
from whimbrel.hub import rows, tables
from whimbrel.hub.rows import CALLS_MOST, SAMPLE_MOST, id_of, number_of, rows_of, started_of
from whimbrel.summary.batch import BatchError


def made(*endpoints: dict[str, Any], **more: Any) -> rows.Rows:
    return rows_of(batch(*endpoints, **more), NOON)


def test_every_table_and_column_is_one_of_the_archive() -> None:
    shape = {"types": 4, "seen": 1, "calls": 1}
    reuse = {
        "server": "~s",
        "port": 1,
        "protocol": "redis",
        "reads": 2,
        "cold": 1.0,
        "share": 1.0,
        "distances": [3, 1.0],
    }
    full = endpoint(1, row(body=shape, first=latency(3, 1)), auth=["bearer"], body=shape)
    found = made(full, edges=[edge()], reuse=[reuse], aliases=[(f"{2:016x}", f"{1:016x}")])
    for name, some in found.items():
        assert some, name
        assert set(some[0]) <= set(tables.ALL_COLUMNS[name]), name
    assert set(found["calls_new"][0]) == set(tables.CALLS.columns())


def test_counts_are_scaled_by_the_sampling_rate() -> None:
    [call] = made(endpoint(1, row(3, last=latency(7, 2, 9, 1), flags={"unpaired": 1, "none": 0})), sample=4)[
        "calls_new"
    ]
    assert (call["calls"], call["seen"], call["sample"]) == (12, 3, 4)
    assert (call["last_places"], call["last_counts"], call["last_count"], call["last_sum"]) == (
        [7, 9],
        [8, 4],
        12,
        4000,
    )
    assert (call["last_min"], call["last_max"]) == (10, 9 * NS)
    marks = dict(zip(call["marks_places"], call["marks_counts"], strict=True))
    assert marks == {"flag:unpaired": 4, "request_step:0": 4, "response_step:0": 4}
    [told] = made(edges=[edge(calls=3, request_bytes=10)], sample=4)["edges_new"]
    assert (told["calls"], told["request_bytes"]) == (12, 40)


def test_callers_are_marks() -> None:
    few, many = row(3, callers=[("~a", "private", 2), ("10.0.0.1", "public", 1)]), row(4, 404, more_callers=True)
    found = made(endpoint(1, few, many), sample=2)["calls_new"]
    marks = [dict(zip(one["marks_places"], one["marks_counts"], strict=True)) for one in found]
    assert {name: n for name, n in marks[0].items() if "caller" in name} == {
        "caller:~a/private": 4, "caller:10.0.0.1/public": 2,
    }  # fmt: skip
    assert {name: n for name, n in marks[1].items() if "caller" in name} == {"callers:more": 8}


def test_what_was_not_measured_has_no_minimum() -> None:
    [call] = made(endpoint(1, row(1)))["calls_new"]
    assert call["first_min"] is None and call["first_max"] is None and call["first_count"] == 0


def test_windows_lie_on_the_grid() -> None:
    assert started_of(batch(start=NOON + 17), NOON) == NOON + 10


def test_ids_are_numbers() -> None:
    assert id_of(number_of("00ff00000000abcd")) == "00ff00000000abcd"


REFUSED = {
    "begins after its end": batch(end_ns=(NOON - 1) * NS),
    "before 1970": batch(start_ns=-1),
    "a month long": batch(end_ns=(NOON + 30 * 86_400) * NS),
    "tomorrow and later": batch(start=NOON + 90_000),
    "an id for a path": batch(batch_id="../x"),
    "an id of an endpoint": batch(endpoint(id="x")),
    "an upper case one": batch(endpoint(id="ABCDEF0123456789")),
    "an alias": batch(aliases=[("x", "y")]),
    "a status": batch(endpoint(1, row(status=-1))),
    "a large status": batch(endpoint(1, row(status=1000))),
    "more calls than there can be": batch(endpoint(1, row(CALLS_MOST + 1))),
    "more when scaled": batch(endpoint(1, row(CALLS_MOST // 2)), sample=3),
    "a bucket of too many": batch(endpoint(1, row(last=latency(5, CALLS_MOST + 1)))),
    "a flag of too many": batch(endpoint(1, row(flags={"a": CALLS_MOST + 1}))),
    "a sampling rate": batch(sample=SAMPLE_MOST + 1),
    "more processor time than there is": batch(cpu_ns=1 << 60),
    "more memory than there is": batch(resident_bytes=1 << 60),
    "zero bytes in a version": batch(program="\0"),
    "zero bytes in a caller": batch(endpoint(1, row(callers=[("~a\0", "private", 1)]))),
    "a caller of too many": batch(endpoint(1, row(callers=[("~a", "private", CALLS_MOST + 1)]))),
    "a port": batch(edges=[edge(port=65_536)]),
    "losses": batch(lost_calls=CALLS_MOST + 1),
    "zero bytes": batch(endpoint(host="a\0b")),
    "an escape sequence": batch(endpoint(template="/\x1b[2J")),
    "a line in a line": batch(endpoint(host="a\r\nb")),
    "text that runs backwards": batch(endpoint(template="/\u202egnp.exe")),
    "zero bytes in a count": batch(counts={"a\0": 1}),
    "zero bytes in the agent": batch(agent="\0"),
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(BatchError):
        rows_of(document, NOON)


def test_sizes_may_be_larger_than_any_column_of_integers() -> None:
    [call] = made(endpoint(1, row(1, response=sizes((1 << 63) - 1))), sample=1000)["calls_new"]
    assert call["response_sum"] == pytest.approx(1000 * 2.0**63)
