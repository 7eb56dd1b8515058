"""Heads that come in crumbs, and what a parse costs."""

import pytest

from tests.protocol.http1.cases import CASES
from whimbrel.protocol.http1.testing import head_may_be_whole, parse_request, parse_response

HEAD = b"\r\nPOST /some/longer/path/of/a/request HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"


@pytest.mark.parametrize("sent", [case.sent for case in CASES if len(case.sent) < 3000], ids=repr)
def test_a_head_is_never_overlooked(sent: bytes) -> None:
    """Where a longer prefix is a head and a shorter one was not, the bytes between are worth a parse."""
    for parse in (parse_request, parse_response):
        statuses = [parse(sent[:n])[0] for n in range(len(sent) + 1)]
        whole = next((n for n, status in enumerate(statuses) if status == "done"), None)
        if whole is not None:
            for seen in range(whole):
                assert head_may_be_whole(sent[:whole], seen)
                assert head_may_be_whole(sent, seen)


def test_crumbs_are_not_parsed_again_and_again() -> None:
    worth = [n for n in range(60, len(HEAD) + 1) if head_may_be_whole(HEAD[:n], n - 1)]
    assert worth == [len(HEAD)]


def test_a_long_head_of_lines_without_its_end_is_not_worth_it() -> None:
    sent = b"GET / HTTP/1.1\r\n" + b"name: value\r\n" * 1000
    assert not head_may_be_whole(sent + b"more: x\r\n", len(sent))
    assert head_may_be_whole(sent + b"\r\n", len(sent))
    assert head_may_be_whole(sent + b"\n", len(sent))


def test_at_the_limit_a_head_is_refused_by_asking() -> None:
    sent = b"GET / HTTP/1.1\r\nX: " + b"y" * 65517
    assert len(sent) == 65536
    assert not head_may_be_whole(sent[:-1], 1000)
    assert head_may_be_whole(sent, 65535)
    assert parse_request(sent)[0] == "bad"


@pytest.mark.parametrize("n", range(12))
def test_a_status_line_is_refused_by_its_first_wrong_byte(n: int) -> None:
    sent = b"HTTP/1.1 200"
    assert parse_response(sent[:n])[0] == "more"
    assert parse_response(b"x" + sent[:n])[0] == "bad"
