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


# (capture, connection in Zeek's order, line in it) -> the calls that are there instead, and why.
EXPLAINED: dict[tuple[str, int, int], tuple[tuple[Line, ...], str]] = {}

DECODED = "Zeek counts the body after decompression, we what was sent: Content-Length says the same"
for capture, place, sent_bytes in (
    ("http-pipelining", 0, 946),
    ("http-pipelining", 1, 6716),
    ("missing-zlib-header", 0, 5139),
    ("missing-zlib-header", 1, 5139),
    ("x-gzip", 0, 39),
):
    path = {
        "http-pipelining": ("/style/enhanced.css", "/script/urchin.js"),
        "missing-zlib-header": ("/library/dap.js",) * 2,
        "x-gzip": ("/",),
    }[capture][place]
    host = {"http-pipelining": "www.mozilla.org", "missing-zlib-header": "ads1.msn.com", "x-gzip": "localhost"}[capture]
    EXPLAINED[capture, 0, place] = ((Line("GET", host, path, 200, 0, sent_bytes),), DECODED)

PERCENT = "Zeek writes the target with its percent-encoding undone; raw is as sent"
SENT_TARGET = (
    "/response-headers?Content-Type=application/octet-stream;%20charset=UTF-8&Content-Disposition=attachment;"
    "%20filename%3d%22test.json%22"
)
EXPLAINED["http-filename", 0, 0] = ((Line("GET", "httpbin.org", SENT_TARGET, 200, 0, 191),), PERCENT)

OPEN_END = "no second request was sent: Zeek writes an empty line when the connection of an HTTP/0.9 request ends"
for capture, connections in (("http-09", (0, 1)), ("no-version", (0,))):
    for connection in connections:
        EXPLAINED[capture, connection, 1] = ((), OPEN_END)

# METHOD /HTTP/1.1, then a Host line: a target that happens to be called /HTTP/1.1, and no version.
NO_VERSION = (
    "a request line without version is HTTP/0.9, which has no headers: the Host line behind it is no part of it but a "
    "message that cannot be parsed. The server answered with HTTP/1.0; we report its status and body, Zeek none and "
    "head and body together"
)
for connection, method, status, body_bytes in (
    (6, "GET", 403, 1207), (16, "CCM_POST", 400, 925), (21, "CONNECT", 400, 925), (26, "TRACE", 400, 925),
    (31, "DELETE", 400, 925), (36, "PUT", 411, 934), (41, "POST", 411, 934), (46, "HEAD", 400, 0),
):  # fmt: skip
    EXPLAINED["http-methods", connection, 0] = (
        (Line(method, None, "/HTTP/1.1", status, 0, body_bytes), Line(None, None, "", None, 0, 0)),
        NO_VERSION,
    )


def expected(name: str) -> list[list[Line]]:
    """By connection, in the order of their first line."""
    talks: dict[str, list[Line]] = defaultdict(list)
    for row in zeek_rows(CAPTURES / f"{name}.http.log"):
        talks[row["uid"]].append(zeek_line(row))
    return [list(lines) for lines in talks.values()]


def explained(name: str, talks: list[list[Line]]) -> list[list[Line]]:
    return [
        [told for place, line in enumerate(lines) for told in EXPLAINED.get((name, at, place), ((line,), ""))[0]]
        for at, lines in enumerate(talks)
    ]


def observed(calls: list[Call]) -> list[list[Line]]:
    talks: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for call in calls:
        talks[call["client"], call["server"]].append(our_line(call))
    return list(talks.values())


def same(ours: tuple[object, ...], theirs: tuple[object, ...]) -> bool:
    """Columns that a log does not have are not compared."""
    return all(their is None or our == their for our, their in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", HTTP_LOGS)
def test_http(name: str) -> None:
    needs_captures()
    calls = printed_calls(run(str(capture_of(name)), "--calls", "--reveal"))
    unmatched = observed(calls)
    for lines in explained(name, expected(name)):
        match = next((mine for mine in unmatched if len(mine) == len(lines) and all(map(same, mine, lines))), None)
        assert match is not None, f"Zeek: {lines}\nleft of ours: {unmatched}"
        unmatched.remove(match)
    assert unmatched == [], "calls that Zeek does not have"


@pytest.mark.parametrize("name", REDIS_LOGS)
def test_redis(name: str) -> None:
    """Zeek writes commands in the order they were sent, and the keys of those it knows."""
    needs_captures()
    calls = printed_calls(run(str(capture_of(name)), "--calls", "--reveal"))
    assert {call["protocol"] for call in calls} == {"redis"}
    rows = zeek_rows(CAPTURES / f"{name}.redis.log")
    ours = [(call["method"], call["key"] or None, "no_reply" not in call["flags"]) for call in calls]
    theirs = [(row["cmd.name"].lower(), unset(row["cmd.key"]), row["success"] == "T") for row in rows]
    if any(not replied for _, _, replied in theirs):  # those are complete at once, before others that were sent before
        ours, theirs = sorted(ours, key=str), sorted(theirs, key=str)
    assert len(ours) == len(theirs)
    assert all(same(mine, their) for mine, their in zip(ours, theirs, strict=True)), (ours, theirs)


def test_every_explanation_is_about_a_line_that_is_there() -> None:
    needs_captures()
    logs = {name: expected(name) for name in {key[0] for key in EXPLAINED}}
    for (name, connection, place), (lines, why) in EXPLAINED.items():
        assert why
        assert (logs[name][connection][place],) != lines


def test_what_is_not_http_1_is_recognised_and_left_alone() -> None:
    needs_captures()
    done = run(str(CAPTURES / "http2-nghttp2.pcap"), "--calls", "--reveal")
    assert printed_calls(done) == []
