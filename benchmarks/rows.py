"""Rows of the report: a measured ratio with its spread, next to its target.

A ratio is ours over the reference's, formed within one round, in which both ran one after the other; the
median and the extremes over rounds are shown.  Noise that lasts longer than a round cancels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Spread:
    """Median and extremes of what several rounds measured."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.values)

    def __str__(self) -> str:
        if len(self.values) == 1:
            return shown(self.values[0])
        return f"{shown(self.middle)} [{shown(min(self.values))} .. {shown(max(self.values))}]"


def ratio(ours: list[float], theirs: list[float]) -> Spread:
    """Round by round, ours over theirs."""
    return Spread(tuple(a / b for a, b in zip(ours, theirs, strict=True)))


def shown(value: float) -> str:
    """Three or four significant digits, thousands apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


@dataclass(frozen=True)
class Row:
    """One line of the report.

    `target` bounds `measured` from above ("<=") or from below (">="); without one the row is a figure only.
    """

    what: str
    reference: str
    unit: str
    ours: Spread
    theirs: Spread | None = None
    measured: Spread | None = None
    sense: str = "<="
    target: float | None = None
    note: str = ""
    difference: bool = False  # `measured` is ours minus theirs, not a ratio

    def met(self) -> bool | None:
        """Whether the median keeps the target; None without one."""
        if self.target is None or self.measured is None:
            return None
        return self.measured.middle <= self.target if self.sense == "<=" else self.measured.middle >= self.target

    def verdict(self) -> str:
        met = self.met()
        if met is None or self.target is None or self.measured is None:
            return ""
        if met:
            worst = max(self.measured.values) if self.sense == "<=" else min(self.measured.values)
            kept = worst <= self.target if self.sense == "<=" else worst >= self.target
            return "met" if kept else "met in the median"
        if self.difference:
            return f"missed by {self.measured.middle - self.target:.3f}"
        return f"missed by {abs(self.measured.middle / self.target - 1):.1%}"

    def as_json(self) -> dict[str, Any]:
        """The row with all rounds."""
        return {**asdict(self), "median": self.measured and self.measured.middle, "verdict": self.verdict()}


@dataclass
class Section:
    """Rows measured the same way, what their figures include, and what was left out and why."""

    title: str
    includes: str
    rows: list[Row] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def text(self) -> str:
        table: list[tuple[str, ...]] = [
            ("what", "reference", "unit", "ours", "theirs", "ratio (difference)", "target", "")
        ]
        for row in self.rows:
            table.append(
                (
                    row.what,
                    row.reference,
                    row.unit,
                    str(row.ours),
                    str(row.theirs) if row.theirs else "-",
                    str(row.measured) if row.measured else "-",
                    f"{row.sense} {row.target:g}" if row.target is not None else "",
                    row.verdict() + (f"  ({row.note})" if row.note else ""),
                )
            )
        lines = [self.title, "=" * len(self.title), self.includes, ""]
        if self.rows:
            lines += aligned(table)
        return "\n".join([*lines, *(f"skipped: {reason}" for reason in self.skipped), ""])

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "includes": self.includes,
            "rows": [row.as_json() for row in self.rows],
            "skipped": self.skipped,
        }


def aligned(table: list[tuple[str, ...]]) -> list[str]:
    """The cells in columns."""
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
