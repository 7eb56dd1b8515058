# cython: wraparound=True, boundscheck=True
"""Detection and hellos seen from Python, for tests and fuzzing.  Nothing of the product imports this.

Bytes are looked at in a copy of exactly their size, so that a sanitizer sees a step beyond them.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.detect cimport DETECT_BYTES as _DETECT_BYTES
from whimbrel.protocol.detect cimport detect as _detect
from whimbrel.protocol.detect cimport detect_client_side as _detect_client_side
from whimbrel.protocol.tls_hello cimport TlsHello, TlsStatus, tls_parse_hello
from whimbrel.protocol.words cimport (
    is_memcache_reply, is_redis_command, memcache_command_may_begin, memcache_reply_may_begin,
    redis_command_may_begin,
)

DETECT_BYTES = _DETECT_BYTES
NAMES = ("unsure", "http1", "http2", "tls", "memcache", "resp", "opaque")
TLS_STATUS = ("done", "more", "bad")


cdef class Copy:
    cdef uint8_t* ptr
    cdef size_t n

    def __cinit__(self, bytes data):
        self.n = len(data)
        self.ptr = <uint8_t*> malloc(self.n if self.n else 1)
        if self.ptr == NULL:
            raise MemoryError
        memcpy(self.ptr, <const char*> data, self.n)

    def __dealloc__(self):
        free(self.ptr)

    cdef Slice all(self):
        return slice_of(self.ptr, self.n)

    cdef bytes text(self, Slice s):
        if s.len == 0:
            return b""
        if s.ptr < self.ptr or s.ptr + s.len > self.ptr + self.n:
            raise AssertionError("a slice lies outside of the bytes parsed")
        return s.ptr[:s.len]


def detect(bytes client, bytes server=b""):
    cdef Copy c = Copy(client)
    cdef Copy s = Copy(server)
    return NAMES[<int> _detect(c.all(), s.all())]


def client_side(bytes first, bytes second=b""):
    cdef Copy a = Copy(first)
    cdef Copy b = Copy(second)
    return _detect_client_side(a.all(), b.all())


def parse_hello(bytes sent):
    """(status, hello or None)."""
    cdef TlsHello h
    cdef Copy data = Copy(sent)
    cdef TlsStatus status = tls_parse_hello(data.ptr, data.n, &h)
    if status != 0:
        return TLS_STATUS[status], None
    return "done", {"client": bool(h.client), "version": h.version, "cipher": h.cipher,
                    "server_name": data.text(h.server_name), "alpn": data.text(h.alpn)}


def word_facts(bytes text):
    """(Redis command, begins one, begins a memcache command, memcache reply, begins one)."""
    cdef Copy data = Copy(text)
    cdef Slice s = data.all()
    return (bool(is_redis_command(s)), bool(redis_command_may_begin(s)), bool(memcache_command_may_begin(s)),
            bool(is_memcache_reply(s)), bool(memcache_reply_may_begin(s)))
