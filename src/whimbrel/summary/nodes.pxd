# Nodes of shapes: making, finding, merging, freeing.  What building a shape and merging shapes have in common.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.arena cimport Arena
from whimbrel.base.slice cimport Slice
from whimbrel.summary.shape cimport SHAPE_KEY, Shape, ShapeRole

cdef struct Tree:                   # whom a node belongs to
    Arena* arena
    uint32_t* nodes                 # how many it has
    uint32_t* refused               # how many found no memory


cdef inline void add(uint32_t* counter, uint32_t n) noexcept nogil:
    """Counters stay at their end."""
    counter[0] = counter[0] + n if counter[0] <= <uint32_t> 0xffffffff - n else <uint32_t> 0xffffffff


cdef inline uint64_t word_at(const uint8_t* p) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, p, 8)
    return word


cdef inline bint has_key(const Shape* s, Slice key) noexcept nogil:
    """Compared in words, the last one overlapping: for so few bytes a call of memcmp is most of the work."""
    cdef size_t n = key.len, i
    if s.role != SHAPE_KEY or s.key_len != n:
        return False
    if n < 8:
        for i in range(n):
            if s.key[i] != key.ptr[i]:
                return False
        return True
    i = 8
    while i < n:
        if word_at(s.key + i - 8) != word_at(key.ptr + i - 8):
            return False
        i += 8
    return word_at(s.key + n - 8) == word_at(key.ptr + n - 8)


cdef Shape* new_node(Tree* t, ShapeRole role, Slice key, uint32_t key_hash) noexcept nogil      # NULL: no memory

# The items or the values of a node, made where there are none: they stand in front of the keys.  NULL: no memory.
cdef Shape* special_child(Tree* t, Shape* parent, ShapeRole role) noexcept nogil

# `last` is the last child, behind which add_key puts a new one; NULL: there is no child at all.
cdef Shape* find_key(const Shape* parent, Slice key, uint32_t key_hash, Shape** last) noexcept nogil
cdef Shape* add_key(Tree* t, Shape* parent, Shape* last, Slice key, uint32_t key_hash, bint odd) noexcept nogil

cdef void to_map(Tree* t, Shape* parent) noexcept nogil                 # all keys become one child
cdef void merge_nodes(Tree* t, Shape* into, const Shape* other, bint same_call) noexcept nogil
cdef uint32_t free_nodes(Arena* arena, Shape* s) noexcept nogil         # s and what is below it; how many they were
