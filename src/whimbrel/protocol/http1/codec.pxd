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
# Slices point into the bytes parsed.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.buffer cimport Writer
from whimbrel.base.slice cimport Slice

cdef enum:
    H1_MAX_HEAD = 65536             # bytes of a start line and its headers; servers allow 8 to 64 KiB
    H1_MAX_HEADERS = 256            # lines of them
    H1_MAX_CHUNK_LINE = 4096        # bytes of a chunk's size and extensions
    H1_MAX_TRAILER = 16384          # bytes of all trailers

cdef enum H1Status:
    H1_DONE = 0                     # parse: the head is whole.  body: it has ended
    H1_MORE                         # everything given was right so far, and is consumed (body) or wanted again (head)
    H1_PIECE                        # body only: `piece` holds bytes of it, and there may be more
    H1_BAD                          # not HTTP/1 from here on

cdef enum H1Framing:
    H1_EMPTY = 0                    # no body
    H1_LENGTH                       # content_length bytes
    H1_CHUNKED
    H1_UNTIL_CLOSE
    H1_TUNNEL                       # after this head the connection speaks something else (101, CONNECT's 2xx)

cdef enum H1Flag:                   # bits: what was odd
    H1_F_FOLDED = 1                 # obs-fold
    H1_F_BARE_LF = 2                # a line ended with LF alone
    H1_F_BAD_HEADER = 4             # a line without colon, or a name with blanks in it or behind it
    H1_F_DUPLICATE = 8              # Host, Content-Length or Content-Type more than once
    H1_F_LENGTH_CONFLICT = 16       # Content-Lengths that differ or are no number: unrecoverable
    H1_F_LENGTH_AND_CHUNKED = 32    # both given; chunked wins (RFC 9112 6.3)
    H1_F_BAD_TRANSFER = 64          # a Transfer-Encoding whose last coding is not chunked, or is unknown
    H1_F_HTTP09 = 128               # a request without version; its response is bytes until close, without a head
    H1_F_BAD_VERSION = 256          # not 1.0 or 1.1
    H1_F_LONG = 512                 # more header lines than are looked at
    H1_F_BAD_TARGET = 1024          # blanks or control characters in the target

cdef enum H1Method:                 # those whose responses are framed in their own way
    H1_OTHER = 0
    H1_HEAD = 1
    H1_CONNECT = 2

cdef struct H1Head:
    Slice method                    # requests
    Slice target
    int status                      # responses: 100 to 999
    Slice reason
    uint8_t minor                   # HTTP/1.minor; 9 with H1_F_HTTP09
    uint32_t flags                  # H1Flag
    H1Framing framing
    uint64_t content_length         # meaningful when has_length
    bint has_length
    bint keep_alive                 # by version and Connection
    bint upgrade                    # Connection: upgrade
    Slice host                      # requests: Host, or the authority of an absolute target, without userinfo
    Slice content_type              # whole value; folded lines keep their fold
    Slice content_encoding
    Slice location                  # nothing else of the headers is looked at here ...
    Slice authorization
    Slice headers                   # ... but all of them are in this block, for h1_next_header

cdef struct H1Body:                 # where a body's walk is; small enough to keep a connection
    H1Framing framing
    uint8_t state
    uint64_t left                   # bytes of the length or the chunk
    uint32_t line                   # bytes of the current chunk line or of the trailers
    uint64_t length                 # body bytes so far, without chunk framing

cdef H1Status h1_parse_request(const uint8_t* data, size_t n, H1Head* out, size_t* consumed) noexcept nogil
cdef H1Status h1_parse_response(
    H1Method request, const uint8_t* data, size_t n, H1Head* out, size_t* consumed) noexcept nogil
cdef void h1_compose_request(const H1Head* head, Writer* w) noexcept nogil     # start line + headers block + blank line
cdef void h1_compose_response(const H1Head* head, Writer* w) noexcept nogil
cdef H1Method h1_method_kind(Slice method) noexcept nogil
cdef bint h1_next_header(Slice* rest, Slice* name, Slice* value) noexcept nogil    # over H1Head.headers; False at the end

cdef void h1_body_begin(H1Body* b, const H1Head* head) noexcept nogil
cdef H1Status h1_body_next(H1Body* b, const uint8_t* data, size_t n, Slice* piece, size_t* consumed) noexcept nogil
cdef bint h1_body_skip(H1Body* b, uint64_t missing) noexcept nogil
    # `missing` bytes were lost: True if they were all body bytes, which are then counted; False: resynchronise
cdef bint h1_body_close(const H1Body* b) noexcept nogil                # the peer closed: was the body whole?

# Where a message may begin again after a gap: offset of the first plausible start line in data, or n.
cdef size_t h1_resync(const uint8_t* data, size_t n, bint responses) noexcept nogil
