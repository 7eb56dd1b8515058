# Formats of strings that begin with a digit or a sign: numbers, dates, times, cards, telephones, IPv4 addresses.

from libc.stdint cimport uint8_t, uint32_t
from whimbrel.summary.format cimport Format

# `seen` is what kinds_of(p, n) says; FORMAT_NONE: none of these, perhaps another.
cdef Format numeric_format(const uint8_t* p, size_t n, uint32_t seen) noexcept nogil
