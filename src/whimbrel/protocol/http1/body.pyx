"""Bodies as a stream: a piece is as long as the bytes given allow, and costs the same however long it is.

    chunked-body  = *chunk last-chunk trailer-section line-end             (RFC 9112 7.1)
    chunk         = 1*HEXDIG [ chunk-ext ] line-end  data  line-end
    chunk-ext     = *( BWS ";" ... )                                       read over, never understood
    last-chunk    = 1*"0" [ chunk-ext ] line-end
    trailer       = *( field-line line-end )                               read over

      SIZE ---> DIGITS ---> EXTENSION ---> DATA ---> DATA_CR ---> DATA_LF ---+
       ^           |            |           (size > 0)                       |
       |           +- SIZE_LF --+                                            |
       +---------------------------------------------------------------------+
                                |
                                +--> TRAILER <---> TRAILER_LINE              (size = 0)
                                        |
                                        +--> LAST_LF ---> OVER

Sizes are read digit by digit as they come, so nothing is kept between calls but H1Body.  A lone LF ends a line too
(2.2) and is remembered in bare_lf.  Refused: no digit, a size of more than 64 bits, anything but a line end behind a
chunk's data, a line or trailers beyond their limits.
"""

from libc.stdint cimport uint32_t
from libc.string cimport memchr

from whimbrel.base.slice cimport slice_of
from whimbrel.protocol.http1.chars cimport is_blank, is_digit
from whimbrel.protocol.http1.messages cimport (
    H1_BAD, H1_CHUNKED, H1_DONE, H1_EMPTY, H1_LENGTH, H1_MAX_CHUNK_LINE, H1_MAX_TRAILER, H1_MORE, H1_PIECE, H1_TUNNEL,
    H1_UNTIL_CLOSE,
)

cdef enum State:                    # of a chunked body; the others need none
    SIZE = 0
    DIGITS
    EXTENSION
    SIZE_LF
    DATA
    DATA_CR
    DATA_LF
    TRAILER
    TRAILER_LINE
    LAST_LF
    OVER


cdef void h1_body_begin(H1Body* b, const H1Head* head) noexcept nogil:
    b.framing = head.framing
    b.state = SIZE
    b.bare_lf = False
    b.after_cr = False
    b.left = head.content_length if head.framing == H1_LENGTH else 0
    b.line = 0
    b.length = 0


cdef inline int hex_digit(uint8_t c) noexcept nogil:
    if is_digit(c):
        return c - 48
    c |= 32
    return c - 87 if 97 <= c <= 102 else -1


cdef inline void line_ended(H1Body* b) noexcept nogil:
    """The chunk line is whole: its data or, behind the last, the trailers come next."""
    b.state = DATA if b.left else TRAILER
    b.line = 0


cdef bint step_line(H1Body* b, uint8_t c) noexcept nogil:
    """One byte of a chunk's line before its extensions; False where it is wrong."""
    cdef int digit = hex_digit(c)
    b.line += 1
    if digit >= 0:
        if b.left >> 60 or b.line > H1_MAX_CHUNK_LINE:
            return False
        b.left = b.left << 4 | <uint64_t> digit
        b.state = DIGITS
        return True
    if b.state == SIZE:
        return False
    if c == 10:
        b.bare_lf = True
        line_ended(b)
    elif c == 13:
        b.state = SIZE_LF
    elif c == 59 or is_blank(c):
        b.state = EXTENSION
        b.after_cr = False
    else:
        return False
    return True


cdef bint step_line_end(H1Body* b, uint8_t c) noexcept nogil:
    """One byte of what ends a chunk's line, its data or the body; False where it is wrong."""
    if c == 13 and b.state == DATA_CR:
        b.state = DATA_LF
        return True
    if c != 10:
        return False
    if b.state == SIZE_LF:
        line_ended(b)
    elif b.state == LAST_LF:
        b.state = OVER
    else:
        b.bare_lf |= b.state == DATA_CR
        b.state = SIZE
        b.line = 0
    return True


