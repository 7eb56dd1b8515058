"""Parameters: what they become, and the one line for what they cannot be."""

import re
from typing import Any

import pytest

from whimbrel.hub.answers.asked import Asked, QuestionError
from whimbrel.hub.parameters import (
    DURATION,
    FLAG,
    ID,
    MOMENT,
    PERIOD,
    TWO_PERIODS,
    Given,
    Kind,
    Parameter,
    choice,
    read_values,
    text,
    whole,
)
from whimbrel.hub.refusal import Refusal

NOW = 1_760_011_200  # a Thursday, 12:00 UTC


class Service:
    """As much of one as periods need."""

    def asked_last(self, seconds: int) -> Asked:
        return Asked.last(seconds, NOW)

    def asked_between(self, start: int, end: int) -> Asked:
        return Asked.between(start, end, NOW)


def given(rows: tuple[Parameter, ...], **query: str) -> Given:
    return Given(read_values(rows, query.items(), {}))


def period(**query: str) -> tuple[int, int]:
    asked = given(PERIOD, **query).asked(Service())  # type: ignore[arg-type]
    return asked.period.start, asked.period.end


def refused(rows: tuple[Parameter, ...], *query: tuple[str, str]) -> str:
    with pytest.raises(Refusal) as caught:
        read_values(rows, query, {})
    assert caught.value.status == 400 and "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("kind", "good", "wrong"),
    [
        (text(3), {"": "", "abc": "abc"}, ["abcd", "\0"]),
        (whole(1, 20), {"1": 1, "020": 20}, ["", "0", "21", "-1", "1.0", "1e1", "٣", "9" * 40, "+1", " 1"]),
        (choice(("a", "b")), {"a": "a"}, ["", "A", "c", "a,b"]),
        (FLAG, {"true": True, "false": False}, ["", "1", "yes", "True"]),
        (
            DURATION,
            {"90s": 90, "15m": 900, "1h": 3600, "30d": 2_592_000},
            ["", "0h", "1", "1w", "-1h", "1 h", "1.5h", "9" * 30 + "d"],
        ),
        (ID, {"0123456789abcdef": "0123456789abcdef"}, ["", "0123456789ABCDEF", "0" * 15, "0" * 17, "../../etc"]),
        (
            MOMENT,
            {
                "0": 0,
                "1760011200": NOW,
                "2025-10-09T12:00:00Z": NOW,
                "2025-10-09T14:00:00+02:00": NOW,
                "2025-10-09T12:00": NOW,
            },
            ["", "now", "-1", "1760011200.5", "9" * 18, "2025-13-01", "1960-01-01", "9999-12-31"],
        ),
    ],
)  # fmt: skip
def test_kinds(kind: Kind, good: dict[str, Any], wrong: list[str]) -> None:
    row = Parameter("it", kind, "")
    assert {value: read_values((row,), [("it", value)], {})["it"] for value in good} == good
    for value in wrong:
        assert "expected" in refused((row,), ("it", value))


def test_a_wrong_value_is_named_and_short() -> None:
    assert refused(PERIOD, ("last", "5x")) == "last: '5x' was given, expected a duration such as 90s, 15m, 1h or 7d"
    assert len(refused(PERIOD, ("last", "x" * 10_000))) < 200
    assert "\x1b" not in refused(PERIOD, ("last", "\x1b[31m"))


def test_what_is_no_parameter_or_twice() -> None:
    assert refused(PERIOD, ("lats", "1h")) == "'lats' is no parameter here; expected end, last, start"
    assert refused((), ("a", "")) == "'a' is no parameter here; expected none"
    assert refused(PERIOD, ("last", "1h"), ("last", "1h")) == "last was given twice"


def test_defaults_and_what_is_required() -> None:
    rows = (Parameter("a", text(), "", "x"), Parameter("b", text(), "", required=True))
    assert read_values(rows, [("b", "")], {}) == {"a": "x", "b": ""}
    assert refused(rows) == "b: missing"


def test_paths_are_checked_as_queries_and_are_no_query() -> None:
    row = Parameter("id", ID, "", place="path", required=True)
    assert read_values((row,), [], {"id": "0" * 16}) == {"id": "0" * 16}
    with pytest.raises(Refusal, match="16 hexadecimal"):
        read_values((row,), [], {"id": "x"})
    with pytest.raises(Refusal, match="is no parameter here"):
        read_values((row,), [("id", "0" * 16)], {"id": "0" * 16})


def test_periods() -> None:
    assert period() == (NOW - 3600, NOW)
    assert period(last="15m") == (NOW - 900, NOW)
    assert period(start=str(NOW - 60), end="2025-10-09T12:00:00Z") == (NOW - 60, NOW)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"last": "1h", "start": "1"}, "last was given with start or end"),
        ({"start": "1"}, "end is missing"),
        ({"end": "1"}, "start is missing"),
    ],
)
def test_half_a_period(query: dict[str, str], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        period(**query)


def test_a_period_that_ends_before_it_begins() -> None:
    with pytest.raises(QuestionError):
        period(start="20", end="10")


def test_two_periods_have_four_times_or_none() -> None:
    service: Any = Service()
    assert given(TWO_PERIODS).two_periods(service) is None
    times = {"before_start": "0", "before_end": "3600", "after_start": "3600", "after_end": "7200"}
    found = given(TWO_PERIODS, **times).two_periods(service)
    assert found is not None and [(one.start, one.end) for one in found] == [(0, 3600), (3600, 7200)]
    with pytest.raises(Refusal, match="before_end, after_end: missing"):
        given(TWO_PERIODS, before_start="0", after_start="1").two_periods(service)


def test_patterns_of_the_document_are_those_that_are_read() -> None:
    for kind, value in ((DURATION, "15m"), (ID, "0" * 16), (text(), "a b")):
        assert re.search(kind.schema["pattern"], value)
        assert kind.read(value) is not None
