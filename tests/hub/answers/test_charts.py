"""Every step has its point."""

from tests.hub.answers.sample import ASKED, BOOKS, BOOKS_OF_TWO, ORDERS, START
from tests.hub.batches import NOON
from whimbrel.hub.answers.asked import Asked
from whimbrel.hub.answers.charts import overlap_s, points
from whimbrel.hub.archive import Period
from whimbrel.hub.duck import DuckArchive

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
