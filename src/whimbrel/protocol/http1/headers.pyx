"""Header lines (RFC 9112 section 5): one pass over a head, one memchr a line.

    field-line  = name ":" OWS value OWS          no blank between name and colon
    obs-fold    = OWS line-end 1*( blank )        a line that begins with a blank goes on with the one before it

A recipient may take a lone LF for a line's end (2.2), and so do we, with a flag.  A line that has no usable name is
passed over with a flag, as most servers that do not refuse it do; so are lines that begin with a blank right after the
start line (2.2 names this very case).  A NUL anywhere is flagged once for the whole head.
"""

from libc.string cimport memchr

from whimbrel.base.slice cimport slice_of
from whimbrel.protocol.http1.chars cimport (
    is_blank, is_digit, is_token_byte, next_item, same_letters, trimmed, word_is,
)
from whimbrel.protocol.http1.messages cimport (
    H1_DONE, H1_F_BAD_HEADER, H1_F_BAD_TRANSFER, H1_F_BARE_LF, H1_F_DUPLICATE, H1_F_FOLDED,
    H1_F_LENGTH_CONFLICT, H1_F_LONG, H1_MAX_HEADERS, H1_MORE,
)

cdef uint8_t TOKEN[256]             # is_token_byte of each: names are most of a head's bytes that are looked at singly


def _fill() -> None:
    for c in range(256):
        TOKEN[c] = is_token_byte(c)


_fill()


cdef inline const uint8_t* find_newline(const uint8_t* p, const uint8_t* end) noexcept nogil:
    return <const uint8_t*> memchr(p, 10, <size_t> (end - p))


cdef bint split_line(const uint8_t* p, const uint8_t* end, Slice* name, Slice* value, uint32_t* flags) noexcept nogil:
    """Name and value of the line [p, end); False where it has no name."""
    cdef const uint8_t* q = p
    cdef const uint8_t* fold
    while q < end and TOKEN[q[0]]:
        q += 1
    if q == p or q == end or q[0] != 58:
        flags[0] |= H1_F_BAD_HEADER
        fold = find_newline(p, end)
        q = <const uint8_t*> memchr(p, 58, <size_t> ((end if fold == NULL else fold) - p))
        if q == NULL or q == p or is_blank(p[0]):
            return False
    name[0] = slice_of(p, <size_t> (q - p))
    while name.len and is_blank(name.ptr[name.len - 1]):
        name.len -= 1
    value[0] = trimmed(q + 1, end)
    return name.len != 0


# What a field means to the codec.  Names are told apart by their length first.

cdef void note_length(Slice value, H1Head* out, Fields* f) noexcept nogil:
    """Content-Length = 1*DIGIT (RFC 9110 8.6).  A list of equal ones is one; anything else cannot be recovered."""
    cdef Slice item
    cdef uint64_t length, digit
    cdef size_t i
    while next_item(&value, &item):
        length = 0
        if item.len == 0:
            out.flags |= H1_F_LENGTH_CONFLICT
        for i in range(item.len):
            digit = <uint64_t> item.ptr[i] - 48
            if not is_digit(item.ptr[i]) or length > (<uint64_t> 0xffffffffffffffff - digit) // 10:
                out.flags |= H1_F_LENGTH_CONFLICT
                break
            length = length * 10 + digit
        if f.length_seen:
            out.flags |= H1_F_DUPLICATE
            if length != f.length:
                out.flags |= H1_F_LENGTH_CONFLICT
        f.length_seen = True
        f.length = length


cdef void note_transfer(Slice value, H1Head* out, Fields* f) noexcept nogil:
    """Transfer-Encoding = #coding, outermost last (RFC 9112 6.1).  Chunked may stand once; identity is history and
    means nothing."""
    cdef Slice item
    cdef bint chunked
    while next_item(&value, &item):
        if item.len == 0:
            continue
        chunked = item.len >= 7 and same_letters(item.ptr, b"chunked", 7) and (
            item.len == 7 or item.ptr[7] == 59 or is_blank(item.ptr[7]))
        if word_is(item, b"identity", 8):
            out.flags |= H1_F_BAD_TRANSFER
            continue
        if (chunked and item.len != 7) or f.chunked_last:
            out.flags |= H1_F_BAD_TRANSFER
        elif not chunked and not (
                word_is(item, b"gzip", 4) or word_is(item, b"x-gzip", 6) or word_is(item, b"deflate", 7)
                or word_is(item, b"compress", 8) or word_is(item, b"x-compress", 10)):
            out.flags |= H1_F_BAD_TRANSFER
        f.transfer_seen = True
        f.chunked_last = chunked


