"""The RESP executor: parse, look up, run or queue, once for every whole request that there is.

    execute_resp --> drain held replies --> parse --> run_request --> handler   (resp_strings, resp_keys, ...)
                                                          |
                                                          +--> queue, between MULTI and EXEC

The table of commands is protocol/resp/commands.py, turned into rows when this module is imported; a command there
without a handler here, or the other way round, is an ImportError.  Deliberately not: knowing what a command does.

A partial request's parse state rests in Conn.mc_state (arguments, arguments walked) and Conn.mc_swallow (bytes
walked); MGET uses the same two words, with the top bit set, when its reader stops it half-way.
"""

from whimbrel.protocol.resp import commands as table

from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset, strlen
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, writer_init, writer_len, writer_room
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport (
    RESP_ARRAY, RESP_BAD, RESP_ERROR_QUOTES, RESP_INLINE, RESP_MORE, RespProgress, RespRequest, RespStatus,
    resp_inline_as_array, resp_inline_room, resp_next_arg, resp_parse_request, resp_put_crlf, resp_put_header,
    resp_put_null_array, resp_put_protocol_error,
)
from whimbrel.server.counters cimport (
    RESP_ERRORS, RESP_EXEC, RESP_EXEC_ABORTED, RESP_PROTOCOL_ERRORS, count,
)
from whimbrel.server.resp_connection cimport (
    admin, client_getname, client_id, client_no_evict, client_no_touch, client_reply, client_setinfo, client_setname,
    connection_auth, connection_echo, connection_hello, connection_ping, connection_quit, connection_select,
    connection_time,
)
from whimbrel.server.resp_keys cimport (
    keys_copy, keys_dbsize, keys_del, keys_exists, keys_expire, keys_expireat, keys_expiretime, keys_flush, keys_keys,
    keys_memory_usage, keys_object_encoding, keys_object_freq, keys_object_idletime, keys_object_refcount,
    keys_persist, keys_pexpire, keys_pexpireat, keys_pexpiretime, keys_pttl, keys_randomkey, keys_rename,
    keys_renamenx, keys_scan, keys_touch, keys_ttl, keys_type,
)
from whimbrel.server.resp_run cimport (
    REPLY_ON, REPLY_SKIP, REPLY_SKIPPING, ROW_NOW, RUN_ARGV, RUN_RETRIES,
    STEP_BLOCKED, STEP_CLOSE, STEP_DONE, Handler, Held, Queue, RespState, Row, Run, Step, find, held_begin, held_end,
    held_free, lower_into, queue_add, queue_free, reply_ok, room, run_error, run_error_about, run_state,
    state_free,
)
from whimbrel.server.resp_scripts cimport script_eval, script_evalsha, script_exists, script_flush, script_load
from whimbrel.server.resp_strings cimport (
    string_append, string_decr, string_decrby, string_get, string_getdel, string_getex, string_getrange, string_getset,
    string_incr, string_incrby, string_incrbyfloat, string_mget, string_mset, string_msetnx, string_psetex,
    string_set, string_setex, string_setnx, string_setrange, string_strlen,
)
from whimbrel.server.session cimport (
    BLOCKED, CLOSE, COMMANDS_MAX, REPLY_SMALL, RESP_COMMANDS, WANT_INPUT, count_command, exclusive_enter,
    exclusive_leave, memory_give, memory_take, reply_room,
)
from whimbrel.store.store cimport STORE_OK, View, store_token_given, store_validate

cdef enum:
    ROWS_MAX = 160
    LOOKUP_SLOTS = 512          # a power of two, at least twice ROWS_MAX: one or two looks find a name
    ROW_NAME = 23               # bytes of a row's name
    UNKNOWN_ARGS = 128          # bytes of an unknown command's arguments that its error repeats
    REFUSAL_BYTES = 64          # an error line of refuse_reply
    INLINE_STACK = 2048         # array form of a short inline command; longer ones borrow memory

cdef uint64_t MGET_AT = <uint64_t> 1 << 63


# The table

cdef Row rows[ROWS_MAX]
cdef int row_count = 0
cdef int16_t lookup[LOOKUP_SLOTS]


