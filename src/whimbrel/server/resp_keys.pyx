"""RESP commands on keys.  Times are steady wall milliseconds throughout; 0 is "never"."""

from libc.stdint cimport int64_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset
from whimbrel.base.slice cimport Slice, slice_eq, slice_of
from whimbrel.protocol.resp.codec cimport RESP_SIMPLE, resp_next_arg, resp_put_line
from whimbrel.server.resp_run cimport (
    RUN_ARGV, RUN_RETRIES, STEP_DONE, Run, Step, arg_int, arg_is, changed, find_true, missed, put_failed, reply_int,
    reply_ok, run_error, run_error_about, run_max_expire_ms, run_put, used,
)
from whimbrel.server.session cimport exclusive_enter, exclusive_leave, memory_give, memory_take
from whimbrel.store.store cimport (
    EXPECT_ANY, EXPECT_NONE, STORE_CHANGED, STORE_MAX_KEY, STORE_MISS, STORE_NO_MEMORY, STORE_OK, Put, StoreStatus,
    View, store_hash, store_remove, store_validate, view_copy,
)

cdef enum TimeRule:
    RULE_NX = 1
    RULE_XX = 2
    RULE_GT = 4
    RULE_LT = 8

cdef enum:
    UNKNOWN = -3                # expire_of's third answer


# Each of many keys

cdef Step keys_del(Run* r) noexcept nogil:
    cdef const uint8_t* at = r.first
    cdef int64_t gone = 0
    cdef Slice key
    cdef size_t _i
    resp_next_arg(&at)
    for _i in range(1, r.argc):
        key = resp_next_arg(&at)
        if key.len <= STORE_MAX_KEY and store_remove(
            r.x.store, key, store_hash(r.x.store, key), EXPECT_ANY, r.x.now_ms
        ) == STORE_OK:
            gone += 1
    return reply_int(r, gone)


cdef Step count_there(Run* r, bint touch) noexcept nogil:
    cdef const uint8_t* at = r.first
    cdef uint64_t hash = 0
    cdef int64_t there = 0
    cdef bint no_touch = r.no_touch
    cdef View v
    cdef size_t _i
    resp_next_arg(&at)
    if touch:
        r.no_touch = False
    for _i in range(1, r.argc):
        if find_true(r, resp_next_arg(&at), &hash, &v) == STORE_OK:
            used(r, &v)
            there += 1
        else:
            missed(r)
    r.no_touch = no_touch
    return reply_int(r, there)


cdef Step keys_exists(Run* r) noexcept nogil:
    return count_there(r, False)


cdef Step keys_touch(Run* r) noexcept nogil:
    return count_there(r, True)


cdef Step keys_type(Run* r) noexcept nogil:
    cdef uint64_t hash = 0
    cdef View v
    if find_true(r, r.argv[1], &hash, &v) == STORE_MISS:
        resp_put_line(r.w, RESP_SIMPLE, b"none", 4)
    else:
        resp_put_line(r.w, RESP_SIMPLE, b"string", 6)
    return STEP_DONE


# Times to live

cdef StoreStatus change_time(Run* r, Slice key, const View* v, int64_t expire_ms) noexcept nogil:
    """The same item with another time; one that has passed removes it.  A new token: it is a change to WATCH."""
    cdef Put put
    cdef StoreStatus status
    if expire_ms != 0 and expire_ms <= r.x.now_ms:
        status = store_remove(r.x.store, key, v.hash, v.version, r.x.now_ms)
        return STORE_OK if status == STORE_MISS else status
    memset(&put, 0, sizeof(Put))
    put.key = key
    put.hash = v.hash
    put.base = v
    put.flags = v.flags
    put.expire_ms = expire_ms
    put.expect = v.version
    put.stale = v.stale
    put.won = v.won
    return run_put(r, &put)


cdef bint time_rules(Run* r, uint32_t* rules) noexcept nogil:
    """NX, XX, GT, LT from argument 3 on, or the error and False."""
    cdef size_t i
    rules[0] = 0
    for i in range(3, r.argc):
        if i < RUN_ARGV and arg_is(r.argv[i], b"NX"):
            rules[0] |= RULE_NX
        elif i < RUN_ARGV and arg_is(r.argv[i], b"XX"):
            rules[0] |= RULE_XX
        elif i < RUN_ARGV and arg_is(r.argv[i], b"GT"):
            rules[0] |= RULE_GT
        elif i < RUN_ARGV and arg_is(r.argv[i], b"LT"):
            rules[0] |= RULE_LT
        else:
            run_error_about(r, b"ERR Unsupported option ", r.argv[min(i, <size_t> RUN_ARGV - 1)], 128, b"")
            return False
    if rules[0] & RULE_NX and rules[0] != RULE_NX:
        run_error(r, b"ERR NX and XX, GT or LT options at the same time are not compatible")
        return False
    if rules[0] & RULE_GT and rules[0] & RULE_LT:
        run_error(r, b"ERR GT and LT options at the same time are not compatible")
        return False
    return True


