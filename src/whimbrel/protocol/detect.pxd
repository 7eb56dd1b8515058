# Which protocol a flow speaks, from the first bytes of its sides, on any port.
#
# The answer is UNSURE while the bytes are a prefix of several; a caller gives what it has of both sides and asks again
# with more, up to DETECT_BYTES, from where on it is never UNSURE.  What is said of one side, the other being silent
# or whole, more of its bytes do not change.  A flow joined in the middle may begin anywhere: then OPAQUE says
# "nothing known here", and the caller may look for a message's start with the codec's resync.

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice

cdef enum:
    DETECT_BYTES = 256              # of one side: enough for a request line's method and version of most requests

cdef enum Detected:
    DETECT_UNSURE = 0
    DETECT_HTTP1
    DETECT_HTTP2                    # the connection preface
    DETECT_TLS                      # a handshake record
    DETECT_MEMCACHE
    DETECT_RESP
    DETECT_OPAQUE                   # none of them

cdef Detected detect(Slice client, Slice server) noexcept nogil        # either may be empty

# For a flow without SYN, which of the two sides talks like a client: 0 (first), 1 (second), -1 (cannot say).
cdef int detect_client_side(Slice first, Slice second) noexcept nogil
