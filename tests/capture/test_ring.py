"""Live capture: what two programs said to each other is in the ring, all of it and once."""

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.capture import packets as p
from tests.capture.live import QUIET_MS, RING_BYTES, ip, needs_capture, needs_namespaces, network, talk, tcp_of
from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.capture import testing_ring
from whimbrel.capture.filter import compile_filter
from whimbrel.capture.ring import BLOCKS_WANTED, Ring, ring_layout, trouble

FIN, SYN, RST = 1, 2, 4
SIZES = [(100, 300), (1, 200_000), (70_000, 5)]
LINK_ETHERNET, LINK_SLL2, LINK_RAW = 1, 276, 101

pytestmark = needs_capture


def filter_of(text: str) -> Callable[[int], bytes]:
    return lambda link: compile_filter(text, link)


@contextlib.contextmanager
def ring_on(*interfaces: str, text: str = "", ring_bytes: int = RING_BYTES, **options):
    ring = Ring(list(interfaces), filter_of(text) if text else None, ring_bytes, **options)
    try:
        yield ring
    finally:
        ring.close()


def judge(seen, port: int, connections: int, sizes=SIZES, at: int = 14) -> None:
    """Every packet of `connections` conversations on `port` is in `seen`, and no packet twice."""
    packets = [tcp_of(frame, at) for frame, _, _, _ in seen]
    mine = [one for one in packets if port in one[:2]]
    assert len(mine) == len(packets), "the filter let others through"
    assert len([one for one in mine if one[3] & SYN]) == 2 * connections
    assert len([one for one in mine if one[3] & FIN]) == 2 * connections
    assert not [one for one in mine if one[3] & RST]
    assert sum(one[4] for one in mine if one[1] == port) == connections * sum(size for size, _ in sizes)
    assert sum(one[4] for one in mine if one[0] == port) == connections * sum(size for _, size in sizes)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_loopback_has_every_packet_once(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
        with ring_on("lo", text=f"tcp port {port}") as ring:
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
    assert times == sorted(times)
    assert began_ns <= times[0] and times[-1] <= time.time_ns()


def test_any_is_cooked_and_has_loopback_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with ring_on("any", text=f"tcp port {port}") as ring:
            talk(listener, socket.socket(), SIZES)
            seen = testing_ring.read(ring, QUIET_MS)
    judge(seen, port, 1, at=20)
    assert {link for _, _, _, link in seen} == {LINK_SLL2}
    index = socket.if_nametoindex("lo").to_bytes(4)
    assert {frame[:12] for frame, _, _, _ in seen} == {b"\x08\x00\0\0" + index + b"\x03\x04\x00\x06"}


def test_a_long_packet_is_cut_and_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with ring_on("lo", text=f"tcp port {port}", snaplen=96) as ring:
            talk(listener, socket.socket(), [(40000, 1)])
            seen = testing_ring.read(ring, QUIET_MS)
    judge(seen, port, 1, [(40000, 1)])
    assert max(len(frame) for frame, _, _, _ in seen) == 96
    assert max(wire for _, wire, _, _ in seen) > 30000


def test_a_filter_is_the_kernels() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        wanted = one.getsockname()[1]
        with ring_on("lo", text=f"dst port {wanted}") as ring:
            talk(one, socket.socket(), SIZES)
            talk(other, socket.socket(), SIZES)
            seen = testing_ring.read(ring, QUIET_MS)
            assert ring.drops()["lo"][0] == len(seen)
    assert {tcp_of(frame)[1] for frame, _, _, _ in seen} == {wanted}


def test_what_nobody_reads_is_dropped_and_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with ring_on("lo", text=f"tcp port {port}", ring_bytes=512 << 10) as ring:
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


def tagged_frame(number: int, tag: int) -> bytes:
    inside = p.tcp("10.9.0.1", 1000 + number, "10.9.0.2", 80, number, 0, p.ACK, b"w" * number)
    return p.ethernet(inside, tags=[tag]) if tag else p.ethernet(inside)


def send_frames(net, frames: list[bytes]) -> None:
    with net.inside(net.a), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind(("wa", 0))
        for frame in frames:
            sender.send(frame)


@needs_namespaces
def test_tags_are_put_back() -> None:
    """The kernel takes the tag out of what arrives; in the ring it is where it was."""
    frames = [tagged_frame(number, tag) for number, tag in enumerate([7, 0x6007, 8, 0, 7])]
    for tags in ([5, 7], [5, 0x4507]):  # read as an IPv4 header, the last begins like one
        inside = p.tcp("10.9.0.1", 1, "10.9.0.2", 80, 1, 0, p.ACK, b"w")
        frames.append(p.ethernet(inside, tags=tags, tag_type=0x88A8))
    with network() as net:
        with net.inside(net.b):
            whole = Ring(["wb"], None, RING_BYTES)
            cooked = Ring(["any"], None, RING_BYTES)
            filtered = {text: Ring(["wb"], filter_of(text), RING_BYTES) for text in FILTERED}
        send_frames(net, frames)
        seen = [frame for frame, wire, _, _ in testing_ring.read(whole, QUIET_MS) if wire == len(frame)]
        assert [frame for frame in seen if frame[:6] == frames[0][:6]] == frames
        seen = [frame for frame, _, _, _ in testing_ring.read(cooked, QUIET_MS) if frame[10:11] == b"\x03"]
        assert [frame[:2] + frame[20:] for frame in seen] == [frame[12:] for frame in frames]
        for text, ring in filtered.items():
            mine = [frame for frame, _, _, _ in testing_ring.read(ring, QUIET_MS)]
            assert mine == [frames[number] for number in FILTERED[text]], text
            ring.close()
        whole.close()
        cooked.close()


FILTERED = {  # and the frames above that pass
    "vlan and dst port 80": [0, 1, 2, 4],
    "vlan 7 and tcp": [0, 1, 4],
    "vlan 8": [2],
    "vlan 9": [],
    "vlan 5 and vlan 7 and tcp": [5],
    "src port 1000": [0],  # without `vlan` the kernel filters, to whom the tag is not in the packet
}


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
def test_tun_has_raw_packets() -> None:
    with network() as net:
        ip("-n", net.a, "tuntap", "add", "t0", "mode", "tun")
        ip("-n", net.a, "addr", "add", "10.7.0.1/24", "dev", "t0")
        ip("-n", net.a, "link", "set", "t0", "up")
        with net.inside(net.a), ring_on("t0", text="") as ring:
            assert testing_ring.read(ring, 1) == []
            assert ring.drops() == {"t0": (0, 0, 0)}


def test_layout() -> None:
    assert ring_layout(8 << 20, 1) == (256 << 10, 32)
    assert ring_layout(2 << 20, 1) == (128 << 10, BLOCKS_WANTED)
    assert ring_layout(512 << 10, 1) == (128 << 10, 4)
    assert ring_layout((8 << 20) + 1000, 2) == (256 << 10, 16)
    for share in range(512 << 10, 9 << 20, 100_001):
        block, blocks = ring_layout(3 * share, 3)
        assert share - block < block * blocks <= share
    with pytest.raises(UsageError, match="512KiB is too small for 2 interfaces: at least 1MiB"):
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
