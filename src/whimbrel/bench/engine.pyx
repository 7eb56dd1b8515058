"""The load client's loop: many connections, one thread, one epoll, no GIL.

Requests are asked (closed loop, open loop, or a trace's lines), replies are heard, and each latency is recorded
from the moment its request was intended; client.pyx says what that means.
"""

from libc.stdint cimport int64_t, uint32_t
from whimbrel.base.buffer cimport Writer
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.histogram cimport histogram_record
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.bench.content cimport (
    CONTENT_MAX_KEY, content_is_value, content_key, content_value, content_value_size)
from whimbrel.bench.draw cimport draw_exponential, draw_key, draw_word
from whimbrel.bench.link cimport (
    LINK_LOST, LINK_OPEN, Link, Pending, link_composed, link_drop, link_flush, link_in_flight, link_receive, link_room)
from whimbrel.bench.wire cimport (
    ANSWER_BROKEN, ANSWER_HIT, ANSWER_MISS, ANSWER_MORE, ANSWER_STORED, Answer, VERB_GET, VERB_SET, Verb,
    WIRE_OVERHEAD, wire_answer, wire_get, wire_set)

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLLIN, EPOLLOUT, EPOLL_CTL_MOD, EPOLL_CTL_DEL
    ctypedef union epoll_data_t:
        uint32_t u32
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_ctl(int epoll, int op, int fd, epoll_event* event)
    int epoll_wait(int epoll, epoll_event* events, int n, int timeout_ms)

cdef enum:
    EVENTS_MAX = 128            # handled between two looks at the schedule
    SLEEP_MS = 2                # open loop: sleep only where the next request is further away than this
    IDLE_MS = 50                # closed loop: how often the end is looked for while nothing arrives


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
    """Closed loop: a whole pipeline of requests once the one before is answered, as clients' pipelines are.

    (Refilling each place as it comes free would undo the pipeline for a server that writes its replies one by
    one: it would from then on be asked one by one.)
    """
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
    if e.pace == PACE_CLOSED and e.source != SOURCE_TRACE and l.first == l.last:
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
    cdef uint32_t i, _
    for i in range(e.n_links):
        if e.pace == PACE_CLOSED and e.source != SOURCE_TRACE:
            refill(e, &e.links[i], now)
    for _ in range(e.pipeline if e.pace != PACE_CLOSED else 0):
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
