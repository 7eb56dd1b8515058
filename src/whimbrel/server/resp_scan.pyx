"""RESP commands on the whole key space, and what the store knows about one item: SCAN, KEYS, OBJECT, MEMORY USAGE."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memmove
from whimbrel.base.buffer cimport Writer, put_u64, writer_init, writer_len, writer_room
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport (
    RESP_ARRAY, resp_glob, resp_parse_i64, resp_put_bulk, resp_put_header, resp_put_null,
)
from whimbrel.server.resp_run cimport (
    KEYS_MAX_ITEMS, RUN_ARGV, RUN_RETRIES, STEP_BLOCKED, STEP_DONE, Run, Step, arg_int, arg_is, find_true, held_begin,
    reply_int, reply_ok, room, run_error,
)
from whimbrel.store.store cimport (
    STORE_MAX_KEY, STORE_OK, StoreStats, View, store_flush, store_random_key, store_scan, store_stats, store_validate,
    view_copy,
)

cdef enum:
    SCAN_KEYS = 8 * 1024        # bytes of raw keys taken from the store at a time: more than the longest key
    SCAN_ROOM = 32 * 1024       # bytes of one SCAN's reply
    SCAN_PIECE = 10 * 1024      # of SCAN_KEYS as bulk strings at most, with what surrounds them
    SCAN_CALLS = 16             # calls to the store in one SCAN, however few keys they find: some 100 us
    KEYS_MAX_TABLE = 4 << 20    # bytes of table that KEYS walks through, however few keys are left in it: a few ms
    SCAN_HEAD = 64              # room for the cursor and the counts in front of the keys
    EMBSTR_MAX = 44             # bytes of a value that Redis calls `embstr`
    ITEM_HEADER = 8             # bytes, for MEMORY USAGE: see store/layout.pxd
    TABLE_SLOT = 8


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
    r.x.clock_in = 0
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
    r.x.clock_in = 0
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
    r.x.clock_in = 0
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
    if stats.items > KEYS_MAX_ITEMS or stats.table_bytes > KEYS_MAX_TABLE:
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
