"""Shapes out of the window: what may be told of them, and whether it differs from what was told.

A key is told once k distinct calls had it at its place and it does not look like a value; what is below keys that are
not told is merged into one anonymous child, which says how many they are and what types they have.  Items of arrays
and values of maps have no names to hide.  The fingerprint covers what a reader would call the schema (types, formats,
names, which of them are optional or null), so a schema is sent when that changes and not with every window.
"""

from libc.stdint cimport uint32_t, uint64_t
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport slice_of
from whimbrel.summary.format cimport looks_like_value
from whimbrel.summary.pieces cimport plain_bytes
from whimbrel.summary.shape cimport Shape


cdef bint key_shown(const Shape* s, uint64_t k) noexcept nogil:
    return s.calls >= k and plain_bytes(slice_of(s.key, s.key_len)) and not looks_like_value(slice_of(s.key, s.key_len))


cdef inline uint64_t mix(uint64_t a, uint64_t b) noexcept nogil:
    a = (a ^ b) * 0x9E3779B97F4A7C15u
    return a ^ a >> 29


cdef uint64_t outline_print(const Shape* s, uint64_t k) noexcept nogil:
    """Children are added up, so that their order does not matter."""
    cdef const Shape* child = s.child
    cdef uint64_t found = mix(s.types | <uint64_t> s.formats << 8, 1 if s.map_like else 2)
    cdef uint64_t below = 0, name
    cdef uint32_t hidden = 0
    found = mix(found, s.nulls != 0)
    while child != NULL:
        if child.key_hash == 0:
            below += mix(outline_print(child, k), 3)
        elif key_shown(child, k):
            name = hash_bytes(child.key, child.key_len, 4)
            below += mix(mix(name, outline_print(child, k)), 5 if child.calls < s.calls or child.seen < s.seen else 6)
        else:
            hidden |= 256 | child.types
        child = child.next
    return mix(mix(found, below), hidden) | 1


cdef void fold(const Shape* s, uint32_t* types, uint32_t* formats, uint64_t* seen) noexcept nogil:
    types[0] |= s.types
    formats[0] |= s.formats
    seen[0] += s.seen


cdef object outline_read(const Shape* s, uint64_t k, object told):
    cdef const Shape* child = s.child
    cdef uint32_t hidden = 0, types = 0, formats = 0
    cdef uint64_t seen = 0
    found = {"types": s.types, "seen": s.seen, "calls": s.calls}
    keys = {}
    if s.formats:
        found["formats"] = s.formats
    if s.nulls:
        found["nulls"] = s.nulls
    if s.map_like:
        found["map"] = True
    while child != NULL:
        if child.key_hash == 0:
            found["items"] = outline_read(child, k, told)
        elif key_shown(child, k):
            name = child.key[:child.key_len].decode("ascii")
            keys[name] = outline_read(child, k, told)
            if told is not None:
                told.append((name, child.calls))
        else:
            hidden += 1
            fold(child, &types, &formats, &seen)
        child = child.next
    if keys:
        found["keys"] = keys
    if hidden:
        found["hidden"] = {"keys": hidden, "types": types, "formats": formats, "seen": seen}
    return found
