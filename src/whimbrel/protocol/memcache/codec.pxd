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

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.buffer cimport Writer
from whimbrel.base.slice cimport Slice

cdef enum:
    MC_LINE_MAX = 2048              # bytes of a line that is not streamed, its newline included: the original's limit
    MC_KEY_MAX = 250                # bytes of a key as sent
    MC_KEY_ROOM = 192               # bytes of a key decoded from MC_KEY_MAX bytes of base64
    MC_OPAQUE_MAX = 32              # bytes of an opaque token, its letter included
    MC_TOKENS_MAX = 24              # words of a line that are told apart
    MC_META_TOKENS_MAX = 19         # words of a meta line
    MC_VALUE_MAX = 2147483645       # bytes a data block may announce (2^31 - 1 less its line end)

cdef enum McStatus:
    MC_DONE = 0                     # a message (or a refusal) is there; `consumed` bytes are its own
    MC_MORE                         # not yet; `need` total bytes if that is known, else 0

cdef enum McCommand:                # in the order of commands.COMMANDS
    MC_GET = 0
    MC_GETS
    MC_GAT
    MC_GATS
    MC_SET
    MC_ADD
    MC_REPLACE
    MC_APPEND
    MC_PREPEND
    MC_CAS
    MC_INCR
    MC_DECR
    MC_TOUCH
    MC_DELETE
    MC_FLUSH_ALL
    MC_VERSION
    MC_VERBOSITY
    MC_STATS
    MC_QUIT
    MC_NOOP
    MC_META_GET
    MC_META_SET
    MC_META_DELETE
    MC_META_ARITHMETIC
    MC_META_DEBUG
    MC_BGET
    MC_CACHE_MEMLIMIT
    MC_SHUTDOWN
    MC_SLABS
    MC_LRU
    MC_LRU_CRAWLER
    MC_WATCH
    MC_EXTSTORE
    MC_REFRESH_CERTS
    MC_MISBEHAVE
    MC_DEBUGTIME
    MC_UNKNOWN                      # no such command; also the number of commands

cdef enum McReply:                  # in the order of commands.REPLIES
    MR_NONE = 0
    MR_LINE
    MR_FAILED
    MR_NUMBER
    MR_STORED
    MR_NOT_STORED
    MR_EXISTS
    MR_NOT_FOUND
    MR_DELETED
    MR_TOUCHED
    MR_OK
    MR_END
    MR_RESET
    MR_VALUE
    MR_STAT
    MR_VERSION
    MR_MN
    MR_HD
    MR_VA
    MR_EN
    MR_NF
    MR_NS
    MR_EX
    MR_ME
    MR_COUNT

cdef enum McError:                  # in the order of commands.ERRORS
    ME_NONE = 0
    ME_ERROR
    ME_FORMAT
    ME_DELETE_USAGE
    ME_BAD_CHUNK
    ME_EXPTIME
    ME_DELTA_ARGUMENT
    ME_NOT_NUMERIC
    ME_LINE_TOO_LONG
    ME_DUPLICATE_FLAG
    ME_INVALID_FLAG
    ME_INVALID_OR_DUPLICATE
    ME_BAD_TOKEN
    ME_KEY_DECODING
    ME_OPAQUE
    ME_FLAGS_ARE_TOO_LONG
    ME_FLAGS_TOO_LONG
    ME_MODE_LENGTH
    ME_SET_MODE
    ME_ARITHMETIC_MODE
    ME_INITIAL
    ME_DELTA
    ME_TOO_LARGE
    ME_NO_MEMORY_STORING
    ME_NO_MEMORY
    ME_SLABS
    ME_CRAWLER
    ME_WATCH
    ME_SHUTDOWN
    ME_MEMLIMIT
    ME_MEMLIMIT_SMALL
    ME_COUNT

cdef struct McRequest:
    uint8_t command                 # McCommand
    uint8_t error                   # McError: what to answer instead of executing; 0 is none
    bint noreply                    # `noreply`, or the quiet flag
    bint close                      # the connection can not go on after this
    bint more                       # a retrieval whose END is not due: its line goes on, or an error was answered
    bint started                    # a retrieval that is the continuation of an earlier piece
    Slice key                       # decoded
    Slice key_sent                  # as on the wire
    Slice keys                      # retrieval: complete keys with single or many spaces between
    Slice options                   # meta: the flags as sent; stats, slabs ...: the words behind the command
    Slice value                     # the data block without its line end
    uint64_t swallow                # bytes behind `consumed` that belong to a refused data block
    uint64_t state                  # for the next parse on this connection
    int64_t exptime                 # as sent (T of a meta command)
    int64_t vivify                  # N
    int64_t recache                 # R
    uint64_t cas                    # cas, C
    uint64_t new_cas                # E
    uint64_t delta                  # incr, decr, D; verbosity's level
    uint64_t initial                # J
    uint64_t seen                   # meta: bit (letter & 63) for each flag given
    uint32_t client_flags
    uint8_t mode                    # M, or 0
    uint8_t key_room[192]           # MC_KEY_ROOM

cdef struct McResponse:
    uint8_t code                    # McReply
    bint last                       # nothing of this request's answer follows
    Slice key                       # VALUE, STAT, ME
    Slice value                     # VALUE, VA: the data; STAT: the value
    Slice text                      # error lines, VERSION, other lines: all behind the word; meta: the flags
    uint32_t flags                  # VALUE
    bint with_cas                   # VALUE: a token was given
    uint64_t cas
    uint64_t number                 # incr, decr

cdef inline bint mc_has(const McRequest* r, uint8_t letter) noexcept nogil:
    return (r.seen >> (letter & 63)) & 1

cdef inline bint mc_is_retrieval(int command) noexcept nogil:
    return command <= MC_GATS or command == MC_BGET

cdef inline bint mc_next_word(const uint8_t** at, const uint8_t* end, Slice* word) noexcept nogil:
    """The next run of bytes that are not spaces; False at the end."""
    cdef const uint8_t* p = at[0]
    while p < end and p[0] == 32:
        p += 1
    word.ptr = p
    while p < end and p[0] != 32:
        p += 1
    word.len = <size_t> (p - word.ptr)
    at[0] = p
    return word.len != 0

cdef McStatus mc_parse_request(
    const uint8_t* data, size_t n, uint64_t max_value, uint64_t state, McRequest* r, size_t* consumed, size_t* need
) noexcept nogil
cdef void mc_compose_request(const McRequest* r, Writer* w) noexcept nogil
cdef McStatus mc_parse_response(
    const McRequest* r, const uint8_t* data, size_t n, McResponse* a, size_t* consumed, size_t* need
) noexcept nogil
cdef void mc_compose_response(const McRequest* r, const McResponse* a, Writer* w) noexcept nogil

# Pieces of the above for executors that compose in place.
cdef uint64_t mc_resume_state(const McRequest* r) noexcept nogil     # the rest of a retrieval's line, for later
cdef Slice mc_error_line(int error) noexcept nogil                   # without line end
cdef Slice mc_reply_word(int code) noexcept nogil
cdef bint mc_parse_u64(Slice s, uint64_t* out) noexcept nogil
cdef bint mc_parse_i64(Slice s, int64_t* out) noexcept nogil
cdef void mc_put_value_line(Writer* w, Slice key, uint32_t flags, size_t n, bint with_cas, uint64_t cas) noexcept nogil
