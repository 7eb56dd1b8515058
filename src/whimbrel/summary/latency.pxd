# A latency histogram that costs little while it holds little: the buckets of base/histogram, kept only where hit.
#
#     Latency (112 B, inside a row)
#     | count sum min max ... | slot of chunk 0..57 (1 B each) |
#                                    |
#                    slots:  | 32 x uint32 | 32 x uint32 | ...        128 B a chunk, in one block that doubles
#
# A chunk is half an octave.  A row whose latencies lie within a factor of 4 needs four or five chunks: 512 B or 1 KiB,
# where the dense histogram of the server needs 15 KiB.  Bucket numbers are those of base/histogram, so that whoever
# merges windows adds them up there.  Counts have 32 bits: a window has ten seconds.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena

cdef enum:
    LATENCY_CHUNK = 32              # buckets: half of the 64 steps of an octave
    LATENCY_CHUNKS = 58             # 1856 buckets; asserted in latency.pyx

cdef struct Latency:                # zeroed: empty
    uint64_t sum_ns                 # exact
    uint64_t min_ns                 # meaningful when count > 0
    uint64_t max_ns
    uint32_t* slots
    uint32_t count                  # everything, `overflow` and `unplaced` included
    uint32_t overflow               # 2^37 ns and more
    uint32_t unplaced               # for which there was no memory: only in count, sum, min and max
    uint8_t used                    # slots
    uint8_t room
    uint8_t slot_of[LATENCY_CHUNKS]     # 0: none; else slot + 1

cdef void latency_record(Arena* arena, Latency* h, uint64_t ns) noexcept nogil
cdef void latency_merge(Arena* arena, Latency* into, const Latency* other) noexcept nogil
cdef void latency_clear(Arena* arena, Latency* h) noexcept nogil
cdef object latency_read(const Latency* h)      # for the batch: a dict, see docs/batch.md; None when empty
