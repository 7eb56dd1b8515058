"""Frames of every kind decode to the segment that was put into them."""

import ipaddress
import random

import pytest

from tests.capture import packets as p
from whimbrel.capture.testing_decode import Decoding

ETHERNET, NULL, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 1, 0, 101, 108, 113, 228, 229, 276

DATA = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"
V4 = p.tcp("10.1.2.3", 40000, "10.9.8.7", 8080, 0xFFFFFFF0, 77, p.ACK | p.PSH, DATA)
V6 = p.tcp("2001:db8::1", 40000, "2001:db8::2", 8080, 0xFFFFFFF0, 77, p.ACK | p.PSH, DATA)
OUTER6 = ("2001:db8:f::1", "2001:db8:f::2")
INNER_SEGMENT = V6[40:]


def v6_with(*headers: tuple[int, bytes]) -> bytes:
    payload, first = p.extended(INNER_SEGMENT, p.TCP, headers)
    return p.ipv6("2001:db8::1", "2001:db8::2", payload, first)


def nested(depth: int) -> bytes:
    packet = V4
    for _ in range(depth):
        packet = p.in_ip(packet)
    return packet


# name: (link, frame, address family of the innermost packet, whether it is in a network of its own)
FOUND = {
    "ethernet": (ETHERNET, p.ethernet(V4), 4, False),
    "ethernet, IPv6": (ETHERNET, p.ethernet(V6), 6, False),
    "ethernet, padded": (ETHERNET, p.ethernet(V4) + bytes(30), 4, False),
    "ethernet, IPv6, padded": (ETHERNET, p.ethernet(V6) + bytes(30), 6, False),
    "a tag": (ETHERNET, p.ethernet(V4, tags=[12]), 4, True),
    "a tag with a priority only": (ETHERNET, p.ethernet(V4, tags=[0x6000]), 4, False),
    "QinQ": (ETHERNET, p.ethernet(V4, tags=[7, 12], tag_type=p.ETHER_QINQ), 4, True),
    "QinQ of old": (ETHERNET, p.ethernet(V6, tags=[7, 12], tag_type=p.ETHER_QINQ_OLD), 6, True),
    "four tags": (ETHERNET, p.ethernet(V4, tags=[1, 2, 3, 4]), 4, True),
    "cooked": (SLL, p.sll(V4), 4, False),
    "cooked, IPv6": (SLL, p.sll(V6), 6, False),
    "cooked, a tag": (SLL, p.sll(p.ethernet(V4, tags=[12])[14:], ethertype=p.ETHER_VLAN), 4, True),
    "cooked v2": (SLL2, p.sll2(V4), 4, False),
    "cooked v2, IPv6": (SLL2, p.sll2(V6), 6, False),
    "null": (NULL, p.null(V4), 4, False),
    "null, the other order": (NULL, p.null(V4, order=">"), 4, False),
    "null, macOS": (NULL, p.null(V6), 6, False),
    "null, FreeBSD": (NULL, p.null(V6, family=28), 6, False),
    "null, NetBSD": (NULL, p.null(V6, family=24, order=">"), 6, False),
    "null, Linux": (NULL, p.null(V6, family=10), 6, False),
    "loop": (LOOP, p.null(V4, order=">"), 4, False),
    "raw": (RAW, V4, 4, False),
    "raw, IPv6": (RAW, V6, 6, False),
    "raw, numbered as of old": (12, V6, 6, False),
    "raw, numbered as by some": (14, V4, 4, False),
    "IPv4 only": (IPV4, V4, 4, False),
    "IPv6 only": (IPV6, V6, 6, False),
    "IPv4 options": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", V4[20:], options=b"\x94\x04\0\0" + b"\1" * 36), 4, False),
    "IPv4 without a total length": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", V4[20:], total_len=0), 4, False),
    "IPv6 without a length": (RAW, p.ipv6("2001:db8::1", "2001:db8::2", V6[40:], payload_len=0), 6, False),
    "TCP options": (
        RAW,
        p.tcp("10.1.2.3", 40000, "10.9.8.7", 8080, 0xFFFFFFF0, 77, 24, DATA, options=b"\1" * 40),
        4,
        False,
    ),
    "hop by hop": (RAW, v6_with((p.HOP_BY_HOP, b"\5\2\0\0\1\0")), 6, False),
    "routing": (RAW, v6_with((p.ROUTING, bytes(22))), 6, False),
    "destination": (RAW, v6_with((p.DESTINATION, b"\1\4\0\0\0\0")), 6, False),
    "AH": (RAW, v6_with((p.AH, bytes(22))), 6, False),
    "AH in IPv4": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", *p.extended(V4[20:], p.TCP, [(p.AH, bytes(22))])), 4, False),
    "all of them": (
        RAW,
        v6_with((p.HOP_BY_HOP, bytes(6)), (p.DESTINATION, bytes(6)), (p.ROUTING, bytes(14)), (p.AH, bytes(14))),
        6,
        False,
    ),
    "the only fragment": (RAW, v6_with((p.FRAGMENT, bytes(6))), 6, False),
    "VXLAN": (ETHERNET, p.ethernet(p.vxlan(p.ethernet(V4), 7)), 4, True),
    "VXLAN's old port": (ETHERNET, p.ethernet(p.vxlan(p.ethernet(V4), 7, port=p.VXLAN_PORT_OLD)), 4, True),
    "VXLAN over IPv6": (ETHERNET, p.ethernet(p.vxlan(p.ethernet(V4, tags=[3]), 7, outer=OUTER6)), 4, True),
    "GENEVE": (ETHERNET, p.ethernet(p.geneve(p.ethernet(V6), 7)), 6, True),
    "GENEVE with options": (RAW, p.geneve(p.ethernet(V4), 7, options=bytes(24)), 4, True),
    "GENEVE, IP in it": (RAW, p.geneve(V4, 7, protocol=p.ETHER_IPV4), 4, True),
    "GRE": (RAW, p.gre(V4), 4, False),
    "GRE, IPv6 in it": (RAW, p.gre(V6), 6, False),
    "GRE with a key": (RAW, p.gre(V4, key=5), 4, True),
    "GRE with a sequence": (RAW, p.gre(V4, seq=9), 4, False),
    "GRE with a checksum": (RAW, p.gre(V4, with_checksum=True), 4, False),
    "GRE with everything": (RAW, p.gre(V6, key=5, seq=9, with_checksum=True, outer=OUTER6), 6, True),
    "GRE, a bridge": (RAW, p.gre(p.ethernet(V4), protocol=p.ETHER_BRIDGED), 4, False),
    "IP in IP": (RAW, p.in_ip(V4), 4, False),
    "6in4": (RAW, p.in_ip(V6), 6, False),
    "4in6": (RAW, p.in_ip(V4, outer=OUTER6), 4, False),
    "6in6": (RAW, p.in_ip(V6, outer=OUTER6), 6, False),
    "four tunnels": (RAW, nested(4), 4, False),
    "tunnels of four kinds": (
        ETHERNET,
        p.ethernet(p.vxlan(p.ethernet(p.gre(p.geneve(p.ethernet(p.in_ip(V6)), 1), key=2)), 3), tags=[4]),
        6,
        True,
    ),
}

