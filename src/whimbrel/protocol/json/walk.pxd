# JSON as a stream of events, in memory that depends on nothing but JSON_DEPTH: RFC 8259.
#
# json_next takes bytes as they come, cut anywhere, and answers with the next event or JSON_MORE.  A token's text is
# given in full while it fits into JSON_TEXT bytes (where it does not cross a piece's end it is borrowed from the piece,
# else from the walk), else its first JSON_TEXT bytes and its whole length.  Escapes in keys are decoded; in strings
# `text` is raw and `escaped` says that there were some.
#
# Deliberately not a validator to the last letter: numbers and structure are checked, UTF-8 is not.  Two documents in
# a row (JSON lines) are both walked.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from whimbrel.base.slice cimport Slice

cdef enum:
    JSON_DEPTH = 512                # containers in containers; deeper is an attack on the reader
    JSON_TEXT = 128                 # bytes of a token that are kept when it crosses pieces: formats and keys are shorter

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

cdef struct JsonWalk:               # zeroed: at the beginning.  An implementer may change what is in it
    uint8_t state
    uint8_t token                   # what the unfinished token is
    bint escaped
    uint32_t depth
    uint64_t kinds[8]               # one bit a level: 1 an object, 0 an array
    uint64_t text_len               # of the whole token, also beyond JSON_TEXT
    uint32_t kept
    uint8_t text[128]               # of a token that crosses pieces

cdef JsonEvent json_next(JsonWalk* w, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len) noexcept nogil
cdef JsonEvent json_end(JsonWalk* w, Slice* text, uint64_t* text_len) noexcept nogil
    # the input's end: a number that only the end completes, else JSON_MORE (whole) or JSON_BAD (cut off)
