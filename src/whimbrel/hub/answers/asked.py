"""What a question is about: a period on the archive's grid, and the steps of its charts.

    last 1 h    ->  [now - 1 h, now), both on ten seconds, steps of 60 s
    start, end  ->  the same for any two times

The archive keeps ten seconds, minutes and hours, the older the coarser.  A period is widened to the grid of what is
kept of its ends, so that no row is cut into two, and steps are never finer than its oldest rows: a chart of half empty
steps would show the archive and not the traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.hub.answers.shapes import Span
from whimbrel.hub.archive import Period

GRID_S = 10
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
STEPS_S = (10, 60, 300, 600, 1800, 3600, 10_800, 21_600, 86_400)
STEPS_MOST = 150  # of a chart: what a screen shows as a line
PERIOD_MOST_S = 3653 * DAY_S  # ten years: more than retention may be
TIME_MOST = 1 << 33  # the year 2242


class QuestionError(UsageError, ValueError):
    """A question that cannot be answered as it was put."""


class UnknownError(WhimbrelError, LookupError):
    """What was asked for is not in the archive."""


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many seconds the archive has rows of ten seconds and of a minute; as hub.duck.Retention folds them."""

    windows_s: int = 2 * HOUR_S
    minutes_s: int = 2 * DAY_S

    def grid_of(self, at: int, now: int) -> int:
        """The coarsest rows there can be at a time."""
        if at < (now - self.minutes_s) // DAY_S * DAY_S:
            return HOUR_S
        return MINUTE_S if at < (now - self.windows_s) // HOUR_S * HOUR_S else GRID_S


KEPT = Kept()
EVER = Period(0, TIME_MOST)


@dataclass(frozen=True, slots=True)
class Asked:
    period: Period
    step_s: int
    now: int

    @classmethod
    def last(cls, seconds: int, now: int, kept: Kept = KEPT) -> Asked:
        """The last so many seconds."""
        if seconds <= 0:
            raise QuestionError(f"the last {seconds} s; more than 0 are needed")
        return cls.between(now - seconds, now, now, kept)

    @classmethod
    def between(cls, start: int, end: int, now: int, kept: Kept = KEPT) -> Asked:
        """[start, end), widened to the grid."""
        if not 0 <= start <= TIME_MOST or not 0 <= end <= TIME_MOST:
            raise QuestionError(f"a period from {start} to {end}; times are seconds since 1970, from 0 to {TIME_MOST}")
        check_order(start, end)
        if end - start > PERIOD_MOST_S:
            raise QuestionError(f"a period of {end - start} s; at most {PERIOD_MOST_S} (ten years) are looked at")
        grid, grid_of_end = kept.grid_of(start, now), kept.grid_of(end, now)
        period = Period(start // grid * grid, -(-end // grid_of_end) * grid_of_end)
        return cls(period, step_of(period, grid), now)

    @property
    def span(self) -> Span:
        return Span(start=self.period.start, end=self.period.end, step_s=self.step_s)

    def starts(self) -> Iterator[int]:
        """Where the steps begin: on the grid of their length, the first perhaps before the period."""
        return iter(range(self.period.start // self.step_s * self.step_s, self.period.end, self.step_s))


def check_order(start: int, end: int) -> None:
    if end <= start:
        first, last = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (start, end))
        raise QuestionError(f"a period from {first} to {last}; its end must be later than its start")


def step_of(period: Period, grid: int) -> int:
    """The shortest step that gives few enough of them."""
    length = period.end - period.start
    fine = next((step for step in STEPS_S if step >= grid and length <= step * STEPS_MOST), STEPS_S[-1])
    return max(fine, -(-length // STEPS_MOST // DAY_S) * DAY_S) if fine == STEPS_S[-1] else fine