ARP = bytes.fromhex("00010800060400010a0000000001c0a80001000000000000c0a80002")
UDP4 = p.udp("10.1.2.3", 53, "10.9.8.7", 5353, b"not a tunnel")

# name: (link, frame, what it is)
NOT_FOUND = {
    "ARP": (ETHERNET, p.ethernet(ARP, ethertype=p.ETHER_ARP), "other"),
    "UDP": (ETHERNET, p.ethernet(UDP4), "other"),
    "ICMP": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", bytes(8), 1), "other"),
    "ESP": (RAW, p.ipv6("2001:db8::1", "2001:db8::2", bytes(40), p.ESP), "other"),
    "no next header": (RAW, p.ipv6("2001:db8::1", "2001:db8::2", b"", p.NO_NEXT), "other"),
    "a frame with a length": (ETHERNET, p.ethernet_802_3(b"BB\3" + bytes(35)), "other"),
    "an unknown link": (105, p.ethernet(V4), "other"),
    "an unknown family": (NULL, p.null(V4, family=99), "other"),
    "five tags": (ETHERNET, p.ethernet(V4, tags=[1, 2, 3, 4, 5]), "other"),
    "five tunnels": (RAW, nested(5), "other"),
    "nine extension headers": (RAW, v6_with(*[(p.DESTINATION, bytes(6))] * 9), "other"),
    "VXLAN without a VNI": (RAW, p.udp("10.1.2.3", 9, "10.9.8.7", 4789, bytes(8) + p.ethernet(V4)), "other"),
    "GENEVE of another version": (RAW, p.udp("10.1.2.3", 9, "10.9.8.7", 6081, b"\x40" + bytes(60)), "other"),
    "GENEVE, control": (RAW, p.udp("10.1.2.3", 9, "10.9.8.7", 6081, b"\0\x80" + bytes(60)), "other"),
    "GRE of PPTP": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", b"\x30\1\x88\x0b" + bytes(60), p.GRE), "other"),
    "hop by hop in IPv4": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", bytes(8) + V4[20:], p.HOP_BY_HOP), "other"),
    "fragments of ICMP": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", bytes(8), 1, fragment=p.MORE_FRAGMENTS), "other"),
    "an IP version 5": (RAW, b"\x55" + V4[1:], "bad"),
    "IPv6 where IPv4 should be": (IPV4, V6, "bad"),
    "IPv4 where IPv6 should be": (IPV6, V4, "bad"),
    "an IPv4 header of four words": (RAW, b"\x44" + V4[1:], "bad"),
    "a total length within the header": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", V4[20:], total_len=19), "bad"),
    "no room for TCP's header": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", V4[20:39]), "bad"),
    "a TCP header of four words": (RAW, V4[:32] + b"\x40" + V4[33:], "bad"),
    "a TCP header beyond the packet": (RAW, p.ipv4("10.1.2.3", "10.9.8.7", V4[20:32] + b"\xf0" + V4[33:50]), "bad"),
    "a runt": (ETHERNET, b"\2" * 10, "bad"),
    "nothing": (ETHERNET, b"", "bad"),
    "nothing, raw": (RAW, b"", "bad"),
}  # fmt: skip

