"""The interfaces there are, and the ones to capture on when none is named."""

import socket
import struct

import pytest

from tests.capture.live import ip, needs_namespaces, network
from whimbrel.base.errors import UsageError
from whimbrel.capture import interfaces as i
from whimbrel.capture.interfaces import Interface


def iface(name: str, index: int, **more) -> Interface:
    return Interface(**{"name": name, "index": index, "up": True, "loopback": False, "link": i.LINK_ETHERNET, **more})


def test_the_kernel_lists_what_the_library_knows() -> None:
    found = i.list_interfaces()
    assert {(one.index, one.name) for one in found} == set(socket.if_nameindex())
    lo = next(one for one in found if one.name == "lo")
    assert lo.loopback and lo.link == i.LINK_ETHERNET and not lo.kind


@needs_namespaces
def test_kinds_parents_and_masters() -> None:
    with network() as net:
        ip("-n", net.a, "link", "add", "br7", "type", "bridge")
        ip("-n", net.a, "link", "set", "wa", "master", "br7")
        ip("-n", net.a, "link", "add", "d0", "type", "veth", "peer", "name", "d1")
        ip("-n", net.a, "link", "add", "link", "d0", "name", "m0", "type", "macvlan")
        ip("-n", net.a, "tuntap", "add", "t0", "mode", "tun")
        with net.inside(net.a):
            found = {one.name: one for one in i.list_interfaces()}
            defaults = i.default_interfaces()
            for name in ("br7", "d0", "m0"):
                ip("-n", net.a, "link", "set", name, "up")
            more = i.default_interfaces()
            resolved = [one.name for one in i.resolve(["t0", "wa", "t0"])]
    assert found["wa"].kind == "veth" and found["wa"].master == found["br7"].index
    assert found["wa"].parent == 0, "its peer is in another namespace"
    assert found["m0"].kind == "macvlan" and found["m0"].parent == found["d0"].index
    assert found["t0"].link == i.LINK_RAW and not found["t0"].up
    assert defaults == ["lo", "wa"]
    assert more == ["lo", "wa", "d0"], "neither the bridge of wa nor what rides on d0"
    assert resolved == ["t0", "wa"]


def test_who_rides_on_another_is_left_out() -> None:
    known = [
        iface("lo", 1, loopback=True),
        iface("eth0", 2),
        iface("eth0.7", 3, kind="vlan", parent=2),
        iface("bond0", 4, kind="bond"),
        iface("eth1", 5, master=4),
        iface("veth1", 6, kind="veth", parent=7),
        iface("veth2", 7, kind="veth", parent=6),
        iface("eth2", 8, up=False),
        iface("eth2.9", 9, kind="vlan", parent=8),
        iface("eth3", 10, up=False, master=11),
        iface("br0", 11, kind="bridge"),
    ]
    assert [one.name for one in i.without_riders(known)] == ["lo", "eth0", "eth1", "veth1", "veth2", "eth2.9", "br0"]


def test_too_many_share_a_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [iface(f"veth{n}", n) for n in range(1, i.RINGS_MAX + 2)]
    monkeypatch.setattr(i, "list_interfaces", lambda: known)
    assert i.default_interfaces() == ["any"]
    del known[-1]
    assert i.default_interfaces() == [one.name for one in known]
    known[:] = [iface("eth0", 1, up=False)]
    with pytest.raises(UsageError, match="no network interface is up"):
        i.default_interfaces()


def test_a_wrong_name_is_told_the_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [iface("lo", 1), iface("eth0", 2, up=False)]
    monkeypatch.setattr(i, "list_interfaces", lambda: known)
    with pytest.raises(UsageError, match=r"'eth9' is not there; there are lo, eth0 \(down\), and 'any' for all"):
        i.resolve(["lo", "eth9"])
    known += [iface(f"veth{n}", n) for n in range(3, 40)]
    with pytest.raises(UsageError, match="veth20, and 19 more, and 'any'"):
        i.resolve(["eth9"])
    (every,) = i.resolve(["any", "any"])
    assert (every.index, every.link, every.loopback) == (0, i.LINK_LINUX_SLL2, True)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def test_messages_that_end_early_are_read_to_there() -> None:
    body = i.LINK_HEAD.pack(0, i.ARPHRD_NONE, 7, i.IFF_UP, 0) + attribute(i.IFLA_IFNAME, b"wg0\0")
    assert i.parse_interface(body + attribute(i.IFLA_LINKINFO, b"\xff")) == Interface("wg0", 7, True, False, i.LINK_RAW)
    assert list(i.attributes(b"\x02\0\1\0")) == []
    assert list(i.attributes(b"\xff\0\1\0")) == []
    message = i.MESSAGE_HEAD.pack(16 + len(body), i.RTM_NEWLINK, 0, 1, 0) + body
    assert [kind for kind, _ in i.messages(message * 2)] == [i.RTM_NEWLINK] * 2
    assert list(i.messages(i.MESSAGE_HEAD.pack(3, 1, 0, 0, 0))) == []


def test_unknown_hardware_is_cooked() -> None:
    assert i.link_type(i.ARPHRD_ETHER) == i.LINK_ETHERNET
    assert i.link_type(768) == i.LINK_LINUX_SLL2
