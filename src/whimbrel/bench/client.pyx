"""The load client: many connections, one thread, one epoll loop without the GIL.

Closed loop: every connection keeps `pipeline` requests in flight; a latency runs from composing the request
to parsing its reply's last byte.  A stalled server is simply asked less, which is what "closed" means.

Open loop: requests are due by a schedule that does not look at the server.  A latency runs from the moment
a request was *due* to its reply's last byte, so a stall is charged to every request it delayed, also to
those for which no connection was free.  How late the generator itself was is recorded apart: a figure
from a generator that could not keep up says so.

Deliberately not here: several threads (start several processes), reconnecting (a lost connection is
counted), what the figures mean (report.py).
"""

import socket
import time

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset
from whimbrel.base.buffer cimport Writer
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.histogram cimport Histogram, histogram_record
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.bench.content cimport (
    CONTENT_MAX_KEY, CONTENT_WINDOWS, content_is_value, content_key, content_value, content_value_size)
from whimbrel.bench.draw cimport draw_exponential, draw_init, draw_key, draw_word
from whimbrel.bench.link cimport (
    LINK_LOST, LINK_OPEN, Pending, link_composed, link_drop, link_flush, link_free, link_in_flight, link_init,
    link_receive, link_room)
from whimbrel.bench.wire cimport (
    ANSWER_BROKEN, ANSWER_HIT, ANSWER_MISS, ANSWER_MORE, ANSWER_REFUSED, ANSWER_STORED, Answer, VERB_GET, VERB_SET,
    Verb, WIRE_MEMCACHE, WIRE_OVERHEAD, WIRE_RESP, wire_answer, wire_get, wire_set)

from whimbrel.base.errors import UsageError, WhimbrelError

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLLIN, EPOLLOUT, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, EPOLL_CLOEXEC
    ctypedef union epoll_data_t:
        uint32_t u32
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int op, int fd, epoll_event* event)
    int epoll_wait(int epoll, epoll_event* events, int n, int timeout_ms)

cdef enum:
    EVENTS_MAX = 128            # handled between two looks at the schedule
    SLEEP_MS = 2                # open loop: sleep only where the next request is further away than this
    IDLE_MS = 50                # closed loop: how often the end is looked for while nothing arrives

DRAIN_NS = 2_000_000_000        # replies are waited for this long after the last request
SCATTER = 2654435761            # near 2^32 / golden ratio; made coprime to the number of keys


# -- asking ------------------------------------------------------------------------------------------------

cdef bint next_request(Engine* e, Pending* p) noexcept nogil:
    """What is asked next; False where the source has no more."""
    if e.position >= e.limit:
        return False
    p.verb = VERB_GET
    if e.source == SOURCE_TRACE:
        p.key = e.trace_keys[e.position]
        p.value_size = e.trace_sizes[e.position]
    elif e.source == SOURCE_SWEEP:
        p.key = e.position
        p.verb = VERB_SET
        p.value_size = content_value_size(&e.content, p.key)
    else:
        p.key = draw_key(&e.draw)
        if (draw_word(&e.draw) >> 32) >= e.get_threshold:
            p.verb = VERB_SET
        p.value_size = content_value_size(&e.content, p.key)
    e.position += 1
    return True


cdef uint32_t ttl_of_set(Engine* e) noexcept nogil:
    if e.ttl_min_s == e.ttl_max_s:
        return e.ttl_min_s
    return e.ttl_min_s + <uint32_t> (draw_word(&e.draw) % (e.ttl_max_s - e.ttl_min_s + 1))


cdef void ask(Engine* e, Link* l, const Pending* p) noexcept nogil:
    """Compose one request behind what the link has composed, and remember it."""
    cdef uint8_t room[CONTENT_MAX_KEY]
    cdef Slice key = content_key(&e.content, p.key, room)
    cdef Writer w
    cdef size_t before = l.out_len - l.out_sent
    if not link_room(l, WIRE_OVERHEAD + key.len + (p.value_size if p.verb == VERB_SET else 0), &w):
        return
    if p.verb == VERB_GET:
        wire_get(e.protocol, &w, key)
    else:
        wire_set(e.protocol, &w, key, content_value(&e.content, p.key, p.value_size), ttl_of_set(e))
    link_composed(l, &w)
    e.counts.bytes_out += l.out_len - l.out_sent - before
    l.ring[l.last & l.mask] = p[0]
    l.last += 1
    e.in_flight += 1
    if not l.dirty:
        l.dirty = True
        e.dirty[e.n_dirty] = <uint32_t> (l - e.links)
        e.n_dirty += 1


