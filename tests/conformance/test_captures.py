"""Real captures, with what Zeek says is in them: `whimbrel watch FILE --calls --reveal` agrees, or the reason is here.

Zeek writes one line a request.  Connections are compared one by one and in order, by method, host, target, status and
the two body lengths.  EXPLAINED replaces a line of Zeek's by what the capture's bytes say, each with its reason.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

from .watching import CAPTURES, Call, captures, needs_captures, printed_calls, run

HTTP_LOGS = [path.name.removesuffix(".http.log") for path in captures("*.http.log")]
REDIS_LOGS = [path.name.removesuffix(".redis.log") for path in captures("*.redis.log")]


class Line(NamedTuple):
    """A call as far as Zeek's http.log tells; None: it does not."""

    method: str | None
    host: str | None
    target: str | None
    status: int | None
    request_bytes: int | None
    response_bytes: int | None


def capture_of(name: str) -> Path:
    return next(path for path in captures(f"{name}.pcap*") if path.suffix in (".pcap", ".pcapng"))


def zeek_rows(log: Path) -> list[dict[str, str]]:
    """The rows of a log by field name."""
    names: list[str] = []
    rows = []
    for line in log.read_text().splitlines():
        cells = line.split("\t")
        if cells[0] == "#fields":
            names = cells[1:]
        elif not line.startswith("#") and not names:  # some logs have their names as a plain first line
            names = cells
        elif not line.startswith("#"):
            rows.append(dict(zip(names, cells, strict=True)))
    return rows


def unset(text: str | None) -> str | None:
    return None if text in (None, "-") else "" if text == "(empty)" else text


def number(text: str | None) -> int | None:
    value = unset(text)
    return None if value is None else int(value)


def zeek_line(row: dict[str, str]) -> Line:
    return Line(
        method=unset(row["method"]),
        host=unset(row.get("host")),
        target=unset(row["uri"]),
        status=number(row["status_code"]) or None,  # 0: HTTP/0.9 has none
        request_bytes=number(row.get("request_body_len")),
        response_bytes=number(row.get("response_body_len")),
    )


def our_line(call: Call) -> Line:
    return Line(
        method=call["method"] or None,
        host=call["host"] or None,
        target=call["path"],
        status=call["status"] or None,
        request_bytes=call["request_bytes"],
        response_bytes=call["response_bytes"],
    )


# (capture, connection in order, line in it) -> what is there instead (None: no call), and why.
EXPLAINED: dict[tuple[str, int, int], tuple[Line | None, str]] = {}


def expected(name: str) -> list[list[Line]]:
    """By connection, in the order of their first line."""
    talks: dict[str, list[Line]] = defaultdict(list)
    for row in zeek_rows(CAPTURES / f"{name}.http.log"):
        talks[row["uid"]].append(zeek_line(row))
    return [list(lines) for lines in talks.values()]


def explained(name: str, talks: list[list[Line]]) -> list[list[Line]]:
    result = []
    for connection, lines in enumerate(talks):
        kept = [EXPLAINED.get((name, connection, place), (line, ""))[0] for place, line in enumerate(lines)]
        result.append([line for line in kept if line is not None])
    return result


def observed(calls: list[Call]) -> list[list[Line]]:
    talks: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for call in calls:
        talks[call["client"], call["server"]].append(our_line(call))
    return list(talks.values())


def same(ours: Line, theirs: Line) -> bool:
    """Columns that a log does not have are not compared."""
    return all(their is None or our == their for our, their in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", HTTP_LOGS)
def test_http(name: str) -> None:
    needs_captures()
    calls = printed_calls(run(str(capture_of(name)), "--calls", "--reveal"))
    ours, theirs = sorted(observed(calls)), explained(name, expected(name))
    unmatched = list(ours)
    for lines in theirs:
        match = next((mine for mine in unmatched if len(mine) == len(lines) and all(map(same, mine, lines))), None)
        assert match is not None, f"Zeek: {lines}\nleft of ours: {unmatched}"
        unmatched.remove(match)
    assert unmatched == [], "calls that Zeek does not have"


@pytest.mark.parametrize("name", REDIS_LOGS)
def test_redis(name: str) -> None:
    needs_captures()
    calls = printed_calls(run(str(capture_of(name)), "--calls", "--reveal"))
    rows = zeek_rows(CAPTURES / f"{name}.redis.log")
    assert [(call["method"], call.get("key") or None) for call in calls] == [
        (row["cmd.name"].lower(), unset(row["cmd.key"])) for row in rows
    ]
    for call, row in zip(calls, rows, strict=True):
        assert call["protocol"] == "redis"
        assert ("no_reply" in call["flags"]) == (row["success"] == "-"), (call, row)


def test_every_explanation_is_about_a_line_that_is_there() -> None:
    needs_captures()
    logs = {name: expected(name) for name in {key[0] for key in EXPLAINED}}
    for (name, connection, place), (line, why) in EXPLAINED.items():
        assert why
        assert logs[name][connection][place] != line


def test_what_is_not_http_1_is_recognised_and_left_alone() -> None:
    needs_captures()
    done = run(str(CAPTURES / "http2-nghttp2.pcap"), "--calls", "--reveal")
    assert printed_calls(done) == []
