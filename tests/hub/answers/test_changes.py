"""What changed, and over which periods that is asked."""

from typing import Any

import pytest

from tests.hub.answers.sample import ASKED, BOOK, BOOKS
from tests.hub.batches import NOON, batch, endpoint, row
from tests.hub.shapes import shape_of
from whimbrel.hub.answers.asked import Asked, QuestionError
from whimbrel.hub.answers.changes import changes, default_periods
from whimbrel.hub.answers.shapes import ChangeLine
from whimbrel.hub.archive import Period
from whimbrel.hub.duck import DuckArchive

FIRST, SECOND = Period(NOON, NOON + 300), Period(NOON + 300, NOON + 600)


def load(archive: DuckArchive, period: Period, *endpoints: dict[str, Any]) -> None:
    """The same in every window."""
    archive.load([batch(*endpoints, start=start) for start in range(period.start, period.end, 10)])


def told(lines: list[ChangeLine]) -> set[tuple[str, str]]:
    return {(line.kind, line.endpoint) for line in lines}


def test_what_breaks_is_apart_from_what_does_not(archive: DuckArchive) -> None:
    load(archive, FIRST, endpoint(1, row(20)), endpoint(2, row(9)))
    load(archive, SECOND, endpoint(1, row(1), row(19, 500)), endpoint(3, row(9)))
    found = changes(archive, FIRST, SECOND)
    assert told(found.breaking) == {("status class changed", "GET /1")}
    assert told(found.changes) == {("endpoint gone", "GET /2"), ("new endpoint", "GET /3")}
    assert found.undecided == []
    assert (found.before.calls, found.after.calls, found.before.endpoints) == (870, 870, 2)
    [line] = found.breaking
    assert (line.id, line.service, line.breaking) == (BOOKS, "shop", True) and line.chance < 1e-4
    assert line.sentence.startswith("GET /1: status class changed")


def test_a_field_that_went(archive: DuckArchive) -> None:
    whole = shape_of(*([BOOK] * 600))
    later = shape_of(*([BOOK] * 600), *([{"id": 1, "title": "x"}] * 600))
    load(archive, FIRST, endpoint(1, row(20)))
    load(archive, SECOND, endpoint(1, row(20)))
    archive.load([batch(endpoint(1, row(1, body=whole))), batch(endpoint(1, row(1, body=later)), start=NOON + 590)])
    found = changes(archive, FIRST, SECOND)
    assert [(line.kind, line.place) for line in found.breaking] == [("field removed", "response 200: tags")]


def test_one_service_only(archive: DuckArchive) -> None:
    load(archive, FIRST, endpoint(1, row(20)), endpoint(2, row(20), host="bank"))
    load(archive, SECOND, endpoint(3, row(20)), endpoint(4, row(20), host="bank"))
    assert told(changes(archive, FIRST, SECOND, "bank").changes) == {
        ("endpoint gone", "GET /2"), ("new endpoint", "GET /4"),
    }  # fmt: skip
    assert changes(archive, FIRST, SECOND, "nobody").changes == []


def test_what_was_there_long_before_is_not_new(archive: DuckArchive) -> None:
    load(archive, Period(NOON - 300, NOON), endpoint(7, row(20)))
    load(archive, FIRST, endpoint(1, row(20)))
    load(archive, SECOND, endpoint(1, row(20)), endpoint(7, row(20)))
    assert changes(archive, FIRST, SECOND).changes == []


def test_what_came_between_the_periods_is_new(archive: DuckArchive) -> None:
    load(archive, FIRST, endpoint(1, row(20)))
    load(archive, Period(NOON + 300, NOON + 900), endpoint(1, row(20)), endpoint(2, row(20)))
    assert told(changes(archive, FIRST, Period(NOON + 600, NOON + 900)).changes) == {("new endpoint", "GET /2")}


def test_periods_count_for_as_long_as_they_were_told_of(archive: DuckArchive) -> None:
    load(archive, Period(NOON + 280, NOON + 300), endpoint(1, row(20)))
    load(archive, SECOND, endpoint(1, row(20)), endpoint(2, row(1)))
    found = changes(archive, FIRST, SECOND)
    assert (found.before.start, found.before.end, found.after.end) == (NOON + 280, NOON + 300, NOON + 600)
    assert found.changes == []  # twenty seconds without it prove nothing about five minutes with 30 calls
    assert told(found.undecided) == {("new endpoint", "GET /2")}


def test_the_default_is_the_same_time_before(shop: DuckArchive) -> None:
    assert default_periods(shop, Asked.between(NOON - 900, NOON, NOON)) == (
        Period(NOON - 1800, NOON - 900), Period(NOON - 900, NOON),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("appeared", "before_end", "after_start"),
    [
        ((0, 200), 200, 210),  # the window in which it appeared is in neither
        ((0, 40, 180, 200), 180, 190),  # the nearest to the middle
        ((0, 10, 20, 290), 150, 150),  # too near the ends to prove anything: halves
    ],
)
def test_without_a_time_before_they_meet_where_an_endpoint_appeared(
    archive: DuckArchive, appeared: tuple[int, ...], before_end: int, after_start: int
) -> None:
    archive.load([batch(endpoint(n + 1), start=NOON + at) for n, at in enumerate((*appeared, 290))])
    assert default_periods(archive, Asked.last(500, NOON + 300)) == (
        Period(NOON, NOON + before_end), Period(NOON + after_start, NOON + 300),
    )  # fmt: skip


def test_halves_of_one_window_are_periods_all_the_same(archive: DuckArchive) -> None:
    archive.load([batch(endpoint(1))])
    before, after = default_periods(archive, Asked.between(NOON - 600, NOON + 10, NOON))
    assert (before, after) == (Period(NOON, NOON + 10), Period(NOON + 10, NOON + 20))
    assert changes(archive, before, after).breaking == []


def test_of_an_empty_archive_there_is_nothing_to_say(archive: DuckArchive) -> None:
    found = changes(archive, *default_periods(archive, ASKED))
    assert (found.breaking, found.changes, found.undecided) == ([], [], [])


def test_periods_that_end_before_they_begin_are_refused(archive: DuckArchive) -> None:
    with pytest.raises(QuestionError, match="must be later"):
        changes(archive, Period(NOON, NOON), SECOND)
