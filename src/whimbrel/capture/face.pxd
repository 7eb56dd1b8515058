# One interface's packet socket and its ring: blocks that the kernel fills and we hand back.
#
#     block 0          block 1          block 2                  block N-1
#     |p p p p p p   |p p p           |p p <- kernel writes |  ... |              |
#      ^ the head       ^ ours next: full, or RING_BLOCK_MS old
#
#     a packet:  | tpacket3_hdr 48 | sockaddr_ll 20 | room | frame ...
#                                                       ^ what the kernel took out is written back here
#
# A frame is borrowed until its block is handed back.  Whoever is slow loses packets, counted by the kernel, never time.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.capture.bpf cimport BpfInstruction
from whimbrel.capture.packet cimport Packet

cdef enum:
    RING_BLOCK_MS = 20              # a block with a packet in it is handed over no later; 50 wake-ups a second at most
    RING_BLOCKS_MIN = 4             # below, a wake-up's delay loses packets
    RING_BLOCK_BYTES_MIN = 131072   # a packet lies in one block: shorter ones cut what offloading made 64 KiB long
    RING_BLOCK_BYTES_MAX = 262144   # three of those; longer ones would be fewer, and each may go with one packet in it
    FACE_NAME_BYTES = 16            # IFNAMSIZ

cdef struct Face:
    char name[FACE_NAME_BYTES]
    int fd                          # -1: not open
    int index                       # the interface's; 0: all
    uint16_t link                   # what packets are reported as
    bint cooked                     # the kernel strips the link layer, we write a Linux cooked header (v2) instead
    bint loopback                   # doubled packets may come: drop the outgoing ones
    bint promiscuous                # ask for packets that are not addressed to this machine
    uint8_t* map
    size_t map_bytes
    uint32_t block_bytes
    uint32_t blocks
    uint32_t at                     # the block to read from next
    bint open                       # that block is ours and not handed back yet
    uint32_t left                   # packets of it not taken yet
    uint8_t* frame                  # the next of them: the head
    int64_t head_ns                 # its time
    uint64_t packets                # the kernel's counts, added up: accepted by the filter, dropped or not
    uint64_t drops                  # ... for want of a free block
    uint64_t freezes                # times all blocks were full
    uint64_t downs                  # times the interface went down or away
    bint down                       # it may be back, or another of the same name: to be looked after
    const BpfInstruction* check     # a filter that we run ourselves, on what the kernel's filter let through; or NULL
    size_t check_len

cdef const char* face_open(
    Face* f, uint32_t block_bytes, uint32_t blocks, const uint8_t* program, size_t program_bytes
) noexcept nogil                                    # NULL, or the step that failed; errno says why
cdef void face_close(Face* f) noexcept nogil
cdef bint face_ready(Face* f) noexcept nogil        # is there a head?
cdef bint face_take(Face* f, Packet* p) noexcept nogil      # the head; False: it is one to pass over
cdef void face_hand_back(Face* f) noexcept nogil    # the block is the kernel's again
cdef bint face_filling(Face* f) noexcept nogil      # a quarter of the blocks wait for us
cdef void face_count(Face* f) noexcept nogil        # fetches the kernel's counts, which begin anew there
cdef void face_trouble(Face* f) noexcept nogil      # after EPOLLERR: the interface went down or away
cdef void face_look(Face* f) noexcept nogil         # is it up again, is there another of its name?
