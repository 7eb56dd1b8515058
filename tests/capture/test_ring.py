"""Live capture: what two programs said to each other is in the ring, all of it and once."""

import socket
import time
from pathlib import Path

import pytest

from tests.capture import packets as p
from tests.capture.live import (
    QUIET_MS,
    RING_BYTES,
    SIZES,
    filter_of,
    ip,
    judge,
    needs_capture,
    needs_namespaces,
    network,
    opened,
    send_frames,
    talk,
    tcp_of,
)
from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.capture import testing_ring
from whimbrel.capture.filter import compile_filter
from whimbrel.capture.ring import BLOCKS_WANTED, Ring, ring_layout, trouble

LINK_ETHERNET = 1

pytestmark = needs_capture


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_loopback_has_every_packet_once(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
        with opened("lo", text=f"tcp port {port}") as ring:
            began_ns = time.time_ns()
            for _ in range(5):
                talk(listener, socket.socket(family), SIZES)
            seen = testing_ring.read(ring, QUIET_MS)
            assert ring.drops() == {"lo": (len(seen), 0, 0)}
            assert testing_ring.totals(ring) == (len(seen), 0)
    judge(seen, port, 5)
    assert {link for _, _, _, link in seen} == {LINK_ETHERNET}
    assert all(len(frame) == wire for frame, wire, _, _ in seen)
    times = [at for _, _, at, _ in seen]
    assert began_ns <= min(times) and max(times) <= time.time_ns()


def test_a_filter_is_the_kernels() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        wanted = one.getsockname()[1]
        with opened("lo", text=f"dst port {wanted}") as ring:
            talk(one, socket.socket(), SIZES)
            talk(other, socket.socket(), SIZES)
            seen = testing_ring.read(ring, QUIET_MS)
            assert ring.drops()["lo"][0] == len(seen)
    assert {tcp_of(frame)[1] for frame, _, _, _ in seen} == {wanted}


def test_what_nobody_reads_is_dropped_and_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with opened("lo", text=f"tcp port {port}", ring_bytes=512 << 10) as ring:
            assert ring.memory_bytes == 512 << 10
            for _ in range(20):
                talk(listener, socket.socket(), [(60000, 60000)])
            packets, drops, freezes = ring.drops()["lo"]
            seen = testing_ring.read(ring, QUIET_MS)
            assert packets == drops + len(seen)
            assert drops > 0 < freezes
            talk(listener, socket.socket(), SIZES)
            again = testing_ring.read(ring, QUIET_MS)
            assert ring.drops()["lo"] == (packets + len(again), drops, freezes), "the counts go on"
    judge(again, port, 1)


@needs_namespaces
@pytest.mark.parametrize("host", ["10.9.0.2", "fd09::2"])
def test_between_namespaces(host: str) -> None:
    """Captured on both ends of a veth pair at once: every packet leaves the one and arrives at the other."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with network() as net:
        with net.inside(net.b):
            listener = socket.create_server((host, 0), family=family)
            server_side = Ring(["wb"], compile_filter("tcp", LINK_ETHERNET), RING_BYTES)
        with net.inside(net.a):
            client = socket.socket(family)
            both = Ring(["lo", "wa"], filter_of("tcp"), RING_BYTES)
        with listener:
            talk(listener, client, SIZES)
            port = listener.getsockname()[1]
        for ring, names in ((server_side, {"wb"}), (both, {"lo", "wa"})):
            seen = testing_ring.read(ring, QUIET_MS)
            judge(seen, port, 1)
            assert set(ring.drops()) == names == set(ring.downs())
            ring.close()


@needs_namespaces
def test_any_has_packets_of_interfaces_on_others_once() -> None:
    """A macvlan's packets pass its parent, a bridge's pass a port."""
    with network() as net:
        ip("-n", net.a, "link", "add", "br7", "type", "bridge")
        ip("-n", net.a, "link", "set", "br7", "up")
        ip("-n", net.a, "addr", "flush", "dev", "wa")
        ip("-n", net.a, "link", "set", "wa", "master", "br7")
        ip("-n", net.a, "addr", "add", "10.9.0.1/24", "dev", "br7")
        ip("-n", net.b, "link", "add", "link", "wb", "name", "m0", "type", "macvlan", "mode", "bridge")
        ip("-n", net.b, "addr", "add", "10.8.0.2/24", "dev", "m0")
        ip("-n", net.b, "link", "set", "m0", "up")
        ip("-n", net.a, "addr", "add", "10.8.0.1/24", "dev", "br7")
        rings = []
        for space in (net.a, net.b):
            with net.inside(space):
                rings.append(Ring(["any"], filter_of("tcp"), RING_BYTES))
        for address in ("10.9.0.2", "10.8.0.2"):
            with net.inside(net.b):
                listener = socket.create_server((address, 0))
            with net.inside(net.a):
                client = socket.socket()
            with listener:
                talk(listener, client, SIZES)
                for ring in rings:
                    judge(testing_ring.read(ring, QUIET_MS), listener.getsockname()[1], 1, at=20)
        for ring in rings:
            ring.close()


@needs_namespaces
def test_an_interface_that_goes_leaves_the_others() -> None:
    with network() as net:
        with net.inside(net.a):
            ring = Ring(["wa", "lo"], filter_of("tcp"), RING_BYTES)
            listener, client = socket.create_server(("127.0.0.1", 0)), socket.socket()
            again = socket.socket()
        ip("-n", net.a, "link", "set", "wa", "down")
        testing_ring.read(ring, QUIET_MS)
        assert ring.downs() == {"wa": 1, "lo": 0}
        ip("-n", net.a, "link", "del", "wa")
        testing_ring.read(ring, QUIET_MS)
        assert ring.downs()["lo"] == 0
        talk(listener, client, SIZES)
        judge(testing_ring.read(ring, QUIET_MS), listener.getsockname()[1], 1)
        # another interface of the same name is captured from once it was noticed
        net.join()
        testing_ring.look_again(ring)
        with net.inside(net.b):
            remote = socket.create_server(("10.9.0.2", 0))
        talk(remote, again, SIZES)
        judge(testing_ring.read(ring, QUIET_MS), remote.getsockname()[1], 1)
        ring.close()
        remote.close()
        listener.close()


@needs_namespaces
def test_an_interface_that_is_down_is_captured_from_when_it_comes_up() -> None:
    with network() as net:
        ip("-n", net.b, "link", "set", "wb", "down")
        with net.inside(net.b), opened("wb", text="src port 1007") as ring:
            assert testing_ring.read(ring, 1) == []
            assert ring.downs() == {"wb": 1}
            ip("-n", net.b, "link", "set", "wb", "up")
            send_frames(net, [numbered(7)])
            assert [frame for frame, _, _, _ in testing_ring.read(ring, QUIET_MS)] == [numbered(7)]


def numbered(number: int) -> bytes:
    return p.ethernet(p.tcp("10.9.0.1", 1000 + number, "10.9.0.2", 80, number, 0, p.ACK, bytes(60)))


@needs_namespaces
def test_packets_of_several_interfaces_come_in_order() -> None:
    """Sent through both ends of a veth pair in turn, each frame leaves the one and arrives at the other."""
    frames = [numbered(number) for number in range(200)]
    with network() as net:
        ip("-n", net.a, "link", "add", "c0", "type", "veth", "peer", "name", "c1")
        for name in ("c0", "c1"):
            ip("-n", net.a, "link", "set", name, "up")
        with net.inside(net.a), opened("c0", "c1", "wa", "lo", text="tcp dst port 80", ring_bytes=16 << 20) as ring:
            send_frames(net, frames, ["c0", "c1"])
            seen = testing_ring.read(ring, QUIET_MS)
            counts = ring.drops()
    where: dict[bytes, list[int]] = {frame: [] for frame in frames}
    for place, (frame, _, _, _) in enumerate(seen):
        where[frame].append(place)
    assert {len(places) for places in where.values()} == {2}
    # side by side, or nearly so when the machine has other things to do between sending and arriving
    assert max(second - first for first, second in where.values()) < 50
    assert counts == {"c0": (200, 0, 0), "c1": (200, 0, 0), "wa": (0, 0, 0), "lo": (0, 0, 0)}


@needs_namespaces
def test_a_ring_that_fills_up_does_not_wait_for_order() -> None:
    """Packets wait to be compared with those of interfaces that have none, but not until the ring is full."""
    with network() as net, net.inside(net.b), opened("wb", "lo", text="tcp dst port 80", ring_bytes=1 << 20) as ring:
        send_frames(net, [numbered(number) for number in range(6000)])
        first = testing_ring.next_of(ring, 0)
        rest = testing_ring.read(ring, QUIET_MS)
        packets, drops, _ = ring.drops()["wb"]
    assert first == numbered(0)
    assert len(rest) + 1 == packets - drops


def test_layout() -> None:
    assert ring_layout(8 << 20, 1) == (256 << 10, 32)
    assert ring_layout(2 << 20, 1) == (128 << 10, BLOCKS_WANTED)
    assert ring_layout(512 << 10, 1) == (128 << 10, 4)
    assert ring_layout((8 << 20) + 1000, 2) == (256 << 10, 16)
    for share in range(512 << 10, 9 << 20, 100_001):
        block, blocks = ring_layout(3 * share, 3)
        assert share - block < block * blocks <= share
    with pytest.raises(UsageError, match="512KiB is too small for 2 interfaces, it takes 1MiB"):
        ring_layout(512 << 10, 2)


def test_what_cannot_be_opened_is_said() -> None:
    with pytest.raises(UsageError, match=r"'nosuch0' is not there; there are .*lo"):
        Ring(["nosuch0"])
    with pytest.raises(UsageError, match="0 interfaces"):
        Ring([])
    with pytest.raises(UsageError, match="name no other beside it"):
        Ring(["any", "lo"])
    with pytest.raises(WhimbrelError, match="'lo': cannot attach the filter: Invalid argument"):
        Ring(["lo"], b"\xff" * 8)
    assert "not allowed to bind" in str(trouble("lo", "bind", 1))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_closing_gives_everything_back() -> None:
    before = descriptors()
    ring = Ring(["lo"], None, RING_BYTES)
    assert descriptors() == before + 2
    ring.close()
    ring.close()
    assert testing_ring.read(ring, 1) == []
    assert (ring.drops(), descriptors()) == ({}, before)