cdef inline uint32_t name_hash(const char* name, size_t n) noexcept nogil:
    cdef uint32_t h = 0x811c9dc5
    cdef size_t i
    for i in range(n):
        h = (h ^ <uint8_t> name[i]) * 0x01000193
    return h ^ h >> 15


cdef Row* row_named(const char* name, size_t n) noexcept nogil:
    cdef uint32_t at = name_hash(name, n) & (LOOKUP_SLOTS - 1)
    cdef Row* row
    while lookup[at] >= 0:
        row = &rows[lookup[at]]
        if row.name_len == n and memcmp(row.name, name, n) == 0:
            return row
        at = (at + 1) & (LOOKUP_SLOTS - 1)
    return NULL


cdef bint add_row(object command, int index) except False:
    global row_count
    cdef bytes name = command.full_name.encode()
    cdef Row* row = &rows[row_count]
    if row_count == ROWS_MAX or len(name) > ROW_NAME or index >= COMMANDS_MAX:
        raise ImportError(f"no room for the command {name}")
    memset(row, 0, sizeof(Row))
    memcpy(row.name, <const char*> name, len(name))
    row.name_len = <uint8_t> len(name)
    row.index = <uint8_t> index
    row.arity = command.arity
    row.container = not command.parent and command.name in table.CONTAINERS
    cdef uint32_t at = name_hash(row.name, row.name_len) & (LOOKUP_SLOTS - 1)
    while lookup[at] >= 0:
        at = (at + 1) & (LOOKUP_SLOTS - 1)
    lookup[at] = <int16_t> row_count
    row_count += 1
    return True


cdef bint make_rows() except False:
    cdef dict index = {}
    memset(lookup, -1, sizeof(lookup))
    for number, command in enumerate(table.COMMANDS):
        index[command.name] = RESP_COMMANDS + number
    for command in (*table.COMMANDS, *table.SUBCOMMANDS):
        add_row(command, index[command.parent or command.name])
    return True


cdef bint bind(const char* name, Handler handler, int flags=0) except False:
    cdef Row* row = row_named(name, strlen(name))
    if row == NULL or row.handler != NULL:
        raise ImportError(f"{name!r} is not in the table of commands, or bound twice")
    row.handler = handler
    row.flags |= <uint8_t> flags
    return True


cdef bint bind_strings() except False:
    bind(b"get", string_get)
    bind(b"mget", string_mget)
    bind(b"set", string_set)
    bind(b"setnx", string_setnx)
    bind(b"setex", string_setex)
    bind(b"psetex", string_psetex)
    bind(b"getset", string_getset)
    bind(b"getdel", string_getdel)
    bind(b"getex", string_getex)
    bind(b"mset", string_mset)
    bind(b"msetnx", string_msetnx)
    bind(b"append", string_append)
    bind(b"strlen", string_strlen)
    bind(b"getrange", string_getrange)
    bind(b"substr", string_getrange)
    bind(b"setrange", string_setrange)
    bind(b"incr", string_incr)
    bind(b"decr", string_decr)
    bind(b"incrby", string_incrby)
    bind(b"decrby", string_decrby)
    bind(b"incrbyfloat", string_incrbyfloat)
    return True


cdef bint bind_keys() except False:
    bind(b"del", keys_del)
    bind(b"unlink", keys_del)
    bind(b"exists", keys_exists)
    bind(b"touch", keys_touch)
    bind(b"type", keys_type)
    bind(b"expire", keys_expire)
    bind(b"pexpire", keys_pexpire)
    bind(b"expireat", keys_expireat)
    bind(b"pexpireat", keys_pexpireat)
    bind(b"ttl", keys_ttl)
    bind(b"pttl", keys_pttl)
    bind(b"expiretime", keys_expiretime)
    bind(b"pexpiretime", keys_pexpiretime)
    bind(b"persist", keys_persist)
    bind(b"rename", keys_rename)
    bind(b"renamenx", keys_renamenx)
    bind(b"copy", keys_copy)
    bind(b"randomkey", keys_randomkey)
    bind(b"dbsize", keys_dbsize)
    bind(b"flushall", keys_flush)
    bind(b"flushdb", keys_flush)
    bind(b"scan", keys_scan)
    bind(b"keys", keys_keys)
    bind(b"object|encoding", keys_object_encoding)
    bind(b"object|freq", keys_object_freq)
    bind(b"object|idletime", keys_object_idletime)
    bind(b"object|refcount", keys_object_refcount)
    bind(b"memory|usage", keys_memory_usage)
    return True


