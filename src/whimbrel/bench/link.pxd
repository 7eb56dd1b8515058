# One connection of the load client: its socket, its unsent and unparsed bytes, its requests in flight.
#
#     ring    ...|first: oldest in flight|.......|last: next to be asked|...      size a power of two
#     out     ...|out_sent|..composed, unsent..|out_len|....room....|out_cap
#     in      |..unparsed..|in_len|....room....|in_cap
#
# Both buffers grow to what the pipeline needs and stay: the client may use memory, the server is measured.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.buffer cimport Writer

cdef enum:
    LINK_BUFFER = 65536     # bytes a buffer starts with: a pipeline of 32 values of 1 KiB

cdef enum LinkState:
    LINK_OPEN = 0
    LINK_LOST               # closed by the peer, refused by the system, or answered nonsense

cdef struct Pending:        # a request in flight
    int64_t intended_ns     # when it was to be sent: latency starts here
    uint64_t key
    uint32_t value_size
    uint8_t verb

cdef struct Link:
    int fd
    LinkState state
    bint dirty              # in the list of links to flush
    bint waits_writable     # EPOLLOUT is armed
    uint32_t first
    uint32_t last
    uint32_t mask
    Pending* ring
    uint8_t* out
    size_t out_sent
    size_t out_len
    size_t out_cap
    uint8_t* inp
    size_t in_len
    size_t in_cap

cdef inline uint32_t link_in_flight(const Link* l) noexcept nogil:
    return l.last - l.first

cdef bint link_init(Link* l, int fd, uint32_t ring_size) noexcept nogil
cdef void link_free(Link* l) noexcept nogil
cdef bint link_room(Link* l, size_t n, Writer* w) noexcept nogil        # False: out of memory
cdef void link_composed(Link* l, const Writer* w) noexcept nogil
cdef bint link_flush(Link* l) noexcept nogil                            # whether everything is sent
cdef size_t link_receive(Link* l, bint* drained) noexcept nogil         # bytes got; 0: none, or lost
cdef void link_drop(Link* l, size_t n) noexcept nogil
