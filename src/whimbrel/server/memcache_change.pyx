# See memcache_change.pxd.

from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.string cimport memset
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, put_i64, put_slice, put_u64
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.memcache.codec cimport (
    ME_NO_MEMORY, MR_EX, MR_EXISTS, MR_HD, MR_NF, MR_NOT_FOUND, MR_NS, MR_NUMBER, MR_STORED, McRequest, mc_has,
    mc_reply_word,
)
from whimbrel.server.counters cimport MC_DELETE_HITS, MC_DELETE_MISSES, count
from whimbrel.server.memcache_items cimport (
    CHANGE_TRIES, Change, DEAD, Delta, change_nothing_but, expiry_of, item_delta, item_store, put_patiently,
    seconds_left,
)
from whimbrel.server.session cimport Context
from whimbrel.store.store cimport (
    Put, STORE_CHANGED, STORE_MISS, STORE_OK, StoreStatus, View, store_hash, store_read, store_remove,
    store_validate,
)
from whimbrel.server.memcache_reply cimport next_flag, put_error, put_flag, put_key, put_outcome


# ---- ms -------------------------------------------------------------------------------------------

cdef int meta_code(int result) noexcept nogil:
    if result == MR_STORED or result == MR_NUMBER:
        return MR_HD
    if result == MR_EXISTS:
        return MR_EX
    return MR_NF if result == MR_NOT_FOUND else MR_NS


cdef void put_stored(const McRequest* r, const Change* change, int code, Writer* w) noexcept nogil:
    cdef const uint8_t* at = r.options.ptr
    cdef const uint8_t* end = at + r.options.len
    cdef Slice flag
    put_slice(w, mc_reply_word(code))
    while next_flag(&at, end, &flag):
        if flag.ptr[0] == c"O":
            put_byte(w, 32)
            put_slice(w, flag)
        elif flag.ptr[0] == c"k":
            put_key(r, w)
        elif flag.ptr[0] == c"c":
            put_flag(w, c"c")
            put_u64(w, change.cas_out if code == MR_HD else 0)
        elif flag.ptr[0] == c"s":
            put_flag(w, c"s")
            put_u64(w, change.size_out if code == MR_HD else r.value.len)
    put_bytes(w, b"\r\n", 2)


cdef void meta_set(Context* x, const McRequest* r, Writer* w) noexcept nogil:
    cdef Change change
    cdef int result
    memset(&change, 0, sizeof(Change))
    change.key = r.key
    change.hash = store_hash(x.store, r.key)
    change.value = r.value
    change.flags = r.client_flags
    change.expire_ms = expiry_of(x, r.exptime)
    change.mode = (r.mode & ~<uint8_t> 32) if r.mode else c"S"      # upper case
    change.has_cas = mc_has(r, c"C")
    change.cas = r.cas
    change.older_is_stale = mc_has(r, c"I")
    change.new_cas = r.new_cas
    change.vivify = mc_has(r, c"N")
    change.vivify_ms = expiry_of(x, r.vivify)
    result = item_store(x, &change)
    if result < 0:
        put_error(x, w, -result)
    elif not (r.noreply and result == MR_STORED):
        put_stored(r, &change, meta_code(result), w)


# ---- md -------------------------------------------------------------------------------------------

cdef StoreStatus delete_or_mark(Context* x, const McRequest* r, const View* v) noexcept nogil:
    cdef uint64_t ignored = 0
    cdef Put put
    if not (mc_has(r, c"I") or mc_has(r, c"x")):
        return store_remove(x.store, r.key, v.hash, v.version, x.now_ms)
    change_nothing_but(v, r.key, &put)
    put.keep_cas = False
    put.cas = r.new_cas
    if mc_has(r, c"I"):
        put.stale = True
        put.won = False             # the next to find it shall win
        if mc_has(r, c"T"):
            put.expire_ms = expiry_of(x, r.exptime)
    if mc_has(r, c"x"):
        put.base = NULL
        put.flags = 0
    if put.expire_ms == DEAD:
        return store_remove(x.store, r.key, v.hash, v.version, x.now_ms)
    return put_patiently(x, &put, &ignored)


