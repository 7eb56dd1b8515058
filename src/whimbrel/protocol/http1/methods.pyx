"""The table of methods, filled once from verbs.py when this is imported.  Methods are case-sensitive (RFC 9110 9.1)."""

from libc.string cimport memcmp, memcpy

from whimbrel.protocol.http1.messages cimport H1_CONNECT, H1_HEAD, H1_MAX_METHOD, H1_OTHER

from whimbrel.protocol.http1 import verbs

cdef enum:
    METHODS_ROOM = 64

cdef struct Row:
    uint8_t name[H1_MAX_METHOD]
    size_t length

cdef Row ROWS[METHODS_ROOM]
cdef size_t rows = 0


def _fill() -> None:
    global rows
    cdef bytes name
    if len(verbs.METHODS) > METHODS_ROOM or max(map(len, verbs.METHODS)) > H1_MAX_METHOD:
        raise ImportError("METHODS_ROOM or H1_MAX_METHOD is less than verbs.py needs")
    for i, method in enumerate(verbs.METHODS):
        name = method.encode()
        memcpy(ROWS[i].name, <const char*> name, len(name))
        ROWS[i].length = len(name)
    rows = len(verbs.METHODS)


_fill()


cdef H1Method h1_method_kind(Slice method) noexcept nogil:
    if method.len == 4 and memcmp(method.ptr, b"HEAD", 4) == 0:
        return H1_HEAD
    if method.len == 7 and memcmp(method.ptr, b"CONNECT", 7) == 0:
        return H1_CONNECT
    return H1_OTHER


cdef bint method_known(Slice method) noexcept nogil:
    cdef size_t i
    for i in range(rows):
        if ROWS[i].length == method.len and memcmp(ROWS[i].name, method.ptr, method.len) == 0:
            return True
    return False


cdef size_t method_at_end(Slice text) noexcept nogil:
    cdef size_t i, length, longest = 0
    for i in range(rows):
        length = ROWS[i].length
        if longest < length <= text.len and memcmp(ROWS[i].name, text.ptr + text.len - length, length) == 0:
            longest = length
    return longest


cdef bint method_may_begin(Slice text) noexcept nogil:
    cdef size_t i
    for i in range(rows):
        if text.len <= ROWS[i].length and (text.len == 0 or memcmp(ROWS[i].name, text.ptr, text.len) == 0):
            return True
    return False
