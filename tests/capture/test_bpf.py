"""Filter programs mean what libpcap's own machine says, and what could run wild is refused before it runs."""

import ctypes
import random
from collections.abc import Callable

import pytest

from tests.capture import packets as p
from whimbrel.base.errors import UsageError
from whimbrel.capture.bpf import Filter
from whimbrel.capture.filter import compile_filter, libpcap
from whimbrel.capture.program import Instruction, pack

LD, LDX, ST, STX, ALU, JMP, RET, MISC = range(8)
ABS_W, ABS_H, ABS_B, IND_W, IND_H, IND_B = 0x20, 0x28, 0x30, 0x40, 0x48, 0x50
IMM, MEM, LEN, LDX_MSH, TXA = 0x00, 0x60, 0x80, 0xB1, 0x87
ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, MOD, XOR = range(0x04, 0xB4, 0x10)
JA, JEQ, JGT, JGE, JSET = range(0x05, 0x55, 0x10)
X = 0x08
RET_A = 0x16
PACKET = bytes.fromhex("45ff0102030480000000ffffffff0708")
LAST = len(PACKET)

Program = list[tuple[int, ...]]


def filter_of(program: Program) -> Filter:
    return Filter(pack([Instruction(*one) for one in program]))


def a_is(*program: tuple[int, ...]) -> Program:
    """A program that returns A."""
    return [*program, (RET_A,)]


# program, what it returns for PACKET
RUNS: dict[str, tuple[Program, int]] = {
    "all of it": ([(RET, 0, 0, 262144)], 262144),
    "a word": (a_is((ABS_W, 0, 0, 0)), 0x45FF0102),
    "a half": (a_is((ABS_H, 0, 0, 1)), 0xFF01),
    "a byte": (a_is((ABS_B, 0, 0, 1)), 0xFF),
    "the last word": (a_is((ABS_W, 0, 0, LAST - 4)), 0xFFFF0708),
    "beyond: a word": (a_is((ABS_W, 0, 0, LAST - 3)), 0),
    "beyond: a half": (a_is((ABS_H, 0, 0, LAST - 1)), 0),
    "beyond: a byte": (a_is((ABS_B, 0, 0, LAST)), 0),
    "beyond: far": (a_is((ABS_W, 0, 0, 0xFFFFFFFF)), 0),
    "the kernel's own loads": (a_is((ABS_W, 0, 0, 0xFFFFF004)), 0),
    "X + k": (a_is((LDX | IMM, 0, 0, 2), (IND_W, 0, 0, 1)), 0x02030480),
    "X + k, a half": (a_is((LDX | IMM, 0, 0, 2), (IND_H, 0, 0, 1)), 0x0203),
    "X + k, a byte": (a_is((LDX | IMM, 0, 0, 2), (IND_B, 0, 0, 1)), 0x02),
    "X + k does not wrap": (a_is((LDX | IMM, 0, 0, 0xFFFFFFFF), (IND_B, 0, 0, 2)), 0),
    "a header's length": (a_is((LDX_MSH, 0, 0, 0), (TXA,)), 20),
    "beyond: a header's length": (a_is((LDX_MSH, 0, 0, LAST), (TXA,)), 0),
    "length": (a_is((LD | LEN,)), 1500),
    "length in X": (a_is((LDX | LEN,), (TXA,)), 1500),
    "scratch": (a_is((LD | IMM, 0, 0, 7), (ST, 0, 0, 15), (LD | IMM,), (LD | MEM, 0, 0, 15)), 7),
    "scratch by X": (a_is((LDX | IMM, 0, 0, 9), (STX, 0, 0, 3), (LDX | IMM,), (LDX | MEM, 0, 0, 3), (TXA,)), 9),
    "scratch begins as 0": (a_is((LD | IMM, 0, 0, 7), (LD | MEM, 0, 0, 4)), 0),
    "A to X": (a_is((LD | IMM, 0, 0, 7), (MISC,), (LD | IMM, 0, 0, 1), (ADD | X,)), 8),
    "wraps": (a_is((LD | IMM, 0, 0, 0xFFFFFFFF), (ADD, 0, 0, 3)), 2),
    "below 0": (a_is((LD | IMM, 0, 0, 2), (SUB, 0, 0, 3)), 0xFFFFFFFF),
    "times": (a_is((LD | IMM, 0, 0, 0x10001), (MUL, 0, 0, 0x10001)), 0x20001),
    "divided": (a_is((LD | IMM, 0, 0, 0xFFFFFFFF), (DIV, 0, 0, 2)), 0x7FFFFFFF),
    "the rest": (a_is((LD | IMM, 0, 0, 0xFFFFFFFF), (MOD, 0, 0, 10)), 5),
    "divided by 0": ([(LD | IMM, 0, 0, 9), (DIV | X,), (RET, 0, 0, 1)], 0),
    "the rest of nothing": ([(LD | IMM, 0, 0, 9), (MOD | X,), (RET, 0, 0, 1)], 0),
    "or": (a_is((LD | IMM, 0, 0, 5), (OR, 0, 0, 3)), 7),
    "and": (a_is((LD | IMM, 0, 0, 5), (AND, 0, 0, 3)), 1),
    "xor": (a_is((LD | IMM, 0, 0, 5), (XOR, 0, 0, 3)), 6),
    "left": (a_is((LD | IMM, 0, 0, 3), (LSH, 0, 0, 31)), 0x80000000),
    "right": (a_is((LD | IMM, 0, 0, 0x80000000), (RSH, 0, 0, 31)), 1),
    "left, all out": (a_is((LD | IMM, 0, 0, 3), (LDX | IMM, 0, 0, 32), (LSH | X,)), 0),
    "right, all out": (a_is((LD | IMM, 0, 0, 3), (LDX | IMM, 0, 0, 99), (RSH | X,)), 0),
    "negative": (a_is((LD | IMM, 0, 0, 1), (NEG,)), 0xFFFFFFFF),
    "always": ([(JA, 0, 0, 1), (RET, 0, 0, 1), (RET, 0, 0, 2)], 2),
}
COMPARED = ((JEQ, (0, 1, 0)), (JGT, (0, 0, 1)), (JGE, (0, 1, 1)))  # of 4, 5, 6 with 5
for code, answers in COMPARED:
    for value, answer in zip((4, 5, 6), answers, strict=True):
        for by_x in (0, X):
            RUNS[f"{code:#x} {value} {by_x}"] = (
                [(LD | IMM, 0, 0, value), (LDX | IMM, 0, 0, 5), (code | by_x, 0, 1, 5), (RET, 0, 0, 1), (RET,)],
                answer,
            )
