# See execute_memcache.pxd.  Parse, get the room for the reply, execute, compose in place: a hit's value is copied
# once, from the store into the worker's output.
#
# Conn.mc_state and Conn.mc_swallow are all that is kept between two calls: where a long retrieval line
# stands, and how many bytes of a refused data block are still to come.  A retrieval that finds no room for its
# next item stops before that key, and the rest of its line is such a continuation.

from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.string cimport memset
from whimbrel.base.buffer cimport Writer, put_bytes, put_slice, put_u64
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.codec cimport (
    MC_ADD, MC_APPEND, MC_CAS, MC_DECR, MC_DELETE, MC_DONE, MC_FLUSH_ALL, MC_GAT, MC_GATS, MC_GETS, MC_INCR,
    MC_META_DEBUG, MC_META_GET, MC_NOOP, MC_PREPEND, MC_QUIT, MC_REPLACE, MC_SET, MC_STATS, MC_TOUCH,
    MC_VERBOSITY, MC_VERSION, ME_ERROR, ME_TOO_LARGE, MR_NOT_FOUND, MR_NUMBER, MR_OK, MR_TOUCHED, McRequest,
    mc_is_retrieval, mc_parse_request, mc_put_value_line, mc_reply_word, mc_resume_state,
)
from whimbrel.protocol.memcache.words cimport mc_next_word
from whimbrel.server.counters cimport (
    MC_CMD_FLUSH, MC_CMD_GET, MC_CMD_TOUCH, MC_GET_HITS, MC_GET_MISSES, MC_STORE_TOO_LARGE, MC_TOUCH_HITS,
    MC_TOUCH_MISSES, count, count_many,
)
from whimbrel.server.memcache_ahead cimport ask_ahead
from whimbrel.server.memcache_items cimport (
    BIG_VALUE, Change, Delta, READ_TRIES, change_nothing_but, expiry_of, item_delete, item_delta, item_rewrite,
    item_store, item_touch,
)
from whimbrel.server.memcache_meta cimport execute_meta
from whimbrel.server.memcache_reply cimport put_error
from whimbrel.server.session cimport (
    BLOCKED, CLOSE, Conn, Context, Outcome, REPLY_SMALL, WANT_INPUT, context_server, count_command, reply_room,
)
from whimbrel.store.store cimport (
    EXPECT_ANY, Put, STORE_CHANGED, STORE_MISS, STORE_OK, StoreStats, StoreStatus, View, store_flush,
    store_hash, store_hit, store_prefetch, store_prefetch_item, store_read, store_remove, store_stats,
    store_token_given, store_validate, view_copy,
)

from whimbrel.server import memcache_stats

cdef enum:
    VALUE_LINE_ROOM = 512           # bytes around a value: VALUE, key, three numbers, line ends, and END
    KEYS_AHEAD = 8                  # keys of a multi-get whose lines of the table are asked for together
    VERBOSITY_MAX = 2               # as the original's

cdef bytes VERSION_TEXT = b"VERSION " + memcache_stats.VERSION.encode() + b"\r\n"
cdef Slice VERSION_LINE = slice_of(<const uint8_t*> VERSION_TEXT, len(VERSION_TEXT))

cdef enum KeyOutcome:
    KEY_MISSED = 0
    KEY_FOUND
    KEY_BLOCKED                     # no room: nothing was composed


# ---- get gets gat gats ----------------------------------------------------------------------------

cdef inline bint commit_read(Context* x, const McRequest* r, Slice key, const View* v) noexcept nogil:
    """Whether what was composed from v is true; leaves behind what a read (and its touch) leaves."""
    cdef Put put
    cdef StoreStatus status
    cdef int64_t expire_ms
    if r.command == MC_GETS or r.command == MC_GATS:
        store_token_given(x.store, v)
    if r.command == MC_GAT or r.command == MC_GATS:
        expire_ms = expiry_of(x, r.exptime)
        if expire_ms != v.expire_ms:
            change_nothing_but(v, key, &put)
            put.expire_ms = expire_ms
            status = item_rewrite(x, &put)
            if status == STORE_OK:
                return True
            if status == STORE_CHANGED or status == STORE_MISS:
                return False
    if not store_validate(x.store, v):
        return False
    store_hit(x.store, v, x.now_ms)
    return True


