"""However the bytes are cut, the events are the same, also those of texts that are no JSON."""

import itertools
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.protocol.json.test_walk import tokens, values
from whimbrel.protocol.json.testing import walk


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def check_cuts(data: bytes, places: list[int]) -> None:
    whole = walk([data])
    assert walk([data[i : i + 1] for i in range(len(data))]) == whole
    assert walk(cut(data, places)) == whole


@given(values, st.booleans(), st.lists(st.integers(0, 5000), max_size=6))
@example({"\u00e9" * 70: "\U0001f600" * 40, "\\" * 130: 10**200}, True, [5, 9, 130, 131])
@example([1.5e-300, -0.0, True, False, None], False, [3])
def test_a_document_in_pieces(value: Any, escape: bool, places: list[int]) -> None:
    check_cuts(json.dumps(value, ensure_ascii=escape).encode(), places)


@settings(max_examples=150)
@given(st.lists(tokens, max_size=20).map(b"".join), st.lists(st.integers(0, 200), max_size=4))
@example(b"[01]", [2])
@example(b"[12x", [2])
@example(b"[truX", [2])
@example(b"\xef\xbb\xbf\xef", [1, 2])
@example(b'{"\\ud83d', [7])
def test_anything_else_in_pieces(data: bytes, places: list[int]) -> None:
    check_cuts(data, places)


def test_a_long_string_in_pieces() -> None:
    data = b'{"a":"' + b"x\\n" * 1000 + b'","b' + b"y" * 300 + b'":[' + b"7" * 400 + b"," + b"8" * 300 + b".5]}"
    for size in (1, 2, 3, 7, 64, 127, 128, 129, 1448):
        assert walk([data[i : i + size] for i in range(0, len(data), size)]) == walk([data])


def test_empty_pieces_change_nothing() -> None:
    assert walk([b"", b"[1", b"", b"2", b"", b"]", b""]) == walk([b"[12]"])