for mask in (1, 2, 4, 6):
    RUNS[f"bits {mask}"] = ([(LD | IMM, 0, 0, 5), (JSET, 1, 0, mask), (RET,), (RET, 0, 0, 1)], int(5 & mask != 0))

REFUSED: dict[str, Program] = {
    "has no instructions": [],
    "has no instructions, or more": [(RET, 0, 0, 1)] * 4097,
    "does not end with a return": [(RET,), (LD | IMM,)],
    "divides by 0": a_is((DIV, 0, 0, 0)),
    "divides by 0 ": a_is((MOD, 0, 0, 0)),
    "shifts by more than a word": a_is((LSH, 0, 0, 32)),
    "shifts by more than a word ": a_is((RSH, 0, 0, 0xFFFFFFFF)),
    "jumps behind its end": [(JA, 0, 0, 1), (RET,)],
    "jumps behind its end ": [(JA, 0, 0, 0xFFFFFFFF), (RET,)],
    "jumps behind its end  ": [(JEQ, 1, 0, 0), (RET,)],
    "jumps behind its end   ": [(JEQ, 0, 255, 0), (RET,)],
    "uses scratch memory that is not there": a_is((LD | MEM, 0, 0, 16)),
    "uses scratch memory that is not there ": a_is((ST, 0, 0, 0xFFFFFFFF)),
    "uses scratch memory that is not there  ": a_is((STX, 0, 0, 16)),
    "uses scratch memory that is not there   ": a_is((LDX | MEM, 0, 0, 16)),
}
CODES = {
    *(LD | m for m in (IMM, MEM, LEN, ABS_W, ABS_H, ABS_B, IND_W, IND_H, IND_B)),
    *(LDX | IMM, LDX | MEM, LDX | LEN, LDX_MSH, ST, STX, RET, RET_A, MISC, TXA, JA, NEG),
    *(op | x for op in (ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, MOD, XOR, JEQ, JGT, JGE, JSET) for x in (0, X)),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_program_returns(name: str) -> None:
    program, returned = RUNS[name]
    assert filter_of(program).run(PACKET, 1500) == returned


@pytest.mark.parametrize("sentence", REFUSED)
def test_refused(sentence: str) -> None:
    with pytest.raises(UsageError, match=f"^the filter {sentence.strip()}"):
        filter_of(REFUSED[sentence])


def test_only_instructions_that_exist_are_accepted() -> None:
    accepted = set()
    for code in [*range(512), 0x8006, 0xFFFF]:
        try:
            filter_of([(code, 0, 0, 1), (RET,), (RET,)])
        except UsageError as error:
            assert str(error) == "the filter has an unknown instruction"  # noqa: PT017 - either answer is one
        else:
            accepted.add(code)
    assert accepted == CODES


def test_a_jump_may_reach_the_last_instruction() -> None:
    assert filter_of([(JEQ, 1, 1, 0), (RET,), (RET, 0, 0, 5)]).run(b"") == 5
    assert filter_of([(JA, 0, 0, 0), (RET, 0, 0, 3)]).run(b"") == 3


def test_a_program_of_half_an_instruction_is_refused() -> None:
    with pytest.raises(UsageError, match="no array of 8-byte instructions"):
        Filter(pack([Instruction(RET, k=1)]) + b"1234")


def libpcap_machine() -> Callable[[bytes, bytes, int], int]:
    library = libpcap()
    if library is None or not hasattr(library, "bpf_filter"):
        pytest.skip("libpcap, whose machine this compares with, is not installed")
    run = library.bpf_filter
    run.argtypes, run.restype = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint], ctypes.c_uint
    return lambda program, packet, wire_len: int(run(program, packet, wire_len, len(packet)))


