# The memcache text and meta protocol: bytes <-> messages, on borrowed bytes.
#
# Four calls, no allocation, no I/O, no clock, no counters:
#
#     mc_parse_request     bytes -> McRequest      server, agent
#     mc_compose_request   McRequest -> bytes      bench
#     mc_parse_response    bytes -> McResponse     bench, agent (told which request it answers)
#     mc_compose_response  McResponse -> bytes     server
#
# A parse returns a McStatus and how many bytes it consumed.  Slices point into the bytes parsed (or, for a
# base64 key, into the message itself: do not copy a McRequest).
#
# One request may be a retrieval line of any length.  Such a line is parsed in pieces: `keys` are the complete keys
# so far, and `state` carries what the next parse must know.  The rule by which a line is cut depends on the
# line alone, never on how it arrived: up to LINE_MAX bytes it is taken whole, longer ones are streamed.

from libc.stdint cimport uint8_t, uint64_t
from whimbrel.base.buffer cimport Writer
from whimbrel.protocol.memcache.messages cimport *
from whimbrel.protocol.memcache.pieces cimport mc_resume_state
from whimbrel.protocol.memcache.response cimport mc_compose_response, mc_parse_response, mc_put_value_line
from whimbrel.protocol.memcache.tables cimport mc_error_line, mc_reply_word

cdef McStatus mc_parse_request(
    const uint8_t* data, size_t n, uint64_t max_value, uint64_t state, McRequest* r, size_t* consumed, size_t* need
) noexcept nogil
cdef void mc_compose_request(const McRequest* r, Writer* w) noexcept nogil
