"""Values as people write them."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.base.values import parse_address, parse_seconds, parse_size, size_text, toml_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("64MiB", 64 << 20),
        ("1g", 1 << 30),
        ("2 KB", 2048),
        ("1.5k", 1536),
        ("7b", 7),
        ("1T", 1 << 40),
        (9, 9),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1x", "1.3", "g", "1e3", "٣", "1.0000001k", None])
def test_no_sizes(text):
    with pytest.raises(ValueError, match="number"):
        parse_size(text)


@given(st.integers(0, 1 << 50))
def test_size_text_is_read_back(size):
    assert parse_size(size_text(size)) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("1", 1), ("250ms", 0.25), ("2m", 120), ("1h", 3600), (1.5, 1.5), ("1d", 86400)]
)
def test_seconds(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["[::1]:80", "localhost:0", "unix:/run/x.sock", "10.0.0.1:11211", "[fe80::1%eth0]:1"])
def test_addresses_read_what_they_print(text):
    assert str(parse_address(text)) == text


@pytest.mark.parametrize("text", ["", ":1", "a", "a:", "::1:80", "[::1]", "unix:", "a b:1", "a:-1", "a:1:2"])
def test_no_addresses(text):
    with pytest.raises(ValueError, match=r"PORT|PATH|port"):
        parse_address(text)


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.booleans(),
        st.integers(),
        st.lists(st.text('ab"\\\x7f\n')),
    )
)
def test_toml_text_is_toml(value):
    assert tomllib.loads("x = " + toml_text(value))["x"] == value
