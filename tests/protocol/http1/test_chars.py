"""The classes of bytes, each byte on its own, against the grammar's words."""

import string

import pytest

from whimbrel.protocol.http1.testing import parse_request

TCHARS = set((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())


def test_tokens_are_made_of_tchars() -> None:
    for byte in range(256):
        method = b"A" + bytes([byte]) + b"B"
        status, head, _ = parse_request(method + b" / HTTP/1.1\r\n\r\n")
        if byte in TCHARS:
            assert status == "done"
            assert head is not None
            assert head["method"] == method
        else:
            assert status == "bad" or (head is not None and head["method"] == b"A" and byte in b" \t")


def test_names_are_made_of_tchars() -> None:
    for byte in set(range(256)) - set(b":\n"):
        _, head, _ = parse_request(b"GET / HTTP/1.1\r\nA" + bytes([byte]) + b"B: x\r\n\r\n")
        assert head is not None
        assert head.get("flags", []) == ([] if byte in TCHARS else ["bad header"])


@pytest.mark.parametrize("length", [1, 7, 8, 9, 16, 19])
def test_targets_have_no_blanks_and_controls_wherever_they_stand(length: int) -> None:
    for at in range(length):
        for byte in set(range(256)) - set(b"\n"):
            target = b"/" * at + bytes([byte]) + b"\xff" * (length - at - 1)
            _, head, _ = parse_request(b"GET " + target + b" HTTP/1.1\r\n\r\n")
            assert head is not None
            assert head.get("flags", []) == (["bad target"] if byte <= 32 or byte == 127 else [])
