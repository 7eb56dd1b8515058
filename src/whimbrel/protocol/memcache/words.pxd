# Lines, their words, and what a word may mean: numbers, base64.  All inline, all on borrowed bytes.
#
# Numbers are read as the original reads them: an optional plus (a minus where a sign makes sense), at least one
# digit, nothing behind, no overflow of 64 bits.

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.messages cimport MC_TOKENS_MAX

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define TEN_TIMES_FITS UINT64_C(1844674407370955161)
    """
    const uint64_t TEN_TIMES_FITS   # the largest number that can be followed by one more digit, some of them

cdef inline bint word_is(Slice s, const char* text, size_t n) noexcept nogil:
    return s.len == n and memcmp(s.ptr, text, n) == 0

cdef inline bint read_digits(const uint8_t* p, const uint8_t* end, uint64_t* out) noexcept nogil:
    cdef uint64_t value = 0
    cdef uint64_t digit
    if p == end:
        return False
    while p < end:
        digit = <uint64_t> p[0] - 48
        if digit > 9:
            return False
        if value > TEN_TIMES_FITS or (value == TEN_TIMES_FITS and digit > 5):
            return False
        value = value * 10 + digit
        p += 1
    out[0] = value
    return True

cdef inline bint read_u64(Slice s, uint64_t* out) noexcept nogil:
    if s.len and s.ptr[0] == 43:
        return read_digits(s.ptr + 1, s.ptr + s.len, out)
    return read_digits(s.ptr, s.ptr + s.len, out)

cdef inline bint read_i64(Slice s, int64_t* out) noexcept nogil:
    cdef uint64_t value = 0
    cdef bint negative = s.len != 0 and s.ptr[0] == 45
    cdef bint signed_ = negative or (s.len != 0 and s.ptr[0] == 43)
    if not read_digits(s.ptr + signed_, s.ptr + s.len, &value) or value > <uint64_t> 0x7fffffffffffffff:
        return False
    out[0] = -<int64_t> value if negative else <int64_t> value
    return True

cdef inline int base64_digit(uint8_t c) noexcept nogil:
    if 65 <= c <= 90:
        return c - 65
    if 97 <= c <= 122:
        return c - 71
    if 48 <= c <= 57:
        return c + 4
    if c == 43:
        return 62
    if c == 47:
        return 63
    return -1

cdef inline size_t base64_decode(Slice s, uint8_t* out) noexcept nogil:
    """Bytes written to out (at most s.len / 4 * 3); 0 if this is not padded base64."""
    cdef size_t i, j, padding, written = 0
    cdef uint64_t group
    cdef int digit
    if s.len == 0 or s.len % 4:
        return 0
    padding = (s.ptr[s.len - 1] == 61) + (s.ptr[s.len - 1] == 61 and s.ptr[s.len - 2] == 61)
    for i in range(0, s.len, 4):
        group = 0
        for j in range(4):
            digit = 0 if i + j >= s.len - padding else base64_digit(s.ptr[i + j])
            if digit < 0:
                return 0
            group = group << 6 | <uint64_t> digit
        out[written] = <uint8_t> (group >> 16)
        out[written + 1] = <uint8_t> (group >> 8)
        out[written + 2] = <uint8_t> group
        written += 3
    return written - padding

cdef inline bint mc_next_word(const uint8_t** at, const uint8_t* end, Slice* word) noexcept nogil:
    """The next run of bytes that are not spaces; False at the end."""
    cdef const uint8_t* p = at[0]
    while p < end and p[0] == 32:
        p += 1
    word.ptr = p
    while p < end and p[0] != 32:
        p += 1
    word.len = <size_t> (p - word.ptr)
    at[0] = p
    return word.len != 0

cdef struct Words:
    int count                   # at most MC_TOKENS_MAX; more words than that are not told apart
    Slice at[MC_TOKENS_MAX + 1]

cdef inline void split(const uint8_t* p, const uint8_t* end, Words* words) noexcept nogil:
    words.count = 0
    while words.count < MC_TOKENS_MAX and mc_next_word(&p, end, &words.at[words.count]):
        words.count += 1

cdef inline const uint8_t* find_newline(const uint8_t* p, size_t n) noexcept nogil:
    return <const uint8_t*> memchr(p, 10, n)

cdef inline const uint8_t* line_end(const uint8_t* line, const uint8_t* newline) noexcept nogil:
    """Where the text of a line ends: before its newline, and before one carriage return if there is one."""
    if newline - line > 1 and (newline - 1)[0] == 13:
        return newline - 1
    return newline

cdef inline Slice behind(Slice word, const uint8_t* end) noexcept nogil:
    """All that follows a word on its line, without the spaces between."""
    cdef const uint8_t* p = word.ptr + word.len
    while p < end and p[0] == 32:
        p += 1
    return slice_of(p, <size_t> (end - p))
