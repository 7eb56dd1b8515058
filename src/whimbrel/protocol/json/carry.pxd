# What walk.pyx and carry.pyx share: the states of the walk, and the tokens that are carried on from piece to piece.

from libc.stdint cimport uint8_t, uint64_t
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.json.walk cimport (
    JSON_BAD, JSON_FALSE, JSON_INTEGER, JSON_NULL, JSON_NUMBER, JSON_TEXT, JSON_TRUE, JsonEvent, JsonWalk)

cdef enum:                          # JsonWalk.state; the order lets `<= WALK_TOP_NEXT` ask whether no container is open
    WALK_START = 0                  # nothing came yet: a byte order mark may
    WALK_TOP                        # a document, or blanks
    WALK_TOP_NEXT                   # the same, right behind a document: blanks or a container
    WALK_VALUE                      # a value
    WALK_FIRST_ITEM                 # a value, or ]
    WALK_KEY                        # a key
    WALK_FIRST_KEY                  # a key, or }
    WALK_COLON
    WALK_AFTER                      # a comma, or the container's end
    WALK_BAD
    WALK_DEEP

cdef enum:                          # JsonWalk.token
    TOKEN_NONE = 0
    TOKEN_STRING
    TOKEN_KEY
    TOKEN_NUMBER
    TOKEN_TRUE
    TOKEN_FALSE
    TOKEN_NULL
    TOKEN_MARK                      # the byte order mark EF BB BF

cdef enum:                          # JsonWalk.step of a string: inside \uXXXX it counts the digits
    ESCAPE_NONE = 0
    ESCAPE_BEGUN = 1                # after the backslash
    ESCAPE_UNIT = 2                 # after \u
    ESCAPE_UNIT_END = 6

cdef enum:                          # JsonWalk.step of a number, by what was seen last
    NUMBER_START = 0
    NUMBER_MINUS
    NUMBER_ZERO                     # may end
    NUMBER_DIGITS                   # may end
    NUMBER_POINT
    NUMBER_FRACTION                 # may end
    NUMBER_E
    NUMBER_E_SIGN
    NUMBER_EXPONENT                 # may end
    NUMBER_OVER                     # the byte is not the number's
    NUMBER_WRONG


cdef inline JsonEvent bad(JsonWalk* w) noexcept nogil:
    w.state = WALK_BAD
    w.token = TOKEN_NONE
    return JSON_BAD


cdef inline void value_done(JsonWalk* w) noexcept nogil:
    w.state = WALK_AFTER if w.depth else WALK_TOP_NEXT


cdef inline void give(Slice* text, uint64_t* text_len, const uint8_t* p, uint64_t n) noexcept nogil:
    text.ptr = p
    text.len = n if n < JSON_TEXT else JSON_TEXT
    text_len[0] = n


cdef inline bint is_digit(uint8_t c) noexcept nogil:
    return <uint8_t> (c - 48) <= 9


cdef inline void begin_token(JsonWalk* w, uint8_t token) noexcept nogil:
    w.token = token
    w.step = 0
    w.escaped = False
    w.high = 0
    w.kept = 0
    w.text_len = 0


cdef inline bint number_may_end(int step) noexcept nogil:
    return step == NUMBER_ZERO or step == NUMBER_DIGITS or step == NUMBER_FRACTION or step == NUMBER_EXPONENT


cdef inline const uint8_t* word_of(uint8_t token) noexcept nogil:
    if token == TOKEN_TRUE:
        return b"true"
    return b"false" if token == TOKEN_FALSE else b"null"


cdef inline JsonEvent word_event(uint8_t token) noexcept nogil:
    if token == TOKEN_TRUE:
        return JSON_TRUE
    return JSON_FALSE if token == TOKEN_FALSE else JSON_NULL


# The token's next bytes, from at to end.  JSON_MORE: all are consumed, or a byte order mark is over.
cdef JsonEvent carry(
    JsonWalk* w, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len) noexcept nogil

# A number whose end was seen.
cdef JsonEvent number_done(JsonWalk* w, Slice* text, uint64_t* text_len) noexcept nogil
