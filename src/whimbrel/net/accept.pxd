# One accepted connection, or why there is none.

from libc.errno cimport EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, errno

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    #include <sys/socket.h>
    static inline int whimbrel_accept(int fd) { return accept4(fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); }
    static inline void whimbrel_no_delay(int fd) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    """
    int whimbrel_accept(int fd)
    void whimbrel_no_delay(int fd)

cdef enum:
    ACCEPT_NONE = -1        # nobody waits
    ACCEPT_ABORTED = -2     # that one left before it was accepted: try the next
    ACCEPT_NO_FILES = -3    # the process or the machine is out of descriptors or memory


cdef inline int accept_one(int listener, bint tcp) noexcept nogil:
    """A connected descriptor (small writes leave at once: TCP_NODELAY), or one of the values above."""
    cdef int fd = whimbrel_accept(listener)
    if fd >= 0:
        if tcp:
            whimbrel_no_delay(fd)
        return fd
    if errno == EAGAIN:
        return ACCEPT_NONE
    if errno == EMFILE or errno == ENFILE or errno == ENOBUFS or errno == ENOMEM:
        return ACCEPT_NO_FILES
    return ACCEPT_ABORTED
