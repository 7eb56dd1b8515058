"""The replies of a batch on their way out: composed in scratch, sent once, and what the peer does not take.

A batch's replies leave with one send.  Only when the scratch buffer is full does a send happen inside the
batch, and only when the peer takes less than it was sent is anything allocated.  Deliberately not: a queue of
replies per connection, or an iovec per item (one copy of a few hundred bytes costs less than an iovec entry).
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from whimbrel.base.buffer cimport writer_init, writer_len
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.histogram cimport histogram_record
from whimbrel.net.stream cimport STREAM_AGAIN, stream_write
from whimbrel.server.counters cimport BYTES_OUT, WRITES, count, count_many
from whimbrel.server.contract cimport Conn, Context
from whimbrel.server.state cimport (
    GONE, SCRATCH_OUT_BYTES, WRITABLE, Worker, buffer_give, buffer_take,
)


cdef extern from * nogil:
    """
    static inline int whimbrel_lowest_bit(uint64_t v) { return __builtin_ctzll(v); }
    """
    int whimbrel_lowest_bit(uint64_t v)


cdef void out_reset(Worker* w) noexcept nogil:
    """An empty scratch buffer to compose into."""
    writer_init(&w.x.out, w.scratch_out, SCRATCH_OUT_BYTES)
    w.out_sent = 0


cdef void charge_latency(Worker* w, Conn* c) noexcept nogil:
    """Every request of the batch waited from its readable event until now, when its reply was written."""
    cdef Context* x = &w.x
    cdef uint64_t seen, elapsed_ns
    cdef int word, command
    w.now_ns = precise_ns()
    elapsed_ns = <uint64_t> (w.now_ns - <int64_t> c.ready_ns)
    for word in range(4):
        seen = x.batch_seen[word]
        x.batch_seen[word] = 0
        while seen:
            command = (word << 6) + whimbrel_lowest_bit(seen)
            seen &= seen - 1
            histogram_record(&w.latency[command], elapsed_ns, x.batch[command])
            x.batch[command] = 0


cdef bint out_send(Worker* w, Conn* c) noexcept nogil:
    """Send what is composed.  True when all of it left; otherwise the peer is full, or GONE."""
    cdef Context* x = &w.x
    cdef size_t left = writer_len(&x.out) - w.out_sent
    cdef ssize_t n
    if x.out.overflow:
        c.flags |= GONE         # an executor composed more than it asked room for: its replies are torn
    if w.peer_full or c.flags & GONE:
        charge_latency(w, c)    # what this connection asked for must not be charged to the next one
        return False
    while left:
        n = stream_write(c.fd, x.out.base + w.out_sent, left)
        count(x, WRITES)
        if n < 0:
            if n == STREAM_AGAIN:
                c.flags &= ~<uint32_t> WRITABLE
                w.peer_full = True
            else:
                c.flags |= GONE
            break
        left -= <size_t> n
        w.out_sent += <size_t> n
        w.batch_sent += <size_t> n
        c.bytes_out += <size_t> n
        count_many(x, BYTES_OUT, <size_t> n)
    charge_latency(w, c)
    if left:
        return False
    out_reset(w)
    return True


cdef void big_release(Worker* w) noexcept nogil:
    """Give the idle buffer for large replies back."""
    if w.big != NULL and w.x.out.base != w.big:
        buffer_give(&w.output, w.big, w.big_cap)
        w.big = NULL
        w.big_cap = 0


cdef bint big_take(Worker* w, size_t n) noexcept nogil:
    """Compose into a buffer of n bytes, larger than the scratch; False when its memory is short."""
    if w.big_cap < n:
        big_release(w)
        w.big = buffer_take(&w.output, n)
        if w.big == NULL:
            return False
        w.big_cap = n
    w.big_used = True
    writer_init(&w.x.out, w.big, w.big_cap)
    return True
