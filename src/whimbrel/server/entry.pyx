"""An entry of the slab: opening and closing it, and the bytes a connection holds between two events.

    kept    unconsumed input: exactly its bytes, or for a large request a buffer of its known size
    tail    unsent replies

Each comes from one account of the worker.  Whoever finds an account short has three ways, in this order: wait
(park), have stalled holders closed (relieve), leave the bytes in the socket (leave).  Only what can neither wait nor
stay there costs its own connection.
"""

from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy, memmove, memset
from whimbrel.base.atomic cimport fetch_add_relaxed64, fetch_sub64
from whimbrel.net.loop cimport close, loop_add_stream
from whimbrel.net.stream cimport stream_read
from whimbrel.server.contract cimport Conn
from whimbrel.server.counters cimport (
    BYTES_IN, CLOSED_NO_MEMORY, CLOSED_OVERSIZED, CLOSED_SLOW_READER, CLOSED_STALLED_SENDER,
    CONNECTIONS_CLOSED, CONNECTIONS_OPENED, PARKED_FOR_INPUT, PARKED_FOR_OUTPUT, count, count_many,
)
from whimbrel.server.state cimport (
    GONE, KEPT_SLACK_BYTES, QUEUE_PARKED_INPUT, QUEUE_PARKED_OUTPUT, QUEUE_PARKED_SMALL, READABLE,
    SCRATCH_IN_BYTES, SMALL_GRACE_MS, SWEEP_ENTRIES, WRITABLE, Account, Worker, account_give,
    account_take, buffer_give, buffer_take, charge_of, input_credit, list_add, list_remove, now_ms_of,
)


# Opening and closing

cdef Conn* connection_open(Worker* w, int fd, bint unix_socket) noexcept nogil:
    """An entry for an accepted descriptor, which is ours from here on; NULL (and closed) if that fails."""
    cdef Conn* c
    cdef uint32_t generation
    if w.free_first:
        c = &w.slab[w.free_first - 1]
        w.free_first = c.next
    elif w.slab_used < w.slab_len:
        c = &w.slab[w.slab_used]
        w.slab_used += 1
    else:
        fetch_sub64(&w.connections, 1)
        close(fd)
        return NULL
    generation = c.generation + 1
    memset(c, 0, sizeof(Conn))
    c.fd = fd
    c.generation = generation
    c.unix_socket = unix_socket
    c.resp_version = 2
    c.id = fetch_add_relaxed64(&w.gate.next_conn_id, 1) + 1
    c.opened_ms = c.active_ms = now_ms_of(w)
    c.flags = WRITABLE
    count(&w.x, CONNECTIONS_OPENED)
    if not loop_add_stream(&w.loop, fd, <uint64_t> generation << 32 | <uint32_t> (c - w.slab + 1)):
        connection_close(w, c)
        return NULL
    return c


cdef inline Account* kept_account(Worker* w, size_t cap) noexcept nogil:
    return &w.small if cap <= SCRATCH_IN_BYTES else &w.input


cdef void kept_drop(Worker* w, Conn* c) noexcept nogil:
    if c.kept != NULL:
        buffer_give(kept_account(w, c.kept_cap), c.kept, c.kept_cap)
        c.kept = NULL
    c.kept_len = c.kept_cap = c.need = 0


cdef void tail_drop(Worker* w, Conn* c) noexcept nogil:
    if c.tail != NULL:
        buffer_give(&w.output, c.tail, c.tail_cap)
        c.tail = NULL
    c.tail_len = c.tail_cap = c.tail_sent = 0


cdef void connection_close(Worker* w, Conn* c) noexcept nogil:
    """Give back everything it holds; the entry is free afterwards."""
    if c.protocol and w.closers[c.protocol] != NULL:
        w.closers[c.protocol](&w.x, c)
    list_remove(w, c)
    kept_drop(w, c)
    tail_drop(w, c)
    close(c.fd)
    c.fd = -1
    c.generation += 1       # events and messages that still name it are stale
    c.next = w.free_first
    w.free_first = <uint32_t> (c - w.slab) + 1
    fetch_sub64(&w.connections, 1)
    count(&w.x, CONNECTIONS_CLOSED)


# Memory between two events

cdef void relieve(Worker* w, Conn* needy, Account* account, size_t n) noexcept nogil:
    """Close stalled holders among the next entries of the slab, until n bytes can be had."""
    cdef Conn* c
    cdef uint32_t turns = min(w.slab_used, <uint32_t> SWEEP_ENTRIES)
    cdef bint input = account != &w.output
    while turns and account.limit - account.used < charge_of(n):
        turns -= 1
        w.sweep_at = w.sweep_at + 1 if w.sweep_at + 1 < w.slab_used else 0
        c = &w.slab[w.sweep_at]
        if c.fd < 0 or c == needy or c.queue >= QUEUE_PARKED_SMALL or (c.kept if input else c.tail) == NULL:
            continue
        if now_ms_of(w) > c.held_ms + SMALL_GRACE_MS:
            count(&w.x, CLOSED_STALLED_SENDER if input else CLOSED_SLOW_READER)
            connection_close(w, c)


