# Which kind of character a byte is, as a bit, so that one pass over a string says which kinds it is made of.

from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef enum:                          # kinds of characters, a bit each
    C_DIGIT = 1
    C_HEX_SMALL = 2                 # a-f
    C_HEX_LARGE = 4                 # A-F
    C_SMALL = 8                     # g-z
    C_LARGE = 16                    # G-Z
    C_DASH = 32
    C_UNDERSCORE = 64
    C_DOT = 128
    C_COLON = 256
    C_AT = 512
    C_PLUS = 1024
    C_SLASH = 2048
    C_EQUAL = 4096
    C_BLANK = 8192
    C_OTHER = 16384                 # further printable ASCII
    C_STRANGE = 32768               # controls and everything beyond ASCII
    C_SMALLS = 2 + 8
    C_LARGES = 4 + 16
    C_LETTERS = 2 + 4 + 8 + 16

cdef uint16_t kinds[256]            # filled when the module is loaded


cdef inline uint32_t kinds_of(const uint8_t* p, size_t n) noexcept nogil:
    cdef uint32_t seen = 0
    cdef size_t i
    for i in range(n):
        seen |= kinds[p[i]]
    return seen


cdef inline bint only(uint32_t seen, uint32_t allowed) noexcept nogil:
    return seen & ~allowed == 0


cdef inline bint is_digit(uint8_t c) noexcept nogil:
    return <uint8_t> (c - 48) <= 9


cdef inline size_t digits_from(const uint8_t* p, size_t i, size_t n) noexcept nogil:
    """Where the run of digits from i ends."""
    while i < n and is_digit(p[i]):
        i += 1
    return i


cdef inline int two_digits(const uint8_t* p) noexcept nogil:
    """-1: they are not two digits."""
    if not (is_digit(p[0]) and is_digit(p[1])):
        return -1
    return (p[0] - 48) * 10 + (p[1] - 48)