cdef bint bind_connection() except False:
    bind(b"ping", connection_ping)
    bind(b"echo", connection_echo)
    bind(b"select", connection_select)
    bind(b"auth", connection_auth)
    bind(b"hello", connection_hello)
    bind(b"time", connection_time)
    bind(b"client|id", client_id)
    bind(b"client|getname", client_getname)
    bind(b"client|setname", client_setname)
    bind(b"client|setinfo", client_setinfo)
    bind(b"client|reply", client_reply)
    bind(b"client|no-evict", client_no_evict)
    bind(b"client|no-touch", client_no_touch)
    bind(b"eval", script_eval)
    bind(b"evalsha", script_evalsha)
    bind(b"script|load", script_load)
    bind(b"script|exists", script_exists)
    bind(b"script|flush", script_flush)
    bind(b"quit", connection_quit, ROW_NOW)
    bind(b"reset", connection_reset, ROW_NOW)
    bind(b"multi", transaction_multi, ROW_NOW)
    bind(b"exec", transaction_exec, ROW_NOW)
    bind(b"discard", transaction_discard, ROW_NOW)
    bind(b"watch", transaction_watch, ROW_NOW)
    bind(b"unwatch", transaction_unwatch)
    return True


cdef bint bind_admin() except False:
    for name in ("info", "command", "client|list", "client|info", "client|kill", "config|get", "config|set",
                 "config|resetstat"):
        bind(name.encode(), admin)
    for command in (*table.COMMANDS, *table.SUBCOMMANDS):
        if command.name == "help" or command.parent == "command":
            bind(command.full_name.encode(), admin)
    return True


cdef bint every_row_is_bound() except False:
    cdef int i
    for i in range(row_count):
        if rows[i].handler == NULL and not rows[i].container:
            raise ImportError(f"the command {rows[i].name!r} has no handler")
    return True


# Looking up

cdef Step unknown_command(Run* r) noexcept nogil:
    """Redis's sentence: the name, and the arguments as far as 128 bytes of them go."""
    cdef Slice arg
    cdef uint8_t text[UNKNOWN_ARGS * 2 + 64]
    cdef Writer args
    cdef const uint8_t* at = r.first
    cdef size_t _i, k, left
    writer_init(&args, text, sizeof(text))
    resp_next_arg(&at)
    for _i in range(1, r.argc):
        if writer_len(&args) >= UNKNOWN_ARGS:
            break
        arg = resp_next_arg(&at)
        left = UNKNOWN_ARGS - writer_len(&args)
        put_byte(&args, 39)
        for k in range(min(arg.len, left)):
            if arg.ptr[k] == 0:
                break
            put_byte(&args, 32 if arg.ptr[k] == 13 or arg.ptr[k] == 10 else arg.ptr[k])
        put_bytes(&args, b"' ", 2)
    run_error_about(r, b"ERR unknown command '", r.argv[0], 128, b"', with args beginning with: ")
    r.w.pos -= 2
    put_bytes(r.w, text, writer_len(&args))
    resp_put_crlf(r.w)
    return STEP_DONE


cdef Step unknown_subcommand(Run* r, const Row* container) noexcept nogil:
    cdef char after[64]
    cdef size_t i
    memcpy(after, b"'. Try ", 7)
    for i in range(container.name_len):
        after[7 + i] = container.name[i] - 32 if 97 <= container.name[i] <= 122 else container.name[i]
    memcpy(after + 7 + container.name_len, b" HELP.\0", 7)
    return run_error_about(r, b"ERR unknown subcommand '", r.argv[1], 128, after)


