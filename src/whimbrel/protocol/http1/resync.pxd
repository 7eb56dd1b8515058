# Where a message may begin again after a gap; see codec.pxd.

from libc.stdint cimport uint8_t

cdef size_t h1_resync(const uint8_t* data, size_t n, bint responses) noexcept nogil