cdef KeyOutcome answer_key(Context* x, Conn* c, const McRequest* r, Slice key, uint64_t hash) noexcept nogil:
    cdef bint with_cas = r.command == MC_GETS or r.command == MC_GATS
    cdef Writer* w
    cdef uint8_t* mark
    cdef View v
    cdef int _
    for _ in range(READ_TRIES):
        if store_read(x.store, key, hash, x.now_ms, &v) == STORE_MISS:
            return KEY_MISSED
        if v.value_len > BIG_VALUE and not store_validate(x.store, &v):
            continue
        w = reply_room(x, c, v.value_len + VALUE_LINE_ROOM)
        if w == NULL:
            return KEY_BLOCKED
        mark = w.pos
        mc_put_value_line(w, key, v.flags, v.value_len, with_cas, v.cas)
        view_copy(x.store, &v, 0, v.value_len, w.pos)
        w.pos += v.value_len
        put_bytes(w, b"\r\n", 2)
        if commit_read(x, r, key, &v):
            return KEY_FOUND
        w.pos = mark
    return KEY_MISSED


cdef void count_keys(Context* x, const McRequest* r, uint64_t hits, uint64_t misses) noexcept nogil:
    if r.command == MC_GAT or r.command == MC_GATS:
        count_many(x, MC_CMD_TOUCH, hits + misses)
        count_many(x, MC_TOUCH_HITS, hits)
        count_many(x, MC_TOUCH_MISSES, misses)
        return
    count_many(x, MC_CMD_GET, hits + misses)
    count_many(x, MC_GET_HITS, hits)
    count_many(x, MC_GET_MISSES, misses)


cdef bint answer_keys(Context* x, Conn* c, const McRequest* r, const uint8_t** stopped) noexcept nogil:
    """All keys of this piece; False when there is no room for the one at `stopped`."""
    cdef const uint8_t* at = r.keys.ptr
    cdef const uint8_t* end = at + r.keys.len
    cdef Slice keys[KEYS_AHEAD]
    cdef uint64_t hashes[KEYS_AHEAD]
    cdef uint64_t hits = 0, misses = 0
    cdef KeyOutcome outcome = KEY_MISSED
    cdef int i, n
    while outcome != KEY_BLOCKED:
        n = 0
        while n < KEYS_AHEAD and mc_next_word(&at, end, &keys[n]):
            hashes[n] = store_hash(x.store, keys[n])
            n += 1
        if n == 0:
            break
        if n > 1:
            for i in range(n):
                store_prefetch(x.store, hashes[i])
            for i in range(n):
                store_prefetch_item(x.store, hashes[i])
        for i in range(n):
            outcome = answer_key(x, c, r, keys[i], hashes[i])
            if outcome == KEY_BLOCKED:
                stopped[0] = keys[i].ptr
                break
            hits += outcome == KEY_FOUND
            misses += outcome == KEY_MISSED
    count_keys(x, r, hits, misses)
    return outcome != KEY_BLOCKED


cdef bint retrieve(Context* x, Conn* c, const McRequest* r, const uint8_t** stopped) noexcept nogil:
    cdef Writer* w
    cdef bint refused_whole = r.error and not r.started
    if not refused_whole and not answer_keys(x, c, r, stopped):
        return False
    if r.more and not r.error:
        return True
    w = reply_room(x, c, REPLY_SMALL)
    if w == NULL:
        if not refused_whole:
            stopped[0] = r.keys.ptr + r.keys.len
        return False
    if r.error:
        put_error(x, w, r.error)
    else:
        put_bytes(w, b"END\r\n", 5)
    return True


# ---- the others -----------------------------------------------------------------------------------

