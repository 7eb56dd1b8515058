"""Frames made by hand, for tests: every layer a function that takes what is inside it and returns bytes.

    frame = ethernet(tcp("10.0.0.1", 4000, "10.0.0.2", 80, 1, 1, ACK, b"GET / HTTP/1.1\r\n\r\n"))
    frame = ethernet(vxlan(ethernet(tcp(...)), 7), tags=[12])

An IP packet is told from its first nibble, so `ethernet`, `sll`, `null` and the tunnels need not be told its type.
Checksums are right, so that other programs read what is written here.
"""

import ipaddress
import struct
from collections.abc import Iterable, Sequence

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32

ETHER_IPV4, ETHER_IPV6, ETHER_ARP, ETHER_BRIDGED = 0x0800, 0x86DD, 0x0806, 0x6558
ETHER_VLAN, ETHER_QINQ, ETHER_QINQ_OLD = 0x8100, 0x88A8, 0x9100
IPIP, TCP, UDP, IN_IPV6, GRE = 4, 6, 17, 41, 47
HOP_BY_HOP, ROUTING, FRAGMENT, ESP, AH, NO_NEXT, DESTINATION = 0, 43, 44, 50, 51, 59, 60
VXLAN_PORT, VXLAN_PORT_OLD, GENEVE_PORT = 4789, 8472, 6081

MORE_FRAGMENTS = 0x2000

OUTER = ("192.0.2.1", "192.0.2.2")  # between whom tunnels run, where a test does not care
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 80)


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def checksum(data: bytes) -> int:
    """The internet checksum: ones' complement of the ones' complement sum of 16-bit words."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethertype_of(packet: bytes) -> int:
    return ETHER_IPV6 if packet[:1] and packet[0] >> 4 == 6 else ETHER_IPV4


# ---- link layers ----------------------------------------------------------------------------------------


def ethernet(
    packet: bytes, *, ethertype: int | None = None, tags: Sequence[int] = (), tag_type: int = ETHER_VLAN
) -> bytes:
    """`tags` are VLAN ids from the outermost inwards; all but the innermost are of `tag_type`."""
    kind = ethertype_of(packet) if ethertype is None else ethertype
    types = [tag_type] * (len(tags) - 1) + [ETHER_VLAN] if tags else []
    head = b"".join(struct.pack("!HH", t, vlan) for t, vlan in zip(types, tags, strict=True))
    return bytes.fromhex("02000000000202000000000a") + head + struct.pack("!H", kind) + packet


def ethernet_802_3(payload: bytes) -> bytes:
    """A frame with a length where a type would be: spanning tree and its like."""
    return bytes.fromhex("0180c200000002000000000a") + struct.pack("!H", len(payload)) + payload


def sll(packet: bytes, *, ethertype: int | None = None) -> bytes:
    """Linux cooked capture, version 1: what the `any` device gives."""
    kind = ethertype_of(packet) if ethertype is None else ethertype
    return struct.pack("!HHH8sH", 0, 1, 6, bytes(8), kind) + packet


def sll2(packet: bytes, *, ethertype: int | None = None) -> bytes:
    kind = ethertype_of(packet) if ethertype is None else ethertype
    return struct.pack("!HHIHBB8s", kind, 0, 3, 1, 0, 6, bytes(8)) + packet


def null(packet: bytes, *, order: str = "<", family: int | None = None) -> bytes:
    """BSD loopback: the address family in the byte order of the host that captured; OpenBSD's `loop` is big-endian."""
    kind = (30 if packet[0] >> 4 == 6 else 2) if family is None else family
    return struct.pack(order + "I", kind) + packet


# ---- IP -------------------------------------------------------------------------------------------------


def ipv4(
    src: str,
    dst: str,
    payload: bytes,
    protocol: int = TCP,
    *,
    ident: int = 1,
    fragment: int = 0,
    options: bytes = b"",
    total_len: int | None = None,
) -> bytes:
    """`fragment` is the word of flags and offset (in units of 8 bytes); `total_len` lies where it is given."""
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4
    total = words * 4 + len(payload) if total_len is None else total_len
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, total, ident, fragment, 64, protocol, 0)
    head += packed(src) + packed(dst) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(src: str, dst: str, payload: bytes, protocol: int = TCP, *, payload_len: int | None = None) -> bytes:
    length = len(payload) if payload_len is None else payload_len
    return struct.pack("!IHBB", 0x60000000, length, protocol, 64) + packed(src) + packed(dst) + payload