cdef uint8_t* buffer_insist(Worker* w, Conn* c, Account* account, size_t n) noexcept nogil:
    """A small buffer that cannot be waited for; at the worst the connection is closed."""
    cdef uint8_t* p = buffer_take(account, n)
    if p == NULL:
        relieve(w, c, account, n)
        p = buffer_take(account, n)
    if p == NULL:
        count(&w.x, CLOSED_NO_MEMORY)
        c.flags |= GONE
    return p


cdef void park(Worker* w, Conn* c, uint32_t queue, size_t want) noexcept nogil:
    cdef Account* account = &w.output if queue == QUEUE_PARKED_OUTPUT else kept_account(w, want)
    if want > UINT32_MAX or charge_of(want) > account.limit:
        count(&w.x, CLOSED_OVERSIZED)
        c.flags |= GONE
        return
    list_remove(w, c)
    c.want = <uint32_t> want
    list_add(w, c, queue)
    count(&w.x, PARKED_FOR_OUTPUT if queue == QUEUE_PARKED_OUTPUT else PARKED_FOR_INPUT)


cdef bint kept_fits(Worker* w, Conn* c, size_t cap) noexcept nogil:
    """Whether kept can have `cap` bytes now, given that it gives back what it has."""
    return w.input.used - input_credit(c) + charge_of(cap) <= w.input.limit


cdef bint kept_grow(Worker* w, Conn* c, size_t cap) noexcept nogil:
    """Room for `cap` bytes in kept; otherwise the connection is parked (or GONE, if it never can)."""
    cdef Account* before = kept_account(w, c.kept_cap)
    cdef uint8_t* bigger = NULL
    if kept_fits(w, c, cap):
        bigger = <uint8_t*> realloc(c.kept, cap)    # above MAPPED_BYTES the pages move, not the bytes
    if bigger == NULL:
        park(w, c, QUEUE_PARKED_INPUT, cap)
        return False
    account_give(before, charge_of(c.kept_cap))
    account_take(&w.input, charge_of(cap))
    c.kept = bigger
    c.kept_cap = <uint32_t> cap
    return True


cdef void kept_shrink(Worker* w, Conn* c, const uint8_t* data, size_t n) noexcept nogil:
    """Keep n bytes of a large kept in itself: a second large buffer beside it may never fit the account."""
    cdef uint8_t* smaller
    if data == c.kept:
        return                  # nothing was consumed: the rest of this request will want the room
    memmove(c.kept, data, n)
    smaller = <uint8_t*> realloc(c.kept, n)
    if smaller == NULL:
        return
    account_give(&w.input, charge_of(c.kept_cap) - charge_of(n))
    c.kept = smaller
    c.kept_cap = <uint32_t> n
    c.held_ms = now_ms_of(w)
    c.progress = 0


cdef void keep(Worker* w, Conn* c, const uint8_t* data, size_t n, size_t need) noexcept nogil:
    """Keep the unconsumed `n` bytes at `data`, which may lie in kept itself."""
    cdef uint8_t* exact
    if n == 0:
        kept_drop(w, c)
        return
    if c.kept_cap >= n and c.kept_cap - n < KEPT_SLACK_BYTES:   # about the right size: move down in place
        memmove(c.kept, data, n)
    elif n > SCRATCH_IN_BYTES and c.kept != NULL and c.kept <= data < c.kept + c.kept_cap:
        kept_shrink(w, c, data, n)
    else:
        exact = buffer_insist(w, c, kept_account(w, n), n)
        if exact == NULL:
            return
        memcpy(exact, data, n)
        kept_drop(w, c)
        c.kept = exact
        c.kept_cap = <uint32_t> n
        c.held_ms = now_ms_of(w)
        c.progress = 0
    c.kept_len = <uint32_t> n
    c.need = <uint32_t> min(need, <size_t> UINT32_MAX)
    if charge_of(need) > w.input.limit:
        count(&w.x, CLOSED_OVERSIZED)
        c.flags |= GONE


cdef void leave(Worker* w, Conn* c, size_t consumed, size_t n) noexcept nogil:
    """After a peek: take what was executed off the socket, and leave the rest there until memory is back."""
    if consumed >= c.kept_len:
        consumed -= c.kept_len
        kept_drop(w, c)
        if consumed and stream_read(c.fd, w.scratch_in, consumed) != <ssize_t> consumed:
            c.flags |= GONE
    elif consumed:
        c.kept_len -= <uint32_t> consumed
        memmove(c.kept, c.kept + consumed, c.kept_len)
    n -= c.kept_len             # what is left in the socket was counted as read, and will be again
    c.bytes_in -= n
    count_many(&w.x, BYTES_IN, <uint64_t> 0 - n)
    if n:
        c.flags |= READABLE
        c.need = 0
        if c.tail == NULL and not c.flags & GONE:
            park(w, c, QUEUE_PARKED_SMALL, SCRATCH_IN_BYTES)
