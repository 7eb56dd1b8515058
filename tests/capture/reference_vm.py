"""A classic BPF machine in plain Python, slow and obvious: what the compilers of filters are compared through."""

from whimbrel.capture.program import unpack

SIZES = {0x00: 4, 0x08: 2, 0x10: 1}
MASK = 0xFFFFFFFF


class BeyondError(Exception):
    """A load behind the packet's end: the packet is refused."""


def load(packet: bytes, at: int, size: int) -> int:
    if at > MASK or at + size > len(packet):
        raise BeyondError
    return int.from_bytes(packet[at : at + size], "big")


def alu(operation: int, a: int, b: int) -> int:
    match operation:
        case 0x00:
            return a + b & MASK
        case 0x10:
            return a - b & MASK
        case 0x20:
            return a * b & MASK
        case 0x40:
            return a | b
        case 0x50:
            return a & b
        case 0x60:
            return a << b & MASK
        case 0x70:
            return a >> b
        case 0x80:
            return -a & MASK
        case _:
            raise AssertionError(f"operation {operation:#x}")


def run(program: bytes, packet: bytes) -> int:
    """How many bytes of the packet the program accepts."""
    try:
        return execute(list(unpack(program)), packet)
    except BeyondError:
        return 0


def execute(code: list, packet: bytes) -> int:
    a = x = at = 0
    memory = [0] * 16
    while True:
        one = code[at]
        at += 1
        kind, mode, source = one.code & 7, one.code & 0xE0, x if one.code & 8 else one.k
        match kind:
            case 0 | 1:
                size = SIZES[one.code & 0x18]
                match mode:
                    case 0x00:
                        value = one.k
                    case 0x20:
                        value = load(packet, one.k, size)
                    case 0x40:
                        value = load(packet, x + one.k & MASK, size)
                    case 0x60:
                        value = memory[one.k]
                    case 0x80:
                        value = len(packet)
                    case _:
                        value = 4 * (load(packet, one.k, 1) & 15)
                a, x = (a, value) if kind else (value, x)
            case 2:
                memory[one.k] = a
            case 3:
                memory[one.k] = x
            case 4:
                a = alu(one.code & 0xF0, a, source)
            case 5 if one.code & 0xF0 == 0:
                at += one.k
            case 5:
                true = {0x10: a == source, 0x20: a > source, 0x30: a >= source, 0x40: bool(a & source)}[one.code & 0xF0]
                at += one.jt if true else one.jf
            case 6:
                return a if one.code & 0x18 == 0x10 else one.k
            case _:
                a, x = (x, x) if one.code & 0x80 else (a, a)
