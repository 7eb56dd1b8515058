# Endpoints and rows of the window: found, made, added to, merged, dropped.  See window.pxd.

from libc.stdint cimport uint8_t
from whimbrel.summary.call cimport Call
from whimbrel.summary.shape cimport Shape
from whimbrel.summary.template cimport Node
from whimbrel.summary.window cimport Edge, Endpoint, Kept, Row, WindowData

cdef Endpoint* endpoint_of(WindowData* w, Node* node) noexcept nogil           # NULL: no memory, or it is an {other}
cdef Row* row_of(WindowData* w, Endpoint* e, const Call* call) noexcept nogil  # never NULL
cdef void row_add(WindowData* w, Row* r, const Call* call, const Edge* edge) noexcept nogil    # edge: it may be NULL
cdef void row_clear(WindowData* w, Row* r) noexcept nogil                      # its counts; not its shape
cdef void endpoint_merge(WindowData* w, Endpoint* e, Endpoint* into) noexcept nogil    # e is gone afterwards
cdef void endpoint_drop(WindowData* w, Endpoint* e) noexcept nogil             # not its node
cdef void reservoir_empty(WindowData* w) noexcept nogil
cdef void kept_merge(WindowData* w, Kept* k, const Shape* shape) noexcept nogil
cdef void kept_free(WindowData* w, Kept* k) noexcept nogil
