"""The common ground of RESP handlers: state, room, values, errors.  See resp_run.pxd."""

from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset, strlen
from whimbrel.base.atomic cimport cas32, cpu_relax, store_release32
from whimbrel.base.buffer cimport put_byte, writer_init
from whimbrel.protocol.resp.codec cimport RESP_BULK, resp_put_crlf, resp_put_header
from whimbrel.server.counters cimport RESP_STORE_NO_MEMORY, RESP_STORE_TOO_LARGE
from whimbrel.server.session cimport memory_give, memory_take
from whimbrel.store.store cimport (
    STORE_BUSY, STORE_CHANGED, STORE_OK, STORE_TOO_LARGE, store_maintain, store_put, store_validate, view_copy,
)

# State: a pool behind a short spin lock.  Connections open and close far too rarely for it to be contended.

cdef uint32_t pool_lock = 0
cdef RespState* pool = NULL


cdef RespState* pool_take() noexcept nogil:
    global pool
    cdef RespState* state
    while not cas32(&pool_lock, 0, 1):
        cpu_relax()
    state = pool
    if state != NULL:
        pool = state.next_free
    store_release32(&pool_lock, 0)
    if state == NULL:
        return <RespState*> calloc(1, sizeof(RespState))
    memset(state, 0, sizeof(RespState))
    return state


cdef void pool_give(RespState* state) noexcept nogil:
    global pool
    while not cas32(&pool_lock, 0, 1):
        cpu_relax()
    state.next_free = pool
    pool = state
    store_release32(&pool_lock, 0)


cdef RespState* run_state(Run* r) noexcept nogil:
    """The connection's state, made now if it has none; NULL if memory is short."""
    if r.state == NULL and memory_take(r.x, sizeof(RespState)):
        r.state = pool_take()
        if r.state == NULL:
            memory_give(r.x, sizeof(RespState))
        r.c.resp = r.state
    return r.state


cdef void state_free(Context* x, RespState* state) noexcept nogil:
    queue_free(x, &state.queue)
    queue_free(x, &state.watch)
    held_free(x, &state.held)
    memory_give(x, sizeof(RespState))
    pool_give(state)


cdef bint grow(Context* x, uint8_t** base, size_t* cap, size_t needed, size_t least) noexcept nogil:
    """Room for `needed` bytes at *base, by doubling, paid from the worker's account."""
    cdef size_t wanted = cap[0] if cap[0] else least
    cdef uint8_t* moved
    while wanted < needed:
        wanted *= 2
    if wanted == cap[0]:
        return True
    if not memory_take(x, wanted - cap[0]):
        return False
    moved = <uint8_t*> realloc(base[0], wanted)
    if moved == NULL:
        memory_give(x, wanted - cap[0])
        return False
    base[0] = moved
    cap[0] = wanted
    return True


cdef bint queue_add(Run* r, Queue* q, const void* bytes, size_t n) noexcept nogil:
    if not grow(r.x, &q.base, &q.cap, q.len + n, 256):
        return False
    memcpy(q.base + q.len, bytes, n)
    q.len += n
    return True


cdef void queue_free(Context* x, Queue* q) noexcept nogil:
    if q.cap:
        free(q.base)
        memory_give(x, q.cap)
    memset(q, 0, sizeof(Queue))


# Room

cdef void held_free(Context* x, Held* held) noexcept nogil:
    if held.cap:
        free(held.base)
        memory_give(x, held.cap)
    memset(held, 0, sizeof(Held))


cdef bint held_begin(Run* r) noexcept nogil:
    """From here on the reply is composed into the connection's own memory."""
    cdef Held* held
    if run_state(r) == NULL:
        return False
    held = &r.state.held
    if not grow(r.x, &held.base, &held.cap, held.len + REPLY_SMALL, HELD_MIN):
        return False
    writer_init(&r.spill, held.base, held.cap)
    r.spill.pos += held.len
    r.w = &r.spill
    r.start = held.len
    r.holding = True
    return True


cdef void held_end(Run* r) noexcept nogil:
    """What was composed is now waiting to be drained; this request is consumed after that."""
    r.state.held.len = writer_len(&r.spill)
    r.state.held.request = r.request
    r.holding = False


cdef bint room_slow(Run* r, size_t n) noexcept nogil:
    cdef Writer* w
    cdef Held* held
    if not r.holding and not r.alone:
        w = reply_room(r.x, r.c, n)
        if w == NULL:
            return False
        r.w = w
        r.start = writer_len(w)
        return True
    if not r.holding and not held_begin(r):
        r.short_of_memory = True
        return False
    held = &r.state.held
    held.len = writer_len(&r.spill)
    if not grow(r.x, &held.base, &held.cap, held.len + n, HELD_MIN):
        r.short_of_memory = True
        return False
    writer_init(&r.spill, held.base, held.cap)
    r.spill.pos += held.len
    return True


