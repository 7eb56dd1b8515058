# The words that protocols are told apart by, where C can read them.

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice

cdef enum:
    WORD_ROOM = 24                  # bytes of the longest word known: Redis's zremrangebyscore has 16

cdef bint is_redis_command(Slice word) noexcept nogil               # in any case
cdef bint redis_command_may_begin(Slice text) noexcept nogil
cdef bint memcache_command_may_begin(Slice text) noexcept nogil     # case-sensitive
cdef bint is_memcache_reply(Slice word) noexcept nogil              # the first word of a server's line
cdef bint memcache_reply_may_begin(Slice text) noexcept nogil
