"""A trace against the store itself, without a server: get, and put what was missed.

What it shows is the eviction policy in segments; there is no network, and values are written but never read.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from whimbrel.base.slice cimport slice_of
from whimbrel.store.store cimport (
    EXPECT_ANY, Put, STORE_BUSY, STORE_MISS, STORE_OK, Store, StoreHandle, StoreStats, StoreStatus, View, store_hash,
    store_hit, store_maintain, store_now_ms, store_put, store_read, store_stats)

from whimbrel.base.errors import UsageError

cdef enum:
    KEY_BYTES = 8               # a key is its number
    ITEM_HEADER_BYTES = 8       # what the store adds to an item without TTL and flags
    MAINTAIN_EVERY = 16         # requests between slices of background work, as a server's loop does it
    MAINTAIN_STEPS = 256
    SAMPLE_EVERY = 512          # requests between looks at how much is live: that walks all segment headers
    PUT_TRIES = 64

OVERHEAD = KEY_BYTES + ITEM_HEADER_BYTES    # bytes of an item besides its value


cdef struct Tally:
    uint64_t hits
    uint64_t misses
    uint64_t refused
    uint64_t samples            # of the bytes of live items, since the first eviction
    uint64_t live_bytes         # their sum


cdef StoreStatus put_number(Store* s, uint64_t key, const uint8_t* value, uint32_t size, int64_t now_ms) noexcept nogil:
    cdef Put p
    cdef StoreStatus status = STORE_BUSY
    cdef int _try
    memset(&p, 0, sizeof(p))
    p.key = slice_of(&key, KEY_BYTES)
    p.hash = store_hash(s, p.key)
    p.prefix = slice_of(value, size)
    p.expect = EXPECT_ANY
    for _try in range(PUT_TRIES):
        status = store_put(s, &p, now_ms, NULL)
        if status != STORE_BUSY:
            break
        store_maintain(s, now_ms, MAINTAIN_STEPS)
    return status


cdef void sample(Store* s, Tally* tally) noexcept nogil:
    cdef StoreStats stats
    store_stats(s, &stats)
    if stats.evicted_items:
        tally.samples += 1
        tally.live_bytes += stats.item_bytes


cdef void run_trace(
    Store* s, const uint32_t* keys, const uint32_t* sizes, size_t n, const uint8_t* value, Tally* tally
) noexcept nogil:
    cdef size_t i
    cdef uint64_t key, hash
    cdef View v
    cdef int64_t now_ms = store_now_ms(s)
    for i in range(n):
        key = keys[i]
        hash = store_hash(s, slice_of(&key, KEY_BYTES))
        if store_read(s, slice_of(&key, KEY_BYTES), hash, now_ms, &v) != STORE_MISS:
            tally.hits += 1
            store_hit(s, &v, now_ms)
        else:
            tally.misses += 1
            if put_number(s, key, value, sizes[i], now_ms) != STORE_OK:
                tally.refused += 1
        if i % MAINTAIN_EVERY == 0:
            store_maintain(s, now_ms, MAINTAIN_STEPS)
            now_ms = store_now_ms(s)
        if i % SAMPLE_EVERY == 0:
            sample(s, tally)


def simulate(StoreHandle handle not None, keys, sizes):
    """(hits, misses, refused writes, bytes of live items on average since the first eviction, or 0 if there was
    none) of a trace given as arrays of "I": key numbers and value bytes."""
    cdef const uint32_t[::1] key_view = keys
    cdef const uint32_t[::1] size_view = sizes
    cdef Tally tally
    cdef size_t n = len(keys)
    cdef uint8_t* value
    if n != len(sizes) or n == 0:
        raise UsageError(f"a trace of {len(keys)} keys and {len(sizes)} sizes cannot be run")
    value = <uint8_t*> calloc(1, max(sizes) + 1)
    if value == NULL:
        raise MemoryError
    memset(&tally, 0, sizeof(tally))
    with nogil:
        run_trace(handle.ptr, &key_view[0], &size_view[0], n, value, &tally)
    free(value)
    return tally.hits, tally.misses, tally.refused, tally.live_bytes // tally.samples if tally.samples else 0
