"""Numbers as people read them: a latency in its own unit, a share with the digits that matter, a time in UTC.

Three significant digits everywhere, and a dash for what is not known: a column of them is compared at a glance.
"""

from __future__ import annotations

from datetime import UTC, datetime

from whimbrel.hub.model import status_class

UNKNOWN = "–"
LATENCY_UNITS = ((60e9, "min"), (1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
SIZE_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))
COUNT_UNITS = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))
LENGTH_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
EXACT_BELOW = 100_000  # counts are written out up to here
SMALLEST_SHARE = 0.0001  # below it a share is only said not to be nothing
MINUTES_FROM_NS = 120e9  # up to two minutes people think in seconds


def digits(value: float) -> str:
    """Three significant ones, no exponent, no trailing zeros behind whole numbers of three digits."""
    if value == 0:
        return "0"
    size = abs(value)
    places = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.9995 else 3
    return f"{value:,.{places}f}"


def latency(ns: float | None) -> str:
    """12.3 ms"""
    if ns is None:
        return UNKNOWN
    for unit_ns, name in LATENCY_UNITS:
        if name == "min" and ns < MINUTES_FROM_NS:
            continue
        if ns >= unit_ns * 0.9995:
            return f"{digits(ns / unit_ns)} {name}" if unit_ns > 1 else f"{ns:.0f} ns"
    return f"{ns:.0f} ns"


def size(count: float | None) -> str:
    """1.21 KiB"""
    if count is None:
        return UNKNOWN
    for unit, name in SIZE_UNITS:
        if count >= unit and unit > 1:
            return f"{digits(count / unit)} {name}"
    return f"{count:.0f} B"


def number(value: float | None) -> str:
    """A count: exact while it is short, then with a unit."""
    if value is None:
        return UNKNOWN
    if value < EXACT_BELOW:
        return f"{value:,.0f}"
    return next(f"{digits(value / unit)}{name}" for unit, name in COUNT_UNITS if value >= unit * 0.9995)


def rate(per_s: float | None) -> str:
    """Of calls a second; the unit is said beside it."""
    if per_s is None:
        return UNKNOWN
    if 0 < per_s < 0.001:
        return "<0.001"
    return number(per_s) if per_s >= 999.5 else digits(per_s)


def share(part: float | None) -> str:
    """0.42 %"""
    if part is None:
        return UNKNOWN
    if 0 < part < SMALLEST_SHARE:
        return "<0.01 %"
    percent = part * 100
    if percent >= 99.995 or percent == 0:
        return f"{percent:.0f} %"
    return f"{percent:.2f} %" if percent < 9.995 or percent > 99 else f"{percent:.1f} %"


def length(seconds: float | None) -> str:
    """2 h; 1 d 6 h"""
    if seconds is None:
        return UNKNOWN
    left = round(seconds)
    said: list[str] = []
    for unit, name in LENGTH_UNITS:
        if left >= unit and len(said) < 2:
            said.append(f"{left // unit} {name}")
            left %= unit
    return " ".join(said) or "0 s"


def moment(at: float | None) -> str:
    """2026-11-23 05:00:10, UTC"""
    if not at:
        return UNKNOWN
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(at: float) -> str:
    """For <time datetime>."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(start: float, end: float) -> str:
    """A period in few letters: one day is named once."""
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    if first.date() == last.date():
        return f"{first:%Y-%m-%d %H:%M:%S} to {last:%H:%M:%S}"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


def ago(at: float | None, now: float) -> str:
    """How long before now, in one unit."""
    if not at:
        return UNKNOWN
    seconds = max(now - at, 0)
    if seconds < 20:
        return "now"
    unit, name = next((unit, name) for unit, name in LENGTH_UNITS if seconds >= unit)
    return f"{seconds / unit:.0f} {name} ago"


FILTERS = {
    "latency": latency,
    "size": size,
    "number": number,
    "rate": rate,
    "share": share,
    "moment": moment,
    "iso": iso,
    "status_class": status_class,
}
