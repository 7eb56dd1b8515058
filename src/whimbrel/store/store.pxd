# The store: segment storage behind one small interface.  It knows no protocol, opens no socket, and takes
# no lock in a read.
#
# Everything a protocol offers (add, replace, cas, incr, append, touch, stale/win, GETEX ...) is built by its
# executor from four primitives:
#
#     store_read -> View, copy from it, store_validate        a lock-free read: copy first, then ask if it was true
#     store_put(expect=...)                                    write if the key is still as the caller saw it
#     store_remove(expect=...)
#     store_hit / store_token_given                            what a read leaves behind
#
# Items are immutable: every change appends a new item and publishes it with one 8-byte store, so a reader
# sees all of it or none, and so does whoever opens the region after a kill -9.
#
#     while True:
#         if store_read(s, key, hash, now_ms, &v) == STORE_MISS: ...answer a miss...
#         ...compose header from v.flags, v.value_len; view_copy(&v, 0, v.value_len, out.pos)...
#         if store_validate(s, &v): break
#         ...rewind what was composed, and try again...
#
# Time is "steady wall" milliseconds (base/clock.pxd): store_now_ms().  expire_ms is absolute in that time,
# 0 is never.  An item is served while now_ms < expire_ms and not at or after it.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.atomic cimport fence_acquire, load_relaxed64, prefetch
from whimbrel.base.buffer cimport Writer
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport Slice
from whimbrel.store.layout cimport (    # Store: one per process and region; its fields are the store's own
    LINE_WORDS, Store, hash_home, hash_tag, slot_location, slot_tag,
)
from whimbrel.store.table cimport group_of


cdef enum:
    STORE_MAX_KEY = 4095            # bytes: 12 bits of the item header; memcache's own limit (250) is its codec's
    STORE_MAX_VALUE = (1 << 28) - 1 # bytes: 28 bits of the item header

cdef enum StoreStatus:
    STORE_OK = 0
    STORE_MISS                      # no live item under the key
    STORE_CHANGED                   # the key is not as `expect` says: read again and decide again
    STORE_TOO_LARGE                 # larger than the region's max_item
    STORE_NO_MEMORY                 # no segment can be freed now (all are being filled); nothing was changed
    STORE_BUSY                      # needs more eviction than one request may do: store_maintain, then retry

cdef enum:
    EXPECT_ANY = 0                  # Put.expect: whatever is there
    EXPECT_NONE = 1                 # Put.expect: nothing live is there; any other number is a View.version



cdef struct View:                   # an item as a lock-free read found it: true only if store_validate says so
    const uint8_t* value            # the whole value, or NULL where it is not contiguous: use view_copy
    size_t value_len                # bytes; always safe to copy, even if the view turns out false
    uint32_t flags
    int64_t expire_ms               # 0: never
    uint64_t version                # identity of exactly this write, for `expect`; never EXPECT_ANY or EXPECT_NONE
    uint64_t cas                    # the token a client sees; grows with every write of the key
    uint32_t idle_s                 # seconds since last access, approximate (error grows with the item's age)
    uint8_t freq                    # access counter, logarithmic, 0-7
    bint fetched                    # accessed since written
    bint stale                      # marked stale (memcache meta)
    bint won                        # the one recache token was given out (memcache meta)
    # private to the store from here on
    uint64_t hash
    uint64_t slot
    uint64_t* slot_at
    uint64_t* group
    uint64_t group_header
    uint64_t item_at

cdef struct Put:
    Slice key
    uint64_t hash                   # store_hash(s, key)
    Slice prefix                    # the value is prefix + base's value + suffix
    const View* base                # or NULL; with a base, `expect` must be base.version
    Slice suffix
    uint32_t flags
    int64_t expire_ms
    uint64_t expect
    uint64_t cas                    # 0: a new token; otherwise exactly this one
    bint keep_cas                   # with a base: carry its token over (touch, win) instead of drawing a new one
    bint stale
    bint won

