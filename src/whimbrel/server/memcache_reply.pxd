# Pieces of memcache replies that are composed in place.

from libc.stdint cimport uint8_t
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, put_slice
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.memcache.codec cimport McRequest, mc_error_line, mc_has, mc_reply_word
from whimbrel.protocol.memcache.words cimport mc_next_word
from whimbrel.server.counters cimport MC_BAD_REQUESTS, count
from whimbrel.server.session cimport Context

cdef inline void put_error(Context* x, Writer* w, int error) noexcept nogil:
    count(x, MC_BAD_REQUESTS)
    put_slice(w, mc_error_line(error))
    put_bytes(w, b"\r\n", 2)

cdef inline void put_flag(Writer* w, uint8_t letter) noexcept nogil:
    put_byte(w, 32)
    put_byte(w, letter)

cdef inline void put_key(const McRequest* r, Writer* w) noexcept nogil:
    put_flag(w, c"k")
    put_slice(w, r.key_sent)
    if mc_has(r, c"b"):
        put_flag(w, c"b")

cdef inline bint next_flag(const uint8_t** at, const uint8_t* end, Slice* word) noexcept nogil:
    return mc_next_word(at, end, word)

cdef inline void put_echo(const McRequest* r, Writer* w) noexcept nogil:
    """The flags that come back whatever happened: key and opaque, in their order."""
    cdef const uint8_t* at = r.options.ptr
    cdef const uint8_t* end = at + r.options.len
    cdef Slice word
    while next_flag(&at, end, &word):
        if word.ptr[0] == c"O":
            put_byte(w, 32)
            put_slice(w, word)
        elif word.ptr[0] == c"k":
            put_key(r, w)

cdef inline void put_outcome(const McRequest* r, Writer* w, int code) noexcept nogil:
    put_slice(w, mc_reply_word(code))
    put_echo(r, w)
    put_bytes(w, b"\r\n", 2)
