import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from whimbrel.base.errors import UsageError
from whimbrel.net.listener import Address, open_listeners
from whimbrel.up.ports import hold, hold_or_other, owner, reached

ANY = Address("127.0.0.1", 0)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def taken() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Address("127.0.0.1", server.getsockname()[1])


def test_a_port_is_held_for_our_own_servers(opened: ExitStack) -> None:
    address = hold(ANY, "--listen-hub", opened)
    assert address.port
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((address.host, address.port))
    for _ in range(2):  # and for the one that is started again
        (listener,) = open_listeners(str(address))
        with socket.create_connection((address.host, address.port), timeout=5):
            listener.close()


def test_a_name_with_two_addresses_has_one_port(opened: ExitStack) -> None:
    address = hold(Address("localhost", 0), "--listen-hub", opened)
    assert (address.host, address.port > 0) == ("localhost", True)


def test_a_port_that_is_taken_is_said(opened: ExitStack, taken: Address) -> None:
    with pytest.raises(UsageError) as raised:
        hold(taken, "--listen-cache", opened)
    assert str(raised.value) == (
        f"--listen-cache {taken}: {me()} listens there: end that one, or choose another port "
        "(--listen-cache 127.0.0.1:0 takes a free one)"
    )


def me() -> str:
    return f"{Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"


def test_who_has_a_port_is_found_where_it_can_be_seen(taken: Address) -> None:
    assert owner(taken.port) == me()
    with ExitStack() as stack:
        assert owner(hold(ANY, "--test", stack).port) == ""  # held, and nobody listens


def test_or_gives_way(opened: ExitStack, taken: Address) -> None:
    other = hold_or_other(taken, "--listen-cache", opened)
    assert other.host == taken.host and other.port not in (0, taken.port)


@pytest.mark.parametrize(
    "address, words",
    [
        (Address("192.0.2.1", 0), "cannot assign requested address"),
        (Address("no.such.host.invalid", 80), "--listen-hub no.such.host.invalid:80: "),
    ],
)
def test_an_address_that_cannot_be_is_one_line(opened: ExitStack, address: Address, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        hold(address, "--listen-hub", opened)


@pytest.mark.parametrize(
    "listened, url", [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("localhost:80", "localhost:80")]
)
def test_this_machine_reaches_a_wildcard_over_loopback(listened: str, url: str) -> None:
    assert str(reached(Address.parse(listened))) == url
