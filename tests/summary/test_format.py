"""Formats of codes and words, of beginnings of long strings, and of anything at all."""

import base64
import string
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.summary.looks import format_name
from whimbrel.summary.formats import FORMATS
from whimbrel.summary.testing_format import COUNT, format_number

TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

IS = {
    "": [
        "hello world",
        "naïve",
        "a,b",
        "(x)",
        "100%",
        "tab\there",
        "\x00",
        "ünïcode",
        "-",
        "_",
        "a=b",
        "9lives",
        "x" * 33,
    ],
    "empty": [""],
    "boolean": ["true", "false", "True", "FALSE"],
    "uuid": [
        "123e4567-e89b-12d3-a456-426614174000",
        "00000000-0000-0000-0000-000000000000",
        "ABCDEF01-2345-6789-ABCD-EF0123456789",
    ],
    "jwt": [TOKEN, TOKEN.rpartition(".")[0] + "."],
    "hex": ["deadbeef01", "d41d8cd98f00b204e9800998ecf8427e", "A1B2C3D4", "0a0b0c0d"],
    "base64": ["aGVsbG8gd29ybGQhISE=", "QmFzZTY0VGVzdDEyMzQ1", "x8Kf-93_kdQ2LmZpW7aa", "AAAAAAAAAAAAAAAAAAAAAA=="],
    "currency": ["EUR", "USD", "JPY"],
    "country": ["US", "DE", "ZW"],
    "language": ["en", "en-US", "zh-Hant", "zh-Hant-TW", "pt_BR", "es-419"],
    "word": [
        "active",
        "order_created",
        "PENDING",
        "in-progress",
        "v2",
        "A",
        "userCreated",
        "sha256",
        "Berlin",
        "foo_bar-baz",
    ],
}

IS_NOT = {
    "boolean": ["tRUE", "yes", "tru", "truee", "TrUe", "t"],
    "uuid": [
        "123e4567-e89b-12d3-a456-42661417400",
        "123e4567-e89b-12d3-a456-42661417400g",
        "123e4567ee89b-12d3-a456-426614174000",
        "{123e4567-e89b-12d3-a456-426614174000}",
    ],
    "jwt": [
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9",
        "a.b.c",
        "eyJhbGciOiJIUzI1NiJ9.abc.def",
        TOKEN + ".x",
        "eyJhbGciOiJIUzI1NiJ9..x",
    ],
    "hex": ["deadbeef", "abcdef", "12345678", "deadbeef0", "DeadBeef01", "0xdeadbeef", "a1b2c3"],
    "base64": [
        "OrderItemsV2Response",
        "aGVsbG8=",
        "getUserName",
        "ABCDEFGHIJKLMNOP",
        "a" * 20,
        "aGVsbG8gd29ybGQhISE===",
        "a=b=c=d=e=f=g=h=",
    ],
    "currency": ["eur", "EURO", "XTS", "ZZZ", "EU"],
    "country": ["us", "XX", "USA", "ZZ"],
    "language": ["xx", "EN", "en-us", "en-XX", "en-", "en-US-", "english", "zh-hant", "en_US-x", "e", "zh-Hant_TW"],
    "word": ["x7Gh2kQ9", "user-17", "1st place", "a.b", "kd83hd72", "qwrtpsdfg", "-active"],
}


@pytest.mark.parametrize("name, text", [(name, text) for name, texts in IS.items() for text in texts])
def test_is(name: str, text: str) -> None:
    assert format_name(text) == name


@pytest.mark.parametrize("name, text", [(name, text) for name, texts in IS_NOT.items() for text in texts])
def test_is_not(name: str, text: str) -> None:
    assert format_name(text) != name


@pytest.mark.parametrize(
    "name, text",
    [
        ("uri", "https://example.com/" + "a" * 108),
        ("jwt", TOKEN + "x" * 40),
        ("jwt", "eyJ" + "aB3" * 20 + ".eyJ" + "xY7" * 20),
        ("hex", "0123456789abcdef" * 8),
        ("base64", base64.b64encode(bytes(range(96))).decode()),
        ("", "1" * 128),
        ("", "word" * 32),
        ("", "2024-01-02T03:04:05Z" + " " * 108),
        ("", "a@" + "b" * 100 + ".com"),
        ("", ""),
    ],
)
def test_a_beginning_says(name: str, text: str) -> None:
    assert format_name(text[:128], whole=False) == name


def test_rows_and_numbers_are_the_same_list() -> None:
    assert len(FORMATS) == COUNT <= 32  # a bit each in a shape's formats
    assert len({row.name for row in FORMATS}) == COUNT


@given(st.uuids())
def test_uuids(value: uuid.UUID) -> None:
    assert format_name(str(value)) == format_name(str(value).upper()) == "uuid"


@given(st.binary(min_size=24, max_size=60))
def test_bytes_in_hex(value: bytes) -> None:
    text = value.hex()
    mixed = any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
    assert (format_name(text) == "hex") == mixed


@settings(max_examples=300)
@given(st.binary(max_size=140) | st.text(string.printable, max_size=60).map(str.encode), st.booleans())
def test_any_bytes_have_a_format(text: bytes, whole: bool) -> None:
    number = format_number(text, whole)
    assert 0 <= number < COUNT
    if any(byte < 32 or byte > 126 for byte in text):
        assert FORMATS[number].name == ""
    if not whole:
        assert FORMATS[number].name in ("", "uri", "jwt", "hex", "base64")
