"""RESP commands on string values: each is a read, a decision and at most one store_put that expects what was read."""

from libc.stdint cimport int64_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport (
    RESP_ARRAY, RESP_BULK, resp_next_arg, resp_put_bulk, resp_put_crlf, resp_put_header, resp_put_null,
)
from whimbrel.server.resp_run cimport (
    GOT_BLOCKED, GOT_MISS, GOT_VALUE, RUN_ARGV, RUN_RETRIES, STEP_BLOCKED, STEP_CLOSE, STEP_DONE, Got, Run, Step,
    arg_int, arg_is, changed, find_true, missed, new_put, put_failed, put_over, reply_int, reply_ok, rewind, room,
    run_error, run_error_about, run_max_expire_ms, run_put, used, value_reply,
)
from whimbrel.server.session cimport exclusive_enter, exclusive_leave, memory_give, memory_take
from whimbrel.store.store cimport (
    EXPECT_ANY, EXPECT_NONE, STORE_CHANGED, STORE_MISS, STORE_OK, STORE_TOO_LARGE, Put, StoreStatus, View,
    store_hash, store_remove, store_validate, view_copy,
)

cdef enum SetFlag:
    SET_NX = 1
    SET_XX = 2
    SET_GET = 4
    SET_KEEPTTL = 8
    SET_EX = 16
    SET_PX = 32
    SET_EXAT = 64
    SET_PXAT = 128
    SET_PERSIST = 256           # GETEX
    SET_ANY_TIME = 16 + 32 + 64 + 128

cdef uint64_t MGET_AT = <uint64_t> 1 << 63


# Reading

cdef Step string_get(Run* r) noexcept nogil:
    cdef View v
    cdef Got got = value_reply(r, r.argv[1], store_hash(r.x.store, r.argv[1]), &v)
    if got == GOT_VALUE:
        used(r, &v)
    elif got == GOT_MISS:
        missed(r)
        resp_put_null(r.w, r.version)
    elif got == GOT_BLOCKED:
        return STEP_BLOCKED
    else:
        return changed(r)
    return STEP_DONE


cdef Step string_mget(Run* r) noexcept nogil:
    """Streams: a reader that stops us half-way finds us at that key again (Conn.mc_state, mc_swallow)."""
    cdef const uint8_t* at = r.first
    cdef const uint8_t* here
    cdef size_t i = 1
    cdef Slice key
    cdef View v
    cdef Got got
    if r.c.mc_state & MGET_AT and not r.alone:
        i = <size_t> (r.c.mc_state & ~MGET_AT)
        if i >= r.argc or r.c.mc_swallow >= <uint64_t> (r.end - r.first):
            return STEP_CLOSE       # not a place in this request
        at = r.first + r.c.mc_swallow
        r.c.mc_state = r.c.mc_swallow = 0
    else:
        resp_next_arg(&at)
        resp_put_header(r.w, RESP_ARRAY, r.argc - 1)
    while i < r.argc:
        here = at
        key = resp_next_arg(&at)
        got = GOT_BLOCKED
        if room(r, 128):
            got = value_reply(r, key, store_hash(r.x.store, key), &v)
        if got == GOT_BLOCKED:
            if not r.alone and not r.holding:
                r.c.mc_state = MGET_AT | i
                r.c.mc_swallow = <uint64_t> (here - r.first)
            return STEP_BLOCKED
        if got == GOT_VALUE:
            used(r, &v)
        elif got == GOT_MISS:
            missed(r)
            resp_put_null(r.w, r.version)
        else:
            changed(r)
        i += 1
    return STEP_DONE


cdef Step string_strlen(Run* r) noexcept nogil:
    cdef View v
    cdef uint64_t hash = 0
    cdef StoreStatus status = find_true(r, r.argv[1], &hash, &v)
    if status == STORE_CHANGED:
        return changed(r)
    if status == STORE_MISS:
        missed(r)
        return reply_int(r, 0)
    used(r, &v)
    return reply_int(r, <int64_t> v.value_len)


cdef bint range_of(int64_t start, int64_t end, size_t len, size_t* offset, size_t* n) noexcept nogil:
    """GETRANGE's inclusive range within len bytes; False if it is empty."""
    cdef int64_t size = <int64_t> len
    if start < 0 and end < 0 and start > end:
        return False
    if start < 0:
        start = max(start + size, 0)
    if end < 0:
        end = max(end + size, 0)
    if end >= size:
        end = size - 1
    if start > end or size == 0:
        return False
    offset[0] = <size_t> start
    n[0] = <size_t> (end - start) + 1
    return True