def random_program(rng: random.Random, codes: list[int]) -> bytes:
    numbers = (0, 1, 2, 4, 14, 15, 16, 31, 0xFF, 0xFFFFFFFF)
    program = [Instruction(ST, k=word) for word in range(16)]  # libpcap leaves it as it finds it
    for left in range(rng.randrange(1, 30), 0, -1):
        code = rng.choice(codes)
        k = rng.choice(numbers) if rng.random() < 0.8 else rng.getrandbits(32)
        k = rng.randrange(left) if code == JA else k
        program.append(Instruction(code, rng.randrange(left), rng.randrange(left), k))
    return pack([*program, Instruction(RET_A)])


def test_random_programs_return_what_libpcaps_machine_returns() -> None:
    machine = libpcap_machine()
    rng = random.Random(11)
    codes = sorted(CODES - {RET, RET_A})
    ran, returned = 0, set()
    for _ in range(20_000):
        program = random_program(rng, codes)
        try:
            ours = Filter(program)
        except UsageError:
            continue
        packet = rng.randbytes(rng.choice([0, 1, 15, 16, 40]))
        answer = ours.run(packet, 1000)
        assert answer == machine(program, packet, 1000), program.hex()
        ran += 1
        returned.add(answer)
    assert ran > 2000
    assert len(returned) > 100


FRAMES = [
    p.ethernet(p.tcp("10.0.0.1", 4000, "10.0.0.2", 80, 1, 1, p.ACK, b"x")),
    p.ethernet(p.tcp("10.0.0.2", 80, "10.0.0.1", 4000, 1, 1, p.SYN)),
    p.ethernet(p.tcp("10.0.0.1", 4000, "10.0.0.2", 80, 1, 1, p.ACK, b"x"), tags=[12]),
    p.ethernet(p.tcp("2001:db8::1", 4000, "2001:db8::2", 6379, 1, 1, p.ACK, b"x")),
    p.ethernet(p.udp("10.0.0.1", 53, "10.0.0.2", 53, b"x")),
    p.ethernet(b"", ethertype=p.ETHER_ARP),
]


@pytest.mark.parametrize(
    "text, accepted",
    [
        ("", "012345"),
        ("tcp", "013"),
        ("port 80", "01"),
        ("tcp dst port 80", "0"),
        ("host 10.0.0.2 and not udp", "01"),
        ("ip6", "3"),
        ("vlan 12 and tcp", "2"),
        ("udp or arp", "45"),
    ],
)
def test_compiled_filters_accept(text: str, accepted: str) -> None:
    chosen = Filter(compile_filter(text, 1))
    assert "".join(str(i) for i, frame in enumerate(FRAMES) if chosen.run(frame)) == accepted
