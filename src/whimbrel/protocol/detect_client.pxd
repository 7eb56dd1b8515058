# What a client's first bytes say.

from whimbrel.base.slice cimport Slice
from whimbrel.protocol.opinion cimport Opinion, Verdict

cdef void judge_client(Slice s, Opinion* out) noexcept nogil            # s: at most DETECT_BYTES, not empty
cdef bint is_known_resp_array(Slice s) noexcept nogil       # an array whose first element is a command's name
