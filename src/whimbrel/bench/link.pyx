"""One connection of the load client: bytes in and out of a non-blocking socket."""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memmove, memset
from posix.unistd cimport close
from whimbrel.base.buffer cimport Writer

cdef extern from "<sys/socket.h>" nogil:
    enum: MSG_NOSIGNAL
    ssize_t recv(int fd, void* buffer, size_t n, int flags)
    ssize_t send(int fd, const void* buffer, size_t n, int flags)


cdef bint link_init(Link* l, int fd, uint32_t ring_size) noexcept nogil:
    """Takes over `fd`; `ring_size` is a power of two."""
    memset(l, 0, sizeof(Link))
    l.fd = fd
    l.mask = ring_size - 1
    l.ring = <Pending*> calloc(ring_size, sizeof(Pending))
    l.out = <uint8_t*> malloc(LINK_BUFFER)
    l.inp = <uint8_t*> malloc(LINK_BUFFER)
    l.out_cap = l.in_cap = LINK_BUFFER
    return l.ring != NULL and l.out != NULL and l.inp != NULL


cdef void link_free(Link* l) noexcept nogil:
    if l.fd >= 0:
        close(l.fd)
    free(l.ring)
    free(l.out)
    free(l.inp)
    memset(l, 0, sizeof(Link))
    l.fd = -1


cdef bint link_room(Link* l, size_t n, Writer* w) noexcept nogil:
    """A writer with room for `n` bytes behind what is composed; give it back with link_composed."""
    cdef uint8_t* larger
    cdef size_t cap = l.out_cap
    if l.out_sent == l.out_len:
        l.out_sent = l.out_len = 0
    while cap - l.out_len < n:
        cap *= 2
    if cap != l.out_cap:
        larger = <uint8_t*> realloc(l.out, cap)
        if larger == NULL:
            l.state = LINK_LOST
            return False
        l.out = larger
        l.out_cap = cap
    w.base = l.out
    w.pos = l.out + l.out_len
    w.end = l.out + l.out_cap
    w.overflow = False
    return True


cdef void link_composed(Link* l, const Writer* w) noexcept nogil:
    l.out_len = w.pos - l.out


cdef bint link_flush(Link* l) noexcept nogil:
    cdef ssize_t n
    while l.out_sent < l.out_len:
        n = send(l.fd, l.out + l.out_sent, l.out_len - l.out_sent, MSG_NOSIGNAL)
        if n > 0:
            l.out_sent += n
        elif errno == EAGAIN:
            return False
        elif errno != EINTR:
            l.state = LINK_LOST
            return False
    return True


cdef size_t link_receive(Link* l, bint* drained) noexcept nogil:
    """Read once; `drained` tells that the socket had no more than that."""
    cdef ssize_t n
    cdef uint8_t* larger
    if l.in_len == l.in_cap:
        larger = <uint8_t*> realloc(l.inp, l.in_cap * 2)
        if larger == NULL:
            l.state = LINK_LOST
            return 0
        l.inp = larger
        l.in_cap *= 2
    while True:
        n = recv(l.fd, l.inp + l.in_len, l.in_cap - l.in_len, 0)
        if n > 0:
            drained[0] = l.in_len + n < l.in_cap
            l.in_len += n
            return n
        if n < 0 and errno == EINTR:
            continue
        drained[0] = True
        if n == 0 or errno != EAGAIN:
            l.state = LINK_LOST
        return 0


cdef void link_drop(Link* l, size_t n) noexcept nogil:
    """Forget the first `n` unparsed bytes."""
    l.in_len -= n
    if l.in_len and n:
        memmove(l.inp, l.inp + n, l.in_len)
