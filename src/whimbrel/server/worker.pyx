"""A worker: one epoll loop without the GIL over the connections it was given.

    wait -> events -> connections with more to do -> connections waiting for memory -> one slice of upkeep

Nothing in a turn is unbounded: events, messages, turns of ready connections, entries swept and items
maintained all have a constant.  Connections come through a pipe from the acceptor, so that a storm of
connects costs the requests of others one read a turn, and every worker has its share.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from posix.mman cimport (
    MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE, PROT_READ, PROT_WRITE, mmap, munmap,
)
from posix.unistd cimport close, read, write
from whimbrel.base.atomic cimport load_acquire64, load_relaxed64
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.histogram cimport HistogramData
from whimbrel.net.loop cimport loop_add_source, loop_close, loop_open, loop_wait
from whimbrel.server.connection cimport connection_event, connection_run, flush_when_due
from whimbrel.server.counters cimport (
    CLOSED_IDLE, CLOSED_KILLED, CLOSED_NO_MEMORY, CLOSED_SLOW_READER, CLOSED_STALLED_SENDER,
    MAINTENANCE_SLICES, count,
)
from whimbrel.server.entry cimport connection_close, connection_open
from whimbrel.server.gate cimport gate_enter, gate_leave
from whimbrel.server.replies cimport big_release, out_reset
from whimbrel.server.contract cimport COMMANDS_MAX, CLOCK_EVERY
from whimbrel.server.state cimport (
    BUSY_STRIDE, DRAIN_MS, GRACE_MS, LINGERING, LINGER_MS, MAINTAIN_STEPS, MESSAGES_AT_ONCE, MESSAGE_KILL,
    MESSAGE_OPEN, Account, Message, PARKED_TICK_MS, QUEUE_PARKED_INPUT, QUEUE_PARKED_OUTPUT, QUEUE_PARKED_SMALL,
    QUEUE_READY,
    SCRATCH_IN_BYTES, SCRATCH_OUT_BYTES, SMALL_GRACE_MS, STOPPED, STOP_NO, STOP_NOW, SWEEP_ENTRIES, TICK_MS,
    charge_of, input_credit, list_remove, now_ms_of,
)
from whimbrel.store.store cimport store_maintain, store_now_ms

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <fcntl.h>
    #include <unistd.h>
    /* the reading end never blocks the loop, the writing end never the acceptor */
    static inline int whimbrel_pipe(int ends[2]) { return pipe2(ends, O_NONBLOCK | O_CLOEXEC); }
    """
    int whimbrel_pipe(int* ends)

cdef enum:
    NS_PER_MS = 1000000
    MAINTAIN_EVERY_MS = 1       # upkeep of the store under load


# Memory

cdef void* map_zeroed(size_t n) noexcept nogil:
    """Pages that become resident when they are first touched."""
    cdef void* p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    return NULL if p == MAP_FAILED else p


cdef Worker* worker_new(Store* store, Settings* settings, Gate* gate, uint32_t index, uint32_t connections,
                        size_t input_bytes, size_t output_bytes) noexcept nogil:
    """NULL when the machine has no memory or descriptors for it."""
    cdef Worker* w = <Worker*> calloc(1, sizeof(Worker))
    cdef int ends[2]
    if w == NULL:
        return NULL
    w.loop.epoll_fd = w.pipe_read = w.pipe_write = -1
    w.gate = gate
    w.busy = &gate.busy[index * BUSY_STRIDE]
    w.slab_len = connections
    w.small.limit = w.input.limit = w.state.limit = input_bytes // 2 & ~<size_t> 4095
    w.output.limit = output_bytes
    w.slab = <Conn*> map_zeroed(connections * sizeof(Conn))
    w.latency = <HistogramData*> map_zeroed(COMMANDS_MAX * sizeof(HistogramData))
    w.waited = <HistogramData*> map_zeroed(sizeof(HistogramData))
    w.scratch_in = <uint8_t*> malloc(SCRATCH_IN_BYTES)
    w.scratch_out = <uint8_t*> malloc(SCRATCH_OUT_BYTES)
    if whimbrel_pipe(ends) == 0:
        w.pipe_read = ends[0]
        w.pipe_write = ends[1]
    if (w.slab == NULL or w.latency == NULL or w.waited == NULL or w.scratch_in == NULL or w.scratch_out == NULL
            or w.pipe_read < 0 or not loop_open(&w.loop) or not loop_add_source(&w.loop, w.pipe_read, 0)):
        worker_free(w)
        return NULL
    w.x.store = store
    w.x.settings = settings
    w.x.counters = w.counters
    w.x.worker_index = index
    w.x.worker = w
    w.x.clock_in = CLOCK_EVERY
    w.now_ns = precise_ns()
    out_reset(w)
    return w


