# Methods as C sees them: those with framing of their own, and those that are known to be in use.

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.http1.messages cimport H1Method

cdef H1Method h1_method_kind(Slice method) noexcept nogil
cdef bint method_known(Slice method) noexcept nogil
cdef size_t method_at_end(Slice text) noexcept nogil        # bytes of the longest known method text ends with, or 0
cdef bint method_may_begin(Slice text) noexcept nogil       # text is a known method, or the beginning of one