cdef inline void put_result(Context* x, const McRequest* r, int result, Writer* w) noexcept nogil:
    if r.noreply:
        return
    if result < 0:
        put_error(x, w, -result)
        return
    put_slice(w, mc_reply_word(result))
    put_bytes(w, b"\r\n", 2)


cdef inline uint8_t mode_of(int command) noexcept nogil:
    if command == MC_ADD:
        return c"E"
    if command == MC_REPLACE:
        return c"R"
    if command == MC_APPEND:
        return c"A"
    return c"P" if command == MC_PREPEND else c"S"


cdef void store_item(Context* x, const McRequest* r, Writer* w) noexcept nogil:
    cdef Change change
    memset(&change, 0, sizeof(Change))
    change.key = r.key
    change.hash = store_hash(x.store, r.key)
    change.value = r.value
    change.flags = r.client_flags
    change.expire_ms = expiry_of(x, r.exptime)
    change.mode = mode_of(r.command)
    change.has_cas = r.command == MC_CAS
    change.cas = r.cas
    put_result(x, r, item_store(x, &change), w)


cdef void change_number(Context* x, const McRequest* r, Writer* w) noexcept nogil:
    cdef Delta delta
    cdef int result
    memset(&delta, 0, sizeof(Delta))
    delta.key = r.key
    delta.hash = store_hash(x.store, r.key)
    delta.down = r.command == MC_DECR
    delta.by = r.delta
    result = item_delta(x, &delta)
    if result == MR_NUMBER and not r.noreply:
        put_u64(w, delta.number)
    put_result(x, r, result, w)


cdef void touch(Context* x, const McRequest* r, Writer* w) noexcept nogil:
    cdef int result = item_touch(x, r.key, store_hash(x.store, r.key), expiry_of(x, r.exptime))
    count(x, MC_CMD_TOUCH)
    if result == MR_TOUCHED:
        count(x, MC_TOUCH_HITS)
    elif result == MR_NOT_FOUND:
        count(x, MC_TOUCH_MISSES)
    put_result(x, r, result, w)


cdef void flush_all(Context* x, const McRequest* r, Writer* w) noexcept nogil:
    """Now, or at a time that the worker's tick looks at.  The last flush_all counts, as in the original."""
    cdef int64_t at_ms = expiry_of(x, r.exptime)
    count(x, MC_CMD_FLUSH)
    if at_ms > x.now_ms:
        x.settings.flush_at_ms = <uint64_t> at_ms
    else:
        x.settings.flush_at_ms = 0
        store_flush(x.store)
    put_result(x, r, MR_OK, w)


cdef void refuse(Context* x, const McRequest* r, Writer* w) noexcept nogil:
    cdef bint meta = MC_META_GET <= r.command <= MC_META_DEBUG
    if r.error == ME_TOO_LARGE:
        count(x, MC_STORE_TOO_LARGE)
        if r.command == MC_SET or meta:         # the old value must not be served as if it were the new one
            store_remove(x.store, r.key, store_hash(x.store, r.key), EXPECT_ANY, x.now_ms)
    if meta or not r.noreply:
        put_error(x, w, r.error)


cdef object stats_lines(Context* x, bytes arguments):
    cdef StoreStats s
    store_stats(x.store, &s)
    store = {
        "items": s.items, "item_bytes": s.item_bytes, "heap_bytes": s.heap_bytes, "table_bytes": s.table_bytes,
        "segments": s.segments, "segments_free": s.segments_free, "segment_bytes": s.segment_bytes,
        "writes": s.writes, "evicted_items": s.evicted_items, "expired_items": s.expired_items,
    }
    settings = {
        "max_item": x.settings.max_item, "max_connections": x.settings.max_connections,
        "idle_timeout_ms": x.settings.idle_timeout_ms, "verbosity": x.settings.verbosity,
    }
    own = [x.counters[i] for i in range(memcache_stats.COUNTERS)]
    return memcache_stats.reply(arguments, store, settings, own, context_server(x))


