# The flags of the meta commands.

from whimbrel.protocol.memcache.messages cimport McRequest
from whimbrel.protocol.memcache.words cimport Words

cdef void read_flags(const Words* words, int first, McRequest* r) noexcept nogil
cdef void check_flags(McRequest* r) noexcept nogil          # which error a command answers, and its modes
cdef void read_debug_flag(const Words* words, McRequest* r) noexcept nogil
