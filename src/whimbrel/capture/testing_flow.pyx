"""The flow table, callable from Python, for tests: segments in, what the consumer is told out.  Nothing of the product
imports this.

An end is (address, port); an address is a number (of the last eight bytes), or 16 bytes.  Events are tuples:

    (flow id, side, "data", bytes, time_ns)      (flow id, side, "gap", n, time_ns)
    (flow id, side, "half", None, time_ns)       (flow id, -1, "over", reason, time_ns)
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_THREAD_CPUTIME_ID, clock_gettime, timespec
from whimbrel.base.arena cimport Arena, arena_alloc, arena_close, arena_free, arena_init
from whimbrel.capture.decode cimport Endpoint, Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN
from whimbrel.capture.flow cimport (
    Flow, FlowEnd, FlowSink, FlowTable, flow_abandon, flow_segment, flow_table_close, flow_table_init, flow_tick)
from whimbrel.capture.flow_state cimport Item, Record, Wait

FIN, SYN, RST, ACK = TCP_FIN, TCP_SYN, TCP_RST, TCP_ACK
REASONS = ("fin", "rst", "idle", "evicted", "stopped")
SIZES = {"flow": sizeof(Flow), "record": sizeof(Record), "wait": sizeof(Wait), "item": sizeof(Item)}


cdef void set_end(Endpoint* to, address, port):
    cdef bytes raw = address if isinstance(address, bytes) else address.to_bytes(16, "big")
    if len(raw) != 16:
        raise ValueError("an address is 16 bytes")
    memcpy(to.address, <const uint8_t*> raw, 16)
    to.port = port


cdef class FlowRecorder:
    """A table with a consumer that writes down what it is told.  `abandon_after` data events a flow is abandoned."""

    cdef Arena arena
    cdef FlowTable table
    cdef bint is_open
    cdef readonly list events
    cdef readonly dict ends                     # flow id: (client, server, network, syn_seen)
    cdef dict alive                             # flow id: the Flow's address
    cdef public int abandon_after

    def __cinit__(self, size_t arena_bytes=16 << 20, uint32_t flows_max=1000, uint32_t sample=1):
        cdef FlowSink sink
        self.events = []
        self.ends = {}
        self.alive = {}
        self.abandon_after = -1
        if not arena_init(&self.arena, arena_bytes):
            raise MemoryError("no mapping")
        sink.context = <void*> self
        sink.data = told_data
        sink.gap = told_gap
        sink.half = told_half
        sink.over = told_over
        if not flow_table_init(&self.table, &self.arena, &sink, flows_max):
            raise MemoryError("the table does not fit")
        self.is_open = True
        self.table.sample = sample

    def __dealloc__(self):
        arena_close(&self.arena)                # the table is in it

    def segment(self, src, dst, seq, ack=None, flags=0, bytes data=b"", time_ns=0, wire_len=None, network=0):
        """`ack` None: without the flag.  Nothing is told in between, so the events' order is the table's."""
        cdef Segment s
        if not self.is_open:
            raise ValueError("closed")
        memset(&s, 0, sizeof(Segment))
        set_end(&s.src, src[0], src[1])
        set_end(&s.dst, dst[0], dst[1])
        s.network = network
        s.seq = seq & 0xFFFFFFFF
        s.ack = (ack or 0) & 0xFFFFFFFF
        s.flags = <uint8_t> (flags | (0 if ack is None else TCP_ACK))
        s.time_ns = time_ns
        s.data = data
        s.len = len(data)
        s.wire_len = s.len if wire_len is None else wire_len
        flow_segment(&self.table, &s)

    def tick(self, int64_t now_ns):
        flow_tick(&self.table, now_ns)

    def close(self):
        if self.is_open:
            self.is_open = False
            flow_table_close(&self.table)

    def abandon(self, flow_id):
        flow_abandon(&self.table, <Flow*> <size_t> self.alive[flow_id])

    def set_sample(self, uint32_t sample):
        self.table.sample = sample

    @property
    def counts(self):
        return dict(self.table.counts)

    @property
    def live(self):
        return self.table.live

    @property
    def used_bytes(self):
        return self.arena.used_bytes

    @property
    def peak_bytes(self):
        return self.arena.peak_bytes

    cdef void tell(self, Flow* f, int side, kind, value, int64_t time_ns):
        self.alive[f.id] = <size_t> f
        self.ends[f.id] = (
            (int.from_bytes(f.ends[0].address[:16], "big"), f.ends[0].port),
            (int.from_bytes(f.ends[1].address[:16], "big"), f.ends[1].port), f.network, bool(f.syn_seen))
        self.events.append((f.id, side, kind, value, time_ns))
        if kind == "data" and f.user == NULL:
            f.user = arena_alloc(&self.arena, 1)            # a consumer's own: freed when it is over
        elif kind == "over":
            arena_free(&self.arena, f.user)
            f.user = NULL
        if kind == "data" and self.abandon_after >= 0:
            if sum(e[0] == f.id and e[2] == "data" for e in self.events) >= self.abandon_after:
                flow_abandon(&self.table, f)


cdef void told_data(void* c, Flow* f, int side, const uint8_t* data, size_t n, int64_t time_ns) noexcept with gil:
    (<FlowRecorder> c).tell(f, side, "data", data[:n], time_ns)


cdef void told_gap(void* c, Flow* f, int side, uint64_t n, int64_t time_ns) noexcept with gil:
    (<FlowRecorder> c).tell(f, side, "gap", n, time_ns)


cdef void told_half(void* c, Flow* f, int side, int64_t time_ns) noexcept with gil:
    (<FlowRecorder> c).tell(f, side, "half", None, time_ns)


cdef void told_over(void* c, Flow* f, FlowEnd why, int64_t time_ns) noexcept with gil:
    (<FlowRecorder> c).tell(f, -1, "over", REASONS[why], time_ns)


# ---- many segments, without Python in between ---------------------------------------------------------------

cdef struct Tally:
    uint64_t bytes
    uint64_t calls
    uint64_t gaps
    uint64_t overs


cdef void tally_data(void* c, Flow* f, int side, const uint8_t* data, size_t n, int64_t time_ns) noexcept nogil:
    (<Tally*> c).bytes += n
    (<Tally*> c).calls += 1


cdef void tally_gap(void* c, Flow* f, int side, uint64_t n, int64_t time_ns) noexcept nogil:
    (<Tally*> c).gaps += 1


cdef void tally_over(void* c, Flow* f, FlowEnd why, int64_t time_ns) noexcept nogil:
    (<Tally*> c).overs += 1


cdef int64_t cpu_ns() noexcept nogil:
    """Of this thread: what others do on the machine does not count."""
    cdef timespec now
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
    return <int64_t> now.tv_sec * 1000000000 + now.tv_nsec


cdef void send(FlowTable* t, Segment* s, uint32_t flow, int side, uint32_t seq, int flags) noexcept nogil:
    """From the client or the server of the flow of this number; who acknowledges acknowledges 10."""
    cdef Endpoint* client = &s.dst if side else &s.src
    cdef Endpoint* server = &s.src if side else &s.dst
    memset(s.src.address, 0, 16)
    memset(s.dst.address, 0, 16)
    memcpy(client.address, &flow, 4)
    client.port = 1000
    server.address[15] = 1
    server.port = 80
    s.seq = seq
    s.ack = 10
    s.flags = <uint8_t> flags
    flow_segment(t, s)


cdef void shake_hands(FlowTable* t, Segment* s, uint32_t flow) noexcept nogil:
    send(t, s, flow, 0, 9, TCP_SYN)
    send(t, s, flow, 1, 9, TCP_SYN | TCP_ACK)
    send(t, s, flow, 0, 10, TCP_ACK)


def flood(kind, uint32_t n, uint32_t flows=1, size_t arena_bytes=32 << 20, uint32_t flows_max=200000):
    """n segments of `flows` flows by turns: "syn"; "data", 1000 bytes in order, or "ack", both after handshakes;
    "byte", one of data and nothing else.

    A dict: ns_each (CPU time of the n segments alone), counts, live, used_bytes and peak_bytes before the close,
    left_bytes after it, and the tally of what the consumer was told.
    """
    cdef Arena arena
    cdef FlowTable table
    cdef FlowSink sink
    cdef Tally tally
    cdef Segment s
    cdef uint32_t i, length = {"syn": 0, "data": 1000, "ack": 0, "byte": 1}[kind]
    cdef bytes data = bytes(1000)
    cdef const uint8_t* payload = data
    cdef int flags = TCP_SYN if kind == "syn" else TCP_ACK
    cdef bint known = kind in ("data", "ack")
    cdef int64_t took
    memset(&tally, 0, sizeof(Tally))
    memset(&s, 0, sizeof(Segment))
    sink.context = &tally
    sink.data = tally_data
    sink.gap = tally_gap
    sink.half = NULL
    sink.over = tally_over
    if not arena_init(&arena, arena_bytes):
        raise MemoryError("no mapping")
    if not flow_table_init(&table, &arena, &sink, flows_max):
        raise MemoryError("the table does not fit")
    with nogil:
        for i in range(flows if known else 0):
            shake_hands(&table, &s, i)
        s.data = payload
        s.wire_len = s.len = length
        took = cpu_ns()
        for i in range(n):
            s.time_ns = <int64_t> i * 1000
            send(&table, &s, i % flows, 0, 10 + i // flows * length, flags)
            if i % 256 == 0:
                flow_tick(&table, s.time_ns)
        took = cpu_ns() - took
    told = {"ns_each": took / n, "counts": dict(table.counts), "live": table.live}
    told["used_bytes"] = arena.used_bytes
    flow_table_close(&table)
    told.update(left_bytes=arena.used_bytes, peak_bytes=arena.peak_bytes, tally=dict(tally))
    arena_close(&arena)
    return told
