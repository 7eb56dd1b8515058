# A slice: borrowed bytes. Whoever made it says how long they live; nobody frees through one.

from libc.stdint cimport uint8_t
from libc.string cimport memcmp


cdef struct Slice:
    const uint8_t* ptr      # borrowed; may be NULL when len is 0
    size_t len


cdef inline Slice slice_of(const void* ptr, size_t len) noexcept nogil:
    cdef Slice s
    s.ptr = <const uint8_t*> ptr
    s.len = len
    return s


cdef inline bint slice_eq(Slice a, Slice b) noexcept nogil:
    return a.len == b.len and (a.len == 0 or memcmp(a.ptr, b.ptr, a.len) == 0)
