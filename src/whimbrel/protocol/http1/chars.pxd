# Bytes and words of HTTP/1's grammar, per byte and inline.

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.slice cimport Slice, slice_of

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define TOKEN_LOW UINT64_C(0x03ff6cfa00000000)
    #define TOKEN_HIGH UINT64_C(0x57ffffffc7fffffe)
    #define ALL_0X01 UINT64_C(0x0101010101010101)
    #define ALL_0X21 UINT64_C(0x2121212121212121)
    #define ALL_DEL UINT64_C(0x7f7f7f7f7f7f7f7f)
    """
    const uint64_t TOKEN_LOW        # bits of the tchars below 64: !#$%&'*+-. and digits
    const uint64_t TOKEN_HIGH       # bits of those from 64: letters and ^_`|~
    const uint64_t ALL_0X01         # eight bytes of each
    const uint64_t ALL_0X21
    const uint64_t ALL_DEL

cdef inline bint is_token_byte(uint8_t c) noexcept nogil:
    """tchar (RFC 9110 5.6.2): a letter, a digit, or one of !#$%&'*+-.^_`|~"""
    if c < 64:
        return (<uint64_t> TOKEN_LOW >> c) & 1
    return c < 128 and (<uint64_t> TOKEN_HIGH >> (c - 64)) & 1

cdef inline bint has_blank_or_control(const uint8_t* p, size_t n) noexcept nogil:
    """A byte up to space, or DEL; eight at a time.

    x - 0x21 borrows into bit 7 where a byte is less, and ~x drops those that had it set; x ^ 0x7f is 0 where x is DEL.
    """
    cdef uint64_t x, y
    cdef size_t i = 0
    while i + 8 <= n:
        memcpy(&x, p + i, 8)
        y = x ^ <uint64_t> ALL_DEL
        if ((x - <uint64_t> ALL_0X21) & ~x | (y - <uint64_t> ALL_0X01) & ~y) & (<uint64_t> 0x80 * ALL_0X01):
            return True
        i += 8
    while i < n:
        if p[i] <= 32 or p[i] == 127:
            return True
        i += 1
    return False

cdef inline bint is_blank(uint8_t c) noexcept nogil:
    """What OWS is made of (RFC 9110 5.6.3): space and tab."""
    return c == 32 or c == 9

cdef inline bint is_digit(uint8_t c) noexcept nogil:
    return 48 <= c <= 57

cdef inline bint is_line_end(uint8_t c) noexcept nogil:
    return c == 13 or c == 10

cdef inline bint same_letters(const uint8_t* p, const char* lower, size_t n) noexcept nogil:
    """The n bytes at p are `lower` in any case.  Only for words of letters and of bytes that have bit 5 set."""
    cdef size_t i
    for i in range(n):
        if (p[i] | 32) != <uint8_t> lower[i]:
            return False
    return True

cdef inline bint word_is(Slice s, const char* lower, size_t n) noexcept nogil:
    return s.len == n and same_letters(s.ptr, lower, n)

cdef inline Slice trimmed(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Without blanks and line ends (a fold's, or a CR too many) on either side."""
    while p < end and (is_blank(p[0]) or is_line_end(p[0])):
        p += 1
    while p < end and (is_blank((end - 1)[0]) or is_line_end((end - 1)[0])):
        end -= 1
    return slice_of(p, <size_t> (end - p))

cdef inline bint next_item(Slice* rest, Slice* item) noexcept nogil:
    """Take the next of a comma-separated list, trimmed and perhaps empty; False when nothing is left."""
    cdef size_t i = 0
    if rest.ptr == NULL:
        return False
    while i < rest.len and rest.ptr[i] != 44:
        i += 1
    item[0] = trimmed(rest.ptr, rest.ptr + i)
    if i == rest.len:
        rest.ptr = NULL
    else:
        rest.ptr += i + 1
        rest.len -= i + 1
    return True