cdef void worker_free(Worker* w) noexcept nogil:
    """The thread has left the loop; connections are closed."""
    if w == NULL:
        return
    loop_close(&w.loop)
    if w.pipe_read >= 0:
        close(w.pipe_read)
        close(w.pipe_write)
    if w.slab != NULL:
        munmap(w.slab, w.slab_len * sizeof(Conn))
    if w.latency != NULL:
        munmap(w.latency, COMMANDS_MAX * sizeof(HistogramData))
    if w.waited != NULL:
        munmap(w.waited, sizeof(HistogramData))
    free(w.scratch_in)
    free(w.scratch_out)
    free(w)


# Messages

cdef bint worker_tell(Worker* w, uint32_t kind, uint32_t a, uint64_t b) noexcept nogil:
    """From any thread; False when the worker has fallen 4,096 messages behind."""
    cdef Message message
    message.kind = kind
    message.a = a
    message.b = b
    return write(w.pipe_write, &message, sizeof(Message)) == sizeof(Message)


cdef void take_messages(Worker* w) noexcept nogil:
    cdef Message messages[MESSAGES_AT_ONCE]
    cdef Conn* c
    cdef ssize_t n = read(w.pipe_read, messages, sizeof(messages))
    cdef ssize_t i
    for i in range(n // <ssize_t> sizeof(Message) if n > 0 else 0):
        if messages[i].kind == MESSAGE_OPEN:
            connection_open(w, <int> messages[i].a, messages[i].b != 0)
        elif messages[i].kind == MESSAGE_KILL and messages[i].a < w.slab_used:
            c = &w.slab[messages[i].a]
            if c.fd >= 0 and c.generation == <uint32_t> messages[i].b:
                count(&w.x, CLOSED_KILLED)
                connection_close(w, c)


# One turn

cdef void take_event(Worker* w, uint64_t word, uint32_t events) noexcept nogil:
    """`word` is generation and entry of a connection, or 0 for the pipe."""
    cdef Conn* c
    if word == 0:
        take_messages(w)
        return
    c = &w.slab[<uint32_t> word - 1]
    if c.fd >= 0 and c.generation == <uint32_t> (word >> 32):
        connection_event(w, c, events)


cdef void run_ready(Worker* w) noexcept nogil:
    """One turn for everyone who was ready when this began."""
    cdef uint32_t turns = w.queues[QUEUE_READY].length
    while turns and w.queues[QUEUE_READY].first:
        turns -= 1
        connection_run(w, &w.slab[w.queues[QUEUE_READY].first - 1])


cdef void run_parked(Worker* w, uint32_t queue, Account* account) noexcept nogil:
    """Those at the head whose memory is there now, in the order they came."""
    cdef uint32_t turns = w.queues[queue].length
    cdef size_t credit
    cdef Conn* c
    while turns and w.queues[queue].first:
        turns -= 1
        c = &w.slab[w.queues[queue].first - 1]
        credit = input_credit(c) if queue == QUEUE_PARKED_INPUT else 0
        if account.limit - account.used + credit < charge_of(c.want):
            return
        list_remove(w, c)
        connection_run(w, c)


cdef void upkeep(Worker* w, bint idle) noexcept nogil:
    """A slice of expiry and eviction ahead of need, and a pending delayed flush.

    Under load one a millisecond is enough, because puts make room for themselves; a slice in every turn would
    be paid by the requests that wait behind it.  Who has nothing to do goes on until nothing is left."""
    if w.now_ns - w.maintain_ns < MAINTAIN_EVERY_MS * NS_PER_MS and not (idle and w.maintain_more):
        return
    w.maintain_ns = w.now_ns
    w.x.now_ms = store_now_ms(w.x.store)
    if load_relaxed64(&w.x.settings.flush_at_ms):
        gate_enter(w)
        flush_when_due(w)
        gate_leave(w)
    w.maintain_more = store_maintain(w.x.store, w.x.now_ms, MAINTAIN_STEPS)
    count(&w.x, MAINTENANCE_SLICES)


# The tick

cdef bint overdue(Worker* w, const Conn* c, uint32_t queue) noexcept nogil:
    """Somebody waits for memory, and this holder of it has made no progress for its share of the grace."""
    cdef uint32_t waiting = w.queues[queue].length
    return waiting != 0 and now_ms_of(w) > c.held_ms + max(SMALL_GRACE_MS, GRACE_MS // waiting)


cdef int why_close(Worker* w, const Conn* c) noexcept nogil:
    """The counter of the reason to close a connection nobody hears from; 0: none; -1: without a counter."""
    cdef uint64_t now_ms = now_ms_of(w)
    cdef uint64_t idle_ms = load_relaxed64(&w.x.settings.idle_timeout_ms)
    if c.flags & LINGERING:
        return -1 if now_ms > c.held_ms + LINGER_MS else 0
    if c.queue == QUEUE_PARKED_INPUT and c.kept_cap > SCRATCH_IN_BYTES and now_ms > c.held_ms + GRACE_MS:
        return CLOSED_NO_MEMORY     # let in with less than it needs in the end, and so are those it waits for
    if c.queue >= QUEUE_PARKED_SMALL:
        return 0                    # it waits for us
    if c.tail != NULL and overdue(w, c, QUEUE_PARKED_OUTPUT):
        return CLOSED_SLOW_READER
    if c.kept != NULL and overdue(w, c, QUEUE_PARKED_INPUT if c.kept_cap > SCRATCH_IN_BYTES else QUEUE_PARKED_SMALL):
        return CLOSED_STALLED_SENDER
    if idle_ms and now_ms > c.active_ms + idle_ms:
        return CLOSED_IDLE
    return 0


cdef void sweep(Worker* w) noexcept nogil:
    cdef uint32_t _i
    cdef int why
    cdef Conn* c
    for _i in range(SWEEP_ENTRIES if w.slab_used > SWEEP_ENTRIES else w.slab_used):
        w.sweep_at = w.sweep_at + 1 if w.sweep_at + 1 < w.slab_used else 0
        c = &w.slab[w.sweep_at]
        if c.fd < 0:
            continue
        why = why_close(w, c)
        if why:
            if why > 0:
                count(&w.x, why)
            connection_close(w, c)


cdef bint parked(Worker* w) noexcept nogil:
    return (w.queues[QUEUE_PARKED_SMALL].length + w.queues[QUEUE_PARKED_INPUT].length
            + w.queues[QUEUE_PARKED_OUTPUT].length) != 0


cdef void tick(Worker* w) noexcept nogil:
    if w.now_ns - w.tick_ns < (PARKED_TICK_MS if parked(w) else TICK_MS) * NS_PER_MS:
        return
    w.tick_ns = w.now_ns
    sweep(w)
    if not w.big_used or w.queues[QUEUE_PARKED_OUTPUT].length:
        big_release(w)
    w.big_used = False


cdef int wait_ms(Worker* w) noexcept nogil:
    if w.queues[QUEUE_READY].length or w.maintain_more:
        return 0
    return PARKED_TICK_MS if parked(w) or w.drain_until_ns else TICK_MS


cdef void worker_turn(Worker* w, int timeout_ms) noexcept nogil:
    cdef int i, n = loop_wait(&w.loop, timeout_ms)
    w.event_ns = w.now_ns = precise_ns()
    for i in range(n):
        take_event(w, w.loop.events[i].data.u64, w.loop.events[i].events)
    run_ready(w)
    run_parked(w, QUEUE_PARKED_SMALL, &w.small)
    run_parked(w, QUEUE_PARKED_INPUT, &w.input)
    run_parked(w, QUEUE_PARKED_OUTPUT, &w.output)
    upkeep(w, n == 0 and w.queues[QUEUE_READY].length == 0)
    tick(w)


# From start to end

cdef void close_all(Worker* w, bint idle_only) noexcept nogil:
    cdef uint32_t i
    cdef Conn* c
    for i in range(w.slab_used):
        c = &w.slab[i]
        if c.fd >= 0 and not (idle_only and (c.tail != NULL or c.flags & STOPPED or c.queue)):
            connection_close(w, c)


cdef void worker_run(Worker* w) noexcept nogil:
    """Until stopped: at once, or when what was in flight is answered."""
    cdef uint64_t stop
    while True:
        worker_turn(w, wait_ms(w))
        stop = load_acquire64(&w.stop)
        if stop == STOP_NO:
            continue
        if w.drain_until_ns == 0 and stop != STOP_NOW:
            w.drain_until_ns = w.now_ns + <int64_t> DRAIN_MS * NS_PER_MS
            continue                # one more turn: what has arrived is answered
        close_all(w, True)
        if stop == STOP_NOW or w.now_ns > w.drain_until_ns or load_relaxed64(&w.connections) == 0:
            close_all(w, False)
            big_release(w)
            return
