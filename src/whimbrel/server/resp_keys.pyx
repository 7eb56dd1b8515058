"""RESP commands on keys.  Times are steady wall milliseconds throughout; 0 is "never"."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memmove, memset
from whimbrel.base.buffer cimport Writer, put_u64, writer_init, writer_len, writer_room
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.slice cimport Slice, slice_eq, slice_of
from whimbrel.protocol.resp.codec cimport (
    RESP_ARRAY, resp_glob, resp_next_arg, resp_parse_i64, resp_put_bulk, resp_put_header, resp_put_line, resp_put_null,
    RESP_SIMPLE,
)
from whimbrel.server.resp_run cimport (
    KEYS_MAX_ITEMS, RUN_ARGV, RUN_RETRIES, STEP_BLOCKED, STEP_DONE, Run, Step, arg_int, arg_is,
    find_true, held_begin, missed, put_failed, reply_int, reply_ok, room, run_error, run_error_about, run_max_expire_ms,
    run_put, used,
)
from whimbrel.server.session cimport exclusive_enter, exclusive_leave, memory_give, memory_take
from whimbrel.store.store cimport (
    EXPECT_ANY, EXPECT_NONE, STORE_CHANGED, STORE_MAX_KEY, STORE_MISS, STORE_NO_MEMORY, STORE_OK, Put, StoreStats,
    StoreStatus, View, store_flush, store_hash, store_random_key, store_remove, store_scan, store_stats, store_validate,
    view_copy,
)

cdef enum:
    SCAN_KEYS = 8 * 1024        # bytes of raw keys taken from the store at a time: more than the longest key
    SCAN_ROOM = 32 * 1024       # bytes of one SCAN's reply
    SCAN_PIECE = 10 * 1024      # of SCAN_KEYS as bulk strings at most, with what surrounds them
    SCAN_CALLS = 64             # calls to the store in one SCAN: x 64 groups, where the table is almost empty
    SCAN_HEAD = 64              # room for the cursor and the counts in front of the keys
    EMBSTR_MAX = 44             # bytes of a value that Redis calls `embstr`
    ITEM_HEADER = 8             # bytes, for MEMORY USAGE: see store/layout.pxd
    TABLE_SLOT = 8


cdef enum TimeRule:
    RULE_NX = 1
    RULE_XX = 2
    RULE_GT = 4
    RULE_LT = 8


cdef inline Step changed(Run* r) noexcept nogil:
    return put_failed(r, STORE_CHANGED)


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
    """When the key ends: -2 if it is not there, -1 for never."""
    cdef uint64_t hash = 0
    cdef View v
    if find_true(r, r.argv[1], &hash, &v) != STORE_OK:
        return -2
    return v.expire_ms if v.expire_ms != 0 else -1


cdef Step keys_ttl(Run* r) noexcept nogil:
    cdef int64_t end = expire_of(r)
    return reply_int(r, end if end < 0 else (end - r.x.now_ms + 500) // 1000)


cdef Step keys_pttl(Run* r) noexcept nogil:
    cdef int64_t end = expire_of(r)
    return reply_int(r, end if end < 0 else end - r.x.now_ms)


cdef Step keys_expiretime(Run* r) noexcept nogil:
    cdef int64_t end = expire_of(r)
    return reply_int(r, end if end < 0 else (end + 500) // 1000)


cdef Step keys_pexpiretime(Run* r) noexcept nogil:
    return reply_int(r, expire_of(r))


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


# The whole key space

cdef uint64_t random_bits(Run* r) noexcept nogil:
    """Good enough to pick a key with."""
    cdef uint64_t v = <uint64_t> precise_ns() * <uint64_t> 0x9e3779b97f4a7c15
    return v ^ (v >> 29) ^ (<uint64_t> r.x.worker_index << 57)


cdef Step keys_randomkey(Run* r) noexcept nogil:
    cdef uint8_t raw[STORE_MAX_KEY + 2]
    cdef Writer key
    if not room(r, STORE_MAX_KEY + 32):
        return STEP_BLOCKED
    writer_init(&key, raw, sizeof(raw))
    if store_random_key(r.x.store, random_bits(r), r.x.now_ms, &key):
        resp_put_bulk(r.w, raw + 2, writer_len(&key) - 2)
    else:
        resp_put_null(r.w, r.version)
    return STEP_DONE


cdef Step keys_dbsize(Run* r) noexcept nogil:
    cdef StoreStats stats
    store_stats(r.x.store, &stats)
    return reply_int(r, <int64_t> stats.items)


cdef Step keys_flush(Run* r) noexcept nogil:
    if r.argc > 2 or (r.argc == 2 and not arg_is(r.argv[1], b"ASYNC") and not arg_is(r.argv[1], b"SYNC")):
        return run_error(r, b"ERR syntax error")
    store_flush(r.x.store)
    return reply_ok(r)


cdef size_t put_matching(Writer* w, const uint8_t* raw, size_t n, Slice pattern, bint all) noexcept nogil:
    """The n keys at `raw` (2-byte length, bytes) that match, as bulk strings; how many."""
    cdef size_t _i
    cdef size_t matched = 0
    cdef Slice key
    for _i in range(n):
        key = slice_of(raw + 2, <size_t> raw[0] | <size_t> raw[1] << 8)
        raw = key.ptr + key.len
        if all or resp_glob(pattern, key, False):
            resp_put_bulk(w, key.ptr, key.len)
            matched += 1
    return matched


cdef struct ScanOptions:
    Slice pattern
    bint all                    # no pattern
    bint none                   # a type that nothing here has
    int64_t count


cdef bint scan_options(Run* r, ScanOptions* o) noexcept nogil:
    cdef size_t i = 2
    o.pattern = slice_of(NULL, 0)
    o.all = True
    o.none = False
    o.count = 10
    while i < r.argc:
        if i + 1 >= r.argc or i + 1 >= RUN_ARGV:
            run_error(r, b"ERR syntax error")
            return False
        if arg_is(r.argv[i], b"COUNT"):
            if not arg_int(r, r.argv[i + 1], &o.count):
                return False
            if o.count < 1:
                run_error(r, b"ERR syntax error")
                return False
        elif arg_is(r.argv[i], b"MATCH"):
            o.pattern = r.argv[i + 1]
            o.all = o.pattern.len == 1 and o.pattern.ptr[0] == 42
        elif arg_is(r.argv[i], b"TYPE"):
            o.none = not arg_is(r.argv[i + 1], b"STRING")
        else:
            run_error(r, b"ERR syntax error")
            return False
        i += 2
    return True


cdef bint parse_cursor(Slice arg, uint64_t* cursor) noexcept nogil:
    cdef uint64_t v = 0
    cdef size_t i
    if arg.len == 0 or arg.len > 20:
        return False
    for i in range(arg.len):
        if arg.ptr[i] < 48 or arg.ptr[i] > 57:
            return False
        v = v * 10 + (arg.ptr[i] - 48)
    cursor[0] = v
    return True


cdef size_t scan_into(Run* r, uint64_t* cursor, const ScanOptions* o, Writer* w) noexcept nogil:
    """Matching keys into w until COUNT were looked at, the table is through, or w is nearly full; how many."""
    cdef uint8_t raw[SCAN_KEYS]
    cdef Writer keys
    cdef int64_t seen = 0
    cdef size_t matched = 0
    cdef size_t n
    cdef int _call
    for _call in range(SCAN_CALLS):
        writer_init(&keys, raw, SCAN_KEYS)
        n = store_scan(r.x.store, cursor, r.x.now_ms, &keys)
        seen += <int64_t> n
        if not o.none:
            matched += put_matching(w, raw, n, o.pattern, o.all)
        if cursor[0] == 0 or seen >= o.count or writer_room(w) < SCAN_PIECE:
            break
    return matched


cdef Step keys_scan(Run* r) noexcept nogil:
    """The keys are composed behind room for what comes before them, and then moved up to it."""
    cdef ScanOptions o
    cdef Writer keys, digits
    cdef uint8_t text[20]
    cdef uint64_t cursor = 0
    cdef size_t matched
    if not parse_cursor(r.argv[1], &cursor):
        return run_error(r, b"ERR invalid cursor")
    if not scan_options(r, &o):
        return STEP_DONE
    if not room(r, SCAN_ROOM):
        return STEP_BLOCKED
    writer_init(&keys, r.w.pos + SCAN_HEAD, SCAN_ROOM - SCAN_HEAD)
    matched = scan_into(r, &cursor, &o, &keys)
    writer_init(&digits, text, sizeof(text))
    put_u64(&digits, cursor)
    resp_put_header(r.w, RESP_ARRAY, 2)
    resp_put_bulk(r.w, text, writer_len(&digits))
    resp_put_header(r.w, RESP_ARRAY, matched)
    memmove(r.w.pos, keys.base, writer_len(&keys))
    r.w.pos += writer_len(&keys)
    return STEP_DONE


cdef bint collect_keys(Run* r, Slice pattern, size_t* matched) noexcept nogil:
    """Every matching key as a bulk string behind SCAN_HEAD bytes of r.w; False if the memory is short."""
    cdef uint8_t raw[SCAN_KEYS]
    cdef Writer keys
    cdef uint64_t cursor = 0
    cdef size_t n
    cdef bint all = pattern.len == 1 and pattern.ptr[0] == 42
    r.w.pos += SCAN_HEAD
    while True:
        if not room(r, SCAN_PIECE):
            return False
        writer_init(&keys, raw, SCAN_KEYS)
        n = store_scan(r.x.store, &cursor, r.x.now_ms, &keys)
        matched[0] += put_matching(r.w, raw, n, pattern, all)
        if cursor == 0:
            return True


cdef Step keys_keys(Run* r) noexcept nogil:
    cdef StoreStats stats
    cdef Writer head
    cdef uint8_t text[SCAN_HEAD]
    cdef size_t matched = 0
    cdef size_t begin, n
    store_stats(r.x.store, &stats)
    if stats.items > KEYS_MAX_ITEMS:
        return run_error(r, b"ERR KEYS answers up to 10000 items here, and there are more: use SCAN")
    if not r.holding and not held_begin(r):
        r.short_of_memory = True
        return STEP_BLOCKED
    begin = writer_len(r.w)
    if not room(r, SCAN_HEAD) or not collect_keys(r, r.argv[1], &matched):
        return STEP_BLOCKED
    n = writer_len(r.w) - begin - SCAN_HEAD
    writer_init(&head, text, sizeof(text))
    resp_put_header(&head, RESP_ARRAY, matched)
    memmove(r.w.base + begin + writer_len(&head), r.w.base + begin + SCAN_HEAD, n)
    memmove(r.w.base + begin, text, writer_len(&head))
    r.w.pos = r.w.base + begin + writer_len(&head) + n
    return STEP_DONE


# What the store knows about an item.  These do not count as use.

cdef bint inspect(Run* r, View* v) noexcept nogil:
    """The item under argument 2, or null and False."""
    cdef uint64_t hash = 0
    if find_true(r, r.argv[2], &hash, v) == STORE_OK:
        return True
    resp_put_null(r.w, r.version)
    return False


cdef Step keys_object_encoding(Run* r) noexcept nogil:
    cdef uint8_t text[20]
    cdef int64_t value = 0
    cdef bint is_int
    cdef View v
    cdef int _attempt
    for _attempt in range(RUN_RETRIES):
        if not inspect(r, &v):
            return STEP_DONE
        is_int = False
        if v.value_len <= 20:
            view_copy(r.x.store, &v, 0, v.value_len, text)
            is_int = resp_parse_i64(text, v.value_len, &value)
        if store_validate(r.x.store, &v):
            break
    if is_int:
        resp_put_bulk(r.w, b"int", 3)
    elif v.value_len <= EMBSTR_MAX:
        resp_put_bulk(r.w, b"embstr", 6)
    else:
        resp_put_bulk(r.w, b"raw", 3)
    return STEP_DONE


cdef Step keys_object_freq(Run* r) noexcept nogil:
    cdef View v
    return reply_int(r, v.freq) if inspect(r, &v) else STEP_DONE


cdef Step keys_object_idletime(Run* r) noexcept nogil:
    cdef View v
    return reply_int(r, v.idle_s) if inspect(r, &v) else STEP_DONE


cdef Step keys_object_refcount(Run* r) noexcept nogil:
    cdef View v
    return reply_int(r, 1) if inspect(r, &v) else STEP_DONE


cdef Step keys_memory_usage(Run* r) noexcept nogil:
    cdef View v
    cdef int64_t samples = 0
    if r.argc != 3 and r.argc != 5:
        return run_error(r, b"ERR syntax error")
    if r.argc == 5:
        if not arg_is(r.argv[3], b"SAMPLES"):
            return run_error(r, b"ERR syntax error")
        if not arg_int(r, r.argv[4], &samples):
            return STEP_DONE
        if samples < 0:
            return run_error(r, b"ERR syntax error")
    if not inspect(r, &v):
        return STEP_DONE
    return reply_int(r, <int64_t> (v.value_len + r.argv[2].len + ITEM_HEADER + TABLE_SLOT
                                   + (4 if v.expire_ms else 0) + (4 if v.flags else 0)))
