"""Every step has its point."""

from tests.hub.answers.sample import ASKED, BOOKS, BOOKS_OF_TWO, ORDERS, START
from tests.hub.batches import NOON, batch, endpoint
from whimbrel.hub.answers.asked import DAY_S, HOUR_S, Asked
from whimbrel.hub.answers.charts import overlap_s, points
from whimbrel.hub.archive import Period
from whimbrel.hub.duck import DuckArchive
from whimbrel.hub.model import added

TOLD = Period(START, NOON)


def test_quiet_steps_are_there(shop: DuckArchive) -> None:
    made = points(ASKED, shop.timeline(ASKED.period, 10, [BOOKS, BOOKS_OF_TWO]), "http", TOLD)
    assert [point.start for point in made] == list(range(NOON - 600, NOON, 10))
    assert [point.calls for point in made] == [0] * 30 + [21] * 10 + [11] * 20
    assert {point.errors for point in made[30:]} == {1}
    assert made[0].p50_ns is None and made[0].per_s == 0.0
    assert made[-1].p50_ns is not None and abs(made[-1].p50_ns - 2328) < 20 and made[-1].per_s == 1.1


def test_coarse_steps_add_up(shop: DuckArchive) -> None:
    asked = Asked(Period(NOON - 300, NOON), 60, NOON)
    made = points(asked, shop.timeline(asked.period, 60, [ORDERS]), "http", TOLD)
    assert [(point.calls, point.client_errors) for point in made] == [(18, 6)] * 5


def test_the_rate_of_a_step_is_over_its_part_that_was_told() -> None:
    assert overlap_s(100, 60, Period(130, 500)) == 30
    assert overlap_s(100, 60, Period(0, 110)) == 10
    assert overlap_s(100, 60, Period(0, 500)) == overlap_s(100, 60, Period(500, 600)) == 60


def test_all_of_several_endpoints_are_one_line(shop: DuckArchive) -> None:
    """The histogram of a step is that of all its calls, however many endpoints they are of."""
    together = shop.timeline(ASKED.period, 10, [BOOKS, BOOKS_OF_TWO, ORDERS])
    apart = shop.points(ASKED.period, 10, [BOOKS, BOOKS_OF_TWO, ORDERS])
    assert {row.endpoint for row in together} == {""}
    for row in together:
        of = [each for each in apart if (each.start, each.status) == (row.start, row.status)]
        assert row.calls == sum(each.calls for each in of) and row.last == added(each.last for each in of)
    assert len(together) == 30 * 4 and shop.timeline(ASKED.period, 10, []) == []


def test_a_chart_of_what_was_rolled_up_has_no_holes(archive: DuckArchive) -> None:
    """Asked by the grid of its age: of ten seconds, of a minute, of an hour."""
    ages = {600: 10, 5 * HOUR_S: 60, 4 * DAY_S: HOUR_S}
    for age, grid in ages.items():
        first = (NOON - age) // HOUR_S * HOUR_S
        archive.load([batch(endpoint(), start=at) for at in range(first, first + 2 * HOUR_S, grid)])
    archive.fold(NOON)
    for age, grid in ages.items():
        first = (NOON - age) // HOUR_S * HOUR_S
        asked = Asked.between(first + 70, first + 70 + 20 * 60, NOON)
        made = points(asked, archive.timeline(asked.period, asked.step_s), "http", asked.period)
        assert asked.step_s % grid == 0 and {point.calls for point in made} == {made[0].calls} and made[0].calls > 0
