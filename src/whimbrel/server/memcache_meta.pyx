# See memcache_meta.pxd.
#
# A reply's flags follow the order of the request's, and some depend on it: `t T30` returns the time before the
# change, `T30 t` the one after.  So a command walks its flags once, with the item's state at that point, while it
# composes; the write (if any) comes last, on the condition that the item still is what was shown, and what was
# composed is rewound when it is not.

from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.string cimport memset
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, put_i64, put_slice, put_u64
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.memcache.codec cimport (
    MC_META_ARITHMETIC, MC_META_DEBUG, MC_META_DELETE, MC_META_GET, ME_NO_MEMORY, MR_EN, McRequest, mc_has,
)
from whimbrel.server.counters cimport (
    MC_CMD_GET, MC_CMD_META, MC_CMD_TOUCH, MC_GET_HITS, MC_GET_MISSES, MC_TOUCH_HITS, MC_TOUCH_MISSES, count,
)
from whimbrel.server.memcache_items cimport (
    BIG_VALUE, CHANGE_TRIES, DEAD, change_nothing_but, expiry_of, item_rewrite, put_patiently, seconds_left,
)
from whimbrel.server.session cimport Conn, Context, REPLY_SMALL, reply_room
from whimbrel.store.store cimport (
    EXPECT_NONE, Put, STORE_CHANGED, STORE_MISS, STORE_OK, StoreStatus, View, store_hash, store_hit, store_read,
    store_token_given, store_validate, view_copy,
)
from whimbrel.server.memcache_reply cimport next_flag, put_error, put_flag, put_key, put_outcome
from whimbrel.server.memcache_change cimport meta_arithmetic, meta_delete, meta_set


# ---- mg -------------------------------------------------------------------------------------------

cdef struct Shown:                  # the item as the flags have changed it so far
    int64_t expire_ms
    bint created
    bint won


cdef void put_item_flag(
    Context* x, const McRequest* r, const View* v, Slice flag, Shown* shown, Writer* w
) noexcept nogil:
    cdef uint8_t letter = flag.ptr[0]
    cdef int64_t recache
    if letter == c"T":
        shown.expire_ms = expiry_of(x, r.exptime)
    elif letter == c"R":
        recache = expiry_of(x, r.recache)
        if not (v.won or shown.created) and shown.expire_ms != 0 and shown.expire_ms < recache:
            shown.won = True
    elif letter == c"O":
        put_byte(w, 32)
        put_slice(w, flag)
    elif letter == c"k":
        put_key(r, w)
    elif letter == c"s":
        put_flag(w, c"s")
        put_u64(w, v.value_len)
    elif letter == c"t":
        put_flag(w, c"t")
        put_i64(w, seconds_left(x, shown.expire_ms))
    elif letter == c"c":
        put_flag(w, c"c")
        put_u64(w, v.cas)
    elif letter == c"f":
        put_flag(w, c"f")
        put_u64(w, v.flags)
    elif letter == c"l":
        put_flag(w, c"l")
        put_u64(w, v.idle_s)
    elif letter == c"h":
        put_flag(w, c"h")
        put_byte(w, 49 if v.fetched else 48)


cdef void put_item(Context* x, const McRequest* r, const View* v, Shown* shown, Writer* w) noexcept nogil:
    """The reply to a hit, without checking whether it is still true."""
    cdef const uint8_t* at = r.options.ptr
    cdef const uint8_t* end = at + r.options.len
    cdef Slice flag
    if mc_has(r, c"v"):
        put_bytes(w, b"VA ", 3)
        put_u64(w, v.value_len)
    else:
        put_bytes(w, b"HD", 2)
    while next_flag(&at, end, &flag):
        put_item_flag(x, r, v, flag, shown, w)
    if v.won:
        put_flag(w, c"Z")
    if v.stale:
        put_flag(w, c"X")
        shown.won = shown.won or not v.won
    if shown.won:
        put_flag(w, c"W")
    put_bytes(w, b"\r\n", 2)
    if mc_has(r, c"v"):
        view_copy(x.store, v, 0, v.value_len, w.pos)
        w.pos += v.value_len
        put_bytes(w, b"\r\n", 2)


cdef void hit_again(Context* x, Slice key, uint64_t hash) noexcept nogil:
    """A change of time or marks wrote the item anew: it counts as accessed all the same."""
    cdef View v
    if store_read(x.store, key, hash, x.now_ms, &v) == STORE_OK:
        store_hit(x.store, &v, x.now_ms)


cdef bint commit_shown(Context* x, const McRequest* r, const View* v, const Shown* shown) noexcept nogil:
    """Makes true what was composed; False if the item changed meanwhile."""
    cdef Put put
    cdef StoreStatus status
    if mc_has(r, c"c"):
        store_token_given(x.store, v)
    if shown.expire_ms == v.expire_ms and not shown.won:
        if not store_validate(x.store, v):
            return False
        if not mc_has(r, c"u"):
            store_hit(x.store, v, x.now_ms)
        return True
    change_nothing_but(v, r.key, &put)
    put.expire_ms = shown.expire_ms
    put.won = v.won or shown.won
    status = item_rewrite(x, &put)
    if status == STORE_OK and not mc_has(r, c"u"):
        hit_again(x, r.key, v.hash)
    return status == STORE_OK or (status != STORE_CHANGED and status != STORE_MISS and store_validate(x.store, v))


