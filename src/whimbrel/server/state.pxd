# The memory of a worker, drawn once: connections, queues, accounts, scratch.
#
#   slab            one mmap of Conn entries, touched as they are first used; entry i is named i + 1 in lists
#   scratch_in      one read of any connection; nothing stays in it
#   scratch_out     the replies of the batch being executed; what the peer does not take becomes its tail
#   big             a reply that does not fit scratch_out (a large value); becomes the tail without a copy
#   accounts        bytes that connections may hold between two events, apart for each purpose, so that none
#                   can starve another:
#                     small    partial requests up to a read's size
#                     input    larger ones: a request is let in with its whole known size, so that whoever was let
#                              in can finish
#                     output   unsent replies
#                     state    what executors hang on connections (MULTI queues, names)
#   queues          READY: more input may be waiting though no edge will say so
#                   PARKED_...: waits, unread, until its account has `want` bytes
#
# Everything here is written by the worker's own thread.  Others read counters and histograms (relaxed words),
# add to `connections` (the acceptor), set `stop`, and write messages to the pipe.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from whimbrel.base.histogram cimport HistogramData
from whimbrel.net.loop cimport Loop
from whimbrel.server.counters cimport COUNTERS
from whimbrel.server.contract cimport Conn, ConnClosed, Context, Executor

cdef enum:
    SCRATCH_IN_BYTES = 16 * 1024    # a read, and so the longest batch: a few hundred us of small requests
    SCRATCH_OUT_BYTES = 64 * 1024   # replies of a batch in one send; at most this is copied into a tail
    MESSAGES_AT_ONCE = 64           # handed-over connections taken between two waits
    TICK_MS = 100                   # the longest wait: expiry, idle times and flush delays are this exact
    PARKED_TICK_MS = 10             # while somebody waits for memory
    SWEEP_ENTRIES = 1024            # slab entries looked at in a tick: about 10 us
    MAINTAIN_STEPS = 128            # items of store maintenance between two batches: about 6 us
    GRACE_MS = 2000                 # a holder without progress for this long, divided by how many wait, yields
    PROGRESS_BYTES = 16 * 1024      # moving less than this a grace period is no progress
    LINGER_MS = 1000                # after a refusal: time for the peer to read it before the descriptor closes
    DRAIN_MS = 5000                 # a graceful stop waits this long for unsent replies
    SMALL_GRACE_MS = 20             # the least of it, and where a few KiB are needed at once
    BUSY_STRIDE = 8                 # words between two workers' busy flags: a cache line
    BATCH_OUT_BYTES = 512 * 1024    # replies sent to one connection before others have their turn
    KEPT_SLACK_BYTES = 4096         # a kept buffer this much too large is not replaced by an exact one
    KEPT_STEP_BYTES = 64 * 1024     # what a request of unknown size gets more where it cannot get twice as much
    MAPPED_BYTES = 128 * 1024       # malloc maps these apart (M_MMAP_THRESHOLD): freeing returns the pages

cdef enum ConnFlag:
    READABLE = 1                    # a read may find bytes
    WRITABLE = 2                    # a write may find room
    ENDED = 4                       # the peer sends no more
    STOPPED = 8                     # kept holds whole requests that had no room for their replies
    LINGERING = 16                  # finished: reading and dropping until the peer closes
    GONE = 32                       # reset, or must be closed without another byte
    HUNG_UP = 64                    # both directions are closed
    ENDING = 128                    # the peer's end was announced: read until it is seen

cdef enum:                          # Conn.queue
    QUEUE_NONE = 0
    QUEUE_READY
    QUEUE_PARKED_SMALL              # from here on: parked
    QUEUE_PARKED_INPUT
    QUEUE_PARKED_OUTPUT
    QUEUES

cdef enum Stop:
    STOP_NO = 0
    STOP_DRAIN                      # finish what is in flight, then leave
    STOP_NOW

cdef enum MessageKind:
    MESSAGE_OPEN = 1                # a: descriptor, b: 1 for a unix socket
    MESSAGE_KILL                    # a: slab index, b: generation
    MESSAGE_WAKE

cdef struct Message:                # 16 bytes through the worker's pipe: written whole or not at all
    uint32_t kind
    uint32_t a
    uint64_t b

cdef struct Account:
    size_t limit
    size_t used

cdef struct List:
    uint32_t first                  # slab index + 1
    uint32_t last
    uint32_t length

