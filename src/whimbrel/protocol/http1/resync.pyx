"""Message starts in the middle of bytes: behind a gap there may be the rest of a body, then the next head.

What counts as a start is stricter than what the parser takes, for a body may well contain text about HTTP:

    responses   "HTTP/1." DIGIT SP 3DIGIT and a blank or line end, anywhere: a body need not end with a line
    requests    a line that ends in " HTTP/1.0" or " HTTP/1.1", a target without blanks before that, a method before it.
                A method that begins a line may be any upper-case token; one right behind other bytes (a body's last)
                or at the front of the data (which may be cut there) must be a known one; none is behind a blank
    both        the line behind it, as far as it is there, begins like a header or is blank

At the very front of the data, where a packet begins and so messages do, a start line that is not whole yet counts too.
"""

from libc.string cimport memchr, memcmp

from whimbrel.base.slice cimport slice_of
from whimbrel.protocol.http1.chars cimport is_blank, is_digit, is_line_end, is_token_byte
from whimbrel.protocol.http1.messages cimport H1_MAX_HEAD, H1_MAX_METHOD
from whimbrel.protocol.http1.methods cimport method_at_end, method_known, method_may_begin

cdef enum:
    STATUS_LINE_MAX = 512           # bytes within which a status line must end: bounds the look behind each candidate
    NAME_MAX = 128                  # bytes of a header's name that are looked at


cdef inline const uint8_t* find_byte(const uint8_t* p, uint8_t c, const uint8_t* end) noexcept nogil:
    return <const uint8_t*> memchr(p, c, <size_t> (end - p)) if p < end else NULL


cdef bint header_may_follow(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """From behind a start line's LF: a name and a colon, or a blank line, as far as the bytes go."""
    cdef const uint8_t* begin = p
    if p == end or is_line_end(p[0]):
        return True
    while p < end and p - begin < NAME_MAX and is_token_byte(p[0]):
        p += 1
    return p == end or (p > begin and p[0] == 58)


# Responses

cdef bint is_response_start(const uint8_t* p, const uint8_t* end, bint front) noexcept nogil:
    """p is an "H".  The digits are at 7 (minor) and at 9 to 11 (status)."""
    cdef const uint8_t* newline
    cdef size_t n = <size_t> (end - p)
    if memcmp(p, b"HTTP/1.", n if n < 7 else 7) != 0:
        return False
    if n > 7 and p[7] != 48 and p[7] != 49:
        return False
    if n > 8 and p[8] != 32:
        return False
    if n > 9 and not 49 <= p[9] <= 57:
        return False
    if (n > 10 and not is_digit(p[10])) or (n > 11 and not is_digit(p[11])):
        return False
    if n > 12 and not (is_blank(p[12]) or p[12] == 10 or (p[12] == 13 and (n == 13 or p[13] == 10))):
        return False
    newline = find_byte(p, 10, end if n <= STATUS_LINE_MAX else p + STATUS_LINE_MAX)
    if newline == NULL:
        return front and n <= STATUS_LINE_MAX
    return n > 12 and header_may_follow(newline + 1, end)


cdef size_t find_response(const uint8_t* data, size_t n) noexcept nogil:
    cdef const uint8_t* end = data + n
    cdef const uint8_t* p = find_byte(data, 72, end)
    while p != NULL:
        if is_response_start(p, end, p == data):
            return <size_t> (p - data)
        p = find_byte(p + 1, 72, end)
    return n


# Requests

cdef inline bint is_method_byte(uint8_t c) noexcept nogil:
    return 65 <= c <= 90 or c == 45 or c == 95


cdef const uint8_t* find_method(const uint8_t* data, const uint8_t* begin, const uint8_t* end) noexcept nogil:
    """Where the method that ends at `end` begins, not before `begin`; NULL if there is none to be believed."""
    cdef const uint8_t* p = end
    cdef size_t known
    while p > begin and end - p < H1_MAX_METHOD and is_method_byte((p - 1)[0]):
        p -= 1
    if p == end:
        return NULL
    if p == begin and p > data:                         # behind a line end
        return p
    known = method_at_end(slice_of(p, <size_t> (end - p)))
    if known == 0 or (p == data and p + known != end):
        return NULL
    p = end - known
    if p > begin and is_blank((p - 1)[0]):
        return NULL
    return p


cdef const uint8_t* request_in_line(
    const uint8_t* data, const uint8_t* begin, const uint8_t* newline, const uint8_t* end
) noexcept nogil:
    """The start of a request line that ends at `newline`, in the line that begins at `begin`; or NULL."""
    cdef const uint8_t* p = newline
    cdef const uint8_t* target_end
    if p > begin and (p - 1)[0] == 13:
        p -= 1
    if p - begin < 9 or memcmp(p - 9, b" HTTP/1.", 8) != 0 or not 48 <= (p - 1)[0] <= 49:
        return NULL
    target_end = p - 9
    p = target_end
    while p > begin and (p - 1)[0] > 32 and (p - 1)[0] != 127:
        p -= 1
    if p == target_end or p == begin or (p - 1)[0] != 32 or newline - p > H1_MAX_HEAD:
        return NULL
    p = find_method(data, begin, p - 1)
    return p if p != NULL and header_may_follow(newline + 1, end) else NULL


cdef bint request_may_begin(const uint8_t* data, size_t n) noexcept nogil:
    """The front of a request whose line is not whole: a known method, a blank, and a target's first byte."""
    cdef size_t i = 0
    while i < n and i <= H1_MAX_METHOD and is_method_byte(data[i]):
        i += 1
    if i == n:
        return i > 2 and method_may_begin(slice_of(data, i))
    if data[i] != 32 or n >= H1_MAX_HEAD or not method_known(slice_of(data, i)):
        return False
    return i + 1 == n or is_target_start(data[i + 1])


cdef inline bint is_target_start(uint8_t c) noexcept nogil:
    """A path, *, or a letter or digit of a scheme or an authority."""
    return c == 47 or c == 42 or is_digit(c) or 97 <= (c | 32) <= 122


cdef size_t find_request(const uint8_t* data, size_t n) noexcept nogil:
    cdef const uint8_t* end = data + n
    cdef const uint8_t* begin = data
    cdef const uint8_t* newline = find_byte(data, 10, end)
    cdef const uint8_t* found
    if newline == NULL:
        return 0 if request_may_begin(data, n) else n
    while newline != NULL:
        found = request_in_line(data, begin, newline, end)
        if found != NULL:
            return <size_t> (found - data)
        begin = newline + 1
        newline = find_byte(begin, 10, end)
    return n


cdef size_t h1_resync(const uint8_t* data, size_t n, bint responses) noexcept nogil:
    if n == 0:
        return 0
    return find_response(data, n) if responses else find_request(data, n)
