# RESP, versions 2 and 3: bytes <-> requests and replies, on borrowed bytes.
#
# Four calls, none of which allocates, reads a clock or counts anything:
#
#     resp_parse_request    bytes -> argument slices      resp_compose_request    argument slices -> bytes
#     resp_parse_response   bytes -> one reply's element  resp_put_*              values -> bytes
#
# A parse answers (status, consumed, need).  A request is walked once: what a partial one has shown so far
# stays in RespProgress, so a request that arrives in a thousand pieces still costs its length and not a
# thousand times that.  A request may have more arguments than the caller's array holds: the first argv_cap
# are in the array, all of them are found again with resp_next_arg, straight from the same bytes.
#
# An inline command ("SET k \"a b\"\r\n") is a line.  Its quoting needs bytes of its own, so the parse hands
# out the line, and resp_inline_as_array rewrites it as the array it means; then there is one kind of request.
#
# A response needs no request to be parsed: RESP says its own lengths.  Nesting costs no stack either: the
# parser only counts the elements that are still owed.  Streamed strings and aggregates ("$?", "*?") are
# refused: no server sends them.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, put_i64, put_slice, put_u64
from whimbrel.base.slice cimport Slice

cdef enum:
    RESP_MAX_ARGS = 1024 * 1024     # arguments of one request: Redis's limit before authentication existed
    RESP_MAX_INLINE = 64 * 1024     # bytes of an inline line, and of any length line: Redis's PROTO_INLINE_MAX_SIZE
    RESP_MAX_ELEMENTS = 1 << 28     # elements owed by one reply; more is not a reply but an attack

cdef enum RespStatus:
    RESP_OK = 0
    RESP_MORE                       # a prefix of something right: come back with more bytes
    RESP_INLINE                     # a whole inline line: RespRequest.line
    RESP_BAD                        # not RESP: RespRequest.error (requests), nothing more (replies)

cdef enum RespError:
    RESP_ERROR_NONE = 0
    RESP_ERROR_BIG_INLINE
    RESP_ERROR_BIG_COUNT_LINE
    RESP_ERROR_BAD_COUNT
    RESP_ERROR_BIG_LENGTH_LINE
    RESP_ERROR_NO_DOLLAR            # RespRequest.got says what was there instead
    RESP_ERROR_BAD_LENGTH
    RESP_ERROR_QUOTES
    RESP_ERROR_TOO_LARGE            # the whole request; ours, Redis just closes

cdef struct RespProgress:           # zero before a request's first byte; the caller keeps it between calls
    uint32_t argc                   # 0: the count line is still to come
    uint32_t done                   # arguments walked
    uint64_t offset                 # bytes walked

cdef struct RespRequest:
    Slice* argv                     # the caller's array
    size_t argv_cap
    size_t argc                     # may be 0 (an empty request, to be ignored) or more than argv_cap
    const uint8_t* first            # first byte of the first argument's length line
    Slice line                      # RESP_INLINE: the line without its end
    RespError error
    uint8_t got

cdef enum RespKind:                 # the byte that says it on the wire
    RESP_SIMPLE = 43                # +
    RESP_ERR = 45                   # -
    RESP_INT = 58                   # :
    RESP_BULK = 36                  # $
    RESP_ARRAY = 42                 # *
    RESP_NULL = 95                  # _
    RESP_BOOL = 35                  # #
    RESP_DOUBLE = 44                # ,
    RESP_BIGNUM = 40                # (
    RESP_BULK_ERR = 33              # !
    RESP_VERBATIM = 61              # =
    RESP_MAP = 37                   # %
    RESP_SET = 126                  # ~
    RESP_ATTRIBUTE = 124            # |
    RESP_PUSH = 62                  # >

cdef struct RespElement:            # one reply, or one element of one
    RespKind kind
    bint null                       # RESP2's "$-1" and "*-1", RESP3's "_"
    int64_t integer                 # RESP_INT, RESP_BOOL; aggregates: entries (pairs for maps and attributes)
    Slice text                      # borrowed; the payload of every scalar ("txt:" included for verbatim)

cdef struct RespReplyProgress:      # zero before a reply's first byte
    uint64_t owed                   # elements still to come, + 1 once the first was seen
    uint64_t offset