cdef bint time_from(Run* r, bint seconds, bint absolute, int64_t* expire_ms) noexcept nogil:
    """Argument 2 as steady wall ms, negative ones included (they delete), or the error and False."""
    cdef int64_t most = run_max_expire_ms()
    cdef int64_t least = -<int64_t> 0x7fffffffffffffff - 1
    cdef int64_t t = 0
    if not arg_int(r, r.argv[2], &t):
        return False
    if seconds and (t > most // 1000 or t < least // 1000):
        t = most + 1
    elif seconds:
        t *= 1000
    if t > most or (not absolute and t > most - r.x.now_ms):
        run_error_about(r, b"ERR invalid expire time in '", slice_of(r.row.name, r.row.name_len), 32, b"' command")
        return False
    # 0 means never, to the store: the first moment of 1970 is as past as any other
    t = t if absolute else t + r.x.now_ms
    expire_ms[0] = t if t > 0 else 1
    return True


cdef inline bint rules_allow(uint32_t rules, int64_t now, int64_t then) noexcept nogil:
    """Whether a time may change from `now` (0: never) to `then`."""
    if rules & RULE_NX and now != 0:
        return False
    if rules & RULE_XX and now == 0:
        return False
    if rules & RULE_GT and (now == 0 or then <= now):
        return False
    return not (rules & RULE_LT and now != 0 and then >= now)


cdef Step expire(Run* r, bint seconds, bint absolute) noexcept nogil:
    cdef uint32_t rules = 0
    cdef int64_t expire_ms = 0
    cdef uint64_t hash = 0
    cdef View v
    cdef StoreStatus status
    cdef int _attempt
    if not time_rules(r, &rules) or not time_from(r, seconds, absolute, &expire_ms):
        return STEP_DONE
    for _attempt in range(RUN_RETRIES):
        status = find_true(r, r.argv[1], &hash, &v)
        if status == STORE_MISS or (status == STORE_OK and not rules_allow(rules, v.expire_ms, expire_ms)):
            return reply_int(r, 0)
        if status == STORE_OK:
            status = change_time(r, r.argv[1], &v, expire_ms)
        if status == STORE_OK:
            return reply_int(r, 1)
        if status != STORE_CHANGED:
            return put_failed(r, status)
    return changed(r)


cdef Step keys_expire(Run* r) noexcept nogil:
    return expire(r, True, False)


cdef Step keys_pexpire(Run* r) noexcept nogil:
    return expire(r, False, False)


cdef Step keys_expireat(Run* r) noexcept nogil:
    return expire(r, True, True)


cdef Step keys_pexpireat(Run* r) noexcept nogil:
    return expire(r, False, True)


cdef Step keys_persist(Run* r) noexcept nogil:
    cdef uint64_t hash = 0
    cdef View v
    cdef StoreStatus status
    cdef int _attempt
    for _attempt in range(RUN_RETRIES):
        status = find_true(r, r.argv[1], &hash, &v)
        if status == STORE_MISS or (status == STORE_OK and v.expire_ms == 0):
            return reply_int(r, 0)
        if status == STORE_OK:
            status = change_time(r, r.argv[1], &v, 0)
        if status == STORE_OK:
            return reply_int(r, 1)
        if status != STORE_CHANGED:
            return put_failed(r, status)
    return changed(r)


cdef int64_t expire_of(Run* r) noexcept nogil:
    """When the key ends: -2 if it is not there, -1 for never, UNKNOWN if writers never let it be read."""
    cdef uint64_t hash = 0
    cdef View v
    cdef StoreStatus status = find_true(r, r.argv[1], &hash, &v)
    if status == STORE_OK:
        return v.expire_ms if v.expire_ms != 0 else -1
    return -2 if status == STORE_MISS else UNKNOWN


cdef inline Step reply_time(Run* r, int64_t end, int64_t value) noexcept nogil:
    """A time worked out from `end`, or what a negative `end` says."""
    if end == UNKNOWN:
        return changed(r)
    return reply_int(r, end if end < 0 else value)


cdef Step keys_ttl(Run* r) noexcept nogil:
    cdef int64_t end = expire_of(r)
    return reply_time(r, end, (end - r.x.now_ms + 500) // 1000)


cdef Step keys_pttl(Run* r) noexcept nogil:
    cdef int64_t end = expire_of(r)
    return reply_time(r, end, end - r.x.now_ms)


cdef Step keys_expiretime(Run* r) noexcept nogil:
    cdef int64_t end = expire_of(r)
    return reply_time(r, end, (end + 500) // 1000)


cdef Step keys_pexpiretime(Run* r) noexcept nogil:
    cdef int64_t end = expire_of(r)
    return reply_time(r, end, end)


# Another key for an item.  The whole value is in memory for a moment: the store copies only within a key.

cdef StoreStatus copy_item(Run* r, Slice to, const View* v, uint64_t expect) noexcept nogil:
    cdef Put put
    cdef StoreStatus status
    cdef uint8_t* value
    if not memory_take(r.x, v.value_len + 1):
        return STORE_NO_MEMORY
    value = <uint8_t*> malloc(v.value_len + 1)
    if value == NULL:
        memory_give(r.x, v.value_len + 1)
        return STORE_NO_MEMORY
    view_copy(r.x.store, v, 0, v.value_len, value)
    status = STORE_CHANGED
    if store_validate(r.x.store, v):
        memset(&put, 0, sizeof(Put))
        put.key = to
        put.hash = store_hash(r.x.store, to)
        put.prefix = slice_of(value, v.value_len)
        put.flags = v.flags
        put.expire_ms = v.expire_ms
        put.stale = v.stale
        put.won = v.won
        put.expect = expect
        status = run_put(r, &put)
    free(value)
    memory_give(r.x, v.value_len + 1)
    return status


cdef StoreStatus rename_alone(Run* r, bint only_new, bint* refused) noexcept nogil:
    """RENAME while no other worker writes; STORE_CHANGED (a process elsewhere, an eviction) asks for another try."""
    cdef uint64_t hash = 0
    cdef View v, other
    cdef StoreStatus status = find_true(r, r.argv[1], &hash, &v)
    if status != STORE_OK:
        return status
    if only_new and find_true(r, r.argv[2], &hash, &other) != STORE_MISS:
        refused[0] = True
        return STORE_OK
    if slice_eq(r.argv[1], r.argv[2]):
        return STORE_OK
    status = copy_item(r, r.argv[2], &v, EXPECT_NONE if only_new else EXPECT_ANY)
    if status == STORE_OK:
        store_remove(r.x.store, r.argv[1], v.hash, EXPECT_ANY, r.x.now_ms)
    return status


cdef Step rename(Run* r, bint only_new) noexcept nogil:
    cdef bint refused = False
    cdef StoreStatus status = STORE_CHANGED
    cdef int _attempt
    if not r.alone:
        exclusive_enter(r.x)
    for _attempt in range(RUN_RETRIES):
        status = rename_alone(r, only_new, &refused)
        if status != STORE_CHANGED:
            break
    if not r.alone:
        exclusive_leave(r.x)
    if status == STORE_MISS:
        return run_error(r, b"ERR no such key")
    if status != STORE_OK:
        return put_failed(r, status)
    return reply_int(r, not refused) if only_new else reply_ok(r)


cdef Step keys_rename(Run* r) noexcept nogil:
    return rename(r, False)


cdef Step keys_renamenx(Run* r) noexcept nogil:
    return rename(r, True)


cdef bint copy_options(Run* r, bint* replace) noexcept nogil:
    cdef size_t i = 3
    cdef int64_t db = 0
    while i < r.argc:
        if i < RUN_ARGV and arg_is(r.argv[i], b"REPLACE"):
            replace[0] = True
            i += 1
        elif i + 1 < r.argc and i + 1 < RUN_ARGV and arg_is(r.argv[i], b"DB"):
            if not arg_int(r, r.argv[i + 1], &db):
                return False
            if db != 0:
                run_error(r, b"ERR DB index is out of range")
                return False
            i += 2
        else:
            run_error(r, b"ERR syntax error")
            return False
    return True


cdef Step keys_copy(Run* r) noexcept nogil:
    cdef bint replace = False
    cdef uint64_t hash = 0
    cdef View v, other
    cdef StoreStatus status = STORE_CHANGED
    cdef int _attempt
    if not copy_options(r, &replace):
        return STEP_DONE
    if slice_eq(r.argv[1], r.argv[2]):
        return run_error(r, b"ERR source and destination objects are the same")
    for _attempt in range(RUN_RETRIES):
        status = find_true(r, r.argv[1], &hash, &v)
        if status == STORE_MISS:
            return reply_int(r, 0)
        if not replace and find_true(r, r.argv[2], &hash, &other) == STORE_OK:
            return reply_int(r, 0)
        if status == STORE_OK:
            status = copy_item(r, r.argv[2], &v, EXPECT_ANY if replace else EXPECT_NONE)
        if status == STORE_OK:
            return reply_int(r, 1)
        if status != STORE_CHANGED:
            break
    return put_failed(r, status)
