"""The three loops end where a regular expression says, at every alignment and length."""

import re

from hypothesis import given
from hypothesis import strategies as st

from whimbrel.protocol.json.testing import scan

SPECIAL, BLANKS, DIGITS = re.compile(rb'[^"\\\x00-\x1f]*'), re.compile(rb"[ \t\r\n]*"), re.compile(rb"[0-9]*")


def by_expression(data: bytes) -> tuple[int, ...]:
    found = [expression.match(data) for expression in (SPECIAL, BLANKS, DIGITS)]
    return tuple(match.end() for match in found if match is not None)


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    assert scan(data) == by_expression(data)


def test_every_byte_at_every_place_of_a_run() -> None:
    for run in (b"a", b" ", b"7"):
        for place in (0, 1, 7, 8, 15, 16, 17, 31, 32, 40):
            for value in range(256):
                data = run * place + bytes([value]) + run * (45 - place)
                assert scan(data) == by_expression(data)
