"""The network interfaces of this machine (of this network namespace), as the kernel lists them.

One netlink dump answers everything: names, indexes, what is up, link types, and which interface rides on which.
(/sys/class/net knows the same, but of the namespace that mounted it.)  Nothing here needs a privilege.

When no interface is named we take those that are up, without the ones that ride on another that is up: a VLAN's
packets pass its parent with their tag, a bond's or bridge's pass a port, and seen twice they would be counted twice.
`any` passes over these riders, too, as far as they are there when it is opened; it takes along what comes up later.
"""

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whimbrel.base.errors import UsageError, WhimbrelError

ANY = "any"
LINK_ETHERNET, LINK_RAW, LINK_LINUX_SLL2 = 1, 101, 276  # as in packet.pxd

ARPHRD_ETHER, ARPHRD_LOOPBACK, ARPHRD_RAWIP, ARPHRD_NONE = 1, 772, 519, 0xFFFE
LINKS = {
    ARPHRD_ETHER: LINK_ETHERNET,
    ARPHRD_LOOPBACK: LINK_ETHERNET,  # with addresses of zeros
    ARPHRD_RAWIP: LINK_RAW,
    ARPHRD_NONE: LINK_RAW,  # tun and WireGuard: a packet begins with its IP header
}

# Kinds of interfaces whose packets pass the interface they were made on, too.
RIDING_KINDS = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"}

RINGS_MAX = 4  # more interfaces than this are watched through `any`: rings of their own would be slivers of memory
RIDERS_MAX = 1024  # whose packets `any` passes over: two instructions each in front of every packet
NAMES_SHOWN = 20

IFF_UP, IFF_LOOPBACK = 1, 8
NLM_F_REQUEST, NLM_F_DUMP = 0x001, 0x300
NLMSG_ERROR, NLMSG_DONE, RTM_NEWLINK, RTM_GETLINK = 2, 3, 16, 18
IFLA_IFNAME, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO, IFLA_LINK_NETNSID = 3, 5, 10, 18, 37
IFLA_INFO_KIND = 1
NLA_TYPE_MASK = 0x3FFF  # above are flags

MESSAGE_HEAD = struct.Struct("=IHHII")  # length, type, flags, sequence, port
LINK_HEAD = struct.Struct("=BxHiII")  # family, hardware type, index, flags, change
ATTRIBUTE_HEAD = struct.Struct("=HH")  # length, type
DUMP_BYTES = 1 << 16  # of one answer; the kernel fills at most 32 KiB


@dataclass(frozen=True)
class Interface:
    """What a capture wants to know of an interface; `index` 0 stands for all of them."""

    name: str
    index: int
    up: bool
    loopback: bool
    link: int  # what its packets begin with: a LINKTYPE_ number
    kind: str = ""  # veth, vlan, bridge, ...; empty for hardware
    master: int = 0  # the bridge or bond it is a port of
    parent: int = 0  # the interface it was made on, where that is in the same namespace
    riders: tuple[int, ...] = ()  # of `any`: the interfaces to pass over


def link_type(hardware: int) -> int:
    """What packets of an ARPHRD_ type begin with.  Of types we do not know the kernel strips the header, and a cooked
    one takes its place."""
    return LINKS.get(hardware, LINK_LINUX_SLL2)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, value) of netlink attributes, to the first that is not whole."""
    at = 0
    while at + ATTRIBUTE_HEAD.size <= len(data):
        length, kind = ATTRIBUTE_HEAD.unpack_from(data, at)
        if length < ATTRIBUTE_HEAD.size or at + length > len(data):
            return
        yield kind & NLA_TYPE_MASK, data[at + ATTRIBUTE_HEAD.size : at + length]
        at += (length + 3) & ~3


def parse_interface(body: bytes) -> Interface:
    """The interface in the body of an RTM_NEWLINK message."""
    _, hardware, index, flags, _ = LINK_HEAD.unpack_from(body)
    found = dict(attributes(body[LINK_HEAD.size :]))
    info = dict(attributes(found.get(IFLA_LINKINFO, b"")))
    elsewhere = IFLA_LINK_NETNSID in found
    return Interface(
        name=found[IFLA_IFNAME].rstrip(b"\0").decode(errors="surrogateescape"),
        index=index,
        up=bool(flags & IFF_UP),
        loopback=bool(flags & IFF_LOOPBACK),
        link=link_type(hardware),
        kind=info.get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode(),
        master=int.from_bytes(found.get(IFLA_MASTER, b""), sys.byteorder),
        parent=0 if elsewhere else int.from_bytes(found.get(IFLA_LINK, b""), sys.byteorder),
    )


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of the messages in one netlink datagram."""
    at = 0
    while at + MESSAGE_HEAD.size <= len(data):
        length, kind, _, _, _ = MESSAGE_HEAD.unpack_from(data, at)
        if length < MESSAGE_HEAD.size:
            return
        yield kind, data[at + MESSAGE_HEAD.size : at + length]
        at += (length + 3) & ~3


def list_interfaces() -> list[Interface]:
    """Every interface of this network namespace, by index."""
    found: list[Interface] = []
    request = MESSAGE_HEAD.pack(MESSAGE_HEAD.size + LINK_HEAD.size, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as route:
        route.sendto(request + LINK_HEAD.pack(socket.AF_UNSPEC, 0, 0, 0, 0), (0, 0))
        while True:
            for kind, body in messages(route.recv(DUMP_BYTES)):
                if kind == NLMSG_DONE:
                    return sorted(found, key=lambda one: one.index)
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", body)[0]
                    raise WhimbrelError(f"the kernel does not list its interfaces: {os.strerror(code or errno.EPROTO)}")
                if kind == RTM_NEWLINK:
                    found.append(parse_interface(body))


def names_of(known: Sequence[Interface]) -> str:
    names = [one.name if one.up else f"{one.name} (down)" for one in known]
    more = [f"and {len(names) - NAMES_SHOWN} more"] if len(names) > NAMES_SHOWN else []
    return ", ".join(names[:NAMES_SHOWN] + more) or "none"


def resolve(names: Sequence[str]) -> list[Interface]:
    """The interfaces of these names, each once.  One that is down is captured from when it comes up."""
    known = list_interfaces()
    by_name = {one.name: one for one in known}
    if ANY in names:
        if set(names) != {ANY}:
            raise UsageError(f"interface {ANY!r} is all of them: name no other beside it")
        seen = {one.index for one in without_riders(known)}
        riders = tuple(one.index for one in known if one.up and one.index not in seen)[:RIDERS_MAX]
        return [Interface(ANY, 0, True, True, LINK_LINUX_SLL2, riders=riders)]
    for name in names:
        if name not in by_name:
            raise UsageError(f"interface {name!r} is not there; there are {names_of(known)}, and {ANY!r} for all")
    return [by_name[name] for name in dict.fromkeys(names)]


def without_riders(known: Sequence[Interface]) -> list[Interface]:
    """The interfaces that are up, without those whose packets are all seen on another of them."""
    up = {one.index: one for one in known if one.up}
    with_ports = {one.master for one in up.values()}
    return [
        one
        for one in up.values()
        if one.index not in with_ports and not (one.kind in RIDING_KINDS and one.parent in up)
    ]


def default_interfaces() -> list[str]:
    """The names to capture on when none is given: all that are up, see the head of this file."""
    chosen = without_riders(list_interfaces())
    if not chosen:
        raise UsageError("no network interface is up")
    return [one.name for one in chosen] if len(chosen) <= RINGS_MAX else [ANY]