cdef struct Gate:                   # EXEC among workers
    uint64_t owner                  # worker index + 1 of the one that executes alone; 0: nobody
    uint64_t next_conn_id
    uint32_t workers
    uint32_t pad
    uint64_t* busy                  # one word per worker, a cache line apart

cdef struct Worker:
    Context x
    Loop loop
    Gate* gate
    uint64_t* busy                  # this worker's word of the gate
    Executor executors[3]           # by Conn.protocol; [0] is unused
    ConnClosed closers[3]
    # connections
    Conn* slab
    uint32_t slab_len
    uint32_t slab_used              # entries that were ever used: those above are untouched memory
    uint32_t free_first             # slab index + 1 of a free entry, linked by next
    uint32_t sweep_at
    uint64_t connections            # open or on their way here; the acceptor adds, the worker subtracts
    List queues[5]
    Account small
    Account input
    Account output
    Account state
    # the batch being executed
    uint8_t* scratch_in
    uint8_t* scratch_out
    uint8_t* big
    size_t big_cap
    bint big_used                   # since the last tick
    bint peeking                    # the bytes being executed are still in the socket
    bint peer_full                  # the peer took less than it was sent: no more replies now
    size_t out_sent                 # bytes of x.out that went out already
    size_t batch_sent               # bytes sent since the executor was called
    size_t parked_want              # memory a reply was refused for
    # time
    int64_t event_ns                # when loop_wait returned
    int64_t now_ns                  # the last look at the clock
    int64_t tick_ns
    int64_t maintain_ns
    bint maintain_more
    # outside world
    int pipe_read
    int pipe_write
    uint64_t stop
    int64_t drain_until_ns
    uint64_t counters[COUNTERS]
    HistogramData* latency          # by command index; mmap, touched by the commands in use
    HistogramData* waited           # from loop_wait's return to the start of a connection's read


cdef inline uint64_t now_ms_of(const Worker* w) noexcept nogil:
    return <uint64_t> (w.now_ns // 1000000)


cdef inline uint32_t name_of(const Worker* w, const Conn* c) noexcept nogil:
    return <uint32_t> (c - w.slab) + 1


cdef inline bint account_take(Account* a, size_t n) noexcept nogil:
    if a.used + n > a.limit:
        return False
    a.used += n
    return True


cdef inline void account_give(Account* a, size_t n) noexcept nogil:
    a.used -= n


# What malloc takes from the system for n bytes: its header and rounding, or whole pages of a mapping.
cdef inline size_t charge_of(size_t n) noexcept nogil:
    if n < MAPPED_BYTES:
        return (n + 31) & ~<size_t> 15
    return (n + 16 + 4095) & ~<size_t> 4095


cdef inline size_t largest_of(size_t limit) noexcept nogil:
    """The largest buffer of whole pages that an account of this limit pays for."""
    return (limit & ~<size_t> 4095) - 16


cdef inline size_t input_credit(const Conn* c) noexcept nogil:
    """What a connection that wants a larger kept gives back to the account for input."""
    return charge_of(c.kept_cap) if c.kept_cap > SCRATCH_IN_BYTES else 0


cdef inline uint8_t* buffer_take(Account* a, size_t n) noexcept nogil:
    """n bytes charged to the account; NULL when it is short."""
    cdef uint8_t* p
    if not account_take(a, charge_of(n)):
        return NULL
    p = <uint8_t*> malloc(n)
    if p == NULL:
        account_give(a, charge_of(n))
    return p


cdef inline void buffer_give(Account* a, uint8_t* p, size_t n) noexcept nogil:
    free(p)
    account_give(a, charge_of(n))


cdef inline void list_add(Worker* w, Conn* c, uint32_t queue) noexcept nogil:
    """At the end; a connection is in one queue at a time."""
    cdef List* q = &w.queues[queue]
    cdef uint32_t name = name_of(w, c)
    c.queue = queue
    c.next = 0
    c.prev = q.last
    if q.last:
        w.slab[q.last - 1].next = name
    else:
        q.first = name
    q.last = name
    q.length += 1


cdef inline void list_remove(Worker* w, Conn* c) noexcept nogil:
    cdef List* q = &w.queues[c.queue]
    if c.queue == QUEUE_NONE:
        return
    if c.prev:
        w.slab[c.prev - 1].next = c.next
    else:
        q.first = c.next
    if c.next:
        w.slab[c.next - 1].prev = c.prev
    else:
        q.last = c.prev
    q.length -= 1
    c.queue = QUEUE_NONE
