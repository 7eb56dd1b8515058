"""One connection, from its first byte to its descriptor's close.

    open -> read once -> execute everything whole -> send once -> (idle, holding nothing)

What interrupts that line, and what is then kept:

    a partial request           kept: its bytes; a large one's buffer doubles as they arrive
    the peer does not read      tail: the unsent replies, and in kept the requests not executed (STOPPED);
                                nothing more is read until the tail is gone
    memory is short             parked: in a queue until its account has room; nothing is read (or it is peeked
                                at, so that whole requests are served and the rest stays in the kernel)
    refused or quit             lingering: what the peer still sends is dropped until it closes

Every step may find the connection GONE; only settle() closes it, so nobody uses a closed entry.
Deliberately not: verbs.  What bytes mean is the executor's business.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, strlen
from whimbrel.base.atomic cimport cas64, load_relaxed64
from whimbrel.base.buffer cimport put_bytes, writer_len
from whimbrel.base.histogram cimport histogram_record
from whimbrel.net.loop cimport EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP
from whimbrel.net.stream cimport (
    STREAM_AGAIN, STREAM_CLOSED, stream_finish_writing, stream_peek, stream_read, stream_write,
)
from whimbrel.server.contract cimport BLOCKED, CLOCK_EVERY, CLOSE, Conn, Context, Outcome
from whimbrel.server.counters cimport (
    BATCHES, BLOCKED_ON_PEER, BYTES_IN, BYTES_OUT, CLOSED_OVERSIZED, READS, REFUSED_BINARY, REFUSED_HTTP, REFUSED_TLS,
    WRITES, count, count_many,
)
from whimbrel.server.detect cimport (
    DETECT_BINARY, DETECT_HTTP, DETECT_MEMCACHE, DETECT_MORE, DETECT_RESP, Detected, detect,
)
from whimbrel.server.entry cimport (
    buffer_insist, connection_close, keep, kept_drop, kept_fits, kept_grow, leave, park, tail_drop,
)
from whimbrel.server.gate cimport gate_disown, gate_enter, gate_leave, gate_own
from whimbrel.server.replies cimport big_release, out_reset, out_send
from whimbrel.server.state cimport (
    ENDED, ENDING, GONE, HUNG_UP, KEPT_STEP_BYTES, LINGERING, PROGRESS_BYTES, QUEUE_NONE, QUEUE_PARKED_OUTPUT,
    QUEUE_PARKED_SMALL, QUEUE_READY, READABLE, SCRATCH_IN_BYTES, STOPPED, WRITABLE, Worker,
    charge_of, largest_of, list_add, list_remove, now_ms_of,
)
from whimbrel.store.store cimport store_flush, store_now_ms

cdef enum:
    CLOSING_CLEAN = 1       # Conn.closing: nothing more is expected from the peer: close at once if all was read
    CLOSING_REFUSED = 2     # it may be sending still: linger, or the reset would take our line along

cdef const char* BINARY_LINE = b"ERROR the binary memcache protocol is not spoken here, use the text or meta one\r\n"
cdef const char* HTTP_LINE = b"ERROR this port speaks memcache and RESP; HTTP is on the admin port (--admin)\r\n"
cdef const char* RESP_SIZE_LINE = b"-ERR Protocol error: request too large\r\n"
cdef const char* MEMCACHE_SIZE_LINE = b"SERVER_ERROR request too large\r\n"
cdef const char* TLS_LINE = b"ERROR this port does not speak TLS\r\n"


# Output

cdef void out_keep(Worker* w, Conn* c) noexcept nogil:
    """What the peer did not take becomes the connection's tail: a large reply's buffer itself, or a copy."""
    cdef Context* x = &w.x
    cdef size_t n = writer_len(&x.out)
    if x.out.base == w.big:
        c.tail = w.big
        c.tail_cap = <uint32_t> w.big_cap
        c.tail_len = <uint32_t> n
        c.tail_sent = <uint32_t> w.out_sent
        w.big = NULL
        w.big_cap = 0
    else:
        n -= w.out_sent
        c.tail = buffer_insist(w, c, &w.output, n)
        if c.tail != NULL:
            memcpy(c.tail, x.out.base + w.out_sent, n)
            c.tail_cap = c.tail_len = <uint32_t> n
            c.tail_sent = 0
    c.held_ms = now_ms_of(w)
    c.progress = 0
    out_reset(w)


cdef bint tail_send(Worker* w, Conn* c) noexcept nogil:
    """Send unsent replies; True when none are left."""
    cdef ssize_t n
    while c.tail_sent < c.tail_len:
        n = stream_write(c.fd, c.tail + c.tail_sent, c.tail_len - c.tail_sent)
        count(&w.x, WRITES)
        if n == STREAM_AGAIN:
            c.flags &= ~<uint32_t> WRITABLE
            return False
        if n < 0:
            c.flags |= GONE
            return False
        c.tail_sent += <uint32_t> n
        c.bytes_out += <uint64_t> n
        count_many(&w.x, BYTES_OUT, <uint64_t> n)
        progressed(w, c, <size_t> n)
    tail_drop(w, c)
    return True


cdef void progressed(Worker* w, Conn* c, size_t n) noexcept nogil:
    """A holder that moves a few bytes now and then does not count as moving."""
    c.active_ms = now_ms_of(w)
    c.progress += <uint32_t> n
    if c.progress >= PROGRESS_BYTES:
        c.progress = 0
        c.held_ms = c.active_ms


cdef void linger(Worker* w, Conn* c) noexcept nogil:
    """Drop what the peer still sends, so that closing does not reset away our last reply."""
    cdef ssize_t n
    if not c.flags & READABLE:
        return
    n = stream_read(c.fd, w.scratch_in, SCRATCH_IN_BYTES)
    if n == STREAM_AGAIN:
        c.flags &= ~<uint32_t> READABLE
    elif n <= 0:
        c.flags |= GONE


# Executing

cdef void refuse(Worker* w, Conn* c, int counter, const char* line) noexcept nogil:
    put_bytes(&w.x.out, line, strlen(line))
    if counter >= 0:
        count(&w.x, counter)
    c.closing = CLOSING_REFUSED


cdef void refuse_size(Worker* w, Conn* c) noexcept nogil:
    """A request that the memory for input never holds: say so, then close."""
    count(&w.x, CLOSED_OVERSIZED)
    kept_drop(w, c)
    if c.tail != NULL:
        c.closing = CLOSING_REFUSED     # replies are waiting: nothing can be put behind them without more memory
        return
    refuse(w, c, -1, RESP_SIZE_LINE if c.protocol == DETECT_RESP else MEMCACHE_SIZE_LINE)
    if not out_send(w, c):
        c.flags |= GONE
        out_reset(w)


cdef void flush_when_due(Worker* w) noexcept nogil:
    """A pending delayed flush, inside the gate: alone, so that no write from after its time is lost."""
    cdef uint64_t at_ms = load_relaxed64(&w.x.settings.flush_at_ms)
    if at_ms == 0 or w.x.now_ms < <int64_t> at_ms:
        return
    gate_own(w)
    if cas64(&w.x.settings.flush_at_ms, at_ms, 0):
        store_flush(w.x.store)
    w.x.now_ms = store_now_ms(w.x.store)
    gate_disown(w)


cdef bint known_protocol(Worker* w, Conn* c, const uint8_t* data, size_t n) noexcept nogil:
    """False: more bytes are needed, or the peer was refused (closing)."""
    cdef Detected found = detect(data, n)
    if found == DETECT_MEMCACHE or found == DETECT_RESP:
        c.protocol = <uint8_t> found
        return True
    if found == DETECT_BINARY:
        refuse(w, c, REFUSED_BINARY, BINARY_LINE)
    elif found == DETECT_HTTP:
        refuse(w, c, REFUSED_HTTP, HTTP_LINE)
    elif found != DETECT_MORE:
        refuse(w, c, REFUSED_TLS, TLS_LINE)
    return False


cdef void execute(Worker* w, Conn* c, const uint8_t* data, size_t n) noexcept nogil:
    """Execute what is whole in the n bytes at data, send the replies, keep the rest."""
    cdef Context* x = &w.x
    cdef Outcome outcome = <Outcome> 0
    cdef size_t consumed = 0, need = 0
    w.peer_full = False
    w.parked_want = 0
    w.batch_sent = 0
    if c.protocol or known_protocol(w, c, data, n):
        gate_enter(w)
        x.clock_in = CLOCK_EVERY
        x.now_ms = store_now_ms(x.store)    # behind the gate: it may have waited there
        flush_when_due(w)
        outcome = w.executors[c.protocol](x, c, data, n, &consumed, &need)
        gate_leave(w)
        count(x, BATCHES)
    if not out_send(w, c):
        if c.flags & GONE:
            out_reset(w)        # its replies must not be the next connection's
            return
        out_keep(w, c)
    if outcome == CLOSE or c.closing:
        c.closing = max(c.closing, <uint8_t> CLOSING_CLEAN)
        if w.peeking and stream_read(c.fd, w.scratch_in, n - c.kept_len) < 0:
            c.flags |= GONE     # (unread bytes would make the close a reset that takes the last reply along)
        kept_drop(w, c)
        return
    if w.peeking:
        leave(w, c, consumed, n - consumed)
        return
    if outcome != BLOCKED and charge_of(need) > w.input.limit:
        refuse_size(w, c)
        return
    keep(w, c, data + consumed, n - consumed, 0 if outcome == BLOCKED else need)
    if outcome == BLOCKED:
        c.flags |= STOPPED
        if c.tail != NULL:
            count(x, BLOCKED_ON_PEER)
        elif w.parked_want and not c.flags & GONE:
            big_release(w)
            park(w, c, QUEUE_PARKED_OUTPUT, w.parked_want)


# Input

cdef bint kept_extend(Worker* w, Conn* c) noexcept nogil:
    """A larger kept: of the known size, twice as large, or a step larger where there is not as much."""
    cdef size_t most = largest_of(w.input.limit)
    cdef size_t step = min(<size_t> c.kept_cap + KEPT_STEP_BYTES, most)
    cdef size_t wanted = min(<size_t> c.kept_cap * 2, most)
    if c.kept_cap >= most:
        refuse_size(w, c)
        return False
    if c.need > c.kept_cap:
        return kept_grow(w, c, max(<size_t> c.need, min(wanted, step)))
    return (step < wanted and kept_fits(w, c, wanted) and kept_grow(w, c, wanted)) or kept_grow(w, c, step)


cdef bint read_place(Worker* w, Conn* c, uint8_t** data, size_t* have, size_t* room) noexcept nogil:
    """Where the next read goes: behind the kept bytes, and for a long request in kept itself.

    Who announces a megabyte and sends none of it holds none of it: only when half a scratch buffer has come,
    and more is there, is the request's known size taken (or twice what there is, where it is not known).
    """
    if c.kept_len > SCRATCH_IN_BYTES // 2 and c.kept_len == c.kept_cap and not kept_extend(w, c):
        return False
    if c.kept_cap > c.kept_len:
        data[0] = c.kept
        room[0] = c.kept_cap - c.kept_len
    else:
        data[0] = w.scratch_in
        room[0] = SCRATCH_IN_BYTES - c.kept_len
        if c.kept_len:
            memcpy(w.scratch_in, c.kept, c.kept_len)
    have[0] = c.kept_len
    return True


cdef void read_once(Worker* w, Conn* c) noexcept nogil:
    cdef uint8_t* data = NULL
    cdef size_t have = 0, room = 0
    cdef ssize_t n
    if not read_place(w, c, &data, &have, &room):
        return
    histogram_record(w.waited, <uint64_t> w.now_ns - c.ready_ns, 1)
    if data == w.scratch_in and w.small.limit - w.small.used < charge_of(SCRATCH_IN_BYTES):
        w.peeking = True        # what may have to be kept has no memory now
        n = stream_peek(c.fd, data + have, room)
    else:
        n = stream_read(c.fd, data + have, room)
    count(&w.x, READS)
    if n <= 0:
        c.flags &= ~<uint32_t> READABLE
        if n == STREAM_CLOSED:
            c.flags |= GONE
        elif n == 0:
            c.flags |= ENDED
            kept_drop(w, c)
        return
    if <size_t> n < room and not c.flags & ENDING:
        c.flags &= ~<uint32_t> READABLE
    c.bytes_in += <uint64_t> n
    count_many(&w.x, BYTES_IN, <uint64_t> n)
    progressed(w, c, <size_t> n)
    have += <size_t> n
    if data == c.kept:
        c.kept_len = <uint32_t> have
    if have >= c.need:
        execute(w, c, data, have)
    elif w.peeking:
        leave(w, c, 0, have)
    elif data != c.kept:
        keep(w, c, data, have, c.need)


# The state machine

cdef void settle(Worker* w, Conn* c) noexcept nogil:
    """After every step: close, linger, come again, or wait for the next edge."""
    if c.flags & GONE:
        connection_close(w, c)
        return
    if c.tail != NULL:
        return
    if c.closing and not c.flags & LINGERING:
        if c.closing == CLOSING_CLEAN and not c.flags & READABLE:
            connection_close(w, c)
            return
        stream_finish_writing(c.fd)
        c.flags |= LINGERING
        c.held_ms = now_ms_of(w)
    if c.flags & ENDED and not c.flags & STOPPED:
        connection_close(w, c)
    elif c.queue == QUEUE_NONE and c.flags & (READABLE | STOPPED):
        list_add(w, c, QUEUE_READY)


cdef void connection_run(Worker* w, Conn* c) noexcept nogil:
    """One turn: at most one read and one batch."""
    if c.queue >= QUEUE_PARKED_SMALL:
        if c.flags & HUNG_UP:
            connection_close(w, c)
        return
    list_remove(w, c)
    if c.tail != NULL and not (c.flags & WRITABLE and tail_send(w, c)):
        settle(w, c)
        return
    if c.flags & LINGERING:
        linger(w, c)
    elif c.flags & STOPPED:
        c.flags &= ~<uint32_t> STOPPED
        execute(w, c, c.kept, c.kept_len)
    elif c.flags & READABLE and not c.closing:
        read_once(w, c)
        w.peeking = False
    settle(w, c)


cdef void connection_event(Worker* w, Conn* c, uint32_t events) noexcept nogil:
    if events & <uint32_t> (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR):
        if not c.flags & READABLE:
            c.ready_ns = <uint64_t> w.event_ns
        c.flags |= READABLE
    if events & <uint32_t> (EPOLLRDHUP | EPOLLHUP | EPOLLERR):
        c.flags |= ENDING
    if events & <uint32_t> (EPOLLHUP | EPOLLERR):
        c.flags |= HUNG_UP | WRITABLE
    if events & <uint32_t> EPOLLOUT:
        c.flags |= WRITABLE
    connection_run(w, c)