cdef struct StoreStats:
    uint64_t items                  # live slots (expired items count until their segment is reclaimed)
    uint64_t item_bytes             # bytes of live items, headers included
    uint64_t heap_bytes             # limit of table_bytes + segments
    uint64_t table_bytes            # hash table, ghosts and segment headers, as far as they are in use
    uint64_t segments, segments_free, segment_bytes
    uint64_t writes, evicted_items, evicted_bytes, expired_items, relocated_items
    uint64_t evicted_segments, expired_segments, compacted_segments
    uint64_t read_retries, lock_waits, table_grows, table_full_evictions, no_memory


cdef size_t store_max_item(const Store* s) noexcept nogil          # largest value_len + key_len accepted

cdef StoreStatus store_read(Store* s, Slice key, uint64_t hash, int64_t now_ms, View* v) noexcept nogil
cdef void view_copy_chained(const Store* s, const View* v, size_t offset, size_t n, uint8_t* dest) noexcept nogil
cdef void store_hit(Store* s, const View* v, int64_t now_ms) noexcept nogil
cdef void store_token_given(Store* s, const View* v) noexcept nogil  # before validate, if v.cas leaves here

cdef StoreStatus store_put(Store* s, const Put* put, int64_t now_ms, uint64_t* cas_out) noexcept nogil
cdef StoreStatus store_remove(Store* s, Slice key, uint64_t hash, uint64_t expect, int64_t now_ms) noexcept nogil
cdef void store_flush(Store* s) noexcept nogil                      # everything written is gone; O(open segments)

# One slice of expiry, eviction ahead of need, and table growth: at most `steps` items looked at (~50 ns each).
# Returns whether more is waiting.
cdef bint store_maintain(Store* s, int64_t now_ms, int steps) noexcept nogil

# Live keys in the order of their hash, a bounded number of buckets a call.  Each key is written as a 2-byte
# little-endian length and its bytes.  `cursor` starts at 0 and is 0 again at the end; a key that is there
# throughout a whole scan is returned at least once, also while the table grows.  Returns the number of keys.
cdef size_t store_scan(Store* s, uint64_t* cursor, int64_t now_ms, Writer* keys) noexcept nogil
cdef bint store_random_key(Store* s, uint64_t random, int64_t now_ms, Writer* key) noexcept nogil
cdef void store_stats(Store* s, StoreStats* stats) noexcept nogil


# -- in the caller's own code, because they are short and every request runs through them --

cdef inline uint64_t store_hash(const Store* s, Slice key) noexcept nogil:
    return hash_bytes(key.ptr, key.len, s.seed)


cdef inline int64_t store_now_ms(const Store* s) noexcept nogil:
    return precise_ns() // 1000000 + s.clock_offset_ms


cdef inline void store_prefetch(const Store* s, uint64_t hash) noexcept nogil:
    """Of several requests that are there: first this for each ..."""
    cdef uint64_t* group = group_of(s, hash)
    prefetch(group)
    prefetch(group + LINE_WORDS * hash_home(hash))


cdef inline void store_prefetch_item(const Store* s, uint64_t hash) noexcept nogil:
    """... then this for each: by now the table's lines are here, and the items behind them can be fetched."""
    cdef uint64_t* line = group_of(s, hash) + LINE_WORDS * hash_home(hash)
    cdef uint64_t slot
    cdef int i
    for i in range(LINE_WORDS):
        slot = load_relaxed64(line + i)
        if slot_tag(slot) == hash_tag(hash):
            prefetch(s.heap + slot_location(slot))


cdef bint validate_item(Store* s, const View* v) noexcept nogil


cdef inline bint store_validate(Store* s, const View* v) noexcept nogil:
    fence_acquire()
    return load_relaxed64(v.group) == v.group_header or validate_item(s, v)


cdef inline void view_copy(const Store* s, const View* v, size_t offset, size_t n, uint8_t* dest) noexcept nogil:
    """Any part of the value.  A view that has become false gives bytes without meaning, never a fault."""
    if v.value != NULL:
        memcpy(dest, v.value + offset, n)
    else:
        view_copy_chained(s, v, offset, n, dest)


cdef class StoreHandle:
    """Owner of a mapped region.  Python-facing: creating, opening and closing; `ptr` is what data planes use."""
    cdef Store* ptr
    cdef object __weakref__
    cdef Store* mapped(self) except NULL
