"""Echoed flags come back in the order of the request, whatever the outcome."""

from itertools import permutations

import pytest

from whimbrel.server.shim import Shim
from whimbrel.store.store import StoreHandle


@pytest.mark.parametrize("flags", [" ".join(order) for n in (1, 2, 3) for order in permutations(["k", "Oid", "b"], n)])
@pytest.mark.parametrize(
    "command, code", [("mg", "EN"), ("md", "NF"), ("ma", "NF"), ("ms", "HD"), ("mg", "HD"), ("md", "HD")]
)
def test_order(command: str, code: str, flags: str) -> None:
    wire = Shim(StoreHandle.create(1 << 20)).connect("memcache")
    base64 = "b" in flags.split()
    if code == "HD" and command != "ms":
        wire.feed(b"ms YQ== 1 b\r\n1\r\nms YQ== 1\r\n1\r\n")
    size, block = ("1 ", "1\r\n") if command == "ms" else ("", "")
    line = f"{command} YQ== {size}{flags}\r\n{block}"
    echo = "".join(" kYQ==" + " b" * base64 if flag == "k" else f" {flag}" for flag in flags.split() if flag != "b")
    assert wire.feed(line.encode()) == f"{code}{echo}\r\n".encode()


def test_errors_are_lines() -> None:
    wire = Shim(StoreHandle.create(1 << 20)).connect("memcache")
    assert wire.feed(b"mg\r\nmd a !\r\n") == b"ERROR\r\nCLIENT_ERROR invalid or duplicate flag\r\n"
