"""The ports of the parts: held before the first part starts, and until the last has ended.

Idea: a socket that is bound and does not listen keeps a port from everybody but those who bind with SO_REUSEADDR, as
our servers do.  So a port that is taken is said before anything has started, port 0 becomes a number that the other
parts can be told, and a part that starts again finds its port as it was.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from whimbrel.base.errors import UsageError
from whimbrel.net.listener import Address

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how one's own machine reaches them
LISTENING = "0A"  # in /proc/net/tcp


class PortTakenError(UsageError):
    """Somebody listens there."""


def hold(address: Address, option: str, opened: ExitStack) -> Address:
    """The address with its real port, held until `opened` closes; UsageError where that cannot be."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise UsageError(f"{option} {address}: {(error.strerror or str(error)).lower()}") from None
    port = address.port
    for family, _, _, _, where in dict.fromkeys(found):
        held = bound(family, str(where[0]), port, f"{option} {address}")
        if held is not None:
            port = opened.enter_context(held).getsockname()[1]  # one for all the addresses of a name
    if not port:
        raise UsageError(f"{option} {address}: this machine has no such protocol")
    return replace(address, port=port)


def bound(family: int, host: str, port: int, what: str) -> socket.socket | None:
    """None where the machine has no such protocol (a container without IPv6)."""
    try:
        held = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        held.bind((host, port))
    except OSError as error:
        held.close()
        raise refusal(error, what, port) from None
    return held


def refusal(error: OSError, what: str, port: int) -> UsageError:
    option = what.partition(" ")[0]
    if error.errno == errno.EADDRINUSE:
        free = f"end that one, or choose another port ({option} 127.0.0.1:0 takes a free one)"
        return PortTakenError(f"{what}: {owner(port) or 'another process'} listens there: {free}")
    if error.errno == errno.EACCES:
        return UsageError(f"{what}: no permission to bind a port below 1024")
    return UsageError(f"{what}: {(error.strerror or str(error)).lower()}")


def owner(port: int) -> str:
    """Who listens on the port, as "memcached (process 812)"; empty where that is not ours to see."""
    wanted = {f"socket:[{inode}]" for inode in listening(port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(file.readlink()) in wanted for file in process.joinpath("fd").iterdir()):
                return f"{process.joinpath('comm').read_text(errors='replace').strip()} (process {process.name})"
        except OSError:  # another user's, or it has ended
            continue
    return ""


def listening(port: int) -> Iterator[str]:
    """Inodes of the sockets that listen on it, at whatever address."""
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:  # a kernel without IPv6
            continue
        for line in lines:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                yield inode


def hold_or_other(address: Address, option: str, opened: ExitStack) -> Address:
    """The same; where somebody listens there already, a free port instead."""
    try:
        return hold(address, option, opened)
    except PortTakenError:
        return hold(replace(address, port=0), option, opened)


def reached(address: Address) -> Address:
    """How this machine connects to a server that listens at `address`."""
    return replace(address, host=WILDCARDS.get(address.host, address.host))
