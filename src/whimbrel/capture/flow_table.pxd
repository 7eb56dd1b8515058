# The table of flows: which segment belongs to which, when a flow begins and when it is over.  For flow.pyx only.

from libc.stdint cimport int64_t, uint32_t
from whimbrel.base.arena cimport Arena
from whimbrel.capture.decode cimport Segment
from whimbrel.capture.flow cimport Flow, FlowSink, FlowTable

cdef bint table_init(FlowTable* t, Arena* arena, const FlowSink* sink, uint32_t flows_max) noexcept nogil
cdef void table_segment(FlowTable* t, const Segment* s) noexcept nogil
cdef void table_tick(FlowTable* t, int64_t now_ns) noexcept nogil
cdef void table_close(FlowTable* t) noexcept nogil
cdef void table_abandon(Flow* f) noexcept nogil