def extended(payload: bytes, protocol: int, headers: Iterable[tuple[int, bytes]]) -> tuple[bytes, int]:
    """`payload` behind IPv6 extension headers (kind, their body), and the kind of the first: what ipv6() takes."""
    for kind, body in reversed(list(headers)):
        if kind == AH:
            body += bytes(-(len(body) + 2) % 8)
            head = struct.pack("!BB", protocol, (len(body) + 2) // 4 - 2)
        else:
            body += bytes(-(len(body) + 2) % 8)
            head = struct.pack("!BB", protocol, (len(body) + 2) // 8 - 1)
        payload, protocol = head + body + payload, kind
    return payload, protocol


def ip(src: str, dst: str, payload: bytes, protocol: int) -> bytes:
    make = ipv6 if ":" in src else ipv4
    return make(src, dst, payload, protocol)


def fragments_v4(src: str, dst: str, payload: bytes, size: int, protocol: int = TCP, *, ident: int = 7) -> list[bytes]:
    """One datagram in packets of `size` bytes of payload each, a multiple of 8."""
    pieces = []
    for at in range(0, len(payload), size):
        more = MORE_FRAGMENTS if at + size < len(payload) else 0
        pieces.append(ipv4(src, dst, payload[at : at + size], protocol, ident=ident, fragment=more | at // 8))
    return pieces


def fragments_v6(src: str, dst: str, payload: bytes, size: int, protocol: int = TCP, *, ident: int = 7) -> list[bytes]:
    pieces = []
    for at in range(0, len(payload), size):
        more = at + size < len(payload)
        head = struct.pack("!BBHI", protocol, 0, at | more, ident)
        pieces.append(ipv6(src, dst, head + payload[at : at + size], FRAGMENT))
    return pieces


# ---- TCP and UDP ----------------------------------------------------------------------------------------


def pseudo_header(src: str, dst: str, length: int, protocol: int) -> bytes:
    return packed(src) + packed(dst) + struct.pack("!II", length, protocol)


def tcp_segment(
    src: str,
    sport: int,
    dst: str,
    dport: int,
    seq: int,
    ack: int,
    flags: int,
    payload: bytes = b"",
    *,
    options: bytes = b"",
) -> bytes:
    """TCP header and payload, without an IP header around them."""
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", sport, dport, seq % 2**32, ack % 2**32, words << 4, flags, 65535, 0, 0) + options
    data = head + payload
    total = checksum(pseudo_header(src, dst, len(data), TCP) + data)
    return data[:16] + struct.pack("!H", total) + data[18:]


def tcp(
    src: str,
    sport: int,
    dst: str,
    dport: int,
    seq: int,
    ack: int,
    flags: int,
    payload: bytes = b"",
    *,
    options: bytes = b"",
) -> bytes:
    """An IPv4 or IPv6 packet, by the addresses, with a TCP segment in it."""
    return ip(src, dst, tcp_segment(src, sport, dst, dport, seq, ack, flags, payload, options=options), TCP)


def udp_datagram(src: str, sport: int, dst: str, dport: int, payload: bytes) -> bytes:
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    total = checksum(pseudo_header(src, dst, 8 + len(payload), UDP) + head + payload) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + payload


def udp(src: str, sport: int, dst: str, dport: int, payload: bytes) -> bytes:
    return ip(src, dst, udp_datagram(src, sport, dst, dport, payload), UDP)


# ---- tunnels: IP packets with another packet or frame in them ---------------------------------------------


def vxlan(frame: bytes, vni: int, *, outer: tuple[str, str] = OUTER, port: int = VXLAN_PORT) -> bytes:
    """`frame` is an Ethernet frame."""
    return udp(outer[0], 50000, outer[1], port, struct.pack("!II", 0x08000000, vni << 8) + frame)


def geneve(
    inner: bytes, vni: int, *, protocol: int = ETHER_BRIDGED, options: bytes = b"", outer: tuple[str, str] = OUTER
) -> bytes:
    """`inner` is an Ethernet frame, or what `protocol` says; `options` are whole words."""
    head = struct.pack("!BBHI", len(options) // 4, 0, protocol, vni << 8) + options
    return udp(outer[0], 50000, outer[1], GENEVE_PORT, head + inner)


def gre(
    inner: bytes,
    *,
    protocol: int | None = None,
    key: int | None = None,
    seq: int | None = None,
    with_checksum: bool = False,
    outer: tuple[str, str] = OUTER,
) -> bytes:
    """`inner` is an IP packet, or a frame where `protocol` is ETHER_BRIDGED."""
    kind = ethertype_of(inner) if protocol is None else protocol
    flags = (0x8000 if with_checksum else 0) | (0x2000 if key is not None else 0) | (0x1000 if seq is not None else 0)
    tail = b"" if key is None else struct.pack("!I", key)
    tail += b"" if seq is None else struct.pack("!I", seq)
    head = struct.pack("!HH", flags, kind)
    if with_checksum:
        head += struct.pack("!HH", checksum(head + bytes(4) + tail + inner), 0)
    return ip(*outer, head + tail + inner, GRE)


def in_ip(inner: bytes, *, outer: tuple[str, str] = OUTER) -> bytes:
    """An IP packet in an IP packet: IP-in-IP, 6in4, 4in6, 6in6."""
    return ip(*outer, inner, IN_IPV6 if inner[0] >> 4 == 6 else IPIP)


# ---- conversations --------------------------------------------------------------------------------------


def conversation(
    turns: Iterable[tuple[str, bytes]],
    *,
    client: tuple[str, int] = CLIENT,
    server: tuple[str, int] = SERVER,
    mss: int = 1400,
    start: tuple[int, int] = (1000, 9000),
) -> list[bytes]:
    """A whole connection as IP packets: handshake, the turns (">" by the client, "<" by the server), both FINs."""
    seq = dict(zip("><", start, strict=True))
    ends = {">": (*client, *server), "<": (*server, *client)}
    made: list[bytes] = []

    def send(side: str, flags: int, data: bytes = b"") -> None:
        other = "<" if side == ">" else ">"
        ack = 0 if flags == SYN else seq[other]
        made.append(tcp(*ends[side], seq[side], ack, flags, data))
        seq[side] += len(data) + bool(flags & (SYN | FIN))

    send(">", SYN)
    send("<", SYN | ACK)
    send(">", ACK)
    for side, data in turns:
        for at in range(0, len(data), mss):
            send(side, ACK | PSH, data[at : at + mss])
        send("<" if side == ">" else ">", ACK)
    send(">", FIN | ACK)
    send("<", FIN | ACK)
    send(">", ACK)
    return made
