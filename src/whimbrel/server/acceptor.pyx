"""Accepting, in a thread of its own, and handing each connection to the worker with the fewest.

Why not a listener in every worker (EPOLLEXCLUSIVE, SO_REUSEPORT): the kernel then wakes whoever waits first or
hashes addresses, and a worker that drew the busy half keeps it for the life of its connections.  Here the
shares differ by at most one when connections arrive, refusals cost no worker anything, and a worker's epoll
set holds nothing but its own connections.  The price is one write and one read of a pipe per connect.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport strlen
from posix.fcntl cimport O_CLOEXEC, O_RDONLY, open
from posix.unistd cimport close, read, usleep, write
from whimbrel.base.atomic cimport fetch_add64, fetch_sub64, load_acquire64, load_relaxed64, store_relaxed64, store_seq64
from whimbrel.net.accept cimport ACCEPT_ABORTED, ACCEPT_NO_FILES, accept_one
from whimbrel.net.loop cimport loop_add_source, loop_close, loop_open, loop_wait
from whimbrel.net.stream cimport stream_write
from whimbrel.server.state cimport MESSAGE_OPEN
from whimbrel.server.worker cimport worker_tell

cdef extern from "<sys/eventfd.h>" nogil:
    enum: EFD_CLOEXEC
    enum: EFD_NONBLOCK
    int eventfd(unsigned int value, int flags)

cdef enum:
    BURST = 64              # connections accepted from one listener before the others are looked at
    WAIT_MS = 1000
    NO_FILES_PAUSE_US = 10000   # out of descriptors: refuse at most 100 bursts a second, do not spin
    UNIX_BIT = 1            # of an epoll word, above the descriptor: not TCP

# The protocol is not known yet; memcached's line, which a Redis client reports as a protocol error.
cdef const char* FULL_LINE = b"ERROR Too many open connections\r\n"


cdef Acceptor* acceptor_new(Settings* settings, Worker** workers, uint32_t count) noexcept nogil:
    """NULL when the machine has no memory or descriptors for it."""
    cdef Acceptor* a = <Acceptor*> calloc(1, sizeof(Acceptor))
    if a == NULL:
        return NULL
    a.settings = settings
    a.workers = workers
    a.worker_count = count
    a.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    a.spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    if a.wake < 0 or a.spare < 0 or not loop_open(&a.loop) or not loop_add_source(&a.loop, a.wake, 0):
        acceptor_free(a)
        return NULL
    return a


cdef void acceptor_free(Acceptor* a) noexcept nogil:
    if a == NULL:
        return
    loop_close(&a.loop)
    if a.wake >= 0:
        close(a.wake)
    if a.spare >= 0:
        close(a.spare)
    free(a)


cdef bint acceptor_listen(Acceptor* a, int fd, bint tcp) noexcept nogil:
    """Accept from a listening descriptor, which stays its owner's."""
    return loop_add_source(&a.loop, fd, <uint64_t> (fd + 1) << 1 | (0 if tcp else UNIX_BIT))


cdef void acceptor_stop(Acceptor* a) noexcept nogil:
    cdef uint64_t one = 1
    store_seq64(&a.stop, 1)
    write(a.wake, &one, sizeof(one))


cdef void refuse(uint64_t* counter, int fd, bint say) noexcept nogil:
    if say:
        stream_write(fd, FULL_LINE, strlen(FULL_LINE))
    close(fd)
    store_relaxed64(counter, load_relaxed64(counter) + 1)


cdef Worker* least_loaded(Acceptor* a, uint64_t* total) noexcept nogil:
    cdef uint32_t i
    cdef Worker* w
    cdef Worker* best = NULL
    cdef uint64_t load, best_load = 0
    total[0] = 0
    a.turn += 1
    for i in range(a.worker_count):
        w = a.workers[(a.turn + i) % a.worker_count]
        load = load_relaxed64(&w.connections)
        total[0] += load
        if best == NULL or load < best_load:
            best = w
            best_load = load
    return best


cdef void hand_over(Acceptor* a, int fd, bint tcp) noexcept nogil:
    cdef uint64_t total
    cdef Worker* w = least_loaded(a, &total)
    if total >= load_relaxed64(&a.settings.max_connections):
        refuse(&a.refused_limit, fd, True)
        return
    fetch_add64(&w.connections, 1)
    if not worker_tell(w, MESSAGE_OPEN, <uint32_t> fd, 0 if tcp else 1):
        fetch_sub64(&w.connections, 1)
        refuse(&a.refused_behind, fd, True)
        return
    store_relaxed64(&a.accepted, load_relaxed64(&a.accepted) + 1)


cdef void shed_one(Acceptor* a, int listener) noexcept nogil:
    """Out of descriptors: give up the spare one to accept, and refuse, who waits longest."""
    cdef int fd
    if a.spare >= 0:
        close(a.spare)
    fd = accept_one(listener, False)
    if fd >= 0:
        refuse(&a.refused_files, fd, True)
    a.spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    usleep(NO_FILES_PAUSE_US)


cdef void accept_burst(Acceptor* a, int listener, bint tcp) noexcept nogil:
    cdef int _i, fd
    for _i in range(BURST):
        fd = accept_one(listener, tcp)
        if fd >= 0:
            hand_over(a, fd, tcp)
        elif fd == ACCEPT_NO_FILES:
            shed_one(a, listener)
            return
        elif fd != ACCEPT_ABORTED:
            return


cdef void acceptor_run(Acceptor* a) noexcept nogil:
    cdef int i, n
    cdef uint64_t word
    while not load_acquire64(&a.stop):
        n = loop_wait(&a.loop, WAIT_MS)
        for i in range(n):
            word = a.loop.events[i].data.u64
            if word == 0:
                read(a.wake, &word, sizeof(word))
            else:
                accept_burst(a, <int> (word >> 1) - 1, not word & UNIX_BIT)
