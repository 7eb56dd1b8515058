# HTTP/1: bytes <-> messages, on borrowed bytes (RFC 9110, RFC 9112).
#
# Four calls and a body walk, no allocation, no I/O, no clock, no counters:
#
#     h1_parse_request     bytes -> H1Head      agent, bench later       h1_compose_request    H1Head -> bytes
#     h1_parse_response    bytes -> H1Head      told what it answers     h1_compose_response   H1Head -> bytes
#     h1_body_next         bytes -> pieces of the body, as they come, whatever its framing
#
# A head is parsed when it is whole (H1_MORE until then; H1_MAX_HEAD bounds it); a body never has to be.  What RFC 9112
# forbids but servers meet is parsed the way servers do and flagged, so that a watcher sees what the two sides saw.
# What a prefix of the bytes was found to be (H1_DONE or H1_BAD), more bytes do not change.
# Slices point into the bytes parsed.
#
#     cdef H1Status h1_parse_request(const uint8_t* data, size_t n, H1Head* out, size_t* consumed)
#     cdef H1Status h1_parse_response(H1Method request, const uint8_t* data, size_t n, H1Head* out, size_t* consumed)
#     cdef bint h1_head_may_be_whole(const uint8_t* data, size_t n, size_t seen)
#         worth parsing again?  False: data's first `seen` bytes were not enough (H1_MORE), and nothing behind them
#         ends a head.  Asked before each parse it keeps a head that comes in crumbs linear.
#     cdef H1Method h1_method_kind(Slice method)
#     cdef bint h1_next_header(Slice* rest, Slice* name, Slice* value)     over H1Head.headers; False at the end
#
#     cdef void h1_compose_request(const H1Head* head, Writer* w)          start line + headers block + blank line
#     cdef void h1_compose_response(const H1Head* head, Writer* w)
#
#     cdef void h1_body_begin(H1Body* b, const H1Head* head)
#     cdef H1Status h1_body_next(H1Body* b, const uint8_t* data, size_t n, Slice* piece, size_t* consumed)
#         ask again after each H1_PIECE, also with n = 0: H1_DONE is said by a call of its own
#     cdef bint h1_body_skip(H1Body* b, uint64_t missing)
#         `missing` bytes were lost: True if they were all body bytes, which are then counted; False: resynchronise
#     cdef bint h1_body_close(const H1Body* b)                             the peer closed: was the body whole?
#
#     cdef size_t h1_resync(const uint8_t* data, size_t n, bint responses)
#         where a message may begin again after a gap: offset of the first plausible start line in data, or n

from whimbrel.protocol.http1.body cimport h1_body_begin, h1_body_close, h1_body_next, h1_body_skip
from whimbrel.protocol.http1.compose cimport h1_compose_request, h1_compose_response
from whimbrel.protocol.http1.head cimport h1_head_may_be_whole, h1_parse_request, h1_parse_response
from whimbrel.protocol.http1.headers cimport h1_next_header
from whimbrel.protocol.http1.messages cimport *
from whimbrel.protocol.http1.methods cimport h1_method_kind
from whimbrel.protocol.http1.resync cimport h1_resync
