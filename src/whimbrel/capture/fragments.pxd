# Fragments -> datagrams: a small table with limits on datagrams, bytes and age.
#
# Offsets of fragments are multiples of 8 bytes, so what is there is a bit a unit of 8, and one block of the arena
# holds a datagram:
#
#     | one bit a unit: 1 KiB | the datagram's payload, up to 64 KiB, grown as fragments come |
#
# Overlaps: the first copy of a unit wins; a copy that differs is counted.  Fragments that disagree about where the
# datagram ends give it up.  A fragment that the capture cut counts as come, and the datagram as cut from there on.
# A whole datagram is remembered for a moment without its bytes, so that a second copy of its fragments (loopback and
# mirrored ports show each twice) is not the beginning of another that never ends.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena

cdef enum:
    FRAGMENTS_DATAGRAMS = 64        # searched one by one, so few
    FRAGMENTS_BYTES = 1048576       # blocks of all: eight datagrams of the largest kind, hundreds of usual ones
    FRAGMENTS_ECHO_NS = 100000000   # 100 ms: how long a whole one is remembered
    FRAGMENTS_WHOLE = 5             # whole datagrams one packet can need: one a tunnel, and itself
    DATAGRAM_MAX = 65535
    UNIT_MAP_BYTES = 1024           # 65536 / 8 units, a bit each

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define FRAGMENTS_AGE_NS INT64_C(30000000000)
    """
    const int64_t FRAGMENTS_AGE_NS  # 30 s, as Linux waits

cdef enum Joined:
    JOINED_WHOLE = 0
    JOINED_WAITS                    # kept, or given up and counted
    JOINED_BAD                      # no datagram has such a fragment

cdef struct FragmentKey:            # what fragments of one datagram share; no padding, it is compared as bytes
    uint8_t src[16]
    uint8_t dst[16]
    uint32_t network
    uint32_t ident
    uint32_t kind                   # IPv4: its protocol; IPv6: DATAGRAM_V6, its protocol is in the first fragment

cdef enum:
    DATAGRAM_V6 = 256

cdef struct Fragment:
    FragmentKey key
    int64_t time_ns
    uint32_t offset
    bint more                       # not the last
    uint8_t protocol
    const uint8_t* data             # borrowed
    uint32_t len                    # bytes present
    uint32_t wire_len

cdef struct Datagram:
    FragmentKey key
    int64_t begun_ns
    uint8_t* block                  # NULL in a slot that is free, or that remembers a whole one
    bint used
    uint32_t units                  # that are there
    uint32_t seen                   # end of the farthest fragment
    uint32_t end                    # of the datagram; 0: the last fragment has not come
    uint32_t cut_from               # the first byte that the capture did not keep
    uint8_t protocol

cdef struct Whole:
    const uint8_t* data             # until the next fragments_release
    uint32_t len
    uint32_t wire_len
    uint8_t protocol

cdef struct Fragments:
    Arena* arena                    # borrowed
    size_t bytes                    # in blocks of datagrams that wait
    uint64_t lost                   # datagrams given up
    uint64_t differ                 # fragments with other bytes than the first copy
    Datagram slots[64]
    void* whole[5]                  # blocks handed out, freed by fragments_release
    int whole_count

cdef Fragments* fragments_new(Arena* arena) noexcept nogil                 # NULL: no memory
cdef void fragments_free(Fragments* t) noexcept nogil
cdef Joined fragments_join(Fragments* t, const Fragment* f, Whole* out) noexcept nogil
cdef void fragments_release_whole(Fragments* t) noexcept nogil
cdef void fragments_drop_all(Fragments* t) noexcept nogil                  # what waits is lost


cdef inline void fragments_release(Fragments* t) noexcept nogil:
    """Take back the datagrams handed out."""
    if t.whole_count:
        fragments_release_whole(t)