cdef bint answer_stats(Context* x, Conn* c, const McRequest* r) noexcept with gil:
    """Rare and long: in Python.  Whatever fails in there is answered, not hidden."""
    cdef Writer* w
    cdef bytes text
    try:
        text = stats_lines(x, r.options.ptr[:r.options.len] if r.options.len else b"")
    except Exception as error:
        text = b"SERVER_ERROR " + type(error).__name__.encode() + b"\r\n"
    w = reply_room(x, c, len(text))
    if w == NULL:
        return False
    put_bytes(w, <const uint8_t*> text, len(text))
    return True


cdef bint execute_plain(Context* x, Conn* c, const McRequest* r) noexcept nogil:
    """False: no room for the reply, and nothing happened."""
    cdef int command = r.command
    cdef Writer* w
    if command == MC_STATS and not r.error:
        return answer_stats(x, c, r)
    w = reply_room(x, c, REPLY_SMALL)
    if w == NULL:
        return False
    if r.error:
        refuse(x, r, w)
    elif MC_SET <= command <= MC_CAS:
        store_item(x, r, w)
    elif command == MC_INCR or command == MC_DECR:
        change_number(x, r, w)
    elif command == MC_TOUCH:
        touch(x, r, w)
    elif command == MC_DELETE:
        put_result(x, r, item_delete(x, r.key, store_hash(x.store, r.key)), w)
    elif command == MC_FLUSH_ALL:
        flush_all(x, r, w)
    elif command == MC_NOOP:
        put_bytes(w, b"MN\r\n", 4)
    elif command == MC_VERSION:
        put_slice(w, VERSION_LINE)
    elif command == MC_VERBOSITY:
        x.settings.verbosity = min(r.delta, <uint64_t> VERBOSITY_MAX)
        put_result(x, r, MR_OK, w)
    elif command != MC_QUIT:
        put_error(x, w, ME_ERROR)
    return True


cdef bint execute_one(Context* x, Conn* c, const McRequest* r, const uint8_t** stopped) noexcept nogil:
    if mc_is_retrieval(r.command):
        return retrieve(x, c, r, stopped)
    if MC_META_GET <= r.command <= MC_META_DEBUG and not r.error:
        return execute_meta(x, c, r)
    return execute_plain(x, c, r)


cdef inline size_t drop_swallowed(Conn* c, size_t n) noexcept nogil:
    cdef size_t dropped = min(<uint64_t> n, c.mc_swallow)
    c.mc_swallow -= dropped
    return dropped


cdef Outcome execute_memcache(
    Context* x, Conn* c, const uint8_t* data, size_t n, size_t* consumed, size_t* need
) noexcept nogil:
    cdef McRequest r
    cdef size_t at = 0
    cdef size_t used = 0
    cdef size_t asked = 0               # bytes whose requests' memory was asked for
    cdef const uint8_t* stopped
    cdef Outcome outcome = WANT_INPUT
    need[0] = 0
    while True:
        if c.mc_swallow:
            at += drop_swallowed(c, n - at)
        if at == n or mc_parse_request(data + at, n - at, x.settings.max_item, c.mc_state, &r, &used, need) != MC_DONE:
            break
        stopped = NULL
        if at >= asked and at + used < n:
            asked = at + used + ask_ahead(x, data + at + used, n - at - used)
        if not execute_one(x, c, &r, &stopped):
            if stopped != NULL:
                if not r.started:
                    count_command(x, r.command)
                c.mc_state = mc_resume_state(&r)
                at = <size_t> (stopped - data)
            outcome = BLOCKED
            break
        if not r.started:
            count_command(x, r.command)
        c.mc_state = r.state
        c.mc_swallow = r.swallow
        at += used
        if r.close or (r.command == MC_QUIT and not r.error):
            outcome = CLOSE
            break
    consumed[0] = at
    return outcome


cdef void memcache_close(Context* x, Conn* c) noexcept nogil:
    c.mc_state = 0
    c.mc_swallow = 0
