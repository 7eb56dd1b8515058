# Segments -> ordered bytes of two directions, in causal order.
#
# Idea: a byte is delivered when everything before it in its direction was delivered (or given up as a gap) and when
# everything the sender had acknowledged by then of the other direction was, too.  So a response never comes before
# the request it answers, whatever the order of packets in the capture, and pairing needs no clock.
#
#     A -> B   |1..request...|                      deliverable at once
#     B -> A                  ack=request's end |response|     waits until A -> B reached `ack`
#
# What does not arrive is a gap: when the peer has acknowledged beyond it, or much came behind it, and
# FLOW_WINDOW_PACKETS of the flow or FLOW_WINDOW_NS went by (a capture may be out of order, it is not late for ever);
# when memory for what waits is used up; when the flow ends.  Overlaps: the first copy wins, as Linux does; a copy that
# differs is counted.  A flow without SYN starts, after the same window, at its lowest byte.
#
# Bounded: a flow takes memory only once it carries data or its handshake is whole; half-open ones live in a table of
# fixed size.  The table of flows has a limit, its idlest flow makes room for a new one.  What waits out of order is
# bounded a flow and in all.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.capture.decode cimport Endpoint, Segment

cdef enum:
    FLOW_WINDOW_PACKETS = 32        # packets of a flow that may pass before what is missing is called lost
    FLOW_WINDOW_NS = 200000000      # and time of the capture: 200 ms
    FLOW_WAIT_BYTES = 1048576       # out of order in one direction at most: a receive window's worth

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define FLOW_IDLE_NS INT64_C(300000000000)
    """
    const int64_t FLOW_IDLE_NS      # 5 min without a packet: the flow is over

cdef enum FlowEnd:
    FLOW_FIN = 0                    # both sides said so
    FLOW_RST
    FLOW_IDLE
    FLOW_EVICTED                    # made room for another
    FLOW_STOPPED                    # the capture's end

cdef struct Flow:                   # the part that consumers see; the table's own fields are behind it
    void* user                      # the consumer's own
    Endpoint ends[2]                # ends[0] is the client as known: who sent the SYN, else the first packet's source
    uint32_t network
    bint syn_seen                   # the beginning was captured: the first bytes delivered are the first bytes sent
    uint32_t marks                  # the table's own
    uint64_t id                     # counts up from 1

# What a consumer is told.  `side` 0: sent by ends[0].  Bytes are borrowed until the call returns.
# Data; n bytes that will never come; the side's FIN, all before it delivered; the end: f.user is to be freed.
ctypedef void (*FlowData)(
    void* context, Flow* f, int side, const uint8_t* data, size_t n, int64_t time_ns) noexcept nogil
ctypedef void (*FlowGap)(void* context, Flow* f, int side, uint64_t n, int64_t time_ns) noexcept nogil
ctypedef void (*FlowHalf)(void* context, Flow* f, int side, int64_t time_ns) noexcept nogil
ctypedef void (*FlowOver)(void* context, Flow* f, FlowEnd why, int64_t time_ns) noexcept nogil

cdef struct FlowSink:
    void* context
    FlowData data
    FlowGap gap
    FlowHalf half                   # may be NULL
    FlowOver over

cdef struct FlowCounts:             # all since the start
    uint64_t segments
    uint64_t flows                  # that became flows
    uint64_t half_open              # handshakes seen, dropped or not
    uint64_t half_open_dropped      # pushed out of their table before they became flows
    uint64_t evicted                # flows that made room
    uint64_t refused                # packets of flows that found no memory
    uint64_t sampled_out            # flows not followed because of `sample`
    uint64_t gaps
    uint64_t gap_bytes
    uint64_t duplicates             # segments with nothing new
    uint64_t overlaps_differ        # copies with other bytes than the first
    uint64_t out_of_order
    uint64_t implausible            # segments or acknowledgements too far from where their flow is; not believed

cdef struct FlowTable:
    Arena* arena
    FlowSink sink
    FlowCounts counts
    uint32_t live                   # flows now
    uint32_t sample                 # follow one flow in this many (1: all), chosen by a keyed hash of its addresses
    void* own                       # capture/flow.pyx knows

cdef bint flow_table_init(FlowTable* t, Arena* arena, const FlowSink* sink, uint32_t flows_max) noexcept nogil
cdef void flow_segment(FlowTable* t, const Segment* s) noexcept nogil
cdef void flow_tick(FlowTable* t, int64_t now_ns) noexcept nogil        # idle flows, windows that ran out; bounded work
cdef void flow_table_close(FlowTable* t) noexcept nogil                 # delivers what waits, FLOW_STOPPED to all
cdef void flow_abandon(FlowTable* t, Flow* f) noexcept nogil            # the consumer wants no more of it but its end
