"""Periods on the archive's grid."""

import pytest

from tests.hub.batches import NOON
from whimbrel.hub.answers.asked import DAY_S, HOUR_S, STEPS_S, Asked, Kept, QuestionError
from whimbrel.hub.archive import Period

LENGTHS = {
    900: 10,
    HOUR_S: 60,
    6 * HOUR_S: 300,
    DAY_S: 600,
    7 * DAY_S: 10_800,
    30 * DAY_S: 21_600,
    365 * DAY_S: 3 * DAY_S,
}


@pytest.mark.parametrize(("seconds", "step"), LENGTHS.items())
def test_steps_are_round_and_few(seconds: int, step: int) -> None:
    asked = Asked.last(seconds, NOON)
    assert asked.step_s == step
    assert 40 <= len(list(asked.starts())) <= 151
    assert all(start % step == 0 for start in asked.starts())


def test_a_period_is_widened_to_whole_windows() -> None:
    asked = Asked.between(NOON - 95, NOON - 3, NOON)
    assert asked.period == Period(NOON - 100, NOON)
    assert (asked.span.start, asked.span.end, asked.span.step_s) == (NOON - 100, NOON, 10)


def test_where_rows_are_coarse_the_period_and_its_steps_are() -> None:
    asked = Asked.between(NOON - 10 * HOUR_S + 70, NOON - 9 * HOUR_S + 70, NOON + 30)
    assert asked.period == Period(NOON - 10 * HOUR_S + 60, NOON - 9 * HOUR_S + 120)
    assert asked.step_s == 60
    old = Asked.between(NOON - 9 * DAY_S + 70, NOON - 9 * DAY_S + 80, NOON)
    assert old.period == Period(NOON - 9 * DAY_S, NOON - 9 * DAY_S + HOUR_S) and old.step_s == HOUR_S
    assert Asked.between(NOON - 10 * HOUR_S + 70, NOON, NOON, Kept(windows_s=DAY_S)).period.start % 60 == 10


def test_rows_are_fine_for_as_long_as_folding_waits() -> None:
    kept, now = Kept(windows_s=2 * HOUR_S), NOON + 1800
    limit = (now - 2 * HOUR_S) // HOUR_S * HOUR_S  # as DuckArchive.fold has it
    assert kept.grid_of(limit, now) == 10 and kept.grid_of(limit - 1, now) == 60
    days = (now - 2 * DAY_S) // DAY_S * DAY_S
    assert kept.grid_of(days, now) == 60 and kept.grid_of(days - 1, now) == HOUR_S


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (NOON, NOON, "must be later"),
        (NOON, NOON - 1, "must be later"),
        (-1, NOON, "from 0 to"),
        (0, 1 << 60, "from 0 to"),
        (0, 1 << 32, "at most"),
    ],
)
def test_nonsense_is_refused_in_a_line(start: int, end: int, said: str) -> None:
    with pytest.raises(QuestionError, match=said) as refused:
        Asked.between(start, end, NOON)
    assert isinstance(refused.value, ValueError) and "\n" not in str(refused.value)


@pytest.mark.parametrize("seconds", [0, -5])
def test_the_last_nothing_is_refused(seconds: int) -> None:
    with pytest.raises(QuestionError, match="more than 0"):
        Asked.last(seconds, NOON)


def test_steps_are_on_the_archives_grid() -> None:
    assert all(step % 10 == 0 for step in STEPS_S)
