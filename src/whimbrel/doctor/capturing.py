"""What `whimbrel watch` needs to see packets, and what makes the kernel lose them before it does.

The ring is not asked about but opened, as large as a default --memory makes it, and closed again; nothing that comes
in is looked at.  Its memory is the kernel's, and bounded by neither net.core.rmem_max nor the limit of locked memory.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shlex
import socket
import struct
from pathlib import Path

from whimbrel.base.errors import WhimbrelError
from whimbrel.base.options import size_text
from whimbrel.capture.filter import libpcap
from whimbrel.capture.interfaces import default_interfaces, list_interfaces
from whimbrel.capture.privilege import capture_rights
from whimbrel.doctor.finding import Finding, advice, fine, missing, unknown
from whimbrel.doctor.machine import Machine

RING_BYTES = 8 << 20  # what a --memory of 64 MiB leaves for it
SNAPLEN = 262144
BACKLOG_MOST = 1 << 16  # packets a core: more is latency, not room
SIOCETHTOOL, ETHTOOL_GRINGPARAM = 0x8946, 0x10
RING_PARAMETERS = struct.Struct("=9I")  # command, most rx, mini, jumbo, tx; the same as they are
INTERFACE_REQUEST = struct.Struct("16sP16x")  # struct ifreq: a name, the address of the above


def rights(machine: Machine) -> Finding:
    trouble = capture_rights()
    if trouble is None:
        return fine("packet sockets can be opened")
    if "CAP_NET_RAW" not in trouble:
        return missing(trouble, machine.as_root("modprobe af_packet"))
    if machine.user_id == 0:  # of a container
        return missing("root, without CAP_NET_RAW", "docker run --cap-add=NET_RAW --network=host …")
    interpreter = shlex.quote(str(Path(machine.python).resolve()))
    return missing("no CAP_NET_RAW", machine.as_root(f"setcap cap_net_raw+ep {interpreter}"))


def ring(_machine: Machine) -> Finding:
    if capture_rights() is not None:
        return unknown("not tried without the right to capture")
    from whimbrel.capture.ring import Ring

    names = default_interfaces()
    try:
        opened = Ring(names, None, RING_BYTES, SNAPLEN)
    except WhimbrelError as error:
        return missing(str(error), "tcpdump -i any -w FILE, and whimbrel watch FILE")
    try:
        return fine(f"{size_text(opened.memory_bytes)} of TPACKET_V3 ring on {', '.join(names)}")
    finally:
        opened.close()


def pcap(machine: Machine) -> Finding:
    library = libpcap()
    if library is None:
        return advice("not installed; filters are a subset of tcpdump's language", machine.install("libpcap"))
    return fine(str(library._name))


def filters(machine: Machine) -> Finding:
    switch = machine.number("/proc/sys/net/core/bpf_jit_enable")
    if switch is None:
        return unknown("this kernel does not say whether it compiles filters")
    if switch == 0:
        return advice("filters are interpreted", machine.sysctl("net.core.bpf_jit_enable", 1))
    return fine("filters are compiled")


def backlog(machine: Machine) -> Finding:
    """Packets that the kernel dropped before any socket saw them: the second column, hexadecimal, a core a line."""
    lines = (machine.text("/proc/net/softnet_stat") or "").splitlines()
    room = machine.number("/proc/sys/net/core/netdev_max_backlog")
    if not lines or room is None:
        return unknown("this kernel does not show its backlog")
    dropped = sum(int(line.split()[1], 16) for line in lines)
    if dropped == 0:
        return fine(f"{room} packets a core; none were dropped since the start")
    found = f"{room} packets a core; {dropped} were dropped since the start"
    if room >= BACKLOG_MOST:
        return fine(found)
    return advice(found, machine.sysctl("net.core.netdev_max_backlog", min(10 * room, BACKLOG_MOST)))


def cards(machine: Machine) -> Finding:
    """Receive rings of the cards that could be larger."""
    named = []
    for one in list_interfaces():
        sizes = card_ring(one.name) if one.up and not one.loopback else None
        if sizes is not None and sizes[1]:
            named.append((one.name, *sizes))
    small = [(name, now, most) for name, now, most in named if now < most]
    found = ", ".join(f"{name} {now} of {most}" for name, now, most in named)
    if not small:
        return fine(found or "no card tells its ring's size")
    name, _, most = small[0]
    return advice(found, machine.as_root(f"ethtool -G {shlex.quote(name)} rx {most}"))


def card_ring(interface: str) -> tuple[int, int] | None:
    """(descriptors there are, most there can be) of a card's receive ring; None: it is no card, or does not say."""
    parameters = bytearray(RING_PARAMETERS.pack(ETHTOOL_GRINGPARAM, *[0] * 8))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
        place = (ctypes.c_char * len(parameters)).from_buffer(parameters)
        request = INTERFACE_REQUEST.pack(os.fsencode(interface), ctypes.addressof(place))
        try:
            fcntl.ioctl(any_socket.fileno(), SIOCETHTOOL, request)
        except OSError:  # EOPNOTSUPP of whatever has no descriptors, ENODEV of what has just gone
            return None
    values = RING_PARAMETERS.unpack(parameters)
    return values[5], values[1]