cdef void note_connection(Slice value, H1Head* out, Fields* f) noexcept nogil:
    cdef Slice item
    while next_item(&value, &item):
        if word_is(item, b"close", 5):
            f.close = True
        elif word_is(item, b"upgrade", 7):
            out.upgrade = True
        elif word_is(item, b"keep-alive", 10):
            f.keep = True


cdef void note_host(Slice value, H1Head* out, Fields* f) noexcept nogil:
    if f.host_seen:
        out.flags |= H1_F_DUPLICATE
    elif not f.host_given:
        out.host = value
    f.host_seen = True


cdef void note_type(Slice value, H1Head* out, Fields* f) noexcept nogil:
    if f.type_seen:
        out.flags |= H1_F_DUPLICATE
    else:
        out.content_type = value
    f.type_seen = True


cdef inline void note_once(Slice value, Slice* into) noexcept nogil:
    if into.ptr == NULL:
        into[0] = value


cdef void note_field(Slice name, Slice value, H1Head* out, Fields* f) noexcept nogil:
    if name.len == 4:
        if same_letters(name.ptr, b"host", 4):
            note_host(value, out, f)
    elif name.len == 8:
        if same_letters(name.ptr, b"location", 8):
            note_once(value, &out.location)
    elif name.len == 10:
        if same_letters(name.ptr, b"connection", 10):
            note_connection(value, out, f)
    elif name.len == 12:
        if same_letters(name.ptr, b"content-type", 12):
            note_type(value, out, f)
    elif name.len == 13:
        if same_letters(name.ptr, b"authorization", 13):
            note_once(value, &out.authorization)
    elif name.len == 14:
        if same_letters(name.ptr, b"content-length", 14):
            note_length(value, out, f)
    elif name.len == 16:
        if same_letters(name.ptr, b"content-encoding", 16):
            note_once(value, &out.content_encoding)
    elif name.len == 17:
        if same_letters(name.ptr, b"transfer-encoding", 17):
            note_transfer(value, out, f)


cdef H1Status read_headers(const uint8_t* p, const uint8_t* end, H1Head* out, Fields* f, size_t* used) noexcept nogil:
    """The lines from p up to the blank one, which `used` includes and out.headers does not."""
    cdef const uint8_t* begin = p
    cdef const uint8_t* newline
    cdef uint32_t flags = 0
    cdef size_t lines = 0
    cdef Slice name, value
    while True:
        newline = find_newline(p, end)
        if newline == NULL:
            return H1_MORE
        if newline == p or (newline == p + 1 and p[0] == 13):
            break
        while True:                                     # behind a line that is not blank there is always another one
            if newline + 1 == end:
                return H1_MORE
            if (newline - 1)[0] != 13:
                flags |= H1_F_BARE_LF
            if not is_blank(newline[1]):
                break
            flags |= H1_F_FOLDED
            newline = find_newline(newline + 1, end)
            if newline == NULL:
                return H1_MORE
        if split_line(p, newline, &name, &value, &flags):
            note_field(name, value, out, f)
        lines += 1
        p = newline + 1
    out.headers = slice_of(begin, <size_t> (p - begin))
    if newline == p:
        flags |= H1_F_BARE_LF
    if lines > H1_MAX_HEADERS:
        flags |= H1_F_LONG
    if out.headers.len and memchr(begin, 0, out.headers.len) != NULL:
        flags |= H1_F_BAD_HEADER
    out.flags |= flags
    used[0] = <size_t> (newline + 1 - begin)
    return H1_DONE


cdef bint h1_next_header(Slice* rest, Slice* name, Slice* value) noexcept nogil:
    """Take the next line that has a name; what read_headers passed over is passed over here."""
    cdef const uint8_t* p = rest.ptr
    cdef const uint8_t* end = rest.ptr + rest.len
    cdef const uint8_t* newline
    cdef uint32_t flags = 0
    cdef bint found = False
    while p < end and not found:
        newline = find_newline(p, end)
        while newline != NULL and newline + 1 < end and is_blank(newline[1]):
            newline = find_newline(newline + 1, end)
        if newline == NULL:
            newline = end
        found = split_line(p, newline, name, value, &flags)
        p = newline + 1 if newline < end else end
    rest[0] = slice_of(p, <size_t> (end - p))
    return found
