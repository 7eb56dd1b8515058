# The messages of the memcache protocol and the numbers of its commands, replies and errors.
#
# Slices point into the bytes that were parsed, or, for a base64 key, into the message itself: do not copy a
# McRequest.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
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