cdef const Row* subcommand(Run* r, const Row* container) noexcept nogil:
    cdef char name[ROW_NAME]
    cdef size_t n = container.name_len + 1
    cdef size_t sub
    memcpy(name, container.name, container.name_len)
    name[n - 1] = 124
    sub = lower_into(name + n, ROW_NAME - n, r.argv[1])
    return row_named(name, n + sub) if sub else NULL


cdef const Row* find_row(Run* r) noexcept nogil:
    """The request's row, with its arity right; otherwise the error, and NULL."""
    cdef char name[ROW_NAME]
    cdef size_t n = lower_into(name, ROW_NAME, r.argv[0])
    cdef const Row* row = row_named(name, n) if n else NULL
    cdef const Row* container
    if row == NULL or memcmp(name, b"|", 1) == 0 or is_sub(row):
        unknown_command(r)
        return NULL
    if row.container and r.argc > 1:
        container = row
        row = subcommand(r, container)
        if row == NULL:
            unknown_subcommand(r, container)
            return NULL
    if (row.arity > 0 and r.argc != <size_t> row.arity) or r.argc < <size_t> abs_of(row.arity):
        run_error_about(r, b"ERR wrong number of arguments for '", slice_of(row.name, row.name_len), 32, b"' command")
        return NULL
    return row


cdef inline int abs_of(int n) noexcept nogil:
    return -n if n < 0 else n


cdef inline bint is_sub(const Row* row) noexcept nogil:
    """Whether this is `client|list`: a name that a request cannot say in one word."""
    cdef size_t i
    for i in range(row.name_len):
        if row.name[i] == 124:
            return True
    return False


# Running one request

cdef inline bint in_multi(Run* r) noexcept nogil:
    return r.state != NULL and r.state.in_multi != 0


cdef Step queue_request(Run* r, Slice raw) noexcept nogil:
    if not queue_add(r, &r.state.queue, raw.ptr, raw.len):
        r.state.abort = True
        return run_error(r, b"ERR the transaction is larger than the memory left for input")
    r.state.queue.entries += 1
    put_bytes(r.w, b"+QUEUED\r\n", 9)
    return STEP_DONE


cdef Step run_request(Run* r, Slice raw) noexcept nogil:
    cdef const Row* row = find_row(r)
    if row == NULL:
        if in_multi(r):
            r.state.abort = True
        return STEP_DONE
    r.row = row
    if in_multi(r) and not row.flags & ROW_NOW:
        return queue_request(r, raw)
    count_command(r.x, row.index)
    return row.handler(r)


cdef void request_into(Run* r, const RespRequest* request) noexcept nogil:
    r.argc = request.argc
    r.first = request.first


# Transactions

cdef Step connection_reset(Run* r) noexcept nogil:
    transaction_end(r)
    if r.state != NULL:
        r.state.name[0] = 0
        r.state.reply_mode = REPLY_ON
        r.state.no_touch = False
    r.c.resp_version = 2
    r.version = 2
    put_bytes(r.w, b"+RESET\r\n", 8)
    return STEP_DONE


cdef void transaction_end(Run* r) noexcept nogil:
    """Neither queued nor watching any more."""
    if r.state == NULL:
        return
    r.state.in_multi = False
    r.state.abort = False
    queue_free(r.x, &r.state.queue)
    queue_free(r.x, &r.state.watch)


cdef Step transaction_multi(Run* r) noexcept nogil:
    if in_multi(r):
        return run_error(r, b"ERR MULTI calls can not be nested")
    if run_state(r) == NULL:
        return run_error(r, b"ERR there is no memory left for what a connection may keep")
    r.state.in_multi = True
    r.state.abort = False
    return reply_ok(r)


cdef Step transaction_discard(Run* r) noexcept nogil:
    if not in_multi(r):
        return run_error(r, b"ERR DISCARD without MULTI")
    transaction_end(r)
    return reply_ok(r)


cdef Step transaction_unwatch(Run* r) noexcept nogil:
    if r.state != NULL:
        queue_free(r.x, &r.state.watch)
    return reply_ok(r)