cdef Step string_getrange(Run* r) noexcept nogil:
    cdef int64_t start = 0
    cdef int64_t end = 0
    cdef uint64_t hash = 0
    cdef size_t offset = 0
    cdef size_t n = 0
    cdef View v
    cdef int _attempt
    if not arg_int(r, r.argv[2], &start) or not arg_int(r, r.argv[3], &end):
        return STEP_DONE
    for _attempt in range(RUN_RETRIES):
        if find_true(r, r.argv[1], &hash, &v) != STORE_OK:
            missed(r)
            resp_put_bulk(r.w, b"", 0)
            return STEP_DONE
        if not range_of(start, end, v.value_len, &offset, &n):
            n = 0
        if not room(r, n + 32):
            return STEP_BLOCKED
        resp_put_header(r.w, RESP_BULK, n)
        view_copy(r.x.store, &v, offset, n, r.w.pos)
        r.w.pos += n
        resp_put_crlf(r.w)
        if store_validate(r.x.store, &v):
            used(r, &v)
            return STEP_DONE
        rewind(r)
    return changed(r)


# Times

cdef Step invalid_expire(Run* r) noexcept nogil:
    return run_error_about(r, b"ERR invalid expire time in '", slice_of(r.row.name, r.row.name_len), 32, b"' command")


