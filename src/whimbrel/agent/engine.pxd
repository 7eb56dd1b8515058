# The agent's data path as one object; see engine.pyx.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from whimbrel.agent.conversation cimport Talk
from whimbrel.base.arena cimport Arena
from whimbrel.capture.bpf cimport Filter
from whimbrel.capture.decode cimport Decoder
from whimbrel.capture.flow cimport FlowSink, FlowTable
from whimbrel.capture.packet cimport Packet
from whimbrel.capture.ring cimport Ring
from whimbrel.summary.call cimport Call
from whimbrel.summary.template cimport Node, Templates
from whimbrel.summary.window cimport WindowData

cdef enum:
    SLICE_PACKETS = 256             # between two looks at the clock, the arena and the window

    # Shares of the arena, in per cent, at which something is given up; it is taken up again 10 per cent below.
    PRESSURE_BODIES = 70            # bodies are no longer typed
    PRESSURE_PAIRS = 80             # calls are counted, not told apart by path
    PRESSURE_FLOWS = 90             # every other flow is left out, then three of four, ...
    PRESSURE_BACK = 10
    SAMPLE_MAX = 1024


cdef enum:                          # what the engine itself counts; names in engine.pyx
    ENGINE_PACKETS = 0
    ENGINE_WIRE_BYTES
    ENGINE_FILTERED                 # by a file's filter; the kernel's is not seen
    ENGINE_KERNEL_DROPS
    ENGINE_PRESSURE_BODIES          # times that each was given up
    ENGINE_PRESSURE_PAIRS
    ENGINE_PRESSURE_FLOWS
    ENGINE_COUNTS


cdef struct Ear:                    # what conversations tell a call to
    WindowData* window
    bint calls_wanted
    void* engine                    # the Engine, borrowed


cdef class Engine:
    cdef Ear ear
    cdef Arena arena
    cdef Decoder decoder
    cdef FlowTable flows
    cdef Talk talk
    cdef Templates* templates
    cdef uint64_t counted[7]        # by the numbers above
    cdef int64_t seen_ns            # capture time
    cdef int astray                 # packets in a row whose time does not fit
    cdef int64_t window_end_ns      # 0: no packet was seen yet
    cdef dict filters               # link type -> Filter, of files; empty: everything passes
    cdef object make_filter         # link type -> program; None: everything passes
    cdef Filter filter              # of the last packet's link type
    cdef int filter_link            # -1: none yet
    cdef object on_call
    cdef object failure             # the first exception of on_call, raised once the GIL is held again
    cdef bint reveal
    cdef dict told                  # counts when the last window was closed

    cdef bint decoding             # the decoder is open
    cdef bint opened               # and everything else
    cdef bint finished
    cdef int64_t sampled_ns         # when the sampling rate last changed

    cdef open_parts(self, bytes key, uint32_t reveal_calls, const FlowSink* sink)
    cdef void take(self, const Packet* p) noexcept nogil
    cdef void see(self, int64_t time_ns) noexcept nogil
    cdef bint due(self) noexcept nogil
    cdef bint passes(self, const Packet* p) noexcept nogil
    cdef void filter_for(self, int link) noexcept
    cdef uint64_t take_slice(self, Ring ring) noexcept nogil
    cdef void count_drops(self, Ring ring) noexcept nogil
    cdef void relieve(self) noexcept nogil
    cdef void level(self, int step, int share, int up, int counter) noexcept nogil
    cdef dict counted_since(self)
    cdef check(self)
    cdef raise_failure(self)
    cdef void report(self, const Call* call, const Node* endpoint) noexcept
