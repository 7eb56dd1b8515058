# Requests and replies of the load client in either protocol: the two calls a client needs, nothing else.

from libc.stdint cimport uint8_t, uint32_t
from whimbrel.base.buffer cimport Writer
from whimbrel.base.slice cimport Slice

cdef enum Protocol:
    WIRE_MEMCACHE = 1
    WIRE_RESP = 2

cdef enum Verb:
    VERB_GET = 0
    VERB_SET = 1

cdef enum Answer:
    ANSWER_MORE = 0     # the reply is not whole yet
    ANSWER_HIT          # GET: `value` borrows the bytes of the input
    ANSWER_MISS
    ANSWER_STORED
    ANSWER_REFUSED      # a well-formed error or "not stored": the connection goes on
    ANSWER_BROKEN       # not a reply to this request: the connection is lost

cdef enum:
    WIRE_OVERHEAD = 128 # bytes: most that a request has besides its key and value, in either protocol

cdef void wire_get(Protocol protocol, Writer* w, Slice key) noexcept nogil
cdef void wire_set(Protocol protocol, Writer* w, Slice key, Slice value, uint32_t ttl_s) noexcept nogil
cdef Answer wire_answer(Protocol protocol, Verb verb, Slice data, size_t* consumed, Slice* value) noexcept nogil
