"""One interface's ring: what the kernel took out of a packet is back in it, and it says what it is."""

import fcntl
import os
import socket
import struct

from tests.capture import packets as p
from tests.capture.live import (
    QUIET_MS,
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
)
from whimbrel.capture import testing_ring
from whimbrel.capture.ring import Ring

LINK_RAW, LINK_SLL2 = 101, 276
SMALL_BYTES = 2 << 20  # for a few packets
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000

pytestmark = needs_capture


def test_any_is_cooked_and_has_loopback_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with opened("any", text=f"tcp port {port}") as ring:
            talk(listener, socket.socket(), SIZES)
            seen = testing_ring.read(ring, QUIET_MS)
    judge(seen, port, 1, at=20)
    assert {link for _, _, _, link in seen} == {LINK_SLL2}
    index = socket.if_nametoindex("lo").to_bytes(4)
    assert {frame[:12] for frame, _, _, _ in seen} == {b"\x08\x00\0\0" + index + b"\x03\x04\x00\x06"}


def test_a_long_packet_is_cut_and_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with opened("lo", text=f"tcp port {port}", snaplen=96) as ring:
            talk(listener, socket.socket(), [(40000, 1)])
            seen = testing_ring.read(ring, QUIET_MS)
    judge(seen, port, 1, [(40000, 1)])
    assert max(len(frame) for frame, _, _, _ in seen) == 96
    assert max(wire for _, wire, _, _ in seen) > 30000


def tagged_frame(number: int, tag: int) -> bytes:
    inside = p.tcp("10.9.0.1", 1000 + number, "10.9.0.2", 80, number, 0, p.ACK, b"w" * number)
    return p.ethernet(inside, tags=[tag]) if tag else p.ethernet(inside)


@needs_namespaces
def test_tags_are_put_back() -> None:
    """The kernel takes the tag out of what arrives; in the ring it is where it was."""
    frames = [tagged_frame(number, tag) for number, tag in enumerate([7, 0x6007, 8, 0, 7])]
    for tags in ([5, 7], [5, 0x4507]):  # read as an IPv4 header, the last begins like one
        inside = p.tcp("10.9.0.1", 1, "10.9.0.2", 80, 1, 0, p.ACK, b"w")
        frames.append(p.ethernet(inside, tags=tags, tag_type=0x88A8))
    with network() as net:
        with net.inside(net.b):
            whole = Ring(["wb"], None, SMALL_BYTES)
            cooked = Ring(["any"], None, SMALL_BYTES)
            filtered = {text: Ring(["wb"], filter_of(text), SMALL_BYTES) for text in FILTERED}
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
def test_tun_has_raw_packets() -> None:
    """What a program writes into its tun arrives with its IP header first."""
    packets = [
        p.tcp("10.7.0.2", 1, "10.7.0.1", 80, 1, 0, p.SYN, b""),
        p.tcp("fd07::2", 1, "fd07::1", 80, 1, 0, p.SYN, b""),
    ]
    with network() as net, net.inside(net.a):
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"t0", IFF_TUN | IFF_NO_PI))
            ip("-n", net.a, "link", "set", "t0", "up")
            with opened("t0", text="tcp dst port 80") as ring:
                for packet in packets:
                    os.write(tun, packet)
                seen = testing_ring.read(ring, QUIET_MS)
        finally:
            os.close(tun)
    assert [(frame, link) for frame, _, _, link in seen] == [(packet, LINK_RAW) for packet in packets]
