# What a piece of a path or key is by its looks, and which words are structure by themselves.

from libc.stdint cimport uint8_t
from whimbrel.base.slice cimport Slice

cdef uint8_t value_of(Slice text) noexcept nogil                # the parameter it is (template.pxd), or 0: a literal
cdef bint is_specific(uint8_t parameter) noexcept nogil     # a format of the whole: nothing inside is worth a look
cdef bint is_known(uint8_t protocol, Slice word) noexcept nogil # a registered method, a command in a table of ours
cdef bint has_digit(Slice text) noexcept nogil
cdef bint is_version(Slice text) noexcept nogil                 # v1 to v99
cdef size_t weak_end(Slice text, size_t start) noexcept nogil   # where the next weak separator is, or the length
cdef size_t extension_at(Slice text) noexcept nogil             # of the dot before a file's type, or 0
cdef Slice parameter_name(uint8_t parameter) noexcept nogil