cdef int delete_found(Context* x, const McRequest* r) noexcept nogil:
    """A McReply, or a McError negated."""
    cdef uint64_t hash = store_hash(x.store, r.key)
    cdef StoreStatus status
    cdef View v
    cdef int _
    for _ in range(CHANGE_TRIES):
        if store_read(x.store, r.key, hash, x.now_ms, &v) == STORE_MISS:
            return MR_NF
        if mc_has(r, c"C") and v.cas != r.cas:
            if not store_validate(x.store, &v):
                continue
            return MR_EX
        status = delete_or_mark(x, r, &v)
        if status == STORE_OK:
            return MR_HD
        if status != STORE_CHANGED and status != STORE_MISS:
            break
    return -ME_NO_MEMORY


cdef void meta_delete(Context* x, const McRequest* r, Writer* w) noexcept nogil:
    cdef int code = delete_found(x, r)
    if code < 0:
        put_error(x, w, -code)
        return
    count(x, MC_DELETE_HITS if code == MR_HD else MC_DELETE_MISSES)
    if not (r.noreply and code == MR_HD):
        put_outcome(r, w, code)


# ---- ma -------------------------------------------------------------------------------------------

cdef size_t decimal_length(uint64_t number) noexcept nogil:
    cdef size_t n = 1
    while number >= 10:
        number //= 10
        n += 1
    return n


cdef void put_number(Context* x, const McRequest* r, const Delta* delta, Writer* w) noexcept nogil:
    cdef const uint8_t* at = r.options.ptr
    cdef const uint8_t* end = at + r.options.len
    cdef int64_t expire_ms = delta.expire_was
    cdef Slice flag
    if mc_has(r, c"v"):
        put_bytes(w, b"VA ", 3)
        put_u64(w, decimal_length(delta.number))
    else:
        put_bytes(w, b"HD", 2)
    while next_flag(&at, end, &flag):
        if flag.ptr[0] == c"O":
            put_byte(w, 32)
            put_slice(w, flag)
        elif flag.ptr[0] == c"k":
            put_key(r, w)
        elif flag.ptr[0] == c"c":
            put_flag(w, c"c")
            put_u64(w, delta.cas_out)
        elif flag.ptr[0] == c"T":
            expire_ms = delta.expire_ms
        elif flag.ptr[0] == c"t":
            put_flag(w, c"t")
            put_i64(w, seconds_left(x, expire_ms))
    put_bytes(w, b"\r\n", 2)
    if mc_has(r, c"v"):
        put_u64(w, delta.number)
        put_bytes(w, b"\r\n", 2)


cdef void meta_arithmetic(Context* x, const McRequest* r, Writer* w) noexcept nogil:
    cdef Delta delta
    cdef int result
    memset(&delta, 0, sizeof(Delta))
    delta.key = r.key
    delta.hash = store_hash(x.store, r.key)
    delta.down = r.mode == c"D" or r.mode == c"d" or r.mode == c"-"
    delta.by = r.delta
    delta.has_cas = mc_has(r, c"C")
    delta.cas = r.cas
    delta.new_cas = r.new_cas
    delta.new_time = mc_has(r, c"T")
    delta.expire_ms = expiry_of(x, r.exptime)
    delta.vivify = mc_has(r, c"N")
    delta.initial = r.initial
    delta.vivify_ms = expiry_of(x, r.vivify)
    result = item_delta(x, &delta)
    if result < 0:
        put_error(x, w, -result)
    elif result != MR_NUMBER:
        put_outcome(r, w, meta_code(result))
    elif delta.created or not r.noreply:        # the original is not quiet about what it created
        put_number(x, r, &delta, w)