# Values

cdef StoreStatus find_true(Run* r, Slice key, uint64_t* hash, View* v) noexcept nogil:
    """A live item's view, validated; STORE_CHANGED if writers never let one be."""
    cdef int _attempt
    for _attempt in range(RUN_RETRIES):
        if find(r, key, hash, v) != STORE_OK:
            return STORE_MISS
        if store_validate(r.x.store, v):
            return STORE_OK
    return STORE_CHANGED


cdef Got value_reply(Run* r, Slice key, uint64_t hash, View* v) noexcept nogil:
    """Compose the live value under the key.  `v` is then a true view, fit for `expect`."""
    cdef Store* s = r.x.store
    cdef uint8_t* mark
    cdef int _attempt
    if key.len > STORE_MAX_KEY:
        return GOT_MISS
    for _attempt in range(RUN_RETRIES):
        if store_read(s, key, hash, r.x.now_ms, v) != STORE_OK:
            return GOT_MISS
        if v.value_len + 32 + r.reserve > writer_room(r.w):
            # a false view's length is any number: believe it before asking for that much
            if not store_validate(s, v):
                continue
            if not room(r, v.value_len + 32):
                return GOT_BLOCKED
        mark = r.w.pos
        resp_put_header(r.w, RESP_BULK, v.value_len)
        view_copy(s, v, 0, v.value_len, r.w.pos)
        r.w.pos += v.value_len
        resp_put_crlf(r.w)
        if store_validate(s, v):
            return GOT_VALUE
        r.w.pos = mark
    return GOT_BUSY


cdef StoreStatus run_put(Run* r, const Put* put) noexcept nogil:
    """store_put, making room in between where the store asks for it."""
    cdef StoreStatus status = STORE_TOO_LARGE
    cdef uint64_t cas = 0
    cdef int _attempt
    if put.key.len > STORE_MAX_KEY:
        return STORE_TOO_LARGE
    for _attempt in range(PUT_RETRIES):
        status = store_put(r.x.store, put, r.x.now_ms, &cas)
        if status != STORE_BUSY:
            break
        store_maintain(r.x.store, r.x.now_ms, PUT_STEPS)
        r.x.clock_in = 0
    return status


cdef Step put_failed(Run* r, StoreStatus status) noexcept nogil:
    if status == STORE_TOO_LARGE:
        count(r.x, RESP_STORE_TOO_LARGE)
        return run_error(r, b"ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    if status == STORE_CHANGED:
        return run_error(r, b"TRYAGAIN the key is being changed by too many others")
    count(r.x, RESP_STORE_NO_MEMORY)
    return run_error(r, b"OOM command not allowed when used memory > 'maxmemory'.")


# Errors and arguments

cdef Step run_error(Run* r, const char* text) noexcept nogil:
    count(r.x, RESP_ERRORS)
    put_byte(r.w, 45)
    put_bytes(r.w, text, strlen(text))
    resp_put_crlf(r.w)
    return STEP_DONE


cdef Step run_error_about(Run* r, const char* before, Slice what, size_t limit, const char* after) noexcept nogil:
    """An error with a client's bytes in it: cut at `limit` and at a NUL, line ends made blanks, as Redis does."""
    cdef size_t i = 0
    count(r.x, RESP_ERRORS)
    put_byte(r.w, 45)
    put_bytes(r.w, before, strlen(before))
    while i < what.len and i < limit and what.ptr[i]:
        put_byte(r.w, 32 if what.ptr[i] == 13 or what.ptr[i] == 10 else what.ptr[i])
        i += 1
    put_bytes(r.w, after, strlen(after))
    resp_put_crlf(r.w)
    return STEP_DONE


cdef bint arg_is(Slice arg, const char* word) noexcept nogil:
    """Whether an argument is this upper-case word, in any case."""
    cdef size_t i
    cdef uint8_t c
    for i in range(arg.len):
        c = arg.ptr[i]
        if 97 <= c <= 122:
            c -= 32
        if word[i] == 0 or c != <uint8_t> word[i]:
            return False
    return word[arg.len] == 0


cdef bint arg_int(Run* r, Slice arg, int64_t* out) noexcept nogil:
    """An integer argument, or Redis's error and False."""
    if resp_parse_i64(arg.ptr, arg.len, out):
        return True
    run_error(r, b"ERR value is not an integer or out of range")
    return False


cdef size_t lower_into(char* to, size_t cap, Slice name) noexcept nogil:
    """Lower-case copy; 0 if it does not fit (no command is that long)."""
    cdef size_t i
    if name.len > cap:
        return 0
    for i in range(name.len):
        to[i] = name.ptr[i] + 32 if 65 <= name.ptr[i] <= 90 else name.ptr[i]
    return name.len