# A watched key, as EXEC will want to find it; behind it come its bytes.  A token of 0: it was not there.
cdef struct Watched:
    uint64_t cas
    int64_t expire_ms
    size_t key_len


cdef void look_at(Run* r, Slice key, Watched* out) noexcept nogil:
    cdef uint64_t hash = 0
    cdef View v
    cdef int _attempt
    out.cas = 0
    out.expire_ms = 0
    out.key_len = key.len
    for _attempt in range(RUN_RETRIES):
        if find(r, key, &hash, &v) != STORE_OK:
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
    if in_multi(r):
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
        if now.cas != then.cas or now.expire_ms != then.expire_ms:
            return True
        at += then.key_len
    return False


cdef struct Mark:                   # where a queued command's reply begins
    bint holding
    size_t at


cdef Mark mark_reply(const Run* r) noexcept nogil:
    cdef Mark mark
    mark.holding = r.holding
    mark.at = writer_len(r.w)
    return mark


cdef bint refuse_reply(Run* r, const Mark* mark) noexcept nogil:
    """Put an error in place of a reply that found no memory; False if not even that fits."""
    if r.holding and not mark.holding:
        r.holding = False
        r.state.held.len = 0
        r.w = &r.x.out
    r.w.pos = r.w.base + mark.at
    r.w.overflow = False
    if writer_room(r.w) < REFUSAL_BYTES:
        return False
    run_error(r, b"ERR there is no memory left for this reply")
    return True


cdef void run_queued(Run* r, const RespRequest* request) noexcept nogil:
    """One command of a transaction.  Room first: a reply that does not fit x.out goes to the held buffer."""
    cdef Mark mark = mark_reply(r)
    cdef Step step = STEP_BLOCKED
    request_into(r, request)
    if room(r, REPLY_SMALL):
        r.start = writer_len(r.w)
        r.row = find_row(r)
        if r.row == NULL:
            return
        count_command(r.x, r.row.index)
        step = r.row.handler(r)
    if step == STEP_BLOCKED:
        refuse_reply(r, &mark)


cdef void run_queue(Run* r, Queue* queue) noexcept nogil:
    cdef RespProgress progress
    cdef RespRequest request
    cdef size_t at = 0
    cdef size_t used = 0
    cdef size_t need = 0
    resp_put_header(r.w, RESP_ARRAY, queue.entries)
    request.argv = r.argv
    request.argv_cap = RUN_ARGV
    while at < queue.len:
        memset(&progress, 0, sizeof(RespProgress))
        resp_parse_request(queue.base + at, queue.len - at, queue.len, queue.len + 1, &progress, &request, &used, &need)
        at += used
        r.reserve -= REFUSAL_BYTES
        run_queued(r, &request)


cdef Step transaction_exec(Run* r) noexcept nogil:
    """Everything is decided and done between exclusive_enter and _leave; nothing in between waits for the peer.

    Before, room for an error from each command is put by: after that, every command gets its place in the reply."""
    cdef Queue queue
    if not in_multi(r):
        return run_error(r, b"ERR EXEC without MULTI")
    if r.state.abort:
        transaction_end(r)
        return run_error(r, b"EXECABORT Transaction discarded because of previous errors.")
    count(r.x, RESP_EXEC)
    r.alone = True
    r.reserve = <size_t> REFUSAL_BYTES * r.state.queue.entries
    if not room(r, REPLY_SMALL):
        r.alone = False
        r.reserve = 0
        transaction_end(r)
        return run_error(r, b"EXECABORT there is no memory left for the transaction's replies")
    queue = r.state.queue
    memset(&r.state.queue, 0, sizeof(Queue))
    r.state.in_multi = False
    exclusive_enter(r.x)
    if watched_changed(r):
        count(r.x, RESP_EXEC_ABORTED)
        resp_put_null_array(r.w, r.version)
    else:
        queue_free(r.x, &r.state.watch)
        run_queue(r, &queue)
    r.alone = False
    r.reserve = 0
    exclusive_leave(r.x)
    queue_free(r.x, &queue)
    transaction_end(r)
    return STEP_DONE


