# One connection's life (connection.pyx), as the worker's loop drives it.

from libc.stdint cimport uint32_t
from whimbrel.server.contract cimport Conn
from whimbrel.server.state cimport Worker

cdef void connection_event(Worker* w, Conn* c, uint32_t events) noexcept nogil
cdef void flush_when_due(Worker* w) noexcept nogil
cdef void connection_run(Worker* w, Conn* c) noexcept nogil
