# Retrieval lines longer than MC_LINE_MAX: parsed in pieces, in bounded memory, the same however they arrive.

from libc.stdint cimport uint8_t, uint64_t
from whimbrel.protocol.memcache.messages cimport McRequest, McStatus

# The first MC_LINE_MAX bytes hold no newline.
cdef McStatus begin_long_line(const uint8_t* data, size_t n, McRequest* r, size_t* consumed) noexcept nogil

# What follows on a line whose parse left a state.
cdef McStatus parse_continuation(
    const uint8_t* data, size_t n, uint64_t state, McRequest* r, size_t* consumed
) noexcept nogil

# The state in which the rest of a retrieval's line can be parsed later.
cdef uint64_t mc_resume_state(const McRequest* r) noexcept nogil
