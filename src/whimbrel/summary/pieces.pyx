"""Cutting paths, keys and queries; see pieces.pxd.  One pass, nothing is copied, every loop ends with its slice."""

from libc.stdint cimport uint8_t
from libc.string cimport memchr
from whimbrel.base.slice cimport Slice, slice_of

cdef uint8_t PLAIN[256]


def _plain():
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._!$&'()*+,;=:@#[]":
        PLAIN[byte] = 1


_plain()


cdef inline Slice behind(Slice s, size_t n) noexcept nogil:
    return slice_of(s.ptr + n, s.len - n)


cdef size_t find(Slice s, int byte) noexcept nogil:
    """Its offset, or the length."""
    cdef const uint8_t* at = <const uint8_t*> memchr(s.ptr, byte, s.len) if s.len else NULL
    return s.len if at == NULL else <size_t> (at - s.ptr)


cdef bint plain_bytes(Slice text) noexcept nogil:
    cdef size_t i
    for i in range(text.len):
        if not PLAIN[text.ptr[i]]:
            return False
    return True


cdef inline void put_piece(
    Piece* out, int* n, const uint8_t* ptr, size_t size, uint8_t sep, uint8_t forced,
) noexcept nogil:
    out[n[0]].text = slice_of(ptr, size)
    out[n[0]].sep = sep
    out[n[0]].forced = forced
    n[0] += 1


cdef inline bint ends_piece(uint8_t c, bint path, bint matrix) noexcept nogil:
    if c == c'/':
        return True
    if path:
        return c == c';' or (matrix and c == c'=')
    return c == c':' or c == c'|'


cdef int split(Slice s, bint path, Piece* out) noexcept nogil:
    """Pieces of `s`, whose first separator, if it begins with one, is that of the first piece."""
    cdef int n = 0
    cdef size_t at = 0, start
    cdef uint8_t sep = 0
    cdef bint matrix = False
    if path and s.len and s.ptr[0] == c'/':
        sep = c'/'
        at = 1
    while True:
        start = at
        while at < s.len and not ends_piece(s.ptr[at], path, matrix):
            at += 1
        if n == PIECES:
            put_piece(out, &n, s.ptr + start, 0, sep, PIECE_OTHER)
            return n
        put_piece(out, &n, s.ptr + start, at - start, sep, PIECE_VALUE if sep == c'=' else PIECE_FREE)
        if at == s.len:
            return n
        sep = s.ptr[at]
        matrix = sep == c';'
        at += 1


cdef Slice path_of(Slice target) noexcept nogil:
    """Without query and fragment; of an absolute target what is behind its authority."""
    cdef Slice path = slice_of(target.ptr, find(target, c'#'))
    cdef size_t colon
    path.len = find(path, c'?')
    if path.len == 0 or path.ptr[0] == c'/':
        return path
    colon = find(path, c':')
    if colon + 2 < path.len and path.ptr[colon + 1] == c'/' and path.ptr[colon + 2] == c'/':
        path = behind(path, colon + 3)
        path = behind(path, find(path, c'/'))
        if path.len == 0:
            path = slice_of(<const uint8_t*> "/", 1)
    return path


cdef int split_path(Slice target, Piece* out) noexcept nogil:
    return split(path_of(target), True, out)


cdef int split_key(Slice key, Piece* out) noexcept nogil:
    return split(key, False, out)


cdef Slice target_query(Slice target) noexcept nogil:
    cdef Slice rest = slice_of(target.ptr, find(target, c'#'))
    cdef size_t mark = find(rest, c'?')
    return slice_of(NULL, 0) if mark == rest.len else behind(rest, mark + 1)


cdef bint query_next(Slice* rest, Slice* name, Slice* value) noexcept nogil:
    cdef size_t end, equals
    while rest.len and rest.ptr[0] == c'&':
        rest[0] = behind(rest[0], 1)
    if rest.len == 0:
        return False
    end = find(rest[0], c'&')
    name[0] = slice_of(rest.ptr, end)
    equals = find(name[0], c'=')
    value[0] = behind(name[0], equals + 1) if equals < end else slice_of(NULL, 0)
    name.len = equals
    rest[0] = behind(rest[0], end)
    return True
