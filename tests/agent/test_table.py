"""The table: widths, what gives way, numbers, and text that a terminal would obey."""

import pytest

from whimbrel.agent.table import (
    Column,
    bytes_text,
    clean,
    count_text,
    cut,
    lines,
    screen,
    share_text,
    time_text,
    width_of,
)

COLUMNS = (Column("path", gives_way=True), Column("calls", right=True))


def test_columns_stand_below_their_titles() -> None:
    assert lines(COLUMNS, [["/a", "7"], ["/long/path", "1,234"]]) == [
        "path        calls",
        "/a              7",
        "/long/path  1,234",
    ]


def test_the_column_that_may_gives_way() -> None:
    shown = lines(COLUMNS, [["/an/endpoint/with/a/long/path", "7"]], width=25)
    assert shown == ["path                calls", "/an/endpo…ong/path      7"]
    assert max(map(len, shown)) <= 25
    assert len(lines(COLUMNS, [["x" * 50, "7"]], width=5)[1]) == 12 + 2 + 5  # no narrower than it makes sense


def test_columns_go_before_others_are_cut_to_nothing() -> None:
    columns = (*COLUMNS, Column("p99", right=True, goes=True), Column("size", right=True, goes=True))
    rows = [["/an/endpoint/with/a/long/path", "7", "1 ms", "9 KiB"]]
    titles = {width: lines(columns, rows, width)[0].split() for width in (80, 40, 35)}
    assert titles == {80: ["path", "calls", "p99", "size"], 40: ["path", "calls", "p99"], 35: ["path", "calls"]}
    assert all(len(line) <= width for width in (80, 40, 35) for line in lines(columns, rows, width))


def test_the_widest_gives_way_first() -> None:
    columns = (Column("host", gives_way=True), Column("path", gives_way=True))
    assert [len(cell) for cell in lines(columns, [["h" * 16, "p" * 60]], 42)[1].split()] == [16, 24]


def test_no_rows_is_a_line_of_titles() -> None:
    assert lines(COLUMNS, []) == ["path  calls"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/plain", "/plain"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202ereversed\u2066", "\\u202ereversed\\u2066"),
        ("\u2028\ud800\U000e0001", "\\u2028\\ud800\\U000e0001"),
        ("größe/日本", "größe/日本"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert shown.rstrip() in lines(COLUMNS, [[text, ""]])[1]


def test_wide_characters_count_twice() -> None:
    assert width_of("日本") == 4 and width_of("e\u0301") == 1
    assert width_of(cut("日本語のとても長い文字列", 9)) <= 9
    first, second = lines(COLUMNS, [["日本", "1"], ["abcd", "1"]])[1:]
    assert width_of(first) == width_of(second)


@pytest.mark.parametrize("width", range(1, 12))
def test_a_cut_text_fits(width: int) -> None:
    assert len(cut("0123456789", width)) == min(width, 10)


def test_a_screen_is_overwritten_line_by_line_and_no_longer_than_the_terminal() -> None:
    text = screen(["one", "two", "three"], height=3, width=2)
    assert text == "\x1b[Ho…\x1b[K\nt…\x1b[K\n\x1b[J"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (count_text(1234567.4), "1,234,567"),
        (bytes_text(0), "0 B"), (bytes_text(999), "999 B"), (bytes_text(1023), "0.999 KiB"),
        (bytes_text(27 << 20), "27 MiB"), (bytes_text(1 << 50), "1024 TiB"),
        (time_text(0), "0 ns"), (time_text(1500), "1.5 µs"), (time_text(999_999), "1 ms"),
        (time_text(12_345_678), "12.3 ms"), (time_text(2e9), "2 s"), (time_text(5000e9), "5000 s"),
        (share_text(0, 10), "0%"), (share_text(10, 10), "100%"), (share_text(1, 100000), "0.1%"),
        (share_text(99999, 100000), "99.9%"), (share_text(1, 3), "33%"), (share_text(1, 0), "0%"),
    ],
)  # fmt: skip
def test_numbers(shown: str, expected: str) -> None:
    assert shown == expected
