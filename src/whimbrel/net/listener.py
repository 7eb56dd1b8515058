"""Where the server listens: addresses as people write them, and the sockets behind them.

    127.0.0.1:11211   [::1]:11211   localhost:0   unix:/run/whimbrel.sock

Opening is the control plane's work and happens once, so it is plain Python; accepting is in accept.pxd.
Every failure is one line that names the option, the value and what would be allowed.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from whimbrel.base.errors import UsageError

BACKLOG = 4096  # connections waiting for accept; the kernel lowers it to net.core.somaxconn
UNIX_PATH_MAX = 107  # sun_path holds 108 bytes with its final zero
UNIX_MODE = 0o700  # a unix socket is its owner's, as memcached's default


@dataclass(frozen=True)
class Address:
    """One place to listen: TCP (host, port) or a unix socket's path."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str, option: str = "--listen") -> Address:
        if text.startswith("unix:"):
            return cls(path=_checked_path(text.removeprefix("unix:"), text, option))
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise UsageError(f"{option} {text}: expected HOST:PORT with a port from 0 to 65535, or unix:PATH")
        if host.startswith("[") != host.endswith("]") or (":" in host and not host.startswith("[")):
            raise UsageError(f"{option} {text}: an IPv6 address is written in brackets, as in [::1]:11211")
        return cls(host=host.strip("[]"), port=int(port))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Only this machine can reach it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def _checked_path(path: str, text: str, option: str) -> str:
    if not 0 < len(os.fsencode(path)) <= UNIX_PATH_MAX:
        raise UsageError(f"{option} {text}: a unix socket's path has 1 to {UNIX_PATH_MAX} bytes")
    return path


@dataclass
class Listener:
    """An open listening socket; `address` carries the real port where 0 was asked for."""

    address: Address
    socket: socket.socket
    identity: tuple[int, int] | None = None  # device and inode of the unix socket we made

    def close(self) -> None:
        """Stop listening; remove the unix socket's file if it still is ours."""
        self.socket.close()
        if self.identity is not None and _identity(self.address.path) == self.identity:
            Path(self.address.path).unlink()


def open_listeners(text: str, option: str = "--listen") -> list[Listener]:
    """Every socket that `text` names: a host name may have several addresses."""
    address = Address.parse(text, option)
    try:
        return [_open_unix(address)] if address.path else _open_tcp(address)
    except OSError as error:
        raise UsageError(f"{option} {text}: {_reason(error, address)}") from error


def _open_tcp(address: Address) -> list[Listener]:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[Listener] = []
    try:
        for family, _, _, _, where in dict.fromkeys(found):
            port = listeners[0].address.port if listeners else where[1]  # one port for all addresses of a name
            listener = _bind_tcp(family, str(where[0]), int(port))
            if listener is not None:
                listeners.append(listener)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    if not listeners:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return listeners


def _bind_tcp(family: socket.AddressFamily, host: str, port: int) -> Listener | None:
    """None where the machine has no such protocol (a container without IPv6)."""
    try:
        opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: asyncio asks before TCP_NODELAY
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return None
        raise
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait for TIME_WAIT
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((host, port))
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return Listener(Address(host=host, port=int(opened.getsockname()[1])), opened)


def _open_unix(address: Address) -> Listener:
    remove_stale(address.path)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        mask = os.umask(0o777 & ~UNIX_MODE)
        try:
            opened.bind(address.path)
        finally:
            os.umask(mask)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return Listener(address, opened, _identity(address.path))


def remove_stale(path: str) -> None:
    """Remove a socket file that nobody listens on; anything else in the way stays and is an error."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is a file that is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
            return
        except BlockingIOError:
            pass  # its backlog is full: somebody listens
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _reason(error: OSError, address: Address) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the address is in use by another process"
    if error.errno == errno.EACCES:
        return "no permission" + (" to bind a port below 1024" if 0 < address.port < 1024 else " to make the socket")
    return (error.strerror or str(error)).lower()
