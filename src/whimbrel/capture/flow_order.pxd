# One flow's segments -> its consumer, in order and in causal order; and what may be given up when.

from libc.stdint cimport int64_t, uint32_t, uint8_t
from whimbrel.capture.decode cimport Segment
from whimbrel.capture.flow cimport FlowTable
from whimbrel.capture.flow_state cimport Record

cdef enum Order:
    ORDER_ON = 0
    ORDER_FIN                       # both sides' FINs were delivered
    ORDER_RST                       # an RST was
    ORDER_STRANGE                   # FLOW_STRANGE implausible segments in a row: this flow is another by now

# `seq` is that of the first byte of data: a SYN's own has been stepped over.
cdef Order order_segment(FlowTable* t, Record* r, int side, const Segment* s, uint32_t seq) noexcept nogil
cdef Order order_late(FlowTable* t, Record* r, int64_t now_ns) noexcept nogil       # windows that ran out
cdef Order order_flush(FlowTable* t, Record* r, int64_t now_ns) noexcept nogil      # what waits, with its gaps
cdef void order_drop(FlowTable* t, Record* r) noexcept nogil                        # what waits is forgotten
