"""Where paths, keys and queries are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.summary.testing_window import pieces, query

PATHS = {
    b"": [("", b"", 0)],
    b"/": [("/", b"", 0)],
    b"/a/b": [("/", b"a", 0), ("/", b"b", 0)],
    b"/a/b/": [("/", b"a", 0), ("/", b"b", 0), ("/", b"", 0)],
    b"//a": [("/", b"", 0), ("/", b"a", 0)],
    b"/a/../b/.": [("/", b"a", 0), ("/", b"..", 0), ("/", b"b", 0), ("/", b".", 0)],
    b"/a?b=/c#d": [("/", b"a", 0)],
    b"/a#x?y": [("/", b"a", 0)],
    b"/a;v=1;w/b=c": [("/", b"a", 0), (";", b"v", 0), ("=", b"1", 1), (";", b"w", 0), ("/", b"b=c", 0)],
    b"http://user@h:1/a": [("/", b"a", 0)],
    b"http://h": [("/", b"", 0)],
    b"http://h?x": [("/", b"", 0)],
    b"*": [("", b"*", 0)],
    b"a/b": [("", b"a", 0), ("/", b"b", 0)],
}

KEYS = {
    b"user:17": [("", b"user", 0), (":", b"17", 0)],
    b"a/b|c:d": [("", b"a", 0), ("/", b"b", 0), ("|", b"c", 0), (":", b"d", 0)],
    b":1:x": [("", b"", 0), (":", b"1", 0), (":", b"x", 0)],
    b"a_b-c.d": [("", b"a_b-c.d", 0)],
}


@pytest.mark.parametrize("path", PATHS)
def test_paths(path: bytes) -> None:
    assert pieces(path, True) == PATHS[path]


@pytest.mark.parametrize("key", KEYS)
def test_keys(key: bytes) -> None:
    assert pieces(key, False) == KEYS[key]


@given(st.text("/ab;=:.|", max_size=60).map(str.encode))
def test_pieces_put_together_are_the_text(text: bytes) -> None:
    for path in (True, False):
        found = pieces(text, path)
        if len(found) <= 24 and not (path and b"://" in text):
            assert b"".join(sep.encode() + piece for sep, piece, _ in found) == text
        assert len(found) <= 25


def test_what_is_too_deep_is_one_piece() -> None:
    found = pieces(b"/a" * 100, True)
    assert len(found) == 25
    assert found[24] == ("/", b"", 2)


def test_queries() -> None:
    assert query(b"/a?x=1&y&&z=a=b&=q#x=2") == [(b"x", b"1"), (b"y", b""), (b"z", b"a=b"), (b"", b"q")]
    assert query(b"/a") == query(b"/a?") == query(b"/a#?x=1") == []
