# What a server's first bytes say.

from whimbrel.base.slice cimport Slice
from whimbrel.protocol.opinion cimport Opinion

cdef void judge_server(Slice s, Opinion* out) noexcept nogil            # s: at most DETECT_BYTES, not empty
