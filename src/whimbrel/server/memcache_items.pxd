# What the memcache commands mean, on the store's four primitives: no bytes of the protocol in here.
#
# Every change is an optimistic loop: read the item, decide, write if the key is still as it was read.  The loops
# are bounded; who loses that often is answered like somebody for whom there was no memory.
#
# Results are one int: a McReply (> 0), or a McError negated (< 0).

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.slice cimport Slice
from whimbrel.server.session cimport Context
from whimbrel.store.store cimport Put, StoreStatus, View

cdef enum:
    DEAD = -1                       # an expire_ms in the past: what is written with it is gone at once
    RELATIVE_MAX_S = 60 * 60 * 24 * 30      # an exptime beyond this is Unix time: the protocol's rule
    CHANGE_TRIES = 1000             # each lost try is somebody else's success
    READ_TRIES = 1000
    BUSY_TRIES = 4000               # slices of maintenance that one write may run while the store is short
    BUSY_STEPS = 256                # items a slice
    NUMBER_TEXT_MAX = 256           # bytes of a value that is looked at as a number
    BIG_VALUE = 16 * 1024           # a larger length is validated before room is made for it

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define EXPIRE_MAX_S INT64_C(100000000000)
    #define WRAPPED_MIN_S INT64_C(4102444800)
    #define WRAPPED_MAX_S INT64_C(4294967295)
    """
    const int64_t EXPIRE_MAX_S      # seconds; as much as 48 bits of milliseconds hold, with room
    const int64_t WRAPPED_MIN_S     # 2100-01-01: from here to 2^32 it is a negative exptime that libmemcached
    const int64_t WRAPPED_MAX_S     # printed as unsigned, and that the original reads back as 32 signed bits

cdef struct Change:
    Slice key
    uint64_t hash
    Slice value
    uint32_t flags
    int64_t expire_ms               # 0: never; DEAD
    uint8_t mode                    # S set, E add, R replace, A append, P prepend
    bint has_cas                    # compare `cas` first
    uint64_t cas
    bint older_is_stale             # ... and an older token stores, stale
    uint64_t new_cas                # 0: a new one
    bint vivify                     # append, prepend: create on a miss, with vivify_ms
    int64_t vivify_ms
    # results
    uint64_t cas_out
    size_t size_out                 # bytes of the value as stored

cdef struct Delta:
    Slice key
    uint64_t hash
    bint down
    uint64_t by
    bint has_cas
    uint64_t cas
    uint64_t new_cas
    bint new_time                   # set expire_ms too
    int64_t expire_ms
    bint vivify
    uint64_t initial
    int64_t vivify_ms
    # results
    bint created
    uint64_t number
    uint64_t cas_out
    int64_t expire_was              # before; of a created item: vivify_ms

cdef inline int64_t expiry_of(const Context* x, int64_t exptime) noexcept nogil:
    """Steady wall ms of an exptime as clients send it: 0 never, negative at once, small relative, else Unix time."""
    if exptime <= 0:
        return 0 if exptime == 0 else DEAD
    if exptime <= RELATIVE_MAX_S:
        return x.now_ms + exptime * 1000
    if WRAPPED_MIN_S <= exptime <= WRAPPED_MAX_S:
        return DEAD
    exptime = min(exptime, <int64_t> EXPIRE_MAX_S) * 1000
    return exptime if exptime > x.now_ms else DEAD

cdef inline int64_t seconds_left(const Context* x, int64_t expire_ms) noexcept nogil:
    """Rounded up, so that an item just stored for n seconds says n; -1 for ever."""
    if expire_ms == 0:
        return -1
    return max((expire_ms - x.now_ms + 999) // 1000, 0)

cdef StoreStatus put_patiently(Context* x, const Put* put, uint64_t* cas_out) noexcept nogil
cdef void change_nothing_but(const View* v, Slice key, Put* put) noexcept nogil
cdef int item_store(Context* x, Change* change) noexcept nogil
cdef int item_delta(Context* x, Delta* delta) noexcept nogil
cdef int item_touch(Context* x, Slice key, uint64_t hash, int64_t expire_ms) noexcept nogil
cdef int item_delete(Context* x, Slice key, uint64_t hash) noexcept nogil
cdef StoreStatus item_rewrite(Context* x, const Put* put) noexcept nogil
