# What a protocol executor and the event loop agree on.
#
# The worker reads into its scratch buffer, takes the bytes of one connection (its kept partial request first)
# and calls the executor of the connection's protocol.  The executor parses and executes as many whole
# requests as there are, composes replies into the worker's output, and says how far it came:
#
#     execute_memcache(x, c, data, n, &consumed, &need)  -> Outcome
#     execute_resp    (x, c, data, n, &consumed, &need)  -> Outcome
#
#   consumed   bytes of data that are done with.  The worker keeps the rest (and only the rest).
#   need       when more input is wanted: total bytes, from the first unconsumed one, that the next request
#              is known to have (0: unknown).  The worker sizes the kept buffer by it, within its limits, and
#              does not call again before that many bytes are there.
#
# Replies: reply_room(x, c, n) gives a Writer with at least n bytes of contiguous room, sending what is
# composed so far if it must; NULL means the peer does not read (or memory for tails is short): the executor
# stops *before* the request it could not answer and returns BLOCKED; it is called again with those bytes
# once there is room.  A request is never executed twice: get the room first, then execute.

from libc.stdint cimport uint64_t
from whimbrel.base.buffer cimport Writer, writer_room
from whimbrel.server.contract cimport (
    BLOCKED, CLOCK_EVERY, CLOSE, COMMANDS_MAX, REPLY_SMALL, RESP_COMMANDS, WANT_INPUT, Conn, ConnClosed,
    Context, Executor, Outcome, Settings,
)
from whimbrel.store.store cimport store_now_ms

cdef Writer* reply_room_slow(Context* x, Conn* c, size_t n) noexcept nogil

# Whoever did something slow (scanned, evicted, sent, took the GIL) sets clock_in to 0: before the next request the
# clock is read again.
cdef inline void clock_check(Context* x) noexcept nogil:
    if x.clock_in == 0:
        x.clock_in = CLOCK_EVERY
        x.now_ms = store_now_ms(x.store)


cdef inline Writer* reply_room(Context* x, Conn* c, size_t n) noexcept nogil:
    clock_check(x)
    x.clock_in -= 1
    if writer_room(&x.out) >= n and not x.out.overflow:
        return &x.out
    return reply_room_slow(x, c, n)


cdef inline void count_command(Context* x, int command) noexcept nogil:
    x.batch[command] += 1
    x.batch_seen[command >> 6] |= <uint64_t> 1 << (command & 63)


# Memory that a connection holds between requests (a MULTI queue, a name) is taken from the worker's budget
# for input, so that it has a bound; False: there is none left, answer so.  Give back exactly what was taken.
cdef bint memory_take(Context* x, size_t n) noexcept nogil
cdef void memory_give(Context* x, size_t n) noexcept nogil

# EXEC among workers: between enter and leave no other worker executes a request.  Bounded by the slowest
# batch in flight.
cdef void exclusive_enter(Context* x) noexcept nogil
cdef void exclusive_leave(Context* x) noexcept nogil

# The Python Server object of this process (server/server.pyx) for rare commands: clients(), kill(id),
# settings, stats().  None before the start has finished.
cdef object context_server(Context* x)