cdef void refill(Engine* e, Link* l, int64_t now) noexcept nogil:
    """Closed loop: as many requests as the pipeline has free places."""
    cdef Pending p
    p.intended_ns = now
    while l.state == LINK_OPEN and link_in_flight(l) < e.pipeline and now < e.end_ns and next_request(e, &p):
        ask(e, l, &p)


cdef void replay(Engine* e, int64_t now) noexcept nogil:
    """Trace: lines in order, until the link that a line's key belongs to is busy."""
    cdef Pending p
    cdef Link* l
    p.intended_ns = now
    while e.position < e.limit and now < e.end_ns:
        l = &e.links[e.trace_keys[e.position] % e.n_links]
        if l.state == LINK_OPEN and link_in_flight(l):
            return
        next_request(e, &p)
        if l.state == LINK_OPEN:
            ask(e, l, &p)
        else:
            e.counts.unsent += 1


cdef void place_free(Engine* e, Link* l, int64_t now) noexcept nogil:
    if e.places_first == e.places_last:
        e.unblocked_ns = now
    e.places[e.places_last & e.places_mask] = <uint32_t> (l - e.links)
    e.places_last += 1


cdef Link* place_take(Engine* e) noexcept nogil:
    """The link whose place has been free for longest; NULL when all are busy."""
    cdef Link* l
    while e.places_first != e.places_last:
        l = &e.links[e.places[e.places_first & e.places_mask]]
        e.places_first += 1
        if l.state == LINK_OPEN:
            return l
    return NULL


cdef int64_t due_ns(const Engine* e) noexcept nogil:
    """When the next request of the open loop is due; at or after end_ns there is none."""
    if e.position >= e.limit:
        return e.end_ns
    return e.start_ns + <int64_t> e.due_ns


cdef void dispatch(Engine* e, int64_t now) noexcept nogil:
    """Open loop: everything that is due, as far as there are free places."""
    cdef Pending p
    cdef Link* l
    cdef int64_t due = due_ns(e)
    while due <= now and due < e.end_ns:
        l = place_take(e)
        if l == NULL:
            return
        next_request(e, &p)
        p.intended_ns = due
        if due >= e.record_ns:
            histogram_record(&e.late_ns, now - max(due, e.unblocked_ns), 1)
        ask(e, l, &p)
        e.due_ns += e.interval_ns if e.pace == PACE_FIXED else draw_exponential(&e.draw, e.interval_ns)
        due = due_ns(e)


# -- hearing -----------------------------------------------------------------------------------------------

cdef void tally(Engine* e, const Pending* p, Answer answer, Slice value) noexcept nogil:
    cdef Counts* c = &e.counts
    if p.intended_ns < e.record_ns:
        return
    c.requests += 1
    if answer == ANSWER_HIT:
        c.hits += 1
        if e.check and not content_is_value(&e.content, p.key, value):
            c.wrong += 1
    elif answer == ANSWER_MISS:
        c.misses += 1
    elif answer == ANSWER_STORED:
        c.stored += 1
    else:
        c.refused += 1


cdef void record(Engine* e, Link* l, uint32_t since, uint32_t until, int64_t now) noexcept nogil:
    cdef Pending* p
    while since != until:
        p = &l.ring[since & l.mask]
        if p.intended_ns >= e.record_ns:
            histogram_record(&e.get_ns if p.verb == VERB_GET else &e.set_ns, now - p.intended_ns, 1)
        since += 1


cdef void parse_replies(Engine* e, Link* l, int64_t now) noexcept nogil:
    """Every whole reply in the link's input; then one look at the clock for all of them."""
    cdef Pending* p
    cdef Pending filler
    cdef Answer answer
    cdef Slice value
    cdef size_t consumed, done = 0
    cdef uint32_t oldest = l.first
    while l.first != l.last and l.state == LINK_OPEN:
        p = &l.ring[l.first & l.mask]
        answer = wire_answer(e.protocol, <Verb> p.verb, slice_of(l.inp + done, l.in_len - done), &consumed, &value)
        if answer == ANSWER_MORE:
            break
        if answer == ANSWER_BROKEN:
            l.state = LINK_LOST
            break
        done += consumed
        l.first += 1
        e.in_flight -= 1
        tally(e, p, answer, value)
        if answer == ANSWER_MISS and e.fill:
            filler = p[0]
            filler.verb = VERB_SET
            filler.intended_ns = now
            ask(e, l, &filler)
        elif e.pace != PACE_CLOSED:
            place_free(e, l, now)
    link_drop(l, done)
    if l.first == l.last and l.in_len:                      # bytes nobody asked for
        l.state = LINK_LOST
    if l.first != oldest:
        e.last_reply_ns = precise_ns()
        record(e, l, oldest, l.first, e.last_reply_ns)


