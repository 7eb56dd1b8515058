# The thread that accepts (acceptor.pyx).

from libc.stdint cimport uint32_t, uint64_t
from whimbrel.net.loop cimport Loop
from whimbrel.server.contract cimport Settings
from whimbrel.server.state cimport Worker

cdef struct Acceptor:
    Loop loop
    Settings* settings
    Worker** workers
    uint32_t worker_count
    uint32_t turn               # where the search for the least loaded worker begins
    int wake                    # eventfd: look at stop
    int spare                   # a descriptor kept to be given up when there are no others
    uint64_t stop
    uint64_t accepted           # counters, written by this thread alone
    uint64_t refused_limit
    uint64_t refused_files
    uint64_t refused_behind

cdef Acceptor* acceptor_new(Settings* settings, Worker** workers, uint32_t count) noexcept nogil
cdef bint acceptor_listen(Acceptor* a, int fd, bint tcp) noexcept nogil
cdef void acceptor_run(Acceptor* a) noexcept nogil
cdef void acceptor_stop(Acceptor* a) noexcept nogil
cdef void acceptor_free(Acceptor* a) noexcept nogil
