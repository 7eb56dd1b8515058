# The messages of HTTP/1 and where a body's walk is.  Slices point into the bytes that were parsed.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from whimbrel.base.slice cimport Slice

cdef enum:
    H1_MAX_HEAD = 65536             # bytes of a start line and its headers; servers allow 8 to 64 KiB
    H1_MAX_HEADERS = 256            # lines of them; servers allow 100 to 1000
    H1_MAX_METHOD = 32              # bytes; the longest registered one has 17
    H1_MAX_BLANK_LINES = 64         # bytes of line ends before a start line; one is what the RFC knows of
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
    H1_UNTIL_CLOSE                  # of a request: its end cannot be known, nothing behind it means anything
    H1_TUNNEL                       # after this head the connection speaks something else (101, CONNECT's 2xx)

cdef enum H1Flag:                   # bits: what was odd
    H1_F_FOLDED = 1                 # obs-fold
    H1_F_BARE_LF = 2                # a line ended with LF alone
    H1_F_BAD_HEADER = 4             # a line without colon, a name with blanks in it or behind it, a NUL
    H1_F_DUPLICATE = 8              # Host, Content-Length or Content-Type more than once
    H1_F_LENGTH_CONFLICT = 16       # Content-Lengths that differ or are no number: unrecoverable
    H1_F_LENGTH_AND_CHUNKED = 32    # both given; chunked wins (RFC 9112 6.3)
    H1_F_BAD_TRANSFER = 64          # a Transfer-Encoding whose last coding is not chunked, is unknown, or in HTTP/1.0
    H1_F_HTTP09 = 128               # a request without version; its response is bytes until close, without a head
    H1_F_BAD_VERSION = 256          # not 1.0 or 1.1
    H1_F_LONG = 512                 # more header lines than H1_MAX_HEADERS; all of them were looked at all the same
    H1_F_BAD_TARGET = 1024          # no target, or blanks or control characters in it; odd blanks around it

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
    bint has_length                 # one length was given, and chunked does not overrule it
    bint keep_alive                 # by version, Connection and framing
    bint upgrade                    # Connection: upgrade
    Slice host                      # requests: Host, or the authority of an absolute target, without userinfo
    Slice content_type              # whole value; folded lines keep their fold
    Slice content_encoding
    Slice location                  # nothing else of the headers is looked at here ...
    Slice authorization
    Slice headers                   # ... but all of them are in this block, for h1_next_header; lines with their ends

cdef struct H1Body:                 # where a body's walk is; small enough to keep a connection
    H1Framing framing
    uint8_t state
    uint8_t bare_lf                 # a chunk's line or data, or a trailer, ended with LF alone
    uint8_t after_cr                # the last byte of the extensions or trailer being skipped was a CR
    uint64_t left                   # bytes of the length or the chunk
    uint32_t line                   # bytes of the current chunk line or of the trailers
    uint64_t length                 # body bytes so far, without chunk framing
