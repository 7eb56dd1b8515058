# A writer: a bounded cursor over bytes somebody else owns.
#
# A put that does not fit writes nothing and sets `overflow`; every later put then does nothing too, so
# a composer checks once, at its end.  One bounds check a put, no allocation.
#
#      base           pos            end
#       |..written.....|....room......|

from libc.stdint cimport uint8_t, uint64_t, int64_t
from libc.string cimport memcpy
from whimbrel.base.slice cimport Slice


cdef struct Writer:
    uint8_t* base
    uint8_t* pos
    uint8_t* end
    bint overflow


cdef inline void writer_init(Writer* w, uint8_t* base, size_t size) noexcept nogil:
    w.base = base
    w.pos = base
    w.end = base + size
    w.overflow = False


cdef inline size_t writer_len(const Writer* w) noexcept nogil:
    return <size_t> (w.pos - w.base)


cdef inline size_t writer_room(const Writer* w) noexcept nogil:
    return <size_t> (w.end - w.pos)


cdef inline void put_bytes(Writer* w, const void* src, size_t n) noexcept nogil:
    if w.overflow or writer_room(w) < n:
        w.overflow = True
        return
    if n:
        memcpy(w.pos, src, n)
        w.pos += n


cdef inline void put_slice(Writer* w, Slice s) noexcept nogil:
    put_bytes(w, s.ptr, s.len)


cdef inline void put_byte(Writer* w, uint8_t c) noexcept nogil:
    if w.overflow or w.pos == w.end:
        w.overflow = True
        return
    w.pos[0] = c
    w.pos += 1


cdef inline void put_u64(Writer* w, uint64_t value) noexcept nogil:
    """Decimal digits of `value`."""
    cdef uint8_t digits[20]
    cdef int i = 20
    while True:
        i -= 1
        digits[i] = <uint8_t> (48 + value % 10)
        value //= 10
        if value == 0:
            break
    put_bytes(w, &digits[i], 20 - i)


cdef inline void put_i64(Writer* w, int64_t value) noexcept nogil:
    if value < 0:
        put_byte(w, 45)
        put_u64(w, <uint64_t> 0 - <uint64_t> value)
    else:
        put_u64(w, <uint64_t> value)
