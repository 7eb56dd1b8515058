# See memcache_items.pxd.

from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.string cimport memset
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.codec cimport (
    ME_NOT_NUMERIC, ME_NO_MEMORY, ME_NO_MEMORY_STORING, ME_TOO_LARGE, MR_DELETED, MR_EXISTS, MR_NOT_FOUND,
    MR_NOT_STORED, MR_NUMBER, MR_STORED, MR_TOUCHED,
)
from whimbrel.protocol.memcache.words cimport read_u64
from whimbrel.server.counters cimport (
    MC_CAS_BADVAL, MC_CAS_HITS, MC_CAS_MISSES, MC_CMD_SET, MC_DECR_HITS, MC_DECR_MISSES, MC_DELETE_HITS,
    MC_DELETE_MISSES, MC_INCR_HITS, MC_INCR_MISSES, MC_STORE_NO_MEMORY, MC_STORE_TOO_LARGE, count,
)
from whimbrel.server.session cimport Context
from whimbrel.store.store cimport (
    EXPECT_ANY, EXPECT_NONE, Put, STORE_BUSY, STORE_CHANGED, STORE_MISS, STORE_OK, STORE_TOO_LARGE, StoreStatus,
    View, store_hit, store_maintain, store_put, store_read, store_remove, store_validate, view_copy,
)


cdef StoreStatus put_patiently(Context* x, const Put* put, uint64_t* cas_out) noexcept nogil:
    """store_put; while the store must evict more than a request may, in slices, up to a bound."""
    cdef StoreStatus status = store_put(x.store, put, x.now_ms, cas_out)
    cdef int _
    for _ in range(BUSY_TRIES):
        if status != STORE_BUSY:
            break
        store_maintain(x.store, x.now_ms, BUSY_STEPS)
        x.clock_in = 0          # the next request looks at the clock
        status = store_put(x.store, put, x.now_ms, cas_out)
    return status


cdef StoreStatus item_rewrite(Context* x, const Put* put) noexcept nogil:
    """A change of time or marks; one that is dead from the start is a removal."""
    cdef uint64_t ignored = 0
    if put.expire_ms == DEAD:
        return store_remove(x.store, put.key, put.hash, put.expect, x.now_ms)
    return put_patiently(x, put, &ignored)


cdef void change_nothing_but(const View* v, Slice key, Put* put) noexcept nogil:
    """A Put that leaves the item as it is: the caller then sets what shall change."""
    memset(put, 0, sizeof(Put))
    put.key = key
    put.hash = v.hash
    put.base = v
    put.flags = v.flags
    put.expire_ms = v.expire_ms
    put.expect = v.version
    put.keep_cas = True
    put.stale = v.stale
    put.won = v.won


cdef int refused(Context* x, StoreStatus status, Slice key, uint64_t hash, bint remove) noexcept nogil:
    """An item that can not be stored; what it was to replace must not be served in its stead."""
    if remove:
        store_remove(x.store, key, hash, EXPECT_ANY, x.now_ms)
    if status == STORE_TOO_LARGE:
        count(x, MC_STORE_TOO_LARGE)
        return -ME_TOO_LARGE
    count(x, MC_STORE_NO_MEMORY)
    return -ME_NO_MEMORY_STORING


# ---- set, add, replace, append, prepend, cas ------------------------------------------------------

cdef int on_a_miss(const Change* change) noexcept nogil:
    """0: store it."""
    if change.mode == c"E":
        return 0
    if change.mode == c"A" or change.mode == c"P":
        return 0 if change.vivify else MR_NOT_STORED
    if change.has_cas:
        return MR_NOT_FOUND
    return MR_NOT_STORED if change.mode == c"R" else 0


cdef int on_a_hit(Context* x, const Change* change, const View* v, bint* stale) noexcept nogil:
    """0: store it."""
    if change.mode == c"E":
        store_hit(x.store, v, x.now_ms)
        return MR_NOT_STORED
    if not change.has_cas or v.cas == change.cas:
        return 0
    if change.older_is_stale and change.cas < v.cas and (change.mode == c"S" or change.mode == c"R"):
        stale[0] = True
        return 0
    return MR_EXISTS


