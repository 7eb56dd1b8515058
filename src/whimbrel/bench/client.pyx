"""The load client: many connections, one thread, one epoll loop without the GIL.

Closed loop: every connection asks `pipeline` requests at once, and the next ones when all are answered; a
latency runs from composing the request to parsing its reply's last byte.  A stalled server is simply asked less,
which is what "closed" means.

Open loop: requests are due by a schedule that does not look at the server.  A latency runs from the moment
a request was *due* to its reply's last byte, so a stall is charged to every request it delayed, also to
those for which no connection was free.  How late the generator itself was is recorded apart: a figure
from a generator that could not keep up says so.

Deliberately not here: several threads (start several processes), reconnecting (a lost connection is
counted), what the figures mean (report.py).
"""

import socket
import time

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset
from posix.unistd cimport close
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.histogram cimport Histogram
from whimbrel.bench.content cimport CONTENT_WINDOWS
from whimbrel.bench.draw cimport Draw, draw_init, draw_word
from whimbrel.bench.engine cimport (
    Engine, PACE_CLOSED, PACE_FIXED, PACE_POISSON, SOURCE_DRAW, SOURCE_SWEEP, SOURCE_TRACE, Source, run_engine)
from whimbrel.bench.link cimport Link, link_free, link_init
from whimbrel.bench.wire cimport WIRE_MEMCACHE, WIRE_RESP

from whimbrel.base.errors import UsageError, WhimbrelError

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLLIN, EPOLL_CTL_ADD, EPOLL_CLOEXEC
    ctypedef union epoll_data_t:
        uint32_t u32
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int op, int fd, epoll_event* event)

DRAIN_NS = 2_000_000_000        # replies are waited for this long after the last request
SCATTER = 2654435761            # near 2^32 / golden ratio; made coprime to the number of keys


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
        for _ in range(<uint64_t> connections):
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
            close(e.epoll)
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