ADDRESSES = {4: ("10.1.2.3", "10.9.8.7"), 6: ("2001:db8::1", "2001:db8::2")}


def mapped(address: str) -> bytes:
    ip = ipaddress.ip_address(address)
    return ip.packed if ip.version == 6 else bytes(10) + b"\xff\xff" + ip.packed


@pytest.mark.parametrize("name", FOUND)
def test_the_segment_is_found_in(name: str) -> None:
    link, frame, family, own_network = FOUND[name]
    kind, segment = Decoding().decode(frame, link, time_ns=123)
    assert kind == "tcp" and segment
    src, dst = (mapped(address) for address in ADDRESSES[family])
    assert (segment["src"], segment["dst"]) == ((src, 40000), (dst, 8080))
    assert (segment["seq"], segment["ack"], segment["flags"]) == (0xFFFFFFF0, 77, p.ACK | p.PSH)
    assert (segment["data"], segment["wire_len"], segment["time_ns"]) == (DATA, len(DATA), 123)
    assert (segment["network"] != 0) is own_network


@pytest.mark.parametrize("name", NOT_FOUND)
def test_no_segment_is_in(name: str) -> None:
    link, frame, kind = NOT_FOUND[name]
    decoding = Decoding()
    assert decoding.decode(frame, link) == (kind, None)
    assert decoding.counts == {"tcp": 0, "waits": 0, "other": 0, "cut": 0, "bad": 0} | {kind: 1}


@pytest.mark.parametrize("name", FOUND)
def test_a_cut_capture_says_how_much_is_missing(name: str) -> None:
    """Wherever a capture is cut: the same segment with a hole behind it, or too little to say."""
    link, frame, _, _ = FOUND[name]
    decoding = Decoding()
    whole = decoding.decode(frame, link)[1]
    assert whole
    last = ""
    for size in range(len(frame) + 1):
        last, segment = decoding.decode(frame[:size], link, len(frame))
        if segment:
            assert segment == whole | {"data": whole["data"][: len(segment["data"])]}
            continue
        assert last == "cut"
    assert last == "tcp"


