"""Classic BPF programs as the kernel takes them: an array of sock_filter, 8 bytes an instruction.

    | code 2 | jt 1 | jf 1 | k 4 |        host byte order; jt and jf count instructions to skip

Here are the few codes our own compiler (subset.py) uses, and what a program needs around it before it goes into a
packet socket.  Running one outside of the kernel is bpf.pyx's.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from whimbrel.base.errors import UsageError

INSTRUCTIONS_MAX = 4096  # BPF_MAXINSNS: the kernel takes no longer program
SNAPLEN = 262144  # what a filter returns for a packet it accepts: all of it, like tcpdump

LD_WORD, LD_HALF, LD_BYTE = 0x20, 0x28, 0x30  # A = packet[k], big endian
LD_HALF_X, LD_BYTE_X = 0x48, 0x50  # A = packet[x + k]
LDX_HEADER = 0xB1  # X = 4 * (packet[k] & 15): the length of an IPv4 header
AND = 0x54  # A &= k
JUMP, JUMP_EQUAL, JUMP_GREATER, JUMP_AT_LEAST, JUMP_ANY_BIT = 0x05, 0x15, 0x25, 0x35, 0x45
RETURN = 0x06

# Loads from these places read what the kernel knows of the packet.
SKF_AD_PKTTYPE, SKF_AD_IFINDEX, SKF_AD_HATYPE = 0xFFFFF004, 0xFFFFF008, 0xFFFFF01C
PACKET_OUTGOING, ARPHRD_LOOPBACK = 4, 772

TAG_TYPES = (0x8100, 0x88A8, 0x9100)  # 802.1Q, 802.1ad, and QinQ before it had a number

LAYOUT = struct.Struct("=HBBI")


class Instruction(NamedTuple):
    code: int
    jt: int = 0
    jf: int = 0
    k: int = 0


def pack(program: list[Instruction]) -> bytes:
    return b"".join(LAYOUT.pack(*one) for one in program)


def unpack(program: bytes) -> Iterator[Instruction]:
    return (Instruction(*fields) for fields in LAYOUT.iter_unpack(program))


ACCEPT_ALL = pack([Instruction(RETURN, k=SNAPLEN)])

# A packet over loopback passes the tap twice, when it leaves and when it arrives; the second is enough.
DROP_DOUBLED = pack(
    [
        Instruction(LD_WORD, k=SKF_AD_PKTTYPE),
        Instruction(JUMP_EQUAL, 0, 3, PACKET_OUTGOING),
        Instruction(LD_WORD, k=SKF_AD_HATYPE),
        Instruction(JUMP_EQUAL, 0, 1, ARPHRD_LOOPBACK),
        Instruction(RETURN, k=0),
    ]
)


def check(program: bytes) -> None:
    """Refuse what cannot be a program; whether its jumps make sense is the kernel's to say."""
    length = len(program) // LAYOUT.size
    if not program or len(program) % LAYOUT.size:
        raise UsageError(f"a filter of {len(program)} bytes is no array of 8-byte instructions")
    if length > INSTRUCTIONS_MAX:
        raise UsageError(f"the filter is too long: {length} instructions, the kernel takes {INSTRUCTIONS_MAX}")


def reads_tags(program: bytes) -> bool:
    """Whether the program looks for VLAN tags, which the kernel takes out of a packet before its filters see it.

    Told by the numbers a test for a tag compares with.  Another test that compares with one of them only makes us
    run the filter ourselves, after putting the tags back: slower, never wrong.
    """
    return any(one.code == JUMP_EQUAL and one.k in TAG_TYPES for one in unpack(program))


def pass_over(indexes: Sequence[int]) -> bytes:
    """Refuses packets of these interfaces."""
    code = [Instruction(LD_WORD, k=SKF_AD_IFINDEX)] if indexes else []
    for index in indexes:
        code += [Instruction(JUMP_EQUAL, 0, 1, index), Instruction(RETURN, k=0)]
    return pack(code)


def for_socket(program: bytes | None, snaplen: int, *, loopback: bool, riders: Sequence[int] = ()) -> bytes:
    """What to attach to a packet socket: no doubled packets, none of `riders` (interfaces whose packets are seen on
    others), then `program`, and at most `snaplen` bytes a packet."""
    cut = [one._replace(k=min(one.k, snaplen)) if one.code == RETURN else one for one in unpack(program or ACCEPT_ALL)]
    whole = (DROP_DOUBLED if loopback else b"") + pass_over(riders) + pack(cut)
    check(whole)
    return whole
