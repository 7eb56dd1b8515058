"""The address of a connected descriptor, as text, for lists of clients."""

from libc.stdint cimport uint16_t

cdef extern from "<netinet/in.h>" nogil:
    ctypedef unsigned int socklen_t
    enum: AF_INET
    enum: AF_INET6
    enum: AF_UNIX
    cdef struct in_addr:
        pass
    cdef struct in6_addr:
        pass
    cdef struct sockaddr:
        unsigned short sa_family
    cdef struct sockaddr_storage:
        pass
    cdef struct sockaddr_in:
        uint16_t sin_port
        in_addr sin_addr
    cdef struct sockaddr_in6:
        uint16_t sin6_port
        in6_addr sin6_addr
    uint16_t ntohs(uint16_t n)
    int getpeername(int fd, sockaddr* address, socklen_t* size)
    int getsockname(int fd, sockaddr* address, socklen_t* size)

cdef extern from "<arpa/inet.h>" nogil:
    enum: INET6_ADDRSTRLEN
    const char* inet_ntop(int family, const void* address, char* text, socklen_t size)


cdef str text_of(sockaddr_storage* storage):
    cdef sockaddr* any_address = <sockaddr*> storage
    cdef char text[INET6_ADDRSTRLEN]
    if any_address.sa_family == AF_INET:
        inet_ntop(AF_INET, &(<sockaddr_in*> storage).sin_addr, text, sizeof(text))
        return f"{text.decode()}:{ntohs((<sockaddr_in*> storage).sin_port)}"
    if any_address.sa_family == AF_INET6:
        inet_ntop(AF_INET6, &(<sockaddr_in6*> storage).sin6_addr, text, sizeof(text))
        return f"[{text.decode()}]:{ntohs((<sockaddr_in6*> storage).sin6_port)}"
    return "unix" if any_address.sa_family == AF_UNIX else ""


def peer_address(int fd):
    """HOST:PORT of the other side, `unix`, or "" when the descriptor is not connected any more."""
    cdef sockaddr_storage storage
    cdef socklen_t size = sizeof(storage)
    return text_of(&storage) if getpeername(fd, <sockaddr*> &storage, &size) == 0 else ""


def own_address(int fd):
    """HOST:PORT of this side, `unix`, or ""."""
    cdef sockaddr_storage storage
    cdef socklen_t size = sizeof(storage)
    return text_of(&storage) if getsockname(fd, <sockaddr*> &storage, &size) == 0 else ""
