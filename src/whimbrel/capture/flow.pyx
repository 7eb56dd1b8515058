"""The entrance of flow.pxd.  What it promises is kept behind it:

    flow_table    which flow a segment belongs to, when one begins, is idle, makes room, is over
    flow_memory   handshakes that are no flows yet, and flows that are over, in a table of fixed size
    flow_index    where a record is found, and who was idle longest
    flow_start    where a side's bytes start
    flow_order    one flow's bytes in order and in causal order; when a hole is called a gap
    flow_wait     what waits for its turn: sorted, without overlaps, bounded
    flow_state    the structs they share

They hold flow.pxd's structs by value, so this module, which owns those, cannot hold theirs: hence the doors.
"""

from libc.stdint cimport int64_t, uint32_t
from whimbrel.base.arena cimport Arena
from whimbrel.capture.decode cimport Segment
from whimbrel.capture.flow_table cimport table_abandon, table_close, table_init, table_segment, table_tick


cdef bint flow_table_init(FlowTable* t, Arena* arena, const FlowSink* sink, uint32_t flows_max) noexcept nogil:
    return table_init(t, arena, sink, flows_max)


cdef void flow_segment(FlowTable* t, const Segment* s) noexcept nogil:
    table_segment(t, s)


cdef void flow_tick(FlowTable* t, int64_t now_ns) noexcept nogil:
    table_tick(t, now_ns)


cdef void flow_table_close(FlowTable* t) noexcept nogil:
    table_close(t)


cdef void flow_abandon(FlowTable* t, Flow* f) noexcept nogil:
    table_abandon(f)
