"""WATCH: what was seen of a key, to be compared when EXEC comes."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.atomic cimport load_acquire64
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport resp_next_arg
from whimbrel.server.resp_run cimport (
    RUN_RETRIES, Run, Step, find, queue_add, queue_free, reply_ok, run_error, run_state,
)
from whimbrel.store.store cimport STORE_MAX_KEY, STORE_OK, View, store_hash, store_token_given, store_validate
from whimbrel.store.table cimport group_of


cdef Step transaction_unwatch(Run* r) noexcept nogil:
    if r.state != NULL:
        queue_free(r.x, &r.state.watch)
    return reply_ok(r)


# A watched key, as EXEC will want to find it; behind it come its bytes.  A key that is not there has no token: what
# stands for it is its group's header in the table, which changes with every write there, so that a key that came and
# went is noticed.  (A neighbour's change aborts, too; that is allowed, and rare.)
cdef struct Watched:
    uint64_t cas
    uint64_t group_header
    int64_t expire_ms
    size_t key_len


cdef void look_at(Run* r, Slice key, Watched* out) noexcept nogil:
    cdef uint64_t hash, header
    cdef View v
    cdef int _attempt
    out.cas = 0
    out.group_header = 0
    out.expire_ms = 0
    out.key_len = key.len
    if key.len > STORE_MAX_KEY:
        return
    hash = store_hash(r.x.store, key)
    for _attempt in range(RUN_RETRIES):
        header = load_acquire64(group_of(r.x.store, hash))
        if find(r, key, &hash, &v) != STORE_OK:
            out.group_header = header
            return
        # given out, the token stays the item's own however the store moves it
        store_token_given(r.x.store, &v)
        if store_validate(r.x.store, &v):
            out.cas = v.cas
            out.expire_ms = v.expire_ms
            return


cdef Step transaction_watch(Run* r) noexcept nogil:
    cdef const uint8_t* at = r.first
    cdef Watched watched
    cdef Slice key
    cdef size_t _i
    if r.state != NULL and r.state.in_multi:
        return run_error(r, b"ERR WATCH inside MULTI is not allowed")
    if run_state(r) == NULL:
        return run_error(r, b"ERR there is no memory left for what a connection may keep")
    resp_next_arg(&at)
    for _i in range(1, r.argc):
        key = resp_next_arg(&at)
        look_at(r, key, &watched)
        if not (queue_add(r, &r.state.watch, &watched, sizeof(Watched))
                and queue_add(r, &r.state.watch, key.ptr, key.len)):
            queue_free(r.x, &r.state.watch)
            return run_error(r, b"ERR there is no memory left to watch so many keys; none is watched now")
        r.state.watch.entries += 1
    return reply_ok(r)


cdef bint watched_changed(Run* r) noexcept nogil:
    cdef const uint8_t* at = r.state.watch.base
    cdef Watched then, now
    cdef uint32_t _i
    for _i in range(r.state.watch.entries):
        memcpy(&then, at, sizeof(Watched))
        at += sizeof(Watched)
        look_at(r, slice_of(at, then.key_len), &now)
        if now.cas != then.cas or now.group_header != then.group_header or now.expire_ms != then.expire_ms:
            return True
        at += then.key_len
    return False
