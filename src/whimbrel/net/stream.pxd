# A stream: what a connection reads from and writes to, with errno turned into three values.
#
#   n >= 0            bytes moved; a read of 0 is the end of the peer's sending
#   STREAM_AGAIN      nothing now: wait for the loop's next edge
#   STREAM_CLOSED     the connection is gone (reset, broken pipe, any error the peer caused)
#
# Non-blocking by flag (MSG_DONTWAIT), so a descriptor needs no fcntl; never SIGPIPE (MSG_NOSIGNAL).
# The seam for TLS: an encrypted stream offers these calls with the same three results; only
# server/connection.pyx, entry.pyx and replies.pyx call them.

from libc.errno cimport EAGAIN, EINTR, errno

cdef extern from "<sys/socket.h>" nogil:
    enum: MSG_DONTWAIT
    enum: MSG_NOSIGNAL
    enum: MSG_PEEK
    enum: SHUT_WR
    ssize_t recv(int fd, void* buffer, size_t size, int flags)
    ssize_t send(int fd, const void* buffer, size_t size, int flags)
    int shutdown(int fd, int how)

cdef enum:
    STREAM_AGAIN = -1
    STREAM_CLOSED = -2


cdef inline ssize_t stream_receive(int fd, void* dest, size_t size, int flags) noexcept nogil:
    cdef ssize_t n
    while True:
        n = recv(fd, dest, size, flags)
        if n >= 0:
            return n
        if errno != EINTR:
            return STREAM_AGAIN if errno == EAGAIN else STREAM_CLOSED


cdef inline ssize_t stream_read(int fd, void* dest, size_t size) noexcept nogil:
    return stream_receive(fd, dest, size, MSG_DONTWAIT)


cdef inline ssize_t stream_peek(int fd, void* dest, size_t size) noexcept nogil:
    """As a read, but the bytes stay to be read again."""
    return stream_receive(fd, dest, size, MSG_DONTWAIT | MSG_PEEK)


cdef inline ssize_t stream_write(int fd, const void* src, size_t size) noexcept nogil:
    cdef ssize_t n
    while True:
        n = send(fd, src, size, MSG_DONTWAIT | MSG_NOSIGNAL)
        if n >= 0:
            return n
        if errno != EINTR:
            return STREAM_AGAIN if errno == EAGAIN else STREAM_CLOSED


cdef inline void stream_finish_writing(int fd) noexcept nogil:
    """Tell the peer that nothing more comes; what it still sends can be read and dropped."""
    shutdown(fd, SHUT_WR)