cdef void hear(Engine* e, Link* l) noexcept nogil:
    """Everything a readable socket has."""
    cdef bint drained = False
    cdef size_t n
    cdef int64_t now = precise_ns()
    while l.state == LINK_OPEN and not drained:
        n = link_receive(l, &drained)
        if n:
            e.counts.bytes_in += n
            parse_replies(e, l, now)
    if l.state == LINK_OPEN and e.pace == PACE_CLOSED and e.source != SOURCE_TRACE:
        refill(e, l, precise_ns())


# -- the loop ----------------------------------------------------------------------------------------------

cdef void watch(Engine* e, Link* l, bint writable) noexcept nogil:
    cdef epoll_event event
    if l.waits_writable == writable:
        return
    l.waits_writable = writable
    event.events = EPOLLIN | (EPOLLOUT if writable else 0)
    event.data.u32 = <uint32_t> (l - e.links)
    epoll_ctl(e.epoll, EPOLL_CTL_MOD, l.fd, &event)


cdef void bury(Engine* e, Link* l, int64_t now) noexcept nogil:
    """A lost link: its requests are charged up to now, and nothing is asked of it any more."""
    epoll_ctl(e.epoll, EPOLL_CTL_DEL, l.fd, NULL)
    e.counts.unanswered += link_in_flight(l)
    e.in_flight -= link_in_flight(l)
    if e.pace != PACE_CLOSED:
        record(e, l, l.first, l.last, now)
    l.first = l.last
    e.counts.lost += 1
    e.n_lost += 1


cdef void flush(Engine* e, int64_t now) noexcept nogil:
    """Send what was composed since the last turn, one write a link."""
    cdef uint32_t i
    cdef Link* l
    for i in range(e.n_dirty):
        l = &e.links[e.dirty[i]]
        l.dirty = False
        if l.state == LINK_OPEN:
            watch(e, l, not link_flush(l))
        if l.state == LINK_LOST and l.fd >= 0 and link_in_flight(l):
            bury(e, l, now)
    e.n_dirty = 0


cdef int patience_ms(const Engine* e, int64_t now) noexcept nogil:
    """How long epoll may sleep: an open loop spins when its next request is near."""
    cdef int64_t gap
    if e.pace == PACE_CLOSED or e.places_first == e.places_last or due_ns(e) >= e.end_ns:
        return IDLE_MS if now < e.end_ns or e.in_flight == 0 else SLEEP_MS
    gap = (due_ns(e) - now) // 1_000_000
    return <int> min(gap - 1, IDLE_MS) if gap >= SLEEP_MS else 0


cdef bint finished(const Engine* e, int64_t now) noexcept nogil:
    cdef bint nothing_due
    if e.n_lost == e.n_links or now >= e.end_ns + e.drain_ns:
        return True
    if e.pace == PACE_CLOSED:
        nothing_due = now >= e.end_ns or e.position >= e.limit
    else:
        nothing_due = due_ns(e) >= e.end_ns and (now >= e.end_ns or e.position >= e.limit)
    return nothing_due and e.in_flight == 0


cdef void charge_the_rest(Engine* e, int64_t now) noexcept nogil:
    """What was never answered or never sent counts with the time it has already waited."""
    cdef uint32_t i
    cdef Link* l
    for i in range(e.n_links):
        l = &e.links[i]
        if l.state == LINK_OPEN and link_in_flight(l):
            e.counts.unanswered += link_in_flight(l)
            record(e, l, l.first, l.last, now)
    while e.pace != PACE_CLOSED and due_ns(e) < e.end_ns:
        if due_ns(e) >= e.record_ns:
            e.counts.unsent += 1
            histogram_record(&e.get_ns, now - due_ns(e), 1)
        e.position += 1
        e.due_ns += e.interval_ns if e.pace == PACE_FIXED else draw_exponential(&e.draw, e.interval_ns)


