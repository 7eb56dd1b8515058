"""Rights, ring, libpcap, and what the kernel says of its queues."""

import ctypes
import fcntl
import sys
from pathlib import Path

import pytest

from tests.doctor.made import machine
from whimbrel.base.errors import WhimbrelError
from whimbrel.capture.interfaces import Interface
from whimbrel.capture.privilege import capture_rights
from whimbrel.doctor import capturing

BACKLOG, SEEN = "/proc/sys/net/core/netdev_max_backlog", "/proc/net/softnet_stat"
JIT = "/proc/sys/net/core/bpf_jit_enable"


def test_a_user_is_told_how_to_get_the_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "capture_rights", lambda: "capturing needs the capability CAP_NET_RAW, which …")
    found = capturing.rights(machine(tmp_path))
    assert (found.state, found.fix) == ("missing", "sudo setcap cap_net_raw+ep '/opt/my python'")
    assert "docker" in capturing.rights(machine(tmp_path, user_id=0)).fix
    assert capturing.ring(machine(tmp_path)).state == "unknown"
    monkeypatch.setattr(capturing, "capture_rights", lambda: "this kernel offers no packet sockets: …")
    assert capturing.rights(machine(tmp_path)).fix == "sudo modprobe af_packet"


def test_rights_and_ring_are_what_this_process_has(tmp_path: Path) -> None:
    may = capture_rights() is None
    assert (capturing.rights(machine(tmp_path)).state == "ok") == may
    found = capturing.ring(machine(tmp_path))
    assert found.state == ("ok" if may else "unknown")
    assert ("TPACKET_V3" in found.found) == may


def test_a_ring_that_cannot_be_opened_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = pytest.importorskip("whimbrel.capture.ring")

    def refuse(*_arguments: object) -> None:
        raise WhimbrelError("lo: cannot allocate the ring")

    monkeypatch.setattr(capturing, "capture_rights", lambda: None)
    monkeypatch.setattr(capturing, "default_interfaces", lambda: ["lo"])
    monkeypatch.setattr(ring, "Ring", refuse)
    found = capturing.ring(machine(tmp_path))
    assert (found.state, found.found) == ("missing", "lo: cannot allocate the ring")


def test_libpcap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "libpcap", lambda: None)
    found = capturing.pcap(machine(tmp_path))
    assert (found.state, found.fix) == ("advice", "sudo apt-get install -y libpcap0.8")
    monkeypatch.setattr(capturing, "libpcap", lambda: ctypes.CDLL(None))
    assert capturing.pcap(machine(tmp_path)).state == "ok"


@pytest.mark.parametrize(("switch", "state"), [("0", "advice"), ("1", "ok"), ("2", "ok"), (None, "unknown")])
def test_filters_may_be_interpreted(switch: str | None, state: str, tmp_path: Path) -> None:
    assert capturing.filters(machine(tmp_path, {} if switch is None else {JIT: switch})).state == state


def test_packets_dropped_before_any_socket(tmp_path: Path) -> None:
    quiet = "00001234 00000000 00000000\n00000002 00000000 00000000\n"
    lossy = "00001234 0000000a 00000000\n00000002 00000001 00000000\n"
    assert capturing.backlog(machine(tmp_path, {SEEN: quiet, BACKLOG: "1000"})).state == "ok"
    found = capturing.backlog(machine(tmp_path, {SEEN: lossy, BACKLOG: "1000"}))
    assert found.state == "advice" and "11 were dropped" in found.found
    assert found.fix == "sudo sysctl -w net.core.netdev_max_backlog=10000"
    assert capturing.backlog(machine(tmp_path, {SEEN: lossy, BACKLOG: "65536"})).state == "ok"  # more room is no help


def test_a_kernel_that_hides_its_backlog(tmp_path: Path) -> None:
    assert capturing.backlog(machine(tmp_path)).state == "unknown"


def test_rings_of_cards_that_could_be_larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up = [
        Interface(name, number, True, name == "lo", 1) for number, name in enumerate(("lo", "eth0", "eth1", "wg0"), 1)
    ]
    sizes = {"lo": (1, 9), "eth0": (512, 512), "eth1": (256, 4096), "wg0": None}
    monkeypatch.setattr(capturing, "list_interfaces", lambda: up)
    monkeypatch.setattr(capturing, "card_ring", sizes.__getitem__)
    found = capturing.cards(machine(tmp_path))
    assert (found.state, found.found) == ("advice", "eth0 512 of 512, eth1 256 of 4096")
    assert found.fix == "sudo ethtool -G eth1 rx 4096"
    sizes["eth1"] = (4096, 4096)
    assert capturing.cards(machine(tmp_path)).state == "ok"


def test_the_kernel_is_asked_for_a_cards_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request as the kernel reads it: a name, and the address of what it fills in."""

    def answer(fd: int, number: int, request: bytes) -> int:
        assert (number, len(request)) == (0x8946, 40)
        name, address = request[:16].rstrip(b"\0"), int.from_bytes(request[16:24], sys.byteorder)
        fields = (ctypes.c_uint32 * 9).from_address(address)
        assert (name, fields[0]) == (b"eth7", 0x10)
        fields[1], fields[5] = 4096, 256
        return 0

    monkeypatch.setattr(fcntl, "ioctl", answer)
    assert capturing.card_ring("eth7") == (256, 4096)


def test_what_is_no_card_has_no_ring() -> None:
    assert capturing.card_ring("no-such-card") is None
    assert capturing.card_ring("lo") is None
