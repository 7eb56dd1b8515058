"""Conversations fed by hand, for tests: bytes, gaps and ends of a flow that is made up.  Nothing of the product imports
this.

A call comes back as a dict of all its fields, slices as bytes.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset
from whimbrel.agent.conversation cimport Talk, TlsSeen, talk_data, talk_gap, talk_half, talk_over
from whimbrel.agent.talk cimport Conversation, Pending
from whimbrel.base.arena cimport Arena, arena_alloc, arena_close, arena_init
from whimbrel.base.clock cimport precise_ns
from whimbrel.base.slice cimport Slice
from whimbrel.capture.flow cimport FLOW_EVICTED, FLOW_FIN, FLOW_IDLE, FLOW_RST, FLOW_STOPPED, Flow, FlowEnd
from whimbrel.summary.body cimport Body
from whimbrel.summary.call cimport Call

ENDS = {"fin": FLOW_FIN, "rst": FLOW_RST, "idle": FLOW_IDLE, "evicted": FLOW_EVICTED, "stopped": FLOW_STOPPED}


cdef bytes text_of(Slice s):
    return s.ptr[:s.len] if s.len else b""


cdef dict body_of(const Body* b):
    return {"kind": b.kind, "flags": b.flags, "decoded": b.decoded_bytes, "shaped": b.shape != NULL}


cdef dict dict_of(const Call* call):
    return {
        "protocol": call.protocol, "outcome": call.outcome, "flags": call.flags, "keys": call.keys,
        "flow_id": call.flow_id, "client": call.client[:16], "server": call.server[:16],
        "client_port": call.client_port, "server_port": call.server_port, "status": call.status,
        "method": text_of(call.method), "host": text_of(call.host), "target": text_of(call.target),
        "key": text_of(call.key), "headers": text_of(call.headers),
        "request_bytes": call.request_bytes, "response_bytes": call.response_bytes, "ttl_ms": call.ttl_ms,
        "request_first": call.request_first_ns, "request_last": call.request_last_ns,
        "response_first": call.response_first_ns, "response_last": call.response_last_ns,
        "request_body": body_of(&call.request_body), "response_body": body_of(&call.response_body),
    }


cdef void collect(void* context, const Call* call) noexcept nogil:
    with gil:
        (<Script> context).calls.append(dict_of(call))


cdef void collect_tls(void* context, const Flow* f, const TlsSeen* seen) noexcept nogil:
    with gil:
        (<Script> context).hellos.append((
            seen.server_name[:seen.server_name_len] if seen.server_name_len else b"",
            seen.alpn[:seen.alpn_len] if seen.alpn_len else b"", seen.version))


cdef void count_only(void* context, const Call* call) noexcept nogil:
    pass


cdef class Script:
    """One flow of one Talk; sides are 0 and 1, times nanoseconds."""
    cdef Arena arena
    cdef Talk talk
    cdef Flow flow
    cdef public list calls
    cdef public list hellos

    def __cinit__(self, size_t memory=4 << 20, bint syn=True, int pressure=0):
        memset(&self.talk, 0, sizeof(Talk))
        memset(&self.flow, 0, sizeof(Flow))
        if not arena_init(&self.arena, memory):
            raise MemoryError
        self.calls = []
        self.hellos = []
        self.talk.arena = &self.arena
        self.talk.seed = 1
        self.talk.sink = collect
        self.talk.tls = collect_tls
        self.talk.context = <void*> self
        self.talk.pressure = pressure
        self.begin(syn)

    def __dealloc__(self):
        arena_close(&self.arena)

    def begin(self, bint syn=True) -> None:
        """Another flow, on the same Talk."""
        self.flow.user = NULL
        self.flow.id += 1
        self.flow.syn_seen = syn
        self.flow.ends[0].address[15] = 1
        self.flow.ends[1].address[15] = 2
        self.flow.ends[0].port = 40000
        self.flow.ends[1].port = 80

    def data(self, int side, const uint8_t[::1] data, int64_t time_ns=0) -> None:
        if data.shape[0]:
            talk_data(&self.talk, &self.flow, side, &data[0], <size_t> data.shape[0], time_ns)

    def gap(self, int side, size_t n, int64_t time_ns=0) -> None:
        talk_gap(&self.talk, &self.flow, side, n, time_ns)

    def half(self, int side, int64_t time_ns=0) -> None:
        talk_half(&self.talk, &self.flow, side, time_ns)

    def over(self, str why="fin", int64_t time_ns=0) -> None:
        talk_over(&self.talk, &self.flow, <FlowEnd> <int> ENDS[why], time_ns)

    def take_all(self) -> None:
        """The arena has nothing left."""
        while arena_alloc(&self.arena, 64) != NULL:
            pass

    @property
    def used_bytes(self) -> int:
        return self.arena.used_bytes

    @property
    def opaque(self) -> bool:
        """Nothing is kept of this flow."""
        return self.arena.used_bytes == 0

    @property
    def counts(self) -> dict:
        return self.talk.counts

    def measure(self, const uint8_t[::1] request, const uint8_t[::1] response, int times) -> float:
        """Nanoseconds a call: one flow, request and response each in one piece, `times` times."""
        cdef int64_t started
        cdef int i
        self.talk.sink = count_only
        started = precise_ns()
        with nogil:
            for i in range(times):
                talk_data(&self.talk, &self.flow, 0, &request[0], <size_t> request.shape[0], i * 10)
                talk_data(&self.talk, &self.flow, 1, &response[0], <size_t> response.shape[0], i * 10 + 5)
        self.talk.sink = collect
        return (precise_ns() - started) / times


def sizes() -> dict[str, int]:
    """Bytes of what a conversation keeps."""
    return {"conversation": sizeof(Conversation), "pending": sizeof(Pending)}
