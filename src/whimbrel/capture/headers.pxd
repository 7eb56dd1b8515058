# Headers: the numbers in them that mean something, and numbers out of bytes at any address, in network order for
# packets and in either order for files.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:                          # header sizes in bytes
    ETHERNET_BYTES = 14
    TAG_BYTES = 4
    SLL_BYTES = 16
    SLL2_BYTES = 20
    FAMILY_BYTES = 4
    IPV4_BYTES = 20
    IPV6_BYTES = 40
    FRAGMENT_BYTES = 8
    UDP_BYTES = 8
    VXLAN_BYTES = 8
    GENEVE_BYTES = 8
    GRE_BYTES = 4
    TCP_BYTES = 20

cdef enum:
    ETHER_IPV4 = 0x0800
    ETHER_BRIDGED = 0x6558          # an Ethernet frame in a tunnel
    ETHER_VLAN = 0x8100
    ETHER_IPV6 = 0x86DD
    ETHER_QINQ = 0x88A8
    ETHER_QINQ_OLD = 0x9100

cdef enum:                          # protocols of IP, which are IPv6's extension headers too
    IP_HOP_BY_HOP = 0
    IP_IPV4 = 4
    IP_TCP = 6
    IP_UDP = 17
    IP_IPV6 = 41
    IP_ROUTING = 43
    IP_FRAGMENT = 44
    IP_GRE = 47
    IP_AH = 51
    IP_DESTINATION = 60
    IP_MOBILITY = 135
    IP_HIP = 139
    IP_SHIM6 = 140

cdef enum:
    PORT_VXLAN = 4789
    PORT_VXLAN_OLD = 8472           # Linux before it had a port of its own
    PORT_GENEVE = 6081


cdef inline bint is_tag(uint16_t kind) noexcept nogil:
    """Whether an Ethernet type announces a VLAN tag."""
    return kind == ETHER_VLAN or kind == ETHER_QINQ or kind == ETHER_QINQ_OLD


cdef inline bint may_hold_tcp(uint8_t protocol) noexcept nogil:
    """Whether there may be TCP within, perhaps in a tunnel: the others' fragments need not wait."""
    return (protocol == IP_TCP or protocol == IP_UDP or protocol == IP_GRE or protocol == IP_IPV4
            or protocol == IP_IPV6 or protocol == IP_AH)


cdef inline bint is_extension(uint8_t protocol) noexcept nogil:
    """Whether it is one of IPv6's extension headers that are: next 8, length 8 in units of 8 bytes, ..."""
    return (protocol == IP_HOP_BY_HOP or protocol == IP_ROUTING or protocol == IP_DESTINATION
            or protocol == IP_MOBILITY or protocol == IP_HIP or protocol == IP_SHIM6)


cdef inline bint is_ip_family(uint32_t family) noexcept nogil:
    """AF_INET; AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS."""
    return family == 2 or family == 10 or family == 24 or family == 28 or family == 30


cdef enum Around:                   # what gave a network its number: VLAN 7 is not VNI 7
    AROUND_VLAN = 1
    AROUND_VXLAN
    AROUND_GENEVE
    AROUND_GRE


cdef inline uint32_t network_within(uint32_t network, Around kind, uint32_t id) noexcept nogil:
    """The number of a network within another one; 0 is the outermost, which has no id around it."""
    cdef uint64_t h = (<uint64_t> network << 32 | id) + <uint64_t> kind * 0x9E3779B97F4A7C15u
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBu
    network = <uint32_t> (h >> 32)
    return network if network else 1


cdef inline uint16_t be16(const uint8_t* p) noexcept nogil:
    return <uint16_t> (p[0] << 8 | p[1])


cdef inline uint32_t be24(const uint8_t* p) noexcept nogil:
    return <uint32_t> p[0] << 16 | <uint32_t> p[1] << 8 | p[2]


cdef inline uint32_t be32(const uint8_t* p) noexcept nogil:
    return <uint32_t> p[0] << 24 | <uint32_t> p[1] << 16 | <uint32_t> p[2] << 8 | p[3]


cdef inline uint16_t le16(const uint8_t* p) noexcept nogil:
    return <uint16_t> (p[1] << 8 | p[0])


cdef inline uint32_t le32(const uint8_t* p) noexcept nogil:
    return <uint32_t> p[3] << 24 | <uint32_t> p[2] << 16 | <uint32_t> p[1] << 8 | p[0]


# By the byte order of a file; compilers make one load and at most one swap of each.

cdef inline uint16_t in16(const uint8_t* p, bint big) noexcept nogil:
    return be16(p) if big else le16(p)


cdef inline uint32_t in32(const uint8_t* p, bint big) noexcept nogil:
    return be32(p) if big else le32(p)


cdef inline uint64_t in64(const uint8_t* p, bint big) noexcept nogil:
    if big:
        return <uint64_t> be32(p) << 32 | be32(p + 4)
    return <uint64_t> le32(p + 4) << 32 | le32(p)


cdef inline void map_v4(uint8_t* to, const uint8_t* v4) noexcept nogil:
    """::ffff:a.b.c.d"""
    cdef uint64_t[2] words
    cdef uint8_t* p = <uint8_t*> words
    words[0] = 0
    words[1] = 0
    p[10] = 0xFF
    p[11] = 0xFF
    memcpy(p + 12, v4, 4)
    memcpy(to, p, 16)