cdef bint expire_from(Run* r, Slice arg, bint seconds, bint absolute, int64_t* expire_ms) noexcept nogil:
    """A time argument of SET and its kin as steady wall ms, or the error and False.  0 and below are invalid."""
    cdef int64_t t = 0
    if not arg_int(r, arg, &t):
        return False
    if t <= 0 or t > run_max_expire_ms() or (seconds and t > run_max_expire_ms() // 1000):
        invalid_expire(r)
        return False
    if seconds:
        t *= 1000
    if not absolute:
        t += r.x.now_ms
    if t > run_max_expire_ms():
        invalid_expire(r)
        return False
    expire_ms[0] = t
    return True


cdef uint32_t time_flag(Slice arg) noexcept nogil:
    if arg_is(arg, b"EX"):
        return SET_EX
    if arg_is(arg, b"PX"):
        return SET_PX
    if arg_is(arg, b"EXAT"):
        return SET_EXAT
    if arg_is(arg, b"PXAT"):
        return SET_PXAT
    return 0


cdef uint32_t set_flag(Slice arg, bint getex) noexcept nogil:
    """The option a word is for SET, or for GETEX; 0 for none."""
    cdef uint32_t flag = time_flag(arg)
    if flag:
        return flag
    if getex:
        return SET_PERSIST if arg_is(arg, b"PERSIST") else 0
    if arg_is(arg, b"NX"):
        return SET_NX
    if arg_is(arg, b"XX"):
        return SET_XX
    if arg_is(arg, b"GET"):
        return SET_GET
    return SET_KEEPTTL if arg_is(arg, b"KEEPTTL") else 0


cdef inline bint conflict(uint32_t flags, uint32_t flag) noexcept nogil:
    """NX against XX, and one kind of time at most (the same kind twice is the original's habit: the last counts)."""
    cdef uint32_t times = SET_ANY_TIME | SET_KEEPTTL | SET_PERSIST
    if flag == SET_NX:
        return flags & SET_XX != 0
    if flag == SET_XX:
        return flags & SET_NX != 0
    return flag & times != 0 and flags & times & ~flag != 0


cdef bint options(Run* r, size_t i, bint getex, uint32_t* flags, size_t* time_at) noexcept nogil:
    """The options from argument i on and where their time is (0: none), or the error and False."""
    cdef uint32_t flag
    flags[0] = 0
    time_at[0] = 0
    while i < r.argc:
        flag = set_flag(r.argv[i], getex) if i < RUN_ARGV else 0
        if flag & SET_ANY_TIME:
            i += 1
            time_at[0] = i
        if flag == 0 or conflict(flags[0], flag) or i >= r.argc or i >= RUN_ARGV:
            run_error(r, b"ERR syntax error")
            return False
        flags[0] |= flag
        i += 1
    return True


cdef bint option_time(Run* r, uint32_t flags, size_t time_at, int64_t* expire_ms) noexcept nogil:
    if time_at == 0:
        return True
    return expire_from(r, r.argv[time_at], flags & (SET_EX | SET_EXAT) != 0, flags & (SET_EXAT | SET_PXAT) != 0,
                       expire_ms)


# Writing

cdef enum Stored:               # what became of a conditional set
    STORED = 0
    NOT_STORED                  # NX or XX said no
    STORED_BLOCKED
    STORED_FAILED               # `status` says why


cdef StoreStatus look(Run* r, uint32_t flags, Slice key, View* v, bint* blocked) noexcept nogil:
    """What is under the key; with SET_GET its value (or null) is composed."""
    cdef uint64_t hash = 0
    cdef Got got
    if not flags & SET_GET:
        return find_true(r, key, &hash, v)
    got = value_reply(r, key, store_hash(r.x.store, key), v)
    blocked[0] = got == GOT_BLOCKED
    if got == GOT_VALUE:
        used(r, v)
        return STORE_OK
    if got == GOT_MISS:
        missed(r)
        resp_put_null(r.w, r.version)
        return STORE_MISS
    return STORE_CHANGED


cdef StoreStatus put_or_expire(Run* r, Put* put) noexcept nogil:
    """An item whose time has passed already is not stored: what it would replace goes, too."""
    cdef StoreStatus status
    if put.expire_ms == 0 or put.expire_ms > r.x.now_ms:
        return run_put(r, put)
    if put.expect == EXPECT_NONE:
        return STORE_OK
    status = store_remove(r.x.store, put.key, put.hash, put.expect, r.x.now_ms)
    return STORE_OK if status == STORE_MISS else status


cdef Stored set_value(
    Run* r, Slice key, Slice value, uint32_t flags, int64_t expire_ms, StoreStatus* status
) noexcept nogil:
    cdef View v
    cdef Put put = new_put(key, store_hash(r.x.store, key), value)
    cdef bint blocked = False
    cdef StoreStatus found
    cdef int _attempt
    put.expire_ms = expire_ms
    if not flags & (SET_NX | SET_XX | SET_GET | SET_KEEPTTL):
        put.expect = EXPECT_ANY
        status[0] = put_or_expire(r, &put)
        return STORED if status[0] == STORE_OK else STORED_FAILED
    for _attempt in range(RUN_RETRIES):
        found = look(r, flags, key, &v, &blocked)
        if blocked:
            return STORED_BLOCKED
        if found != STORE_CHANGED:
            if (flags & SET_NX and found == STORE_OK) or (flags & SET_XX and found == STORE_MISS):
                return NOT_STORED
            put.expect = v.version if found == STORE_OK else EXPECT_NONE
            if flags & SET_KEEPTTL:
                put.expire_ms = v.expire_ms if found == STORE_OK else 0
            status[0] = put_or_expire(r, &put)
            if status[0] == STORE_OK:
                return STORED
            if status[0] != STORE_CHANGED:
                break
        rewind(r)
    rewind(r)
    return STORED_FAILED


cdef Step set_and_reply(Run* r, Slice value, uint32_t flags, int64_t expire_ms) noexcept nogil:
    cdef StoreStatus status = STORE_CHANGED
    cdef Stored stored = set_value(r, r.argv[1], value, flags, expire_ms, &status)
    if stored == STORED_BLOCKED:
        return STEP_BLOCKED
    if stored == STORED_FAILED:
        return put_failed(r, status)
    if flags & SET_GET:
        return STEP_DONE
    if stored == STORED:
        return reply_ok(r)
    resp_put_null(r.w, r.version)
    return STEP_DONE


cdef Step string_set(Run* r) noexcept nogil:
    cdef uint32_t flags = 0
    cdef size_t time_at = 0
    cdef int64_t expire_ms = 0
    if r.argc > 3 and not (options(r, 3, False, &flags, &time_at) and option_time(r, flags, time_at, &expire_ms)):
        return STEP_DONE
    return set_and_reply(r, r.argv[2], flags, expire_ms)


cdef Step string_setnx(Run* r) noexcept nogil:
    cdef StoreStatus status = STORE_CHANGED
    cdef Stored stored = set_value(r, r.argv[1], r.argv[2], SET_NX, 0, &status)
    if stored == STORED_FAILED:
        return put_failed(r, status)
    return reply_int(r, stored == STORED)


cdef Step string_setex(Run* r) noexcept nogil:
    cdef int64_t expire_ms = 0
    if not expire_from(r, r.argv[2], True, False, &expire_ms):
        return STEP_DONE
    return set_and_reply(r, r.argv[3], 0, expire_ms)


cdef Step string_psetex(Run* r) noexcept nogil:
    cdef int64_t expire_ms = 0
    if not expire_from(r, r.argv[2], False, False, &expire_ms):
        return STEP_DONE
    return set_and_reply(r, r.argv[3], 0, expire_ms)


cdef Step string_getset(Run* r) noexcept nogil:
    return set_and_reply(r, r.argv[2], SET_GET, 0)


cdef Step string_getdel(Run* r) noexcept nogil:
    cdef View v
    cdef bint blocked = False
    cdef StoreStatus status
    cdef int _attempt
    for _attempt in range(RUN_RETRIES):
        status = look(r, SET_GET, r.argv[1], &v, &blocked)
        if blocked:
            return STEP_BLOCKED
        if status == STORE_OK:
            status = store_remove(r.x.store, r.argv[1], v.hash, v.version, r.x.now_ms)
        elif status == STORE_MISS:
            return STEP_DONE
        if status == STORE_OK:
            return STEP_DONE
        rewind(r)
    return changed(r)


cdef bint time_is_right(Run* r, uint32_t flags, size_t time_at, int64_t* expire_ms) noexcept nogil:
    """GETEX's time; if it is wrong the error takes the place of the value that is composed already."""
    cdef uint8_t* end = r.w.pos
    rewind(r)
    if not option_time(r, flags, time_at, expire_ms):
        return False
    r.w.pos = end
    return True


cdef Step string_getex(Run* r) noexcept nogil:
    cdef View v
    cdef Put put
    cdef uint32_t flags = 0
    cdef int64_t expire_ms = 0
    cdef bint blocked = False
    cdef StoreStatus status
    cdef size_t time_at = 0
    cdef int _attempt
    if not options(r, 2, True, &flags, &time_at):
        return STEP_DONE
    for _attempt in range(RUN_RETRIES):
        status = look(r, SET_GET, r.argv[1], &v, &blocked)
        if blocked:
            return STEP_BLOCKED
        if status == STORE_MISS or (status == STORE_OK and flags == 0):
            return STEP_DONE
        # like the original: a time is looked at only where there is something to give it to
        if status == STORE_OK and time_at and not time_is_right(r, flags, time_at, &expire_ms):
            return STEP_DONE
        if status == STORE_OK:
            put = put_over(r.argv[1], &v, slice_of(NULL, 0))
            put.base = &v
            put.expire_ms = expire_ms
            put.stale = v.stale
            put.won = v.won
            status = put_or_expire(r, &put)
        if status == STORE_OK:
            return STEP_DONE
        rewind(r)
        if status != STORE_CHANGED:
            return put_failed(r, status)
    return changed(r)


# Many keys

cdef StoreStatus set_pairs(Run* r) noexcept nogil:
    """The pairs in order; the first failure ends it."""
    cdef const uint8_t* at = r.first
    cdef StoreStatus status = STORE_OK
    cdef Put put
    cdef Slice key, value
    cdef size_t _i
    resp_next_arg(&at)
    for _i in range((r.argc - 1) // 2):
        key = resp_next_arg(&at)
        value = resp_next_arg(&at)
        put = new_put(key, store_hash(r.x.store, key), value)
        status = run_put(r, &put)
        if status != STORE_OK:
            break
    return status


cdef bint odd_pairs(Run* r) noexcept nogil:
    if r.argc & 1:
        return False
    run_error_about(r, b"ERR wrong number of arguments for '", slice_of(r.row.name, r.row.name_len), 32, b"' command")
    return True


cdef Step string_mset(Run* r) noexcept nogil:
    cdef StoreStatus status
    if odd_pairs(r):
        return STEP_DONE
    status = set_pairs(r)
    return reply_ok(r) if status == STORE_OK else put_failed(r, status)


cdef bint any_there(Run* r) noexcept nogil:
    cdef const uint8_t* at = r.first
    cdef uint64_t hash = 0
    cdef View v
    cdef Slice key
    cdef size_t _i
    resp_next_arg(&at)
    for _i in range((r.argc - 1) // 2):
        key = resp_next_arg(&at)
        resp_next_arg(&at)
        if find_true(r, key, &hash, &v) != STORE_MISS:
            return True
    return False


cdef Step string_msetnx(Run* r) noexcept nogil:
    """Alone among the workers: nobody sees some of the keys, or takes one in between."""
    cdef StoreStatus status = STORE_OK
    cdef bint there
    if odd_pairs(r):
        return STEP_DONE
    if not r.alone:
        exclusive_enter(r.x)
    there = any_there(r)
    if not there:
        status = set_pairs(r)
    if not r.alone:
        exclusive_leave(r.x)
    return reply_int(r, not there) if status == STORE_OK else put_failed(r, status)


# Parts

cdef Step string_append(Run* r) noexcept nogil:
    cdef View v
    cdef Put put
    cdef uint64_t hash = 0
    cdef size_t length
    cdef StoreStatus status
    cdef int _attempt
    for _attempt in range(RUN_RETRIES):
        status = find_true(r, r.argv[1], &hash, &v)
        if status == STORE_CHANGED:
            continue
        if status == STORE_OK:
            put = put_over(r.argv[1], &v, slice_of(NULL, 0))
            put.base = &v
            put.suffix = r.argv[2]
            length = v.value_len + r.argv[2].len
        else:
            put = new_put(r.argv[1], store_hash(r.x.store, r.argv[1]), r.argv[2])
            put.expect = EXPECT_NONE
            length = r.argv[2].len
        if length > r.x.settings.max_item:
            return put_failed(r, STORE_TOO_LARGE)
        status = run_put(r, &put)
        if status == STORE_OK:
            return reply_int(r, <int64_t> length)
        if status != STORE_CHANGED:
            return put_failed(r, status)
    return changed(r)


cdef void overwrite(Run* r, const View* v, uint8_t* whole, size_t offset) noexcept nogil:
    """SETRANGE's new value into `whole`; v may be NULL."""
    cdef size_t kept = 0
    if v != NULL:
        kept = v.value_len
        view_copy(r.x.store, v, 0, kept, whole)
    if kept < offset:
        memset(whole + kept, 0, offset - kept)
    memcpy(whole + offset, r.argv[3].ptr, r.argv[3].len)


cdef StoreStatus set_range(Run* r, const View* v, size_t offset, size_t* length) noexcept nogil:
    """One attempt at SETRANGE over `v` (NULL: over nothing), with the whole value in memory for a moment."""
    cdef Put put
    cdef StoreStatus status
    cdef uint8_t* whole
    length[0] = max(v.value_len if v != NULL else 0, offset + r.argv[3].len)
    if length[0] > r.x.settings.max_item or not memory_take(r.x, length[0]):
        return STORE_TOO_LARGE
    whole = <uint8_t*> malloc(length[0])
    if whole == NULL:
        memory_give(r.x, length[0])
        return STORE_TOO_LARGE
    overwrite(r, v, whole, offset)
    if v != NULL:
        put = put_over(r.argv[1], v, slice_of(whole, length[0]))
    else:
        put = new_put(r.argv[1], store_hash(r.x.store, r.argv[1]), slice_of(whole, length[0]))
        put.expect = EXPECT_NONE
    status = run_put(r, &put)
    free(whole)
    memory_give(r.x, length[0])
    return status


cdef Step string_setrange(Run* r) noexcept nogil:
    cdef View v
    cdef int64_t offset = 0
    cdef uint64_t hash = 0
    cdef size_t length = 0
    cdef StoreStatus status
    cdef int _attempt
    if not arg_int(r, r.argv[2], &offset):
        return STEP_DONE
    if offset < 0:
        return run_error(r, b"ERR offset is out of range")
    for _attempt in range(RUN_RETRIES):
        status = find_true(r, r.argv[1], &hash, &v)
        if status == STORE_CHANGED:
            continue
        if r.argv[3].len == 0:
            return reply_int(r, <int64_t> v.value_len if status == STORE_OK else 0)
        if <uint64_t> offset > r.x.settings.max_item:
            return put_failed(r, STORE_TOO_LARGE)
        status = set_range(r, &v if status == STORE_OK else NULL, <size_t> offset, &length)
        if status == STORE_OK:
            return reply_int(r, <int64_t> length)
        if status != STORE_CHANGED:
            return put_failed(r, status)
    return changed(r)
