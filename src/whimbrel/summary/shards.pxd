# How big a cache would have to be: reuse distances of a sample of keys of fixed size (SHARDS: Waldspurger and others,
# FAST'15), for a miss-ratio curve.
#
#     hash(key) < threshold ?  -> tracked: | hash | last position |      a table of at most SHARDS_KEYS
#                                                    |
#     positions of time  |.1.1..11...1.|  a Fenwick tree counts the tracked keys touched since: the distance, divided
#                                         by the share of keys that are tracked
#
# A key is tracked or not by its hash, so all of its references are.  When the table is full the threshold falls by an
# eighth and what is above it is dropped: memory stays, the share shrinks.  Each sampled read stands for 1 / share
# reads when it is counted, so windows add up whatever the threshold was.
#
# Reads are references.  Writes and deletes only touch: a cache that was read and missed is written next, and the read
# was counted.  Distances count distinct keys, not bytes; the sizes are in the rows.
# Steps are eighths of an octave, so a distance is off by at most 9 %.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena

cdef enum:
    SHARDS_KEYS = 4096              # tracked at most: the mean error of a curve is then about 0.01
    SHARDS_SLOTS = 8192             # of the table
    SHARDS_POSITIONS = 16384        # of time, before they are numbered anew
    SHARDS_STEPS = 8                # buckets an octave of distance
    SHARDS_BUCKETS = 320            # up to 2^40 keys

cdef struct ShardsKey:
    uint64_t hash                   # 0: free
    uint32_t position               # of its last reference; 0: none
    uint32_t unused

cdef struct Shards:                 # in the arena, 200 KiB in three blocks
    ShardsKey* table
    uint32_t* tree                  # Fenwick, by position
    double* counts                  # reads by distance, each as many as it stands for
    uint64_t threshold              # tracked: hash >> 1 below it
    uint32_t used
    uint32_t clock                  # the last position given out
    uint64_t reads                  # this window, exactly
    double cold                     # first reads seen of a key, as many as they stand for

cdef Shards* shards_new(Arena* arena) noexcept nogil           # NULL: no memory
cdef void shards_free(Arena* arena, Shards* s) noexcept nogil
cdef void shards_touch(Shards* s, uint64_t hash, bint read) noexcept nogil
cdef object shards_read(Shards* s) # for the batch: a dict, or None without reads; the next window begins
