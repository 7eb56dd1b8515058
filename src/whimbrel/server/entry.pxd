# An entry of a worker's slab and what it holds (entry.pyx).

from libc.stdint cimport uint8_t, uint32_t
from whimbrel.server.contract cimport Conn
from whimbrel.server.state cimport Account, Worker

cdef Conn* connection_open(Worker* w, int fd, bint unix_socket) noexcept nogil
cdef void connection_close(Worker* w, Conn* c) noexcept nogil
cdef void kept_drop(Worker* w, Conn* c) noexcept nogil
cdef void tail_drop(Worker* w, Conn* c) noexcept nogil
cdef uint8_t* buffer_insist(Worker* w, Conn* c, Account* account, size_t n) noexcept nogil
cdef void park(Worker* w, Conn* c, uint32_t queue, size_t want) noexcept nogil
cdef bint kept_fits(Worker* w, Conn* c, size_t cap) noexcept nogil
cdef bint kept_grow(Worker* w, Conn* c, size_t cap) noexcept nogil
cdef void keep(Worker* w, Conn* c, const uint8_t* data, size_t n, size_t need) noexcept nogil
cdef void leave(Worker* w, Conn* c, size_t consumed, size_t n) noexcept nogil
