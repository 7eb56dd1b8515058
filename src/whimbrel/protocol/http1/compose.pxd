# Heads to bytes; see codec.pxd.

from whimbrel.base.buffer cimport Writer
from whimbrel.protocol.http1.messages cimport H1Head

cdef void h1_compose_request(const H1Head* head, Writer* w) noexcept nogil
cdef void h1_compose_response(const H1Head* head, Writer* w) noexcept nogil
