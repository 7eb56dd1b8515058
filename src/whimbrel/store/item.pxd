# An item: what one append writes.  Byte granular and unaligned, so it is only touched by memcpy.
#
#      0       8          12       16      24
#     | header | expire_lo | flags |  cas  | key ... | value ... |
#              '-- each only where its bit is set --'
#
#   header  63       48 47    40 39      28 27          0
#          | expire_hi |  bits  | key_len  |  value_len  |
#
# Times are 48-bit absolute milliseconds.  8 bytes, 12 with a TTL, 4 more with flags that are not 0, 8 more
# only where the CAS token cannot be the item's own place.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.slice cimport Slice
from whimbrel.store.layout cimport Segment, Store, segment_of


cdef enum:
    ITEM_EXPIRES = 1
    ITEM_FLAGS = 2
    ITEM_CAS = 4
    ITEM_STALE = 8
    ITEM_WON = 16
    ITEM_CHAINED = 32               # continues in the segments chained to its own
    ITEM_HEADER_BYTES = 8
    ITEM_HEADER_BYTES_MAX = 24


cdef struct Item:                   # a header, decoded; `at` is the item's first byte
    const uint8_t* at
    uint64_t location
    uint64_t slot                   # as the lookup read it
    uint32_t bits
    uint32_t header_len
    uint32_t key_len
    uint32_t value_len
    uint32_t flags
    int64_t expire_ms
    uint64_t cas                    # 0: none stored


cdef inline uint64_t item_bytes(const Item* it) noexcept nogil:
    return <uint64_t> it.header_len + it.key_len + it.value_len


cdef inline uint32_t item_header_len(uint32_t bits) noexcept nogil:
    return (ITEM_HEADER_BYTES + (4 if bits & ITEM_EXPIRES else 0) + (4 if bits & ITEM_FLAGS else 0)
            + (8 if bits & ITEM_CAS else 0))


cdef inline uint32_t item_encode(uint8_t* at, const Item* it) noexcept nogil:
    """Writes the header and returns its length."""
    cdef uint64_t expire = <uint64_t> it.expire_ms
    cdef uint64_t header = (<uint64_t> it.value_len | <uint64_t> it.key_len << 28 | <uint64_t> it.bits << 40)
    cdef uint32_t low, n = ITEM_HEADER_BYTES
    if it.bits & ITEM_EXPIRES:
        header |= (expire >> 32) << 48
        low = <uint32_t> expire
        memcpy(at + n, &low, 4)
        n += 4
    if it.bits & ITEM_FLAGS:
        memcpy(at + n, &it.flags, 4)
        n += 4
    if it.bits & ITEM_CAS:
        memcpy(at + n, &it.cas, 8)
        n += 8
    memcpy(at, &header, 8)
    return n


cdef inline void item_fields(const uint8_t* at, uint64_t location, uint64_t header, Item* it) noexcept nogil:
    """Everything a header says; its optional fields must lie in readable memory."""
    cdef uint32_t low, n = ITEM_HEADER_BYTES
    it.at = at
    it.location = location
    it.value_len = <uint32_t> (header & 0xfffffff)
    it.key_len = <uint32_t> (header >> 28) & 0xfff
    it.bits = <uint32_t> (header >> 40) & 0xff
    it.expire_ms = 0
    it.flags = 0
    it.cas = 0
    if it.bits & (ITEM_EXPIRES | ITEM_FLAGS | ITEM_CAS):
        if it.bits & ITEM_EXPIRES:
            memcpy(&low, at + n, 4)
            it.expire_ms = <int64_t> ((header >> 48) << 32 | low)
            n += 4
        if it.bits & ITEM_FLAGS:
            memcpy(&it.flags, at + n, 4)
            n += 4
        if it.bits & ITEM_CAS:
            memcpy(&it.cas, at + n, 8)
            n += 8
    it.header_len = n


cdef inline bint item_fits(const Store* s, const Item* it, uint64_t room) noexcept nogil:
    if item_bytes(it) <= room:
        return True
    return ((it.bits & ITEM_CHAINED) != 0 and it.header_len + it.key_len <= room
            and (it.location & s.segment_mask) == 0)


cdef inline bint item_decode(const Store* s, uint64_t location, Item* it) noexcept nogil:
    """Whether there can be an item at `location`.  Its bytes may be anything: they are checked to lie within
    the segment (or the chain), never trusted.  (The header may be read beyond the segment's last byte, where there
    is another segment or the page behind the heap: the item does not fit then.)"""
    cdef const uint8_t* at = s.heap + location
    cdef uint64_t room = s.segment_bytes - (location & s.segment_mask)
    cdef uint64_t header
    memcpy(&header, at, 8)
    item_fields(at, location, header, it)
    return item_fits(s, it, room)


cdef inline bint item_matches(const Store* s, uint64_t location, Slice key, Item* it) noexcept nogil:
    """Whether the item at `location` has this key; then it is decoded."""
    cdef const uint8_t* at = s.heap + location
    cdef uint64_t room = s.segment_bytes - (location & s.segment_mask)
    cdef uint64_t header
    memcpy(&header, at, 8)
    if ((header >> 28) & 0xfff) != key.len:
        return False
    item_fields(at, location, header, it)
    return item_fits(s, it, room) and same_bytes(at + it.header_len, key.ptr, key.len)


cdef inline bint same_bytes(const uint8_t* a, const uint8_t* b, size_t n) noexcept nogil:
    """memcmp for keys: short, mostly equal, and not worth a call."""
    cdef uint64_t x, y
    cdef uint32_t u, v
    while n >= 8:
        memcpy(&x, a, 8)
        memcpy(&y, b, 8)
        if x != y:
            return False
        a += 8
        b += 8
        n -= 8
    if n >= 4:
        memcpy(&u, a, 4)
        memcpy(&v, b, 4)
        if u != v:
            return False
        a += 4
        b += 4
        n -= 4
    while n > 0:
        if a[0] != b[0]:
            return False
        a += 1
        b += 1
        n -= 1
    return True


cdef inline const uint8_t* item_key(const Item* it) noexcept nogil:
    return it.at + it.header_len


cdef inline bint item_live(const Store* s, const Item* it, int64_t now_ms) noexcept nogil:
    """Not expired and not flushed."""
    if it.expire_ms != 0 and it.expire_ms <= now_ms:
        return False
    return segment_of(s, it.location).sequence > s.r.flush_sequence