cdef void start(Engine* e, int64_t now) noexcept nogil:
    cdef uint32_t i, k
    for i in range(e.n_links):
        if e.pace == PACE_CLOSED and e.source != SOURCE_TRACE:
            refill(e, &e.links[i], now)
    for k in range(e.pipeline if e.pace != PACE_CLOSED else 0):
        for i in range(e.n_links):
            place_free(e, &e.links[i], now)


cdef void run_engine(Engine* e) noexcept nogil:
    cdef epoll_event events[EVENTS_MAX]
    cdef int64_t now = precise_ns()
    cdef Link* l
    cdef int i, n
    start(e, now)
    while True:
        if e.source == SOURCE_TRACE:
            replay(e, now)
        elif e.pace != PACE_CLOSED:
            dispatch(e, now)
        flush(e, now)
        if finished(e, now):
            break
        n = epoll_wait(e.epoll, events, EVENTS_MAX, patience_ms(e, now))
        for i in range(n):
            l = &e.links[events[i].data.u32]
            if l.state == LINK_OPEN and events[i].events & EPOLLOUT:
                watch(e, l, not link_flush(l))
            if l.state == LINK_OPEN and events[i].events & ~<uint32_t> EPOLLOUT:
                hear(e, l)
            if l.state == LINK_LOST:
                bury(e, l, precise_ns())
        now = precise_ns()
    charge_the_rest(e, now)


# -- the Python face ---------------------------------------------------------------------------------------

cdef uint32_t power_of_two(uint64_t n) noexcept nogil:
    cdef uint32_t p = 1
    while p < n:
        p *= 2
    return p


def _connect(target):
    """A connected non-blocking socket; `target` is (host, port) or a path."""
    try:
        if isinstance(target, str):
            s = socket.socket(socket.AF_UNIX)
            s.connect(target)
        else:
            s = socket.create_connection(target, timeout=10)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        name = target if isinstance(target, str) else "{}:{}".format(*target)
        raise WhimbrelError(f"cannot connect to {name}: {error.strerror or error}") from None
    s.setblocking(False)
    return s


def _scatter(keys):
    """A multiplier coprime to `keys`, far from 1."""
    a, b, step = SCATTER, keys, SCATTER
    while True:
        a, b = step, keys
        while b:
            a, b = b, a % b
        if a == 1:
            return step
        step += 2


