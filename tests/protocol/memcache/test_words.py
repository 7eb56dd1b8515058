"""Numbers and base64, seen through requests that carry them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel.protocol.memcache import inspect


def delta_of(text: bytes) -> int | None:
    message = inspect.parse_request(b"incr a " + text + b"\r\n")[0]
    assert message is not None
    return None if message.get("error") else int(message.get("delta", 0))


def exptime_of(text: bytes) -> int | None:
    message = inspect.parse_request(b"touch a " + text + b"\r\n")[0]
    assert message is not None
    return None if message.get("error") else int(message.get("exptime", 0))


@given(st.integers(-(2**65), 2**65))
def test_numbers_are_exact_or_refused(number: int) -> None:
    text = b"%d" % number
    assert delta_of(text) == (number if 0 <= number < 2**64 else None)
    assert exptime_of(text) == (number if -(2**63) < number < 2**63 else None)


@pytest.mark.parametrize(
    "text", [b"", b"+", b"-", b"1a", b"a1", b"1.0", b"0x1", b"--1", b"+-1", b"1e3", b"\xb2", b"/", b":"]
)
def test_what_is_not_a_number(text: bytes) -> None:
    line = b"incr a " + (text or b"\x00") + b"\r\n"
    message = inspect.parse_request(line)[0]
    assert message is not None
    assert message["error"] == b"CLIENT_ERROR invalid numeric delta argument"


@pytest.mark.parametrize(
    "text, number", [(b"+5", 5), (b"005", 5), (b"0" * 40 + b"7", 7), (b"18446744073709551615", 2**64 - 1)]
)
def test_spellings_of_numbers(text: bytes, number: int) -> None:
    assert delta_of(text) == number


@given(st.binary(min_size=1, max_size=186))
def test_base64_as_python_has_it(key: bytes) -> None:
    message = inspect.parse_request(b"mg " + base64.b64encode(key) + b" b\r\n")[0]
    assert message is not None
    assert message["key"] == key


@given(st.text("ABab01+/=!- "[:11], min_size=1, max_size=12))
def test_what_is_not_base64(text: str) -> None:
    message = inspect.parse_request(b"mg " + text.encode() + b" b\r\n")[0]
    assert message is not None
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(text) % 4 or "=" in text.rstrip("="):
        key = b""
    assert message.get("key", b"") == key
    assert bool(message.get("error")) == (key == b"")


@pytest.mark.parametrize("line", [b"get a\r\n", b"get a\n", b"get   a\r\n", b" get a \n"])
def test_line_ends_and_spaces(line: bytes) -> None:
    assert inspect.parse_request(line) == ({"command": "get", "keys": [b"a"]}, len(line), 0)
