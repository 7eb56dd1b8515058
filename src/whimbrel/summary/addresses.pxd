# Formats of strings that say where something is.

from libc.stdint cimport uint8_t

cdef bint is_ipv4(const uint8_t* p, size_t n) noexcept nogil
cdef bint is_ipv6(const uint8_t* p, size_t n) noexcept nogil
cdef bint is_hostname(const uint8_t* p, size_t n) noexcept nogil
cdef bint is_email(const uint8_t* p, size_t n) noexcept nogil
cdef bint is_uri(const uint8_t* p, size_t n) noexcept nogil