cdef void count_cas(Context* x, const Change* change, int result) noexcept nogil:
    if change.has_cas:
        count(x, MC_CAS_HITS if result == MR_STORED else
              MC_CAS_MISSES if result == MR_NOT_FOUND else MC_CAS_BADVAL)


cdef void fill_put(const Change* change, const View* v, bint found, bint stale, Put* put) noexcept nogil:
    cdef bint joined = found and (change.mode == c"A" or change.mode == c"P")
    memset(put, 0, sizeof(Put))
    put.key = change.key
    put.hash = change.hash
    put.suffix = change.value
    put.flags = change.flags
    put.expire_ms = change.expire_ms
    put.cas = change.new_cas
    put.stale = stale
    put.expect = v.version if found else EXPECT_NONE
    if joined:
        put.base = v
        put.flags = v.flags
        put.expire_ms = v.expire_ms
        if change.mode == c"P":
            put.prefix = change.value
            put.suffix = slice_of(NULL, 0)
    elif change.mode == c"A" or change.mode == c"P":
        put.expire_ms = change.vivify_ms


cdef StoreStatus write_change(Context* x, Change* change, const Put* put) noexcept nogil:
    cdef StoreStatus status
    change.size_out = put.prefix.len + put.suffix.len + (put.base.value_len if put.base != NULL else 0)
    change.cas_out = 0
    if change.size_out > x.settings.max_item:
        return STORE_TOO_LARGE
    if put.expire_ms != DEAD:
        return put_patiently(x, put, &change.cas_out)
    status = store_remove(x.store, put.key, put.hash, put.expect, x.now_ms)
    return STORE_OK if status == STORE_MISS else status


cdef int item_store(Context* x, Change* change) noexcept nogil:
    cdef View v
    cdef Put put
    cdef StoreStatus status = STORE_CHANGED
    cdef int _, result
    cdef bint found, stale
    cdef bint plain = change.mode == c"S" and not change.has_cas
    count(x, MC_CMD_SET)
    if plain:
        fill_put(change, NULL, False, False, &put)
        put.expect = EXPECT_ANY
        status = write_change(x, change, &put)
        return MR_STORED if status == STORE_OK else refused(x, status, change.key, change.hash, True)
    for _ in range(CHANGE_TRIES):
        found = store_read(x.store, change.key, change.hash, x.now_ms, &v) != STORE_MISS
        stale = False
        result = on_a_hit(x, change, &v, &stale) if found else on_a_miss(change)
        if found and (result or v.value_len > BIG_VALUE) and not store_validate(x.store, &v):
            continue
        if result:
            count_cas(x, change, result)
            return result
        fill_put(change, &v, found, stale, &put)
        status = write_change(x, change, &put)
        if status == STORE_OK:
            count_cas(x, change, MR_STORED)
            return MR_STORED
        if status == STORE_TOO_LARGE and found and not store_validate(x.store, &v):
            continue
        if status != STORE_CHANGED:
            break
    return refused(x, status, change.key, change.hash, False)


# ---- incr, decr -----------------------------------------------------------------------------------

cdef bint value_as_number(Context* x, const View* v, uint64_t* number) noexcept nogil:
    """The original reads a number with strtoull: spaces around it are ignored."""
    cdef uint8_t text[NUMBER_TEXT_MAX]
    cdef size_t first = 0
    cdef size_t n = v.value_len
    if n > NUMBER_TEXT_MAX:
        return False
    view_copy(x.store, v, 0, n, text)
    while n and (text[n - 1] == 32 or 9 <= text[n - 1] <= 13):
        n -= 1
    while first < n and (text[first] == 32 or 9 <= text[first] <= 13):
        first += 1
    return read_u64(slice_of(&text[first], n - first), number)


cdef size_t digits_of(uint64_t number, uint8_t* text) noexcept nogil:
    cdef uint8_t reversed_[20]
    cdef size_t n = 0
    cdef size_t i
    while True:
        reversed_[n] = <uint8_t> (48 + number % 10)
        number //= 10
        n += 1
        if number == 0:
            break
    for i in range(n):
        text[i] = reversed_[n - 1 - i]
    return n