cdef bint step_trailer(H1Body* b, uint8_t c) noexcept nogil:
    """The first byte of a trailer line, or of the end."""
    b.line += 1
    if c == 13:
        b.state = LAST_LF
    elif c == 10:
        b.bare_lf = True
        b.state = OVER
    else:
        b.state = TRAILER_LINE
        b.after_cr = False
    return b.line <= H1_MAX_TRAILER


cdef bint skip_line(H1Body* b, const uint8_t* p, size_t n, size_t* used) noexcept nogil:
    """The rest of a line that nothing is taken from (extensions, a trailer), as far as the n bytes at p go."""
    cdef const uint8_t* newline = <const uint8_t*> memchr(p, 10, n)
    cdef size_t text = n if newline == NULL else <size_t> (newline - p)
    used[0] = text + (newline != NULL)
    b.line += <uint32_t> (used[0] if used[0] < H1_MAX_TRAILER else H1_MAX_TRAILER)
    if b.line > (H1_MAX_CHUNK_LINE if b.state == EXTENSION else H1_MAX_TRAILER):
        return False
    if text:
        b.after_cr = p[text - 1] == 13
    if newline == NULL:
        return True
    b.bare_lf |= not b.after_cr
    if b.state == EXTENSION:
        line_ended(b)
    else:
        b.state = TRAILER
    return True


cdef H1Status take(H1Body* b, const uint8_t* data, size_t n, Slice* piece, size_t* at) noexcept nogil:
    """As much of the length or of the chunk as there is, at least a byte."""
    cdef size_t size = n - at[0]
    if size > b.left:
        size = <size_t> b.left
    piece[0] = slice_of(data + at[0], size)
    at[0] += size
    b.left -= size
    b.length += size
    return H1_PIECE


cdef H1Status next_chunked(H1Body* b, const uint8_t* data, size_t n, Slice* piece, size_t* at) noexcept nogil:
    cdef H1Status status
    cdef size_t used
    cdef bint right
    while b.state != OVER:
        if at[0] == n:
            return H1_MORE
        if b.state == DATA:
            status = take(b, data, n, piece, at)
            if b.left == 0:
                b.state = DATA_CR
            return status
        if b.state == EXTENSION or b.state == TRAILER_LINE:
            right = skip_line(b, data + at[0], n - at[0], &used)
            at[0] += used
        else:
            if b.state <= DIGITS:
                right = step_line(b, data[at[0]])
            elif b.state == TRAILER:
                right = step_trailer(b, data[at[0]])
            else:
                right = step_line_end(b, data[at[0]])
            at[0] += 1
        if not right:
            return H1_BAD
    return H1_DONE


cdef H1Status h1_body_next(H1Body* b, const uint8_t* data, size_t n, Slice* piece, size_t* consumed) noexcept nogil:
    consumed[0] = 0
    piece[0] = slice_of(NULL, 0)
    if b.framing == H1_CHUNKED:
        return next_chunked(b, data, n, piece, consumed)
    if b.framing == H1_LENGTH:
        if b.left == 0:
            return H1_DONE
        return take(b, data, n, piece, consumed) if n else H1_MORE
    if b.framing == H1_UNTIL_CLOSE:
        b.left = n                              # so that everything is taken
        return take(b, data, n, piece, consumed) if n else H1_MORE
    return H1_DONE


cdef bint h1_body_skip(H1Body* b, uint64_t missing) noexcept nogil:
    if missing == 0:
        return True
    if b.framing != H1_UNTIL_CLOSE:
        if b.framing == H1_EMPTY or b.framing == H1_TUNNEL or missing > b.left:
            return False
        if b.framing == H1_CHUNKED and b.state != DATA:
            return False
        b.left -= missing
        if b.framing == H1_CHUNKED and b.left == 0:
            b.state = DATA_CR
    b.length += missing
    return True


cdef bint h1_body_close(const H1Body* b) noexcept nogil:
    if b.framing == H1_CHUNKED:
        return b.state == OVER
    return b.framing != H1_LENGTH or b.left == 0
