# What is stored under which key: both are functions of the key's number, so that a reply can be checked
# without remembering anything.
#
#     key     `k` and the number in decimal, with leading zeros to the wanted length
#     value   a window into one block of noise; where it begins depends on the key

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp
from whimbrel.base.slice cimport Slice, slice_of

cdef enum:
    CONTENT_WINDOWS = 4096      # different values of one length
    CONTENT_MAX_KEY = 250       # memcache's limit

cdef struct Content:
    uint32_t key_min            # bytes
    uint32_t key_max
    uint32_t value_min          # bytes
    uint32_t value_max
    uint8_t* noise              # CONTENT_WINDOWS + value_max bytes


cdef inline uint64_t content_mix(uint64_t key) noexcept nogil:
    cdef uint64_t z = (key + 1) * <uint64_t> 0x9E3779B97F4A7C15
    return (z ^ (z >> 29)) * <uint64_t> 0xBF58476D1CE4E5B9


cdef inline uint32_t content_value_size(const Content* c, uint64_t key) noexcept nogil:
    if c.value_min == c.value_max:
        return c.value_min
    return c.value_min + <uint32_t> ((content_mix(key) >> 20) % (c.value_max - c.value_min + 1))


cdef inline Slice content_key(const Content* c, uint64_t key, uint8_t* room) noexcept nogil:
    """The key's name, in `room` of CONTENT_MAX_KEY bytes."""
    cdef uint32_t size = c.key_min
    cdef uint32_t i
    cdef uint64_t rest = key
    if c.key_min != c.key_max:
        size += <uint32_t> ((content_mix(key) >> 44) % (c.key_max - c.key_min + 1))
    i = size
    while i > 1:
        i -= 1
        room[i] = <uint8_t> (48 + rest % 10)
        rest //= 10
    room[0] = 107
    return slice_of(room, size)


cdef inline Slice content_value(const Content* c, uint64_t key, uint32_t size) noexcept nogil:
    return slice_of(c.noise + (content_mix(key) >> 52) % CONTENT_WINDOWS, size)


cdef inline bint content_is_value(const Content* c, uint64_t key, Slice value) noexcept nogil:
    """Whether `value` is what is stored under `key`, whatever its length."""
    return value.len <= c.value_max and memcmp(content_value(c, key, 0).ptr, value.ptr, value.len) == 0
