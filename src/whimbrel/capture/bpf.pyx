"""Classic BPF: see bpf.pxd.  An instruction's code is a class, and within it a size, a mode, an operation:

    load      LD 0, LDX 1     size W 0x00 H 0x08 B 0x10     mode IMM 0x00 ABS 0x20 IND 0x40 MEM 0x60 LEN 0x80 MSH 0xa0
    store     ST 2, STX 3
    ALU 4                     operation 0xf0                with k, or with X (0x08)
    JMP 5                     operation 0xf0                with k, or with X (0x08)
    RET 6                     with k, or with A (0x10)
    MISC 7                    TAX 0x00, TXA 0x80
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from whimbrel.capture.headers cimport be16, be32

from whimbrel.base.errors import UsageError

cdef enum:
    CLASS_LD = 0
    CLASS_LDX = 1
    CLASS_ST = 2
    CLASS_STX = 3
    CLASS_ALU = 4
    CLASS_JMP = 5
    CLASS_RET = 6

cdef enum:                          # whole codes of loads
    LD_IMM = 0x00
    LD_ABS_W = 0x20
    LD_ABS_H = 0x28
    LD_ABS_B = 0x30
    LD_IND_W = 0x40
    LD_IND_H = 0x48
    LD_IND_B = 0x50
    LD_MEM = 0x60
    LD_LEN = 0x80
    LDX_IMM = 0x01
    LDX_MEM = 0x61
    LDX_LEN = 0x81
    LDX_MSH = 0xB1                  # X = 4 * (byte & 15): an IPv4 header's length
    RET_K = 0x06
    RET_A = 0x16
    TAX = 0x07
    TXA = 0x87

cdef enum:
    WITH_X = 0x08
    OPERATION = 0xF0

cdef enum:                          # of ALU
    OP_ADD = 0x00
    OP_SUB = 0x10
    OP_MUL = 0x20
    OP_DIV = 0x30
    OP_OR = 0x40
    OP_AND = 0x50
    OP_LSH = 0x60
    OP_RSH = 0x70
    OP_NEG = 0x80
    OP_MOD = 0x90
    OP_XOR = 0xA0

cdef enum:                          # of JMP
    OP_JA = 0x00
    OP_JEQ = 0x10
    OP_JGT = 0x20
    OP_JGE = 0x30
    OP_JSET = 0x40

FAULTS = {
    BPF_LENGTH: f"has no instructions, or more than {BPF_INSTRUCTIONS_MAX}",
    BPF_CODE: "has an unknown instruction",
    BPF_JUMP: "jumps behind its end",
    BPF_WORD: "uses scratch memory that is not there",
    BPF_DIVISION: "divides by 0",
    BPF_SHIFT: "shifts by more than a word",
    BPF_NO_RETURN: "does not end with a return",
}


# Checking

cdef bint is_code(uint16_t code) noexcept nogil:
    cdef uint16_t operation = code & OPERATION
    if code > 0xFF:
        return False
    if code & 7 == CLASS_ALU:
        return operation <= OP_XOR and (operation != OP_NEG or code == CLASS_ALU | OP_NEG)
    if code & 7 == CLASS_JMP:
        return operation <= OP_JSET and (operation != OP_JA or code == CLASS_JMP)
    return (
        code == LD_IMM or code == LD_ABS_W or code == LD_ABS_H or code == LD_ABS_B or code == LD_IND_W
        or code == LD_IND_H or code == LD_IND_B or code == LD_MEM or code == LD_LEN or code == LDX_IMM
        or code == LDX_MEM or code == LDX_LEN or code == LDX_MSH or code == CLASS_ST or code == CLASS_STX
        or code == RET_K or code == RET_A or code == TAX or code == TXA)


cdef BpfFault check_one(const BpfInstruction* i, size_t behind) noexcept nogil:
    """`behind`: how many instructions follow."""
    cdef uint16_t operation = i.code & OPERATION
    cdef uint32_t farthest
    if not is_code(i.code):
        return BPF_CODE
    if i.code == LD_MEM or i.code == LDX_MEM or i.code == CLASS_ST or i.code == CLASS_STX:
        return BPF_WORD if i.k >= BPF_WORDS else BPF_FINE
    if i.code & 7 == CLASS_JMP:
        farthest = i.jt if i.jt > i.jf else i.jf
        if operation == OP_JA:
            farthest = i.k
        return BPF_JUMP if farthest >= behind else BPF_FINE
    if i.code & 7 == CLASS_ALU and not i.code & WITH_X:
        if i.k == 0 and (operation == OP_DIV or operation == OP_MOD):
            return BPF_DIVISION
        if i.k >= 32 and (operation == OP_LSH or operation == OP_RSH):
            return BPF_SHIFT
    return BPF_FINE


cdef BpfFault bpf_check(const BpfInstruction* program, size_t n) noexcept nogil:
    """BPF_FINE if bpf_run can run it."""
    cdef BpfFault fault
    cdef size_t at
    if n == 0 or n > BPF_INSTRUCTIONS_MAX:
        return BPF_LENGTH
    for at in range(n):
        fault = check_one(&program[at], n - 1 - at)
        if fault != BPF_FINE:
            return fault
    return BPF_FINE if program[n - 1].code & 7 == CLASS_RET else BPF_NO_RETURN


# Running

cdef struct Machine:
    uint32_t a
    uint32_t x
    const uint8_t* data
    uint32_t wire_len
    uint32_t len
    uint32_t words[16]


cdef inline bint has(const Machine* m, uint64_t at, uint32_t size) noexcept nogil:
    return at + size <= m.len


cdef inline bint load(Machine* m, const BpfInstruction* i) noexcept nogil:
    """LD and LDX; False: beyond the packet."""
    cdef uint64_t at = i.k
    cdef uint16_t code = i.code
    if code & 0xE0 == 0x40:         # IND
        at += m.x
    if code == LD_ABS_H or code == LD_IND_H:
        if not has(m, at, 2):
            return False
        m.a = be16(m.data + at)
    elif code == LD_ABS_W or code == LD_IND_W:
        if not has(m, at, 4):
            return False
        m.a = be32(m.data + at)
    elif code == LD_ABS_B or code == LD_IND_B or code == LDX_MSH:
        if not has(m, at, 1):
            return False
        if code == LDX_MSH:
            m.x = (m.data[at] & 15) * 4
        else:
            m.a = m.data[at]
    elif code == LD_IMM:
        m.a = i.k
    elif code == LD_MEM:
        m.a = m.words[i.k]
    elif code == LD_LEN:
        m.a = m.wire_len
    elif code == LDX_IMM:
        m.x = i.k
    elif code == LDX_MEM:
        m.x = m.words[i.k]
    else:
        m.x = m.wire_len
    return True


cdef inline bint compute(Machine* m, uint16_t operation, uint32_t by) noexcept nogil:
    """ALU; False: a division by 0."""
    if operation == OP_ADD:
        m.a += by
    elif operation == OP_SUB:
        m.a -= by
    elif operation == OP_MUL:
        m.a *= by
    elif operation == OP_OR:
        m.a |= by
    elif operation == OP_AND:
        m.a &= by
    elif operation == OP_XOR:
        m.a ^= by
    elif operation == OP_LSH:
        m.a = m.a << by if by < 32 else 0
    elif operation == OP_RSH:
        m.a = m.a >> by if by < 32 else 0
    elif operation == OP_NEG:
        m.a = <uint32_t> 0 - m.a
    elif by == 0:
        return False
    elif operation == OP_DIV:
        m.a //= by
    else:
        m.a %= by
    return True


cdef inline uint32_t jump(const Machine* m, const BpfInstruction* i) noexcept nogil:
    """How many instructions to skip."""
    cdef uint16_t operation = i.code & OPERATION
    cdef uint32_t by = i.k
    cdef bint holds
    if i.code & WITH_X:
        by = m.x
    if operation == OP_JEQ:
        holds = m.a == by
    elif operation == OP_JGT:
        holds = m.a > by
    elif operation == OP_JGE:
        holds = m.a >= by
    elif operation == OP_JSET:
        holds = m.a & by != 0
    else:
        return i.k
    return i.jt if holds else i.jf


cdef uint32_t bpf_run(
    const BpfInstruction* program, size_t n, const uint8_t* data, uint32_t wire_len, uint32_t len
) noexcept nogil:
    cdef const BpfInstruction* i = program
    cdef const BpfInstruction* end = program + n
    cdef uint32_t by
    cdef uint16_t kind
    cdef Machine m
    memset(&m, 0, sizeof(Machine))
    m.data = data
    m.wire_len = wire_len
    m.len = len
    while i < end:                  # a checked program returns before
        kind = i.code & 7
        if kind == CLASS_LD or kind == CLASS_LDX:
            if not load(&m, i):
                return 0
        elif kind == CLASS_JMP:
            i += jump(&m, i)
        elif kind == CLASS_RET:
            return m.a if i.code == RET_A else i.k
        elif kind == CLASS_ALU:
            by = m.x if i.code & WITH_X else i.k
            if not compute(&m, i.code & OPERATION, by):
                return 0
        elif kind == CLASS_ST:
            m.words[i.k] = m.a
        elif kind == CLASS_STX:
            m.words[i.k] = m.x
        elif i.code == TAX:
            m.x = m.a
        else:
            m.a = m.x
        i += 1
    return 0


cdef class Filter:
    """A program that was checked, from the bytes of its instructions in the host's byte order."""

    def __cinit__(self, const uint8_t[::1] instructions not None):
        cdef size_t size = instructions.nbytes
        self.n = size // sizeof(BpfInstruction)
        self.program = <BpfInstruction*> malloc(size or 1)
        if self.program == NULL:
            raise MemoryError
        if size:
            memcpy(self.program, &instructions[0], size)
        fault = bpf_check(self.program, self.n)
        if size % sizeof(BpfInstruction):
            raise UsageError(f"a filter of {size} bytes is no array of 8-byte instructions")
        if fault:
            raise UsageError(f"the filter {FAULTS[fault]}")

    def __dealloc__(self):
        free(self.program)

    def __len__(self):
        return self.n

    def run(self, const uint8_t[::1] packet not None, wire_len=None):
        """Bytes of the packet to keep; 0: refused."""
        cdef uint32_t size = <uint32_t> packet.nbytes
        cdef const uint8_t* data = &packet[0] if size else NULL
        return bpf_run(self.program, self.n, data, size if wire_len is None else wire_len, size)
