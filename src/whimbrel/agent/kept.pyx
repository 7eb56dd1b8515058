# See kept.pxd.

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memmove
from whimbrel.agent.conversation cimport PARTIAL_MAX
from whimbrel.agent.talk cimport Conversation, Half
from whimbrel.base.arena cimport Arena, arena_block_bytes, arena_free, arena_grow


cdef void keep_nothing(Conversation* c, Half* half) noexcept nogil:
    if half.kept != NULL:
        arena_free(c.talk.arena, half.kept)
        half.kept = NULL
    half.kept_len = 0


cdef bint keep(Conversation* c, Half* half, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Arena* arena = c.talk.arena
    cdef size_t need = half.kept_len + n
    cdef void* grown = half.kept
    if half.kept_len == 0:
        half.kept_ns = now
    if need > PARTIAL_MAX:
        grown = NULL
    elif half.kept == NULL or arena_block_bytes(arena, half.kept) < need:
        grown = arena_grow(arena, half.kept, half.kept_len, need)
    if grown == NULL:
        c.talk.counts.lost_messages += 1
        keep_nothing(c, half)
        return False
    half.kept = <uint8_t*> grown
    memcpy(half.kept + half.kept_len, data, n)
    half.kept_len += <uint32_t> n
    return True


cdef void keep_from(Conversation* c, Half* half, size_t consumed) noexcept nogil:
    if consumed >= half.kept_len:
        keep_nothing(c, half)
        return
    half.kept_len -= <uint32_t> consumed
    memmove(half.kept, half.kept + consumed, half.kept_len)
