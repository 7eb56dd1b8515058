"""Tokens are HMAC-SHA256, as the standard library makes it."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from whimbrel.summary.token import token, token_text


@given(
    st.binary(max_size=150),
    st.integers(0, 255),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=512) | st.just(b"x" * 512),
)
def test_the_same_as_the_standard_librarys(key: bytes, kind: int, parent: int, text: bytes) -> None:
    message = bytes([kind]) + parent.to_bytes(8, "big") + text
    expected = hmac.new(key, message, hashlib.sha256).digest()[:8]
    assert token(key, kind, parent, text) == int.from_bytes(expected, "big")


def test_every_padding() -> None:
    for n in range(200):
        message = bytes([1]) + bytes(8) + b"a" * n
        expected = hmac.new(b"k" * 32, message, hashlib.sha256).digest()[:8]
        assert token(b"k" * 32, 1, 0, b"a" * n) == int.from_bytes(expected, "big"), n


def test_twelve_digits_are_written() -> None:
    assert token_text(0x0123456789ABCDEF) == "0123456789ab"


def test_place_kind_and_key_matter() -> None:
    found = {
        token(key, kind, parent, b"users")
        for key in (b"a" * 32, b"b" * 32) for kind in (1, 2) for parent in (0, 7)
    }  # fmt: skip
    assert len(found) == 8
