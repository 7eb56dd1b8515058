"""What a filter needs around it before it goes into a socket."""

import pytest

from tests.capture.reference_vm import run
from whimbrel.base.errors import UsageError
from whimbrel.capture.program import (
    ACCEPT_ALL,
    DROP_DOUBLED,
    INSTRUCTIONS_MAX,
    JUMP_EQUAL,
    LD_HALF,
    RETURN,
    SNAPLEN,
    Instruction,
    check,
    for_socket,
    pack,
    reads_tags,
    unpack,
)

IP_ONLY = [Instruction(LD_HALF, k=12), Instruction(JUMP_EQUAL, 0, 1, 0x800), Instruction(RETURN, k=SNAPLEN)]
IP_ONLY.append(Instruction(RETURN, k=0))


def test_packing_is_reversible_and_the_kernels_layout() -> None:
    assert list(unpack(pack(IP_ONLY))) == IP_ONLY
    assert len(pack(IP_ONLY)) == 8 * len(IP_ONLY)
    assert pack([Instruction(1, 2, 3, 4)])[2:4] == b"\2\3"


def test_a_socket_gets_at_most_snaplen_bytes_a_packet() -> None:
    packet = bytes(12) + b"\x08\x00" + bytes(200)
    assert run(for_socket(None, 96, loopback=False), packet) == 96
    assert run(for_socket(pack(IP_ONLY), 96, loopback=False), packet) == 96
    assert run(for_socket(pack(IP_ONLY), 1 << 30, loopback=False), packet) == SNAPLEN
    assert run(for_socket(pack(IP_ONLY), 96, loopback=False), bytes(100)) == 0


def test_doubled_packets_are_dropped_first() -> None:
    assert for_socket(pack(IP_ONLY), SNAPLEN, loopback=True) == DROP_DOUBLED + pack(IP_ONLY)
    assert for_socket(None, SNAPLEN, loopback=True) == DROP_DOUBLED + ACCEPT_ALL


def test_riders_are_passed_over() -> None:
    code = list(unpack(for_socket(None, SNAPLEN, loopback=False, riders=[3, 300])))
    assert [(one.code, one.jt, one.jf, one.k) for one in code[1:]] == [
        (JUMP_EQUAL, 0, 1, 3),
        (RETURN, 0, 0, 0),
        (JUMP_EQUAL, 0, 1, 300),
        (RETURN, 0, 0, 0),
        (RETURN, 0, 0, SNAPLEN),
    ]
    with pytest.raises(UsageError, match="too long"):
        for_socket(None, SNAPLEN, loopback=False, riders=range(INSTRUCTIONS_MAX // 2))


def test_who_looks_for_tags() -> None:
    assert not reads_tags(pack(IP_ONLY))
    for kind in (0x8100, 0x88A8, 0x9100):
        assert reads_tags(pack([Instruction(LD_HALF, k=12), Instruction(JUMP_EQUAL, 0, 0, kind)]))


def test_what_is_no_program_is_refused() -> None:
    check(ACCEPT_ALL * (INSTRUCTIONS_MAX))
    for wrong in (b"", ACCEPT_ALL[:-1], ACCEPT_ALL * (INSTRUCTIONS_MAX + 1)):
        with pytest.raises(UsageError):
            check(wrong)
