# JSON as a stream of events, in memory that depends on nothing but JSON_DEPTH: RFC 8259.
#
# json_next takes bytes as they come, cut anywhere, and answers with the next event or JSON_MORE.  A token's text is
# given in full while it fits into JSON_TEXT bytes, else its first JSON_TEXT bytes and its whole length; it is borrowed
# from the piece or from the walk, until the next call.  Escapes in keys are decoded (half a surrogate pair to U+FFFD);
# in strings `text` is raw and `escaped` says that there were some.  The events are the same however the bytes are cut.
#
# Fast, because the agent's throughput is this: a token inside a piece is found by 16 bytes a step (scan.pxd) and never
# copied.  Slow, byte by byte, only where a token crosses pieces or has escapes.
#
# Deliberately not a validator to the last letter: numbers, escapes and structure are checked, UTF-8 is not.  Documents
# in a row (JSON lines, with blanks between them, or containers back to back) are all walked.  A byte order mark may
# stand before the first.  NaN and Infinity are not JSON.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.slice cimport Slice

cdef enum:
    JSON_DEPTH = 512                # containers in containers; deeper is an attack on the reader
    JSON_TEXT = 128                 # bytes of a token that are kept when it crosses pieces: formats, keys are shorter

cdef enum JsonEvent:
    JSON_MORE = 0                   # everything given is consumed
    JSON_OBJECT                     # {
    JSON_OBJECT_END
    JSON_ARRAY
    JSON_ARRAY_END
    JSON_KEY
    JSON_STRING
    JSON_INTEGER
    JSON_NUMBER                     # with a fraction or an exponent
    JSON_TRUE
    JSON_FALSE
    JSON_NULL
    JSON_BAD                        # not JSON from here on; stays so
    JSON_DEEP                       # nested deeper than JSON_DEPTH; stays so

cdef struct JsonWalk:               # zeroed: at the beginning
    uint8_t state                   # what may come next
    uint8_t token                   # what the unfinished token is, 0: none
    uint8_t step                    # how far into an escape, a number, a literal or a byte order mark
    bint escaped                    # the last string or key had escapes
    bint in_object                  # what the innermost container is
    bint document                   # at least one was begun
    uint16_t unit                   # of \uXXXX in the making
    uint16_t high                   # a surrogate that waits for its other half; keys only
    uint32_t depth
    uint32_t kept                   # bytes in `text`
    uint64_t text_len               # of the whole token, also beyond JSON_TEXT
    uint64_t kinds[8]               # one bit a level: 1 an object, 0 an array
    uint8_t text[128]               # of a token that crosses pieces, or a key with escapes

cdef JsonEvent json_next(
    JsonWalk* w, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len) noexcept nogil

# The input's end: a number that only the end completes, else JSON_MORE (whole) or JSON_BAD (cut off, or nothing).
cdef JsonEvent json_end(JsonWalk* w, Slice* text, uint64_t* text_len) noexcept nogil
