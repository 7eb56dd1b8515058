# What waits of a flow: pieces sorted by sequence, without overlaps, the first copy of a byte kept.
#
# Bounded: FLOW_WAIT_SEGMENTS and FLOW_WAIT_BYTES a direction, a share of the arena in all.  Most pieces belong behind
# all others or before them, which takes no search; the rest is searched for from the front.

from libc.stdint cimport uint32_t
from whimbrel.capture.flow cimport FlowTable
from whimbrel.capture.flow_state cimport Item, Piece, Record, Wait

cdef bint wait_insert(FlowTable* t, Record* r, Piece* p) noexcept nogil     # False: no room; p is what is left of it
cdef void wait_heard(FlowTable* t, Record* r, Piece* p) noexcept nogil  # p came: who acknowledged how much is clearer
cdef Item* wait_take(FlowTable* t, Record* r, int side) noexcept nogil  # the head, no longer in the lists; the caller's
cdef void wait_release(FlowTable* t, Item* item) noexcept nogil
cdef void wait_close(FlowTable* t, Record* r) noexcept nogil            # of a flow: lets go of everything
cdef void wait_to_end(FlowTable* t, Wait* w) noexcept nogil             # behind all other flows that wait
cdef void piece_cut(Piece* p, uint32_t n) noexcept nogil                # the first n bytes go


cdef inline uint32_t piece_end(const Piece* p) noexcept nogil:
    """Behind its bytes; a FIN takes one number more."""
    return p.seq + p.len + p.hole
