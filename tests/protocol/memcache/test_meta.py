"""Flags of the meta commands: which error outranks which."""

import pytest

from whimbrel.protocol.memcache import inspect

DUPLICATE = b"CLIENT_ERROR duplicate flag"
INVALID = b"CLIENT_ERROR invalid flag"
TOKEN = b"CLIENT_ERROR bad token in command line format"
LENGTH = b"CLIENT_ERROR incorrect length for M token"
OPAQUE = b"CLIENT_ERROR opaque token too long"
LONG_OPAQUE = b"O" + b"o" * 32


@pytest.mark.parametrize(
    "flags, error",
    [
        (b"Tx !", INVALID),
        (b"! Tx", INVALID),
        (b"Tx v v", DUPLICATE),
        (b"Tx M", LENGTH),
        (b"M Tx", TOKEN),
        (LONG_OPAQUE + b" Tx", TOKEN),
        (LONG_OPAQUE + b" v", OPAQUE),
        (b"\xff", DUPLICATE),
        (b"Nx", TOKEN),
        (b"R", TOKEN),
        (b"C-1", TOKEN),
        (b"Ex", TOKEN),
    ],
)
def test_which_error(flags: bytes, error: bytes) -> None:
    message = inspect.parse_request(b"mg a " + flags + b"\r\n")[0]
    assert message is not None
    assert message["error"] == error


@pytest.mark.parametrize("mode, known", [(letter, letter in "EAPRSeaprs") for letter in "EAPRSeaprsXI+"])
def test_modes_of_ms(mode: str, known: bool) -> None:
    message = inspect.parse_request(f"ms a 1 M{mode}\r\n1\r\n".encode())[0]
    assert message is not None
    assert ("error" not in message) == known


@pytest.mark.parametrize("mode, known", [(letter, letter in "IiDd+-") for letter in "IiDd+-XES"])
def test_modes_of_ma(mode: str, known: bool) -> None:
    message = inspect.parse_request(f"ma a M{mode}\r\n".encode())[0]
    assert message is not None
    assert ("error" not in message) == known


def test_seventeen_flags_and_no_more() -> None:
    seventeen = "b c f h k l q s t u v P L O1 I C1 F1"
    message = inspect.parse_request(f"mg YQ== {seventeen}\r\n".encode())[0]
    assert message is not None
    assert "error" not in message
    message = inspect.parse_request(f"mg YQ== {seventeen} J1\r\n".encode())[0]
    assert message is not None
    assert message["error"] == b"CLIENT_ERROR options flags are too long"


def test_quiet_is_read_where_the_flags_are_not_wrong() -> None:
    for command in ("mg", "md", "ma"):
        message = inspect.parse_request(f"{command} a q\r\n".encode())[0]
        assert message is not None
        assert message["noreply"] is True
