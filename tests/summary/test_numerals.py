"""Numbers, dates, times, telephones and cards: what is one, what nearly is, and what other libraries say."""

import datetime
import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.summary.looks import format_name

IS = {
    "integer": ["0", "1", "-1", "42", "123456789012", "-9223372036854775808", "4000000000", "999999999", "9" * 40],
    "number": ["0.5", "-0.0", "1e5", "1E-7", "12.50e+3", "3.14159"],
    "unix-time": ["1000000000", "1700000000", "3999999999", "1700000000123"],
    "date": ["2024-02-29", "1999-12-31", "0001-01-01", "2000-02-29"],
    "date-time": [
        "2024-01-02T03:04:05Z",
        "2024-01-02t03:04:05z",
        "2024-01-02 03:04:05",
        "2024-01-02T03:04:05.123456789Z",
        "2024-01-02T03:04:05+02:00",
        "2024-01-02T03:04:05-0330",
        "2024-01-02T23:59:60Z",
        "2024-01-02T03:04:05",
    ],
    "phone": ["+14155550123", "+49 30 123456", "+44 (20) 7946-0958", "+1-415-555-0123", "+8613800138000"],
    "card": [
        "4111111111111111",
        "4012888888881881",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "6304000000000000",
    ],
    "ipv4": ["0.0.0.0", "127.0.0.1", "255.255.255.255", "10.1.2.3"],
}

IS_NOT = {
    "integer": ["", "-", "007", "-01", "--1", "+1", "1-", "1 ", " 1", "0x10", "1_000"],
    "number": [".5", "1.", "1e", "1.e5", "01.5", "1.5.5", "1e5e5", "-", "1e+", "0-0"],
    "unix-time": ["0999999999", "4000000000", "100000000", "10000000000", "123456789012"],
    "date": [
        "2023-02-29",
        "2024-13-01",
        "2024-00-10",
        "2024-04-31",
        "1900-02-29",
        "2024-1-02",
        "2024/01/02",
        "20240102",
    ],
    "date-time": [
        "2024-01-02T24:00:00Z",
        "2024-01-02T03:60:05Z",
        "2024-01-02T03:04:61Z",
        "2024-01-02T03:04:05.Z",
        "2024-01-02T03:04",
        "2024-01-02T03:04:05+24:00",
        "2024-01-02T03:04:05 UTC",
        "2023-02-30T03:04:05Z",
        "2024-01-02X03:04:05Z",
        "2024-01-02T03:04:05+1",
    ],
    "phone": [
        "14155550123",
        "+123456",
        "+1234567890123456",
        "+0123456789",
        "+1 415 555 012x",
        "+",
        "++4915112345678",
        "+49 30 1234-",
    ],
    "card": [
        "4111111111111112",
        "1234567812345670",
        "411111111111111",
        "4111 1111-1111 1111",
        "4 111111111111111",
        "4111  1111 1111 1111",
        "0000000000000000",
        "79927398713",
        "41111111111111111111",
    ],
    "ipv4": ["256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "1..2.3", "1.2.3.", ".1.2.3", "1.2.3.1234"],
}


@pytest.mark.parametrize("name, text", [(name, text) for name, texts in IS.items() for text in texts])
def test_is(name: str, text: str) -> None:
    assert format_name(text) == name


@pytest.mark.parametrize("name, text", [(name, text) for name, texts in IS_NOT.items() for text in texts])
def test_is_not(name: str, text: str) -> None:
    assert format_name(text) != name


@given(st.text("0123456789.-+eE", max_size=12))
@example("1e5")
@example("-0")
def test_numbers_are_those_of_json(text: str) -> None:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    found = format_name(text)
    if found in ("integer", "unix-time", "card"):
        assert isinstance(value, int)
    if found == "number":
        assert isinstance(value, float)
    if isinstance(value, int):
        assert found in ("integer", "unix-time", "card") or text == "-0"
    if isinstance(value, float):
        assert found == "number"


@given(st.dates() | st.text("0123456789-", min_size=10, max_size=10))
def test_dates_are_those_that_exist(day: datetime.date | str) -> None:
    text = str(day)
    try:
        exists = re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None and datetime.date.fromisoformat(text) is not None
    except ValueError:
        exists = text.startswith("0000-") and exists_in_year_zero(text)
    assert (format_name(text) == "date") == exists


def exists_in_year_zero(text: str) -> bool:
    """RFC 3339 has a year 0, a leap year like 2000; Python begins at 1."""
    try:
        return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None and bool(
            datetime.date.fromisoformat("2000" + text[4:])
        )
    except ValueError:
        return False


@given(
    st.datetimes(timezones=st.none() | st.sampled_from([datetime.UTC, datetime.timezone(datetime.timedelta(hours=-7))]))
)
def test_times_as_python_writes_them(moment: datetime.datetime) -> None:
    assert format_name(moment.isoformat()) == format_name(str(moment)) == "date-time"


def luhn(digits: str) -> bool:
    return sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(reversed(digits))) % 10 == 0


@given(st.from_regex(r"4[0-9]{15}", fullmatch=True))
def test_a_card_passes_the_check(digits: str) -> None:
    assert (format_name(digits) == "card") == luhn(digits)
