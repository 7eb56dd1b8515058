# Sending composed replies (replies.pyx); used by the session contract and by the connection.

from whimbrel.server.contract cimport Conn
from whimbrel.server.state cimport Worker

cdef void out_reset(Worker* w) noexcept nogil
cdef bint out_send(Worker* w, Conn* c) noexcept nogil
cdef bint big_take(Worker* w, size_t n) noexcept nogil
cdef void big_release(Worker* w) noexcept nogil
