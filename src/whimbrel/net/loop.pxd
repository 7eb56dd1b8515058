# An epoll loop: who is ready, and a 64-bit word of the caller's for each.
#
# Edge-triggered, both directions registered once: no epoll_ctl after the first, and a connection that is
# left alone costs nothing.  The price is the caller's: it remembers "there may be more" itself, from a read
# that filled its buffer until one that did not, and from a write that was refused until the next edge.
# (Level-triggered epoll re-queues and re-polls every reported descriptor once more: 150-200 ns an event here.)
#
# Deliberately not: a timer wheel.  The caller waits with a timeout and looks at a coarse clock.

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint32_t, uint64_t

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLL_CLOEXEC
    enum: EPOLL_CTL_ADD
    enum: EPOLL_CTL_DEL
    enum: EPOLLIN
    enum: EPOLLOUT
    enum: EPOLLRDHUP
    enum: EPOLLHUP
    enum: EPOLLERR
    unsigned int EPOLLET
    union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll_fd, int op, int fd, epoll_event* event)
    int epoll_wait(int epoll_fd, epoll_event* events, int max_events, int timeout_ms)

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef enum:
    LOOP_EVENTS = 128       # events a wait returns at most: bounds the time between two looks at the clock


cdef struct Loop:
    int epoll_fd            # -1: not open
    epoll_event events[LOOP_EVENTS]


cdef inline bint loop_open(Loop* loop) noexcept nogil:
    loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
    return loop.epoll_fd >= 0


cdef inline void loop_close(Loop* loop) noexcept nogil:
    if loop.epoll_fd >= 0:
        close(loop.epoll_fd)
    loop.epoll_fd = -1


cdef inline bint loop_add_stream(Loop* loop, int fd, uint64_t word) noexcept nogil:
    """Report every change of readable, writable and closed, once each."""
    cdef epoll_event event
    event.events = <uint32_t> (EPOLLIN | EPOLLOUT | EPOLLRDHUP) | EPOLLET
    event.data.u64 = word
    return epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0


cdef inline bint loop_add_source(Loop* loop, int fd, uint64_t word) noexcept nogil:
    """Report readable for as long as it is (listeners, pipes)."""
    cdef epoll_event event
    event.events = EPOLLIN
    event.data.u64 = word
    return epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0


cdef inline int loop_wait(Loop* loop, int timeout_ms) noexcept nogil:
    """How many of loop.events are filled; 0 after the timeout or a signal."""
    cdef int n = epoll_wait(loop.epoll_fd, loop.events, LOOP_EVENTS, timeout_ms)
    return n if n > 0 else 0