cdef RespStatus resp_parse_request(
    const uint8_t* data, size_t n, size_t max_bulk, size_t max_request, RespProgress* at, RespRequest* out,
    size_t* consumed, size_t* need,
) noexcept nogil
cdef bint resp_inline_as_array(Slice line, Writer* out) noexcept nogil
cdef size_t resp_inline_room(size_t line_len) noexcept nogil
cdef Slice resp_error_text(RespError error) noexcept nogil
cdef void resp_put_protocol_error(Writer* w, const RespRequest* bad) noexcept nogil
cdef void resp_compose_request(Writer* w, const Slice* argv, size_t argc) noexcept nogil

cdef RespStatus resp_parse_element(
    const uint8_t* data, size_t n, RespElement* out, size_t* consumed, size_t* need
) noexcept nogil
cdef RespStatus resp_parse_response(
    const uint8_t* data, size_t n, RespReplyProgress* at, RespElement* first, size_t* consumed, size_t* need
) noexcept nogil

cdef bint resp_glob(Slice pattern, Slice text, bint nocase) noexcept nogil


cdef inline bint resp_parse_i64(const uint8_t* p, size_t n, int64_t* out) noexcept nogil:
    """The one spelling of an int64: no plus, no leading zero, no space, no "-0"."""
    cdef bint negative = n > 0 and p[0] == 45
    cdef size_t i = 1 if negative else 0
    cdef uint64_t v = 0
    cdef uint64_t limit = <uint64_t> 0x7fffffffffffffff + (1 if negative else 0)
    if i == n or n > 20:
        return False
    if p[i] == 48:
        out[0] = 0
        return n == 1
    while i < n:
        if p[i] < 48 or p[i] > 57:
            return False
        if v > (limit - (p[i] - 48)) // 10:
            return False
        v = v * 10 + (p[i] - 48)
        i += 1
    out[0] = <int64_t> (<uint64_t> 0 - v) if negative else <int64_t> v
    return True


cdef inline Slice resp_next_arg(const uint8_t** at) noexcept nogil:
    """The argument at `at`, which moves behind it.  Only over bytes that resp_parse_request has accepted."""
    cdef const uint8_t* p = at[0] + 1
    cdef Slice arg
    arg.len = 0
    while p[0] != 13:
        arg.len = arg.len * 10 + (p[0] - 48)
        p += 1
    arg.ptr = p + 2
    at[0] = arg.ptr + arg.len + 2
    return arg


# Replies.  Each put is whole or sets w.overflow; a composer asks once, at its end.

cdef inline void resp_put_crlf(Writer* w) noexcept nogil:
    put_bytes(w, b"\r\n", 2)


cdef inline void resp_put_header(Writer* w, RespKind kind, uint64_t count) noexcept nogil:
    """Count line of an aggregate, or length line of a bulk."""
    put_byte(w, <uint8_t> kind)
    put_u64(w, count)
    resp_put_crlf(w)


cdef inline void resp_put_line(Writer* w, RespKind kind, const char* text, size_t n) noexcept nogil:
    """Simple string, error, double or big number from text without line ends."""
    put_byte(w, <uint8_t> kind)
    put_bytes(w, text, n)
    resp_put_crlf(w)


cdef inline void resp_put_int(Writer* w, int64_t value) noexcept nogil:
    put_byte(w, 58)
    put_i64(w, value)
    resp_put_crlf(w)


cdef inline void resp_put_bulk(Writer* w, const void* ptr, size_t n) noexcept nogil:
    resp_put_header(w, RESP_BULK, n)
    put_bytes(w, ptr, n)
    resp_put_crlf(w)


cdef inline void resp_put_null(Writer* w, int version) noexcept nogil:
    if version >= 3:
        put_bytes(w, b"_\r\n", 3)
    else:
        put_bytes(w, b"$-1\r\n", 5)


cdef inline void resp_put_null_array(Writer* w, int version) noexcept nogil:
    if version >= 3:
        put_bytes(w, b"_\r\n", 3)
    else:
        put_bytes(w, b"*-1\r\n", 5)


cdef inline void resp_put_map(Writer* w, int version, uint64_t pairs) noexcept nogil:
    """Header of a map; RESP2 has none and gets the array of its keys and values."""
    if version >= 3:
        resp_put_header(w, RESP_MAP, pairs)
    else:
        resp_put_header(w, RESP_ARRAY, 2 * pairs)


cdef inline void resp_put_bool(Writer* w, int version, bint value) noexcept nogil:
    if version >= 3:
        put_bytes(w, b"#t\r\n" if value else b"#f\r\n", 4)
    else:
        resp_put_int(w, value)