cdef StoreStatus vivify(Context* x, const McRequest* r, uint64_t hash, View* v) noexcept nogil:
    """An empty item whose first finder has won; v as a read of it would be."""
    cdef Put put
    memset(&put, 0, sizeof(Put))
    put.key = r.key
    put.hash = hash
    put.expire_ms = expiry_of(x, r.exptime if mc_has(r, c"T") else r.vivify)
    put.expect = EXPECT_NONE
    put.cas = r.new_cas
    put.won = True
    memset(v, 0, sizeof(View))
    v.hash = hash
    v.expire_ms = expiry_of(x, r.vivify)
    return STORE_OK if put.expire_ms == DEAD else put_patiently(x, &put, &v.cas)


cdef bint miss(Context* x, const McRequest* r, uint64_t hash, Writer* w) noexcept nogil:
    """Answers a miss; False if there is an item after all."""
    cdef Shown shown
    cdef View v
    cdef StoreStatus status
    if not mc_has(r, c"N"):
        count(x, MC_TOUCH_MISSES if mc_has(r, c"T") else MC_GET_MISSES)
        if not r.noreply:
            put_outcome(r, w, MR_EN)
        return True
    status = vivify(x, r, hash, &v)
    if status == STORE_CHANGED:
        return False
    if status != STORE_OK:
        put_error(x, w, ME_NO_MEMORY)
        return True
    count(x, MC_GET_MISSES)
    shown.expire_ms = v.expire_ms
    shown.created = True
    shown.won = True
    put_item(x, r, &v, &shown, w)
    return True


cdef bint meta_get(Context* x, Conn* c, const McRequest* r) noexcept nogil:
    cdef uint64_t hash = store_hash(x.store, r.key)
    cdef Writer* w
    cdef uint8_t* mark
    cdef Shown shown
    cdef View v
    cdef int _
    for _ in range(CHANGE_TRIES):
        if store_read(x.store, r.key, hash, x.now_ms, &v) == STORE_MISS:
            w = reply_room(x, c, REPLY_SMALL)
            if w == NULL:
                return False
            if miss(x, r, hash, w):
                break
            continue
        if v.value_len > BIG_VALUE and not store_validate(x.store, &v):
            continue
        w = reply_room(x, c, REPLY_SMALL + (v.value_len if mc_has(r, c"v") else 0))
        if w == NULL:
            return False
        mark = w.pos
        shown.expire_ms = v.expire_ms
        shown.created = False
        shown.won = False
        put_item(x, r, &v, &shown, w)
        if commit_shown(x, r, &v, &shown):
            count(x, MC_TOUCH_HITS if mc_has(r, c"T") else MC_GET_HITS)
            break
        w.pos = mark
    count(x, MC_CMD_TOUCH if mc_has(r, c"T") else MC_CMD_GET)
    return True


# ---- me -------------------------------------------------------------------------------------------

cdef void put_debug_line(Context* x, const McRequest* r, const View* v, Writer* w) noexcept nogil:
    put_bytes(w, b"ME ", 3)
    put_slice(w, r.key_sent)
    put_bytes(w, b" exp=", 5)
    put_i64(w, -1 if v.expire_ms == 0 else -seconds_left(x, v.expire_ms))
    put_bytes(w, b" la=", 4)
    put_u64(w, v.idle_s)
    put_bytes(w, b" cas=", 5)
    put_u64(w, v.cas)
    if v.fetched:
        put_bytes(w, b" fetch=yes cls=1 size=", 22)
    else:
        put_bytes(w, b" fetch=no cls=1 size=", 21)
    put_u64(w, 8 + (4 if v.expire_ms else 0) + (4 if v.flags else 0) + r.key.len + v.value_len)
    put_bytes(w, b"\r\n", 2)


cdef void meta_debug(Context* x, const McRequest* r, Writer* w) noexcept nogil:
    cdef uint64_t hash = store_hash(x.store, r.key)
    cdef uint8_t* mark = w.pos
    cdef View v
    cdef int _
    for _ in range(CHANGE_TRIES):
        if store_read(x.store, r.key, hash, x.now_ms, &v) == STORE_MISS:
            break
        put_debug_line(x, r, &v, w)
        store_token_given(x.store, &v)
        if store_validate(x.store, &v):
            return
        w.pos = mark
    put_bytes(w, b"EN\r\n", 4)


cdef bint execute_meta(Context* x, Conn* c, const McRequest* r) noexcept nogil:
    cdef Writer* w
    if r.command == MC_META_GET:
        if not meta_get(x, c, r):
            return False
        count(x, MC_CMD_META)
        return True
    w = reply_room(x, c, REPLY_SMALL)
    if w == NULL:
        return False
    count(x, MC_CMD_META)
    if r.command == MC_META_DELETE:
        meta_delete(x, r, w)
    elif r.command == MC_META_ARITHMETIC:
        meta_arithmetic(x, r, w)
    elif r.command == MC_META_DEBUG:
        meta_debug(x, r, w)
    else:
        meta_set(x, r, w)
    return True
