"""The table of methods: tokens, once each, and all of the RFCs' own."""

import re

from whimbrel.protocol.http1.verbs import METHODS


def test_methods_are_tokens_and_unique() -> None:
    assert len(set(METHODS)) == len(METHODS)
    assert all(re.fullmatch(r"[A-Z]+(?:[_-][A-Z]+)*", method) for method in METHODS)


def test_the_methods_of_the_standards_are_there() -> None:
    # RFC 9110 section 9.3, RFC 5789
    assert {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"} <= set(METHODS)
