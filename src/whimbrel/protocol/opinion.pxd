# What the bytes of one side say about each protocol.

from libc.stdint cimport uint8_t
from libc.string cimport memchr
from whimbrel.base.slice cimport Slice, slice_of

cdef enum Verdict:                  # these only rise or become NO as more bytes come, but SURE and NO stay
    V_NO = 0
    V_MAYBE                         # right so far
    V_LIKELY                        # a whole line that fits, as one of another protocol might: the other side decides
    V_SURE

cdef enum:
    OPINIONS = 8                    # by Detected

cdef struct Opinion:
    uint8_t of[OPINIONS]            # Verdict
    bint text                       # the first line, as far as it is there, has no control characters
    bint whole                      # no more bytes would be looked at
    bint simple                     # requests: an HTTP/0.9 line, whose answer can be anything

cdef struct Line:                   # the first one
    const uint8_t* begin
    const uint8_t* end              # before CR LF or LF, or as far as the bytes go
    bint ended
    bint crlf

cdef inline bint is_text(const uint8_t* p, const uint8_t* end) noexcept nogil:
    while p < end:
        if (p[0] < 32 and p[0] != 9) or p[0] == 127:
            return False
        p += 1
    return True

cdef inline Line first_line(Slice s) noexcept nogil:
    cdef Line line
    cdef const uint8_t* newline = <const uint8_t*> memchr(s.ptr, 10, s.len) if s.len else NULL
    line.begin = s.ptr
    line.ended = newline != NULL
    line.end = newline if line.ended else s.ptr + s.len
    line.crlf = line.ended and newline > s.ptr and (newline - 1)[0] == 13
    if line.end > line.begin and (line.end - 1)[0] == 13:
        line.end -= 1
    return line

cdef inline Slice first_word(const Line* line, bint* ended) noexcept nogil:
    """Up to the first space; `ended` where one, or the line's end, follows."""
    cdef const uint8_t* p = line.begin
    while p < line.end and p[0] != 32:
        p += 1
    ended[0] = p < line.end or line.ended
    return slice_of(line.begin, <size_t> (p - line.begin))

cdef inline bint is_tls_record(Slice s, uint8_t kind) noexcept nogil:
    """A record of a handshake message of this kind, as far as the bytes go: 16 03 <minor> <length> <kind>."""
    if s.len == 0 or s.ptr[0] != 0x16 or (s.len > 1 and s.ptr[1] != 3) or (s.len > 2 and s.ptr[2] > 4):
        return False
    if s.len > 4 and not 4 <= (s.ptr[3] << 8 | s.ptr[4]) <= 18432:
        return False
    return s.len < 6 or s.ptr[5] == kind