cdef class Client:
    """Connections to one server, and runs of load over them.

    `workload` and `schedule` are those of workload.py and schedule.py.  One run at a time; a connection
    lost in a run stays lost.
    """

    cdef Engine* engine
    cdef object workload
    cdef object trace_arrays

    def __cinit__(self):
        self.engine = <Engine*> calloc(1, sizeof(Engine))
        if self.engine == NULL:
            raise MemoryError
        self.engine.epoll = -1

    def __init__(self, target, workload, *, protocol, connections, pipeline=1, seed=1):
        cdef Engine* e = self.engine
        cdef uint64_t i
        cdef Draw noise
        if e.epoll >= 0:
            raise UsageError("a client connects once")
        e.protocol = WIRE_MEMCACHE if protocol == "memcache" else WIRE_RESP
        e.pipeline = pipeline
        self.workload = workload
        self._plan(seed)
        e.epoll = epoll_create1(EPOLL_CLOEXEC)
        if e.epoll < 0:
            raise OSError("epoll_create1 failed")
        e.places_mask = power_of_two(<uint64_t> connections * pipeline + 1) - 1
        e.places = <uint32_t*> calloc(e.places_mask + 1, sizeof(uint32_t))
        e.dirty = <uint32_t*> calloc(connections, sizeof(uint32_t))
        e.links = <Link*> calloc(connections, sizeof(Link))
        e.content.noise = <uint8_t*> malloc(CONTENT_WINDOWS + e.content.value_max)
        if e.places == NULL or e.dirty == NULL or e.links == NULL or e.content.noise == NULL:
            raise MemoryError
        draw_init(&noise, 42, 1, 1, 0)
        for i in range(CONTENT_WINDOWS + e.content.value_max):
            e.content.noise[i] = <uint8_t> (33 + draw_word(&noise) % 94)
        for i in range(<uint64_t> connections):
            self._open(target)

    cdef int _plan(self, seed) except -1:
        cdef Engine* e = self.engine
        w = self.workload
        e.keys = w.keys
        e.content.key_min, e.content.key_max = w.key_size
        e.content.value_min, e.content.value_max = w.value_size
        e.get_threshold = <uint64_t> (w.get_share * 4294967296.0)
        e.ttl_min_s, e.ttl_max_s = w.ttl_s
        e.fill = w.fill
        e.check = w.check
        draw_init(&e.draw, seed, w.keys, _scatter(w.keys), w.zipf)
        return 0

    cdef int _open(self, target) except -1:
        cdef Engine* e = self.engine
        cdef epoll_event event
        cdef int fd = _connect(target).detach()
        if not link_init(&e.links[e.n_links], fd, power_of_two(4 * e.pipeline)):
            raise MemoryError
        event.events = EPOLLIN
        event.data.u32 = e.n_links
        e.n_links += 1
        if epoll_ctl(e.epoll, EPOLL_CTL_ADD, fd, &event):
            raise OSError("epoll_ctl failed")
        return 0

    def __dealloc__(self):
        cdef uint32_t i
        cdef Engine* e = self.engine
        if e == NULL:
            return
        for i in range(e.n_links):
            link_free(&e.links[i])
        if e.epoll >= 0:
            socket.close(e.epoll)
        free(e.links)
        free(e.places)
        free(e.dirty)
        free(e.content.noise)
        free(e)
        self.engine = NULL

    def prefill(self):
        """Store every key once, in order, over all connections; the result of that run."""
        return self._run(SOURCE_SWEEP, self.workload.keys, None, DRAIN_NS)

    def run(self, schedule, drain_ns=DRAIN_NS):
        """One run of the workload by `schedule`."""
        return self._run(SOURCE_DRAW, schedule.requests or (1 << 62), schedule, drain_ns)

    def replay(self, keys, sizes):
        """Get every line of a trace, in order, and set what was missed (if the workload fills).

        `keys` and `sizes` are arrays of "I" (key numbers below `workload.keys`, value bytes within
        `workload.value_size`).  A key's lines stay in order; over all, at most one request a connection is
        in flight, so lines are out of order by no more than there are connections.
        """
        cdef const uint32_t[::1] key_view = keys
        cdef const uint32_t[::1] size_view = sizes
        if len(keys) != len(sizes) or not len(keys):
            raise UsageError(f"a trace of {len(keys)} keys and {len(sizes)} sizes cannot be replayed")
        self.trace_arrays = (keys, sizes)
        self.engine.trace_keys = &key_view[0]
        self.engine.trace_sizes = &size_view[0]
        return self._run(SOURCE_TRACE, len(keys), None, DRAIN_NS)

    cdef _run(self, Source source, uint64_t limit, schedule, int64_t drain_ns):
        cdef Engine* e = self.engine
        e.source = source
        e.position = 0
        e.limit = limit
        e.pace = PACE_CLOSED
        e.due_ns = 0
        e.drain_ns = drain_ns
        e.places_first = e.places_last = 0
        memset(&e.counts, 0, sizeof(e.counts))
        memset(&e.get_ns, 0, sizeof(e.get_ns))
        memset(&e.set_ns, 0, sizeof(e.set_ns))
        memset(&e.late_ns, 0, sizeof(e.late_ns))
        e.start_ns = e.record_ns = precise_ns()
        e.end_ns = e.start_ns + (<int64_t> 1 << 60)
        if schedule is not None:
            e.pace = {"closed": PACE_CLOSED, "fixed": PACE_FIXED, "poisson": PACE_POISSON}[schedule.pace]
            e.interval_ns = 1e9 / schedule.rate if schedule.rate else 0.0
            e.record_ns += <int64_t> (schedule.warmup_s * 1e9)
            if schedule.duration_s:
                e.end_ns = e.record_ns + <int64_t> (schedule.duration_s * 1e9)
        e.unblocked_ns = e.last_reply_ns = e.start_ns
        cpu = time.process_time_ns()
        with nogil:
            run_engine(e)
        return self._result(time.process_time_ns() - cpu)

    cdef _result(self, cpu_ns):
        cdef Engine* e = self.engine
        cdef Histogram get_ns = Histogram()
        cdef Histogram set_ns = Histogram()
        cdef Histogram late_ns = Histogram()
        get_ns.data = e.get_ns
        set_ns.data = e.set_ns
        late_ns.data = e.late_ns
        return {
            **e.counts,
            "elapsed_ns": max(e.last_reply_ns - e.record_ns, 1),
            "wall_ns": max(e.last_reply_ns - e.start_ns, 1),
            "asked": e.position,
            "client_cpu_ns": cpu_ns,
            "get_ns": get_ns,
            "set_ns": set_ns,
            "late_ns": late_ns,
        }
