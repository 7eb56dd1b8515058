"""Parameters of the API: rows that are read, checked and described from one place.

    Parameter("last", DURATION, "...")     ?last=15m  ->  900

Everything wrong is a Refusal 400 that names the parameter, the value and what is allowed.  A parameter that is not in
a route's rows, or is given twice, is wrong too: a misspelt filter that filters nothing would look like an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from whimbrel.hub.answers.asked import TIME_MOST, Asked
from whimbrel.hub.archive import Period
from whimbrel.hub.refusal import Refusal
from whimbrel.hub.service import Service

TEXT_MOST = 256  # characters of a filter
SHOWN_MOST = 64  # characters of a wrong value in a message
DEFAULT_LAST_S = 3600
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
DURATION_TEXT = re.compile(r"([1-9][0-9]{0,8})([smhd])")
ID_TEXT = re.compile(r"[0-9a-f]{16}")

Schema = dict[str, Any]


class ValueRefused(ValueError):  # noqa: N818 - it says what is allowed
    """`allowed`, the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a text becomes a value, and the same as JSON Schema."""

    read: Callable[[str], Any]
    schema: Schema


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: Kind
    sentence: str
    default: Any = None
    place: str = "query"  # or "path"
    required: bool = False


def text(most: int = TEXT_MOST, least: int = 0) -> Kind:
    def read(given: str) -> str:
        if not least <= len(given) <= most or "\0" in given:
            raise ValueRefused(f"{least} to {most} characters")
        return given

    return Kind(read, {"type": "string", "minLength": least, "maxLength": most, "pattern": r"^[^\x00]*$"})


def whole(low: int, high: int) -> Kind:
    def read(given: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", given) or not low <= int(given) <= high:
            raise ValueRefused(f"a whole number from {low} to {high}")
        return int(given)

    return Kind(read, {"type": "integer", "minimum": low, "maximum": high})


def choice(values: Sequence[str]) -> Kind:
    def read(given: str) -> str:
        if given not in values:
            raise ValueRefused(f"one of {', '.join(values)}")
        return given

    return Kind(read, {"type": "string", "enum": list(values)})


def read_flag(given: str) -> bool:
    if given not in ("true", "false"):
        raise ValueRefused("true or false")
    return given == "true"


def read_duration(given: str) -> int:
    match = DURATION_TEXT.fullmatch(given)
    if match is None:
        raise ValueRefused("a duration such as 90s, 15m, 1h or 7d")
    return int(match[1]) * UNITS_S[match[2]]


def read_moment(given: str) -> int:
    """Seconds since 1970, or ISO 8601; without a zone it is UTC."""
    if re.fullmatch(r"[0-9]{1,18}", given):
        seconds = int(given)
    else:
        seconds = seconds_of(given)
    if not 0 <= seconds <= TIME_MOST:
        raise ValueRefused(f"a time from 0 to {TIME_MOST}, in seconds since 1970")
    return seconds


def seconds_of(given: str) -> int:
    try:
        moment = datetime.fromisoformat(given)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise ValueRefused("seconds since 1970, or a time such as 2025-10-09T12:00:00Z") from None


def read_id(given: str) -> str:
    if not ID_TEXT.fullmatch(given):
        raise ValueRefused("16 hexadecimal digits in lower case")
    return given


FLAG = Kind(read_flag, {"type": "boolean"})
DURATION = Kind(read_duration, {"type": "string", "pattern": "^[1-9][0-9]{0,8}[smhd]$"})
MOMENT = Kind(
    read_moment,
    {"oneOf": [{"type": "integer", "minimum": 0, "maximum": TIME_MOST}, {"type": "string", "format": "date-time"}]},
)
ID = Kind(read_id, {"type": "string", "pattern": f"^{ID_TEXT.pattern}$"})

PERIOD = (
    Parameter("last", DURATION, "The period: so long, up to now. 1h where no period is given."),
    Parameter("start", MOMENT, "The period's first second, with `end`: seconds since 1970, or ISO 8601."),
    Parameter("end", MOMENT, "The second after its last."),
)
TWO_PERIODS = tuple(
    Parameter(f"{which}_{side}", MOMENT, sentence)
    for which, side, sentence in (
        ("before", "start", "The period that is compared with, all four or none; else the one before the asked."),
        ("before", "end", "Its end."),
        ("after", "start", "The period that is looked at."),
        ("after", "end", "Its end."),
    )
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a request gave."""

    values: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def asked(self, service: Service) -> Asked:
        """The period of PERIOD's rows."""
        last, start, end = (self.values[row.name] for row in PERIOD)
        if last is not None and (start is not None or end is not None):
            raise Refusal(400, "last was given with start or end; expected one of them")
        if start is not None or end is not None:
            if start is None or end is None:
                raise Refusal(400, f"{'start' if start is None else 'end'} is missing: a period has both")
            return service.asked_between(start, end)
        return service.asked_last(DEFAULT_LAST_S if last is None else last)

    def two_periods(self, service: Service) -> tuple[Period, Period] | None:
        times = [self.values[row.name] for row in TWO_PERIODS]
        if all(time is None for time in times):
            return None
        if any(time is None for time in times):
            missing = [row.name for row, time in zip(TWO_PERIODS, times, strict=True) if time is None]
            raise Refusal(400, f"{', '.join(missing)}: missing; two periods have four times")
        before, after = service.asked_between(*times[:2]), service.asked_between(*times[2:])
        return before.period, after.period


def read_values(rows: Sequence[Parameter], query: Iterable[tuple[str, str]], path: Mapping[str, str]) -> dict[str, Any]:
    """The values of a route's rows, defaults included."""
    texts = given_once(rows, query)
    values = {}
    for row in rows:
        found = path.get(row.name) if row.place == "path" else texts.get(row.name)
        if found is None and row.required:
            raise Refusal(400, f"{row.name}: missing")
        values[row.name] = row.default if found is None else read_one(row, found)
    return values


def given_once(rows: Sequence[Parameter], query: Iterable[tuple[str, str]]) -> dict[str, str]:
    known = {row.name for row in rows if row.place == "query"}
    texts: dict[str, str] = {}
    for name, value in query:
        if name not in known:
            expected = ", ".join(sorted(known)) or "none"
            raise Refusal(400, f"{shown(name)} is no parameter here; expected {expected}")
        if name in texts:
            raise Refusal(400, f"{name} was given twice")
        texts[name] = value
    return texts


def read_one(row: Parameter, given: str) -> Any:
    try:
        return row.kind.read(given)
    except ValueRefused as error:
        raise Refusal(400, f"{row.name}: {shown(given)} was given, expected {error}") from None


def shown(given: str) -> str:
    """A value that is wrong, short and printable."""
    return repr(given if len(given) <= SHOWN_MOST else given[:SHOWN_MOST] + "…")
