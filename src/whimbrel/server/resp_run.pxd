# What every RESP command handler sees: its arguments, its place for the reply, its connection's state.
#
#     cdef Step string_get(Run* r) noexcept nogil
#
# A handler starts with at least REPLY_SMALL bytes of room behind r.w and asks for more with room(r, n) before
# it changes anything, so that a STEP_BLOCKED request can be run again from its beginning.
#
# Where replies go:
#
#     usually                    x.out, the worker's buffer
#     EXEC, past x.out's room    RespState.held: an EXEC cannot stop half-way to wait for its reader
#     rare long replies          RespState.held too (KEYS, COMMAND DOCS, INFO ...)
#     CLIENT REPLY OFF | SKIP    RespState.held, which is then emptied
#
# Held replies are drained into x.out piece by piece, and their request counts as consumed when they are.
# The memory of a RespState is taken from the worker's input account (memory_take); its struct comes from a pool
# that never shrinks, so that a look from another thread (CLIENT LIST) may be outdated but never dangling.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset
from whimbrel.base.buffer cimport Writer, put_bytes, writer_len, writer_room
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport resp_next_arg, resp_parse_i64, resp_put_int
from whimbrel.server.counters cimport RESP_ERRORS, RESP_KEYSPACE_HITS, RESP_KEYSPACE_MISSES, count
from whimbrel.server.session cimport REPLY_SMALL, Conn, Context, reply_room
from whimbrel.store.store cimport (
    STORE_CHANGED, STORE_MAX_KEY, STORE_MISS, Put, Store, StoreStatus, View, store_hash, store_hit, store_read,
)

cdef enum:
    RUN_ARGV = 32               # arguments that are sliced ahead; longer requests are walked in place
    RUN_RETRIES = 10000         # optimistic attempts at one key before TRYAGAIN: each loss is another's success
    PUT_RETRIES = 64            # times a put may find the store in need of room: 64 x PUT_STEPS items, a few ms
    PUT_STEPS = 256             # items of maintenance between two of them, about 13 us
    NAME_MAX = 63               # bytes of CLIENT SETNAME
    LIB_NAME_MAX = 47
    LIB_VERSION_MAX = 23
    KEYS_MAX_ITEMS = 10000      # KEYS answers a database up to this size: about a millisecond of work
    HELD_MIN = 4096             # first size of a held reply's buffer; it doubles

cdef inline int64_t run_max_expire_ms() noexcept nogil:
    """The latest time an item's header holds: 48 bits, the year 10889."""
    return (<int64_t> 1 << 48) - 1


cdef enum Step:
    STEP_DONE = 0
    STEP_BLOCKED                # no room: nothing was executed, nothing is composed
    STEP_CLOSE                  # the reply is composed; then close

cdef enum RowFlag:
    ROW_NOW = 1                 # executed at once inside MULTI (EXEC, DISCARD, ...)

ctypedef Step (*Handler)(Run* r) noexcept nogil

cdef struct Row:                # commands.py's row, for the data plane
    char name[24]               # "get", "client|list"
    uint8_t name_len
    uint8_t flags
    uint8_t container           # has subcommands
    uint8_t index               # of the command or its container: batch counts and histograms
    int arity
    Handler handler

cdef enum ReplyMode:
    REPLY_ON = 0
    REPLY_OFF
    REPLY_SKIP                  # not the next reply
    REPLY_SKIPPING              # not this one

cdef struct Held:               # bytes of replies that had no room yet
    uint8_t* base
    size_t len
    size_t cap
    size_t sent
    size_t request              # bytes to consume when all is sent

cdef struct Queue:              # what a transaction keeps: requests as arrays, or watched keys
    uint8_t* base
    size_t len
    size_t cap
    uint32_t entries

cdef struct RespState:
    RespState* next_free
    char name[64]               # NUL-terminated, like those that follow
    char lib_name[48]
    char lib_version[24]
    uint8_t reply_mode
    uint8_t no_touch
    uint8_t in_multi
    uint8_t abort               # a queued command was refused: EXEC must fail
    Queue queue
    Queue watch
    Held held