@pytest.mark.parametrize("name", FOUND)
def test_a_frame_that_ends_early_is_never_believed_whole(name: str) -> None:
    """Devices that slice packets leave frames that look whole; what IP says of their length still holds."""
    link, frame, _, _ = FOUND[name]
    decoding = Decoding()
    whole = decoding.decode(frame, link)[1]
    assert whole
    says_no_length = "without a" in name
    for size in range(len(frame)):
        kind, segment = decoding.decode(frame[:size], link)
        if segment and not says_no_length:
            assert segment == whole | {"data": whole["data"][: len(segment["data"])]}
        else:
            assert kind in ("tcp", "cut", "bad")


@pytest.mark.parametrize("name", [*FOUND, *NOT_FOUND])
def test_any_flipped_bits_are_survived(name: str) -> None:
    link, frame = (FOUND.get(name) or NOT_FOUND[name])[:2]
    rng = random.Random(name)
    decoding = Decoding()
    flips = 0
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        for _ in range(rng.randrange(3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        _, segment = decoding.decode(bytes(damaged), link, time_ns=bit)
        assert segment is None or len(segment["data"]) <= min(segment["wire_len"], len(frame))
        flips += 1
    assert sum(decoding.counts.values()) == flips


@pytest.mark.parametrize("flags", [p.SYN, p.SYN | p.ACK, p.FIN | p.ACK, p.RST, p.ACK | p.URG | 0xC0])
def test_flags_are_kept_and_a_segment_may_be_empty(flags: int) -> None:
    frame = p.ethernet(p.tcp("10.0.0.1", 1, "10.0.0.2", 2, 3, 4, flags)) + bytes(6)
    kind, segment = Decoding().decode(frame)
    assert kind == "tcp" and segment
    assert (segment["flags"], segment["data"], segment["wire_len"]) == (flags, b"", 0)


def test_a_segment_beyond_64_kib_has_its_length_from_the_frame() -> None:
    """What a card is to split (TSO) is captured before it is split, without a total length."""
    data = bytes(range(256)) * 400
    packet = p.ipv4("10.0.0.1", "10.0.0.2", p.tcp_segment("10.0.0.1", 1, "10.0.0.2", 2, 3, 4, p.ACK, data), total_len=0)
    kind, segment = Decoding().decode(p.ethernet(packet)[:5000], wire_len=len(p.ethernet(packet)))
    assert kind == "tcp" and segment
    assert (segment["data"], segment["wire_len"]) == (data[: 5000 - 54], len(data))


def network_of(frame: bytes, link: int = ETHERNET) -> int:
    segment = Decoding().decode(frame, link)[1]
    assert segment
    return int(segment["network"])


def test_networks_differ_by_every_id_around_the_packet() -> None:
    frames = [
        p.ethernet(V4),
        p.ethernet(V4, tags=[7]),
        p.ethernet(V4, tags=[8]),
        p.ethernet(V4, tags=[7, 8]),
        p.ethernet(V4, tags=[8, 7]),
        p.ethernet(p.vxlan(p.ethernet(V4), 7)),
        p.ethernet(p.vxlan(p.ethernet(V4), 8)),
        p.ethernet(p.vxlan(p.ethernet(V4, tags=[7]), 7)),
        p.ethernet(p.geneve(p.ethernet(V4), 7)),
        p.ethernet(p.gre(V4, key=7)),
        p.ethernet(p.gre(V4, key=7 << 24)),
    ]
    assert len({network_of(frame) for frame in frames}) == len(frames)


def test_a_network_does_not_depend_on_direction_or_priority() -> None:
    there = p.tcp("10.0.0.1", 1, "10.0.0.2", 2, 3, 4, p.ACK)
    back = p.tcp("10.0.0.2", 2, "10.0.0.1", 1, 4, 3, p.ACK)
    one = p.ethernet(p.vxlan(p.ethernet(there), 7), tags=[12])
    other = p.ethernet(p.vxlan(p.ethernet(back), 7, outer=p.OUTER[::-1]), tags=[12 | 0xE000])
    assert network_of(one) == network_of(other)
