# A captured frame, borrowed from a file's buffer or from the kernel's ring until the call returns.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cdef enum Link:                     # LINKTYPE_ numbers, as files carry them
    LINK_NULL = 0                   # BSD loopback, host byte order
    LINK_ETHERNET = 1
    LINK_RAW_OLD = 12               # raw IP as some systems number it
    LINK_RAW_BSD = 14               # and some others
    LINK_RAW = 101
    LINK_LOOP = 108                 # OpenBSD loopback, network byte order
    LINK_LINUX_SLL = 113
    LINK_IPV4 = 228
    LINK_IPV6 = 229
    LINK_LINUX_SLL2 = 276

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define PACKET_TIME_MAX_NS INT64_C(4611686018427387904)
    """
    const int64_t PACKET_TIME_MAX_NS # 2^62: the year 2116

cdef struct Packet:
    const uint8_t* data
    uint32_t len                    # bytes present
    uint32_t wire_len               # bytes there were; more than len where the capture was cut
    int64_t time_ns                 # since 1970; 0 to PACKET_TIME_MAX_NS whatever a file says, so differences fit
    uint16_t link                   # Link


cdef inline bint link_known(uint16_t link) noexcept nogil:
    """Whether decode looks into frames of this kind."""
    return (link == LINK_ETHERNET or link == LINK_NULL or link == LINK_LOOP or link == LINK_RAW
            or link == LINK_RAW_OLD or link == LINK_RAW_BSD or link == LINK_IPV4 or link == LINK_IPV6
            or link == LINK_LINUX_SLL or link == LINK_LINUX_SLL2)
