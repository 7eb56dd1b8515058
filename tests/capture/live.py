"""What tests of live capture need of this machine: the right to capture, and networks of their own.

A network is a pair of namespaces joined by a veth pair; a thread steps into one to open its sockets there, which stay
in it.  Names are unique to the process; everything is removed at the end, however the test ends.
"""

import contextlib
import ctypes
import itertools
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from whimbrel.capture.filter import compile_filter
from whimbrel.capture.privilege import capture_rights
from whimbrel.capture.program import SNAPLEN
from whimbrel.capture.ring import Ring

CLONE_NEWNET = 0x40000000
RING_BYTES = 16 << 20  # 64 blocks of 20 ms: a test may be held up for a second between talking and reading
QUIET_MS = 150  # longer than a block is held back

needs_capture = pytest.mark.skipif(capture_rights() is not None, reason="CAP_NET_RAW is missing: cannot capture")

counter = itertools.count()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


def namespaces_work() -> bool:
    """Whether we may make network namespaces; tried once."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        return False
    name = f"wh{os.getpid()}try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    if made:
        ip("netns", "del", name)
    return made


needs_namespaces = pytest.mark.skipif(not namespaces_work(), reason="no `ip netns`: iproute2 or root is missing")


def step_into(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(handle)


class Network:
    """Namespaces `a` and `b` with the interfaces wa and wb, 10.9.0.1 and 10.9.0.2, fd09::1 and fd09::2."""

    def __init__(self) -> None:
        number = f"{os.getpid()}n{next(counter)}"
        self.a, self.b = f"wh{number}a", f"wh{number}b"

    def open(self) -> None:
        for space in (self.a, self.b):
            ip("netns", "add", space)
        self.join()

    def join(self) -> None:
        ip("-n", self.a, "link", "add", "wa", "type", "veth", "peer", "name", "wb", "netns", self.b)
        for space, name, last in ((self.a, "wa", 1), (self.b, "wb", 2)):
            ip("-n", space, "addr", "add", f"10.9.0.{last}/24", "dev", name)
            ip("-n", space, "addr", "add", f"fd09::{last}/64", "dev", name, "nodad")
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "link", "set", name, "up")

    def close(self) -> None:
        for space in (self.a, self.b):
            subprocess.run(["ip", "netns", "del", space], capture_output=True, timeout=20)

    @contextlib.contextmanager
    def inside(self, space: str) -> Iterator[None]:
        """This thread opens its sockets in the namespace."""
        home = Path(f"/proc/self/task/{threading.get_native_id()}/ns/net")
        back = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
        step_into(Path("/run/netns") / space)
        try:
            yield
        finally:
            ctypes.CDLL(None).setns(back, CLONE_NEWNET)
            os.close(back)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    made = Network()
    try:
        made.open()
        yield made
    finally:
        made.close()


def talk(listener: socket.socket, client: socket.socket, sizes: list[tuple[int, int]]) -> None:
    """Requests and responses of these sizes over one connection, which the client closes first."""
    client.connect(listener.getsockname())
    served, _ = listener.accept()
    with client, served:
        for request, response in sizes:
            move(client, served, request)
            move(served, client, response)
        client.shutdown(socket.SHUT_WR)
        assert served.recv(1) == b""
        served.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def move(sender: socket.socket, receiver: socket.socket, size: int) -> None:
    """`size` bytes from one to the other, in parts that fit a socket's buffer."""
    while size:
        part = min(size, 60000)
        sender.sendall(b"w" * part)
        size -= part
        while part:
            got = len(receiver.recv(part))
            assert got
            part -= got


FIN, SYN, RST = 1, 2, 4
SIZES = [(100, 300), (1, 200_000), (70_000, 5)]  # requests and responses of a test's connection


def judge(
    seen: list[tuple[bytes, int, int, int]],
    port: int,
    connections: int,
    sizes: list[tuple[int, int]] = SIZES,
    at: int = 14,
) -> None:
    """Every packet of `connections` conversations on `port` is in `seen`, no packet twice, and nothing else."""
    packets = [tcp_of(frame, at) for frame, _, _, _ in seen]
    mine = [one for one in packets if port in one[:2]]
    assert len(mine) == len(packets), "the filter let others through"
    assert len([one for one in mine if one[3] & SYN]) == 2 * connections
    assert len([one for one in mine if one[3] & FIN]) == 2 * connections
    assert not [one for one in mine if one[3] & RST]
    assert sum(one[4] for one in mine if one[1] == port) == connections * sum(size for size, _ in sizes)
    assert sum(one[4] for one in mine if one[0] == port) == connections * sum(size for _, size in sizes)


def filter_of(text: str) -> Callable[[int], bytes]:
    return lambda link: compile_filter(text, link)


@contextlib.contextmanager
def opened(*interfaces: str, text: str = "", ring_bytes: int = RING_BYTES, snaplen: int = SNAPLEN) -> Iterator[Ring]:
    """A ring on these interfaces with a filter, closed at the end."""
    ring = Ring(list(interfaces), filter_of(text) if text else None, ring_bytes, snaplen)
    try:
        yield ring
    finally:
        ring.close()


def send_frames(net: Network, frames: list[bytes], interfaces: Sequence[str] = ("wa",)) -> None:
    """Put frames on interfaces of namespace a as they are, on each in turn."""
    with contextlib.ExitStack() as stack:
        senders = []
        with net.inside(net.a):
            for interface in interfaces:
                senders.append(stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)))
                senders[-1].bind((interface, 0))
        for frame, sender in zip(frames, itertools.cycle(senders), strict=False):
            sender.send(frame)


def tcp_of(frame: bytes, at: int = 14) -> tuple[int, int, int, int, int]:
    """(source port, destination port, sequence number, flags, payload bytes) of an IPv4 or IPv6 packet at `at`."""
    if frame[at] >> 4 == 4:
        end, start = at + struct.unpack_from("!H", frame, at + 2)[0], at + 4 * (frame[at] & 15)
    else:
        end, start = at + 40 + struct.unpack_from("!H", frame, at + 4)[0], at + 40
    sport, dport, seq = struct.unpack_from("!HHI", frame, start)
    return sport, dport, seq, frame[start + 13], end - start - 4 * (frame[start + 12] >> 4)