# Replies that wait, and replies that are not wanted

cdef bint drain(Run* r) noexcept nogil:
    """Move the held reply to the worker's buffer, piece by piece; False if the peer has to read first."""
    cdef Held* held = &r.state.held
    cdef Writer* w
    cdef size_t n
    while held.sent < held.len:
        w = reply_room(r.x, r.c, min(held.len - held.sent, <size_t> REPLY_SMALL))
        if w == NULL:
            return False
        n = min(held.len - held.sent, writer_room(w))
        put_bytes(w, held.base + held.sent, n)
        held.sent += n
    return True


cdef bint mute(Run* r) noexcept nogil:
    """Before a request: whether its reply is not wanted.  It is composed all the same, aside."""
    if r.state == NULL or r.state.reply_mode == REPLY_ON:
        return False
    if r.state.reply_mode == REPLY_SKIP:
        r.state.reply_mode = REPLY_SKIPPING
    return held_begin(r)


cdef void unmute(Run* r) noexcept nogil:
    """After a muted request: drop its reply, unless it was the CLIENT REPLY ON that ends the silence."""
    if r.state.reply_mode == REPLY_ON:
        held_end(r)
        return
    if r.state.reply_mode == REPLY_SKIPPING:
        r.state.reply_mode = REPLY_ON
    held_free(r.x, &r.state.held)
    r.holding = False


cdef Step run_and_settle(Run* r, Slice raw) noexcept nogil:
    """Run a request and see where its reply went.  STEP_BLOCKED: wait for room (or for the held reply to drain)."""
    cdef bint muted = mute(r)
    cdef Mark mark = mark_reply(r)
    cdef Step step
    r.start = writer_len(r.w)
    r.no_touch = r.state != NULL and r.state.no_touch
    r.short_of_memory = False
    step = run_request(r, raw)
    if step == STEP_BLOCKED and r.short_of_memory:
        step = STEP_DONE if refuse_reply(r, &mark) else STEP_CLOSE
    if muted:
        unmute(r)
    elif r.holding:
        held_end(r)
    return step


# The loop

cdef inline size_t request_limit(const Context* x) noexcept nogil:
    return max(<size_t> RESP_REQUEST_MIN, <size_t> x.settings.max_item + RESP_REQUEST_EXTRA)


cdef Step protocol_error(Run* r, const RespRequest* bad) noexcept nogil:
    count(r.x, RESP_PROTOCOL_ERRORS)
    count(r.x, RESP_ERRORS)
    resp_put_protocol_error(r.w, bad)
    return STEP_CLOSE


cdef Step run_rewritten(Run* r, RespRequest* request, uint8_t* buffer, size_t size) noexcept nogil:
    """An inline command, as the array it means."""
    cdef RespProgress progress
    cdef Writer array
    cdef size_t used = 0
    cdef size_t need = 0
    writer_init(&array, buffer, size)
    if not resp_inline_as_array(request.line, &array):
        request.error = RESP_ERROR_QUOTES
        return protocol_error(r, request)
    memset(&progress, 0, sizeof(RespProgress))
    resp_parse_request(buffer, writer_len(&array), size, size + 1, &progress, request, &used, &need)
    if request.argc == 0:
        return STEP_DONE
    request_into(r, request)
    return run_and_settle(r, slice_of(buffer, used))


cdef Step run_inline(Run* r, RespRequest* request) noexcept nogil:
    cdef uint8_t small[INLINE_STACK]
    cdef size_t size = resp_inline_room(request.line.len)
    cdef uint8_t* buffer
    cdef Step step
    if size <= INLINE_STACK:
        return run_rewritten(r, request, small, INLINE_STACK)
    if not memory_take(r.x, size):
        return run_error(r, b"ERR there is no memory left for a long inline command")
    buffer = <uint8_t*> malloc(size)
    step = STEP_DONE
    if buffer == NULL:
        run_error(r, b"ERR there is no memory left for a long inline command")
    else:
        step = run_rewritten(r, request, buffer, size)
    free(buffer)
    memory_give(r.x, size)
    return step


