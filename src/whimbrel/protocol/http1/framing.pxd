# How long a body is, and whether the connection goes on behind it.

from whimbrel.protocol.http1.headers cimport Fields
from whimbrel.protocol.http1.messages cimport H1Head, H1Method

cdef void frame_request(H1Head* out, const Fields* f) noexcept nogil
cdef void frame_response(H1Method request, H1Head* out, const Fields* f) noexcept nogil
