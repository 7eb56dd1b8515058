"""The RESP executor: parse, look up, run or queue, once for every whole request that there is.

    execute_resp --> drain held replies --> parse --> run_request --> handler   (resp_strings, resp_keys, ...)
                                                          |
                                                          +--> queue, between MULTI and EXEC

The table of commands and their handlers is resp_table.  Deliberately not: knowing what a command does.

A partial request's parse state rests in Conn.mc_state (arguments, arguments walked) and Conn.mc_swallow (bytes
walked); MGET uses the same two words, with the top bit set, when its reader stops it half-way.
"""

from libc.stdint cimport uint32_t, uint64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, writer_init, writer_len, writer_room
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport (
    RESP_ARRAY, RESP_BAD, RESP_ERROR_QUOTES, RESP_INLINE, RESP_MORE, RespProgress, RespRequest, RespStatus,
    resp_inline_as_array, resp_inline_room, resp_next_arg, resp_parse_request, resp_put_crlf, resp_put_header,
    resp_put_null_array, resp_put_protocol_error,
)
from whimbrel.server.counters cimport RESP_ERRORS, RESP_EXEC, RESP_EXEC_ABORTED, RESP_PROTOCOL_ERRORS, count
from whimbrel.server.resp_run cimport (
    REPLY_ON, REPLY_SKIP, REPLY_SKIPPING, ROW_NOW, RUN_ARGV, STEP_BLOCKED, STEP_CLOSE, STEP_DONE, Held, Queue,
    RespState, Row, Run, Step, held_begin, held_end, held_free, lower_into, queue_add, queue_free, reply_ok, room,
    run_error, run_error_about, run_state, state_free,
)
from whimbrel.server.resp_table cimport ROW_NAME, bind, every_row_is_bound, row_named
from whimbrel.server.resp_watch cimport transaction_unwatch, transaction_watch, watched_changed
from whimbrel.server.session cimport (
    BLOCKED, CLOSE, REPLY_SMALL, WANT_INPUT, clock_check, count_command, exclusive_enter, exclusive_leave, memory_give,
    memory_take, reply_room,
)

cdef enum:
    UNKNOWN_ARGS = 128          # bytes of an unknown command's arguments that its error repeats
    REFUSAL_BYTES = 64          # an error line of refuse_reply
    INLINE_STACK = 2048         # array form of a short inline command; longer ones borrow memory

cdef uint64_t MGET_AT = <uint64_t> 1 << 63


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
    cdef Step step
    if row == NULL:
        if in_multi(r):
            r.state.abort = True
        return STEP_DONE
    r.row = row
    if in_multi(r) and not row.flags & ROW_NOW:
        return queue_request(r, raw)
    step = row.handler(r)
    if step != STEP_BLOCKED:
        count_command(r.x, row.index)       # once, however often it is tried
    return step


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
        held_free(r.x, &r.state.held)       # it was empty before this reply
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
    clock_check(r.x)
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


cdef inline bint unwanted(Run* r) noexcept nogil:
    return r.state != NULL and r.state.reply_mode != REPLY_ON


cdef bint mute(Run* r) noexcept nogil:
    """Before a request whose reply is not wanted: it is composed all the same, aside.  False: no memory for that."""
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
    cdef bint muted = unwanted(r)
    cdef Mark mark
    cdef Step step
    if muted and not mute(r):
        return STEP_CLOSE       # a reply that nobody expects would be taken for the next one's
    mark = mark_reply(r)
    r.end = raw.ptr + raw.len
    r.start = writer_len(r.w)
    r.no_touch = r.state != NULL and r.state.no_touch
    r.short_of_memory = False
    step = run_request(r, raw)
    if step == STEP_BLOCKED and r.short_of_memory:
        count_command(r.x, r.row.index)
        step = STEP_DONE if refuse_reply(r, &mark) else STEP_CLOSE
    if muted:
        unmute(r)
    elif r.holding:
        held_end(r)
    return step


# The loop

cdef inline size_t request_limit(const Context* x) noexcept nogil:
    """Generous, but never more than the worker's memory for input holds: that is said while it can be said."""
    cdef size_t limit = max(<size_t> RESP_REQUEST_MIN, <size_t> x.settings.max_item + RESP_REQUEST_EXTRA)
    return min(limit, <size_t> x.settings.max_request) if x.settings.max_request else limit


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


cdef Step no_inline_memory(Run* r) noexcept nogil:
    """An error line; but not inside an array that an MGET has begun to send: that can only be broken off."""
    if r.c.mc_state & MGET_AT:
        return STEP_CLOSE
    return run_error(r, b"ERR there is no memory left for a long inline command")


cdef Step run_inline(Run* r, RespRequest* request) noexcept nogil:
    cdef uint8_t small[INLINE_STACK]
    cdef size_t size = resp_inline_room(request.line.len)
    cdef uint8_t* buffer
    cdef Step step
    if size <= INLINE_STACK:
        return run_rewritten(r, request, small, INLINE_STACK)
    if not memory_take(r.x, size):
        return no_inline_memory(r)
    buffer = <uint8_t*> malloc(size)
    if buffer == NULL:
        step = no_inline_memory(r)
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


cdef Step run_parsed(Run* r, const uint8_t* data, RespStatus status, RespRequest* request) noexcept nogil:
    if (status == RESP_BAD or status == RESP_MORE) and r.c.mc_state & MGET_AT:
        return STEP_CLOSE       # half of its reply is sent, and a limit has been lowered since
    if status == RESP_BAD:
        return protocol_error(r, request)
    if status == RESP_INLINE:
        return run_inline(r, request)
    if request.argc == 0:
        return STEP_DONE
    request_into(r, request)
    return run_and_settle(r, slice_of(data, r.request))


cdef Step one_request(Run* r, const uint8_t* data, size_t n, RespRequest* request, size_t* used,
                      size_t* need, bint* partial) noexcept nogil:
    """Parse and run the request at `data`; `used` is its length, or `partial` is set."""
    cdef RespProgress progress
    cdef RespStatus status
    cdef Step step
    progress_load(r.c, &progress)
    status = resp_parse_request(
        data, n, r.x.settings.max_item, request_limit(r.x), &progress, request, used, need)
    if status == RESP_MORE and not r.c.mc_state & MGET_AT:
        progress_save(r.c, &progress)
        partial[0] = True
        return STEP_DONE
    if not r.c.mc_state & MGET_AT:
        r.c.mc_state = r.c.mc_swallow = 0
    r.request = used[0]
    step = run_parsed(r, data, status, request)
    if step != STEP_BLOCKED:
        r.c.mc_state = r.c.mc_swallow = 0       # a place in this request means nothing in the next
    return step


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


cdef bint bind_transactions() except False:
    bind(b"reset", connection_reset, ROW_NOW)
    bind(b"multi", transaction_multi, ROW_NOW)
    bind(b"exec", transaction_exec, ROW_NOW)
    bind(b"discard", transaction_discard, ROW_NOW)
    bind(b"watch", transaction_watch, ROW_NOW)
    bind(b"unwatch", transaction_unwatch)
    return True


bind_transactions()
every_row_is_bound()