cdef inline void progress_load(const Conn* c, RespProgress* progress) noexcept nogil:
    if c.mc_state & MGET_AT:
        memset(progress, 0, sizeof(RespProgress))
        return
    progress.argc = <uint32_t> (c.mc_state >> 32)
    progress.done = <uint32_t> c.mc_state
    progress.offset = c.mc_swallow


cdef inline void progress_save(Conn* c, const RespProgress* progress) noexcept nogil:
    c.mc_state = <uint64_t> progress.argc << 32 | progress.done
    c.mc_swallow = progress.offset


cdef Step one_request(Run* r, const uint8_t* data, size_t n, RespRequest* request, size_t* used,
                      size_t* need, bint* partial) noexcept nogil:
    """Parse and run the request at `data`; `used` is its length, or `partial` is set."""
    cdef RespProgress progress
    cdef RespStatus status
    progress_load(r.c, &progress)
    status = resp_parse_request(
        data, n, r.x.settings.max_item, request_limit(r.x), &progress, request, used, need)
    if status == RESP_MORE:
        progress_save(r.c, &progress)
        partial[0] = True
        return STEP_DONE
    if not r.c.mc_state & MGET_AT:
        r.c.mc_state = r.c.mc_swallow = 0
    r.request = used[0]
    if status == RESP_BAD:
        return protocol_error(r, request)
    if status == RESP_INLINE:
        return run_inline(r, request)
    if request.argc == 0:
        return STEP_DONE
    request_into(r, request)
    return run_and_settle(r, slice_of(data, used[0]))


cdef bint settle_held(Run* r, size_t* at) noexcept nogil:
    """Drain what an earlier request left, and count that as consumed; False: the peer has to read first."""
    if r.state == NULL or r.state.held.len == 0:
        return True
    if not drain(r):
        return False
    at[0] += r.state.held.request
    held_free(r.x, &r.state.held)
    return True


cdef Outcome execute_resp(
    Context* x, Conn* c, const uint8_t* data, size_t n, size_t* consumed, size_t* need
) noexcept nogil:
    cdef Slice argv[RUN_ARGV]
    cdef RespRequest request
    cdef Run r
    cdef size_t used = 0
    cdef bint partial = False
    cdef Step step
    memset(&r, 0, sizeof(Run))
    r.x = x
    r.c = c
    r.state = <RespState*> c.resp
    r.version = c.resp_version
    r.argv = argv
    request.argv = argv
    request.argv_cap = RUN_ARGV
    consumed[0] = 0
    need[0] = 0
    while True:
        if not settle_held(&r, consumed):
            return BLOCKED
        if consumed[0] >= n:
            return WANT_INPUT
        r.w = reply_room(x, c, REPLY_SMALL)
        if r.w == NULL:
            return BLOCKED
        step = one_request(&r, data + consumed[0], n - consumed[0], &request, &used, need, &partial)
        if partial:
            return WANT_INPUT
        need[0] = 0
        if step == STEP_BLOCKED:
            return BLOCKED
        if step == STEP_CLOSE:
            consumed[0] = n
            return CLOSE
        if r.state == NULL or r.state.held.len == 0:
            consumed[0] += used


cdef void resp_close(Context* x, Conn* c) noexcept nogil:
    if c.resp != NULL:
        state_free(x, <RespState*> c.resp)
        c.resp = NULL


cdef void resp_client_words(const Conn* c, ClientWords* words) noexcept nogil:
    cdef const RespState* state = <const RespState*> c.resp
    memset(words, 0, sizeof(ClientWords))
    words.multi = -1
    if state == NULL:
        return
    memcpy(words.name, state.name, sizeof(words.name) - 1)
    memcpy(words.lib_name, state.lib_name, sizeof(words.lib_name) - 1)
    memcpy(words.lib_version, state.lib_version, sizeof(words.lib_version) - 1)
    words.multi = <int> state.queue.entries if state.in_multi else -1
    words.watching = <int> state.watch.entries


make_rows()
bind_strings()
bind_keys()
bind_connection()
bind_admin()
every_row_is_bound()