cdef StoreStatus create_number(Context* x, Delta* delta) noexcept nogil:
    cdef uint8_t text[20]
    cdef Put put
    memset(&put, 0, sizeof(Put))
    put.key = delta.key
    put.hash = delta.hash
    put.suffix = slice_of(text, digits_of(delta.initial, text))
    put.expire_ms = delta.expire_ms if delta.new_time else delta.vivify_ms
    put.expect = EXPECT_NONE
    put.cas = delta.new_cas
    delta.created = True
    delta.number = delta.initial
    delta.expire_was = delta.vivify_ms
    delta.cas_out = 0
    return STORE_OK if put.expire_ms == DEAD else put_patiently(x, &put, &delta.cas_out)


cdef StoreStatus write_number(Context* x, const View* v, Delta* delta) noexcept nogil:
    cdef uint8_t text[20]
    cdef Put put
    change_nothing_but(v, delta.key, &put)
    put.base = NULL
    put.keep_cas = False
    put.cas = delta.new_cas
    put.suffix = slice_of(text, digits_of(delta.number, text))
    delta.created = False
    delta.expire_was = v.expire_ms
    delta.cas_out = 0
    if delta.new_time:
        put.expire_ms = delta.expire_ms
    if put.expire_ms == DEAD:
        return store_remove(x.store, put.key, put.hash, put.expect, x.now_ms)
    return put_patiently(x, &put, &delta.cas_out)


cdef int delta_on_a_miss(Context* x, Delta* delta, bint* again) noexcept nogil:
    cdef StoreStatus status
    if not delta.vivify:
        count(x, MC_DECR_MISSES if delta.down else MC_INCR_MISSES)
        return MR_NOT_FOUND
    status = create_number(x, delta)
    again[0] = status == STORE_CHANGED
    return MR_NUMBER if status == STORE_OK else -ME_NO_MEMORY


cdef int delta_on_a_hit(Context* x, const View* v, Delta* delta, bint* again) noexcept nogil:
    cdef StoreStatus status
    cdef uint64_t number = 0
    cdef bint numeric = value_as_number(x, v, &number)
    if not store_validate(x.store, v):
        again[0] = True
        return 0
    if delta.has_cas and v.cas != delta.cas:
        return MR_EXISTS
    if not numeric:
        return -ME_NOT_NUMERIC
    delta.number = (number - min(number, delta.by)) if delta.down else number + delta.by
    status = write_number(x, v, delta)
    again[0] = status == STORE_CHANGED or status == STORE_MISS
    if status != STORE_OK:
        return -ME_NO_MEMORY
    count(x, MC_DECR_HITS if delta.down else MC_INCR_HITS)
    return MR_NUMBER


cdef int item_delta(Context* x, Delta* delta) noexcept nogil:
    cdef View v
    cdef int _, result
    cdef bint again
    for _ in range(CHANGE_TRIES):
        again = False
        if store_read(x.store, delta.key, delta.hash, x.now_ms, &v) == STORE_MISS:
            result = delta_on_a_miss(x, delta, &again)
        else:
            result = delta_on_a_hit(x, &v, delta, &again)
        if not again:
            return result
    return -ME_NO_MEMORY


# ---- touch, delete --------------------------------------------------------------------------------

cdef int item_touch(Context* x, Slice key, uint64_t hash, int64_t expire_ms) noexcept nogil:
    cdef View v
    cdef Put put
    cdef StoreStatus status
    cdef int _
    for _ in range(CHANGE_TRIES):
        if store_read(x.store, key, hash, x.now_ms, &v) == STORE_MISS:
            return MR_NOT_FOUND
        if v.expire_ms == expire_ms and store_validate(x.store, &v):
            return MR_TOUCHED
        change_nothing_but(&v, key, &put)
        put.expire_ms = expire_ms
        status = item_rewrite(x, &put)
        if status == STORE_OK:
            return MR_TOUCHED
        if status != STORE_CHANGED and status != STORE_MISS:
            return -ME_NO_MEMORY
    return -ME_NO_MEMORY


cdef int item_delete(Context* x, Slice key, uint64_t hash) noexcept nogil:
    if store_remove(x.store, key, hash, EXPECT_ANY, x.now_ms) == STORE_OK:
        count(x, MC_DELETE_HITS)
        return MR_DELETED
    count(x, MC_DELETE_MISSES)
    return MR_NOT_FOUND
