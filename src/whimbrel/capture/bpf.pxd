# Classic BPF: a filter program over a packet's bytes, as tcpdump's compiler makes it and the kernel takes it.
#
# Two registers A and X, sixteen words of scratch memory, jumps only forward: a program of n instructions ends after at
# most n steps.  bpf_check proves what bpf_run relies on; a program that was not checked must not be run.  A load
# beyond the packet ends the program and refuses the packet.  Not here: the kernel's own loads (SKF_AD_...), which
# read what is no byte of the packet; to us they are loads beyond it.

from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef enum:
    BPF_INSTRUCTIONS_MAX = 4096     # the kernel takes no longer program
    BPF_WORDS = 16                  # of scratch memory

cdef struct BpfInstruction:         # the kernel's sock_filter
    uint16_t code
    uint8_t jt                      # instructions to skip when true
    uint8_t jf
    uint32_t k

cdef enum BpfFault:
    BPF_FINE = 0
    BPF_LENGTH                      # no instruction, or more than BPF_INSTRUCTIONS_MAX
    BPF_CODE                        # no such instruction
    BPF_JUMP                        # to behind the end
    BPF_WORD                        # no such word of scratch memory
    BPF_DIVISION                    # by the constant 0
    BPF_SHIFT                       # by a constant of 32 or more
    BPF_NO_RETURN                   # the last instruction is no return

cdef BpfFault bpf_check(const BpfInstruction* program, size_t n) noexcept nogil
cdef uint32_t bpf_run(
    const BpfInstruction* program, size_t n, const uint8_t* data, uint32_t wire_len, uint32_t len
) noexcept nogil                    # bytes of the packet to keep; 0: refused


cdef class Filter:                  # a checked program
    cdef BpfInstruction* program
    cdef size_t n


cdef inline bint filter_accepts(Filter f, const uint8_t* data, uint32_t wire_len, uint32_t len) noexcept nogil:
    return bpf_run(f.program, f.n, data, wire_len, len) != 0