cdef struct Run:
    Context* x
    Conn* c
    RespState* state            # NULL until something needs one
    Writer* w
    const Row* row
    size_t argc
    Slice* argv                 # the first RUN_ARGV arguments
    const uint8_t* first        # the first argument's length line: all of them with resp_next_arg
    int version                 # 2 or 3
    bint alone                  # between exclusive_enter and _leave
    bint holding                # w is `spill`, over state.held
    bint short_of_memory        # a held reply could not grow
    bint no_touch
    Writer spill
    size_t request              # bytes of this request in the input
    const uint8_t* end          # behind the request's array: what a place remembered inside it must be before
    size_t reserve              # bytes behind r.w that this reply must leave: an error for each command after it
    size_t start                # where in r.w the reply began: rewind(r) goes back there


cdef inline void rewind(Run* r) noexcept nogil:
    """Forget what this reply has composed.  Not for replies that asked for room half-way (MGET)."""
    r.w.pos = r.w.base + r.start


cdef RespState* run_state(Run* r) noexcept nogil
cdef void state_free(Context* x, RespState* state) noexcept nogil
cdef bint queue_add(Run* r, Queue* q, const void* bytes, size_t n) noexcept nogil
cdef void queue_free(Context* x, Queue* q) noexcept nogil
cdef bint held_begin(Run* r) noexcept nogil
cdef void held_end(Run* r) noexcept nogil
cdef void held_free(Context* x, Held* held) noexcept nogil
cdef bint room_slow(Run* r, size_t n) noexcept nogil

cdef enum Got:
    GOT_VALUE = 0               # composed as a bulk string, and true
    GOT_MISS                    # nothing composed
    GOT_BLOCKED
    GOT_BUSY                    # RUN_RETRIES writers were faster

cdef StoreStatus find_true(Run* r, Slice key, uint64_t* hash, View* v) noexcept nogil
cdef Got value_reply(Run* r, Slice key, uint64_t hash, View* v) noexcept nogil
cdef StoreStatus run_put(Run* r, const Put* put) noexcept nogil
cdef Step put_failed(Run* r, StoreStatus status) noexcept nogil
cdef Step run_error(Run* r, const char* text) noexcept nogil
cdef Step run_error_about(Run* r, const char* before, Slice what, size_t limit, const char* after) noexcept nogil
cdef bint arg_is(Slice arg, const char* word) noexcept nogil
cdef bint arg_int(Run* r, Slice arg, int64_t* out) noexcept nogil
cdef size_t lower_into(char* to, size_t cap, Slice name) noexcept nogil


cdef inline bint room(Run* r, size_t n) noexcept nogil:
    """At least n bytes behind r.w; False: answer STEP_BLOCKED."""
    return True if writer_room(r.w) >= n + r.reserve else room_slow(r, n + r.reserve)


cdef inline Step reply_ok(Run* r) noexcept nogil:
    put_bytes(r.w, b"+OK\r\n", 5)
    return STEP_DONE


cdef inline Step reply_int(Run* r, int64_t value) noexcept nogil:
    resp_put_int(r.w, value)
    return STEP_DONE


cdef inline StoreStatus find(Run* r, Slice key, uint64_t* hash, View* v) noexcept nogil:
    """A live item's view, not validated yet; a key too long to be stored is a miss."""
    if key.len > STORE_MAX_KEY:
        return STORE_MISS
    hash[0] = store_hash(r.x.store, key)
    return store_read(r.x.store, key, hash[0], r.x.now_ms, v)


cdef inline void used(Run* r, const View* v) noexcept nogil:
    count(r.x, RESP_KEYSPACE_HITS)
    if not r.no_touch:
        store_hit(r.x.store, v, r.x.now_ms)


cdef inline void missed(Run* r) noexcept nogil:
    count(r.x, RESP_KEYSPACE_MISSES)


cdef inline Step changed(Run* r) noexcept nogil:
    return put_failed(r, STORE_CHANGED)


cdef inline Put new_put(Slice key, uint64_t hash, Slice value) noexcept nogil:
    cdef Put put
    memset(&put, 0, sizeof(Put))
    put.key = key
    put.hash = hash
    put.prefix = value
    return put


cdef inline Put put_over(Slice key, const View* v, Slice value) noexcept nogil:
    """A new value for an item that keeps its flags and its time."""
    cdef Put put = new_put(key, v.hash, value)
    put.hash = v.hash
    put.flags = v.flags
    put.expire_ms = v.expire_ms
    put.expect = v.version
    return put
