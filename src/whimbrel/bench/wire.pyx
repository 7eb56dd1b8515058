"""Requests and replies of the load client, in memcache text and RESP2."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr, memcmp
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, put_slice, put_u64
from whimbrel.base.slice cimport Slice, slice_of


cdef void wire_get(Protocol protocol, Writer* w, Slice key) noexcept nogil:
    if protocol == WIRE_MEMCACHE:
        put_bytes(w, b"get ", 4)
        put_slice(w, key)
        put_bytes(w, b"\r\n", 2)
        return
    put_bytes(w, b"*2\r\n$3\r\nGET\r\n", 13)
    put_bulk(w, key)


cdef void wire_set(Protocol protocol, Writer* w, Slice key, Slice value, uint32_t ttl_s) noexcept nogil:
    if protocol == WIRE_MEMCACHE:
        put_bytes(w, b"set ", 4)
        put_slice(w, key)
        put_bytes(w, b" 0 ", 3)
        put_u64(w, ttl_s)
        put_byte(w, 32)
        put_u64(w, value.len)
        put_bytes(w, b"\r\n", 2)
        put_slice(w, value)
        put_bytes(w, b"\r\n", 2)
        return
    put_bytes(w, b"*5\r\n$3\r\nSET\r\n" if ttl_s else b"*3\r\n$3\r\nSET\r\n", 13)
    put_bulk(w, key)
    put_bulk(w, value)
    if ttl_s:
        put_expiry(w, ttl_s)


cdef void put_bulk(Writer* w, Slice s) noexcept nogil:
    put_byte(w, 36)
    put_u64(w, s.len)
    put_bytes(w, b"\r\n", 2)
    put_slice(w, s)
    put_bytes(w, b"\r\n", 2)


cdef void put_expiry(Writer* w, uint32_t ttl_s) noexcept nogil:
    cdef uint8_t room[20]
    cdef Writer digits
    digits.base = digits.pos = room
    digits.end = room + 20
    digits.overflow = False
    put_u64(&digits, ttl_s)
    put_bytes(w, b"$2\r\nEX\r\n", 8)
    put_bulk(w, slice_of(room, digits.pos - digits.base))


cdef Answer wire_answer(Protocol protocol, Verb verb, Slice data, size_t* consumed, Slice* value) noexcept nogil:
    """One reply at the start of `data`; `consumed` is its length unless the answer is MORE."""
    cdef const uint8_t* end = <const uint8_t*> memchr(data.ptr, 10, data.len) if data.len else NULL
    cdef size_t line
    if end == NULL:
        return ANSWER_MORE
    line = end - data.ptr + 1
    consumed[0] = line
    if line < 3 or data.ptr[line - 2] != 13:
        return ANSWER_BROKEN
    if protocol == WIRE_RESP:
        return resp_answer(verb, data, line, consumed, value)
    return memcache_answer(verb, data, line, consumed, value)


cdef Answer resp_answer(Verb verb, Slice data, size_t line, size_t* consumed, Slice* value) noexcept nogil:
    cdef size_t n = 0, i
    if data.ptr[0] == 45:                                   # -ERR ...
        return ANSWER_REFUSED
    if verb == VERB_SET:
        return ANSWER_STORED if line == 5 and memcmp(data.ptr, b"+OK", 3) == 0 else ANSWER_BROKEN
    if data.ptr[0] != 36:
        return ANSWER_BROKEN
    if data.ptr[1] == 45:                                   # $-1
        return ANSWER_MISS
    for i in range(1, line - 2):
        n = n * 10 + data.ptr[i] - 48
    return take_value(data, line, n, 2, consumed, value)


cdef Answer memcache_answer(Verb verb, Slice data, size_t line, size_t* consumed, Slice* value) noexcept nogil:
    cdef size_t n = 0, i, blanks = 0
    if verb == VERB_SET and line == 8 and memcmp(data.ptr, b"STORED", 6) == 0:
        return ANSWER_STORED
    if verb == VERB_GET and line == 5 and memcmp(data.ptr, b"END", 3) == 0:
        return ANSWER_MISS
    if verb == VERB_GET and line > 6 and memcmp(data.ptr, b"VALUE ", 6) == 0:
        for i in range(line - 2):
            if data.ptr[i] == 32:
                blanks += 1
            elif blanks == 3:
                n = n * 10 + data.ptr[i] - 48
        return take_value(data, line, n, 7, consumed, value)
    if data.ptr[0] in (b"E", b"S", b"C", b"N"):             # ERROR, SERVER_ERROR, CLIENT_ERROR, NOT_STORED
        return ANSWER_REFUSED
    return ANSWER_BROKEN


cdef Answer take_value(Slice data, size_t line, size_t n, size_t after, size_t* consumed, Slice* value) noexcept nogil:
    """`n` bytes behind the first line, then `after` bytes that close the reply."""
    if data.len < line + n + after:
        return ANSWER_MORE
    value[0] = slice_of(data.ptr + line, n)
    consumed[0] = line + n + after
    return ANSWER_HIT
