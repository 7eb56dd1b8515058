"""A frame -> the TCP segment in it: see decode.pxd for the contract.

Each layer is a function that reads its header at the walk's cursor, moves the cursor behind it and ends with a call
of the next layer, down to the segment.  What limits the depth are DECODE_TAGS, DECODE_EXTENSIONS and DECODE_TUNNELS:

    link -> [tag ...] -> ip -> [extension ...] -> tcp
                          ^                    -> udp, gre, ip: a tunnel, and again from link or ip
                          +--- [fragments] <---+

A header that does not fit into the bytes at hand is CUT where the capture left bytes out and BAD where the packet
itself ends there.  What an IP header says of its length is believed even where the frame on the wire was shorter:
devices that slice packets before somebody captures them leave frames that look whole.  Nothing is believed about
bytes that are not there: they are a hole behind the segment.

Not here: which flow a segment belongs to, checksums (see decode.pxd), ESP, PPPoE, MPLS.
"""

from libc.string cimport memcpy, memset

from whimbrel.capture.fragments cimport (
    DATAGRAM_V6, Fragment, JOINED_BAD, JOINED_WAITS, Joined, Whole, fragments_drop_all, fragments_free, fragments_join,
    fragments_new, fragments_release)
from whimbrel.capture.headers cimport (
    AROUND_GENEVE, AROUND_GRE, AROUND_VLAN, AROUND_VXLAN, Around, ETHER_BRIDGED, ETHER_IPV4, ETHER_IPV6, ETHERNET_BYTES,
    FAMILY_BYTES, FRAGMENT_BYTES, GENEVE_BYTES, GRE_BYTES, IP_AH, IP_FRAGMENT, IP_GRE, IP_IPV4, IP_IPV6, IP_TCP, IP_UDP,
    IPV4_BYTES, IPV6_BYTES, PORT_GENEVE, PORT_VXLAN, PORT_VXLAN_OLD, SLL2_BYTES, SLL_BYTES, TAG_BYTES, TCP_BYTES,
    UDP_BYTES, VXLAN_BYTES, be16, be24, be32, is_extension, is_ip_family, is_tag, map_v4, may_hold_tcp, network_within)
from whimbrel.capture.packet cimport (
    LINK_ETHERNET, LINK_IPV4, LINK_IPV6, LINK_LINUX_SLL, LINK_LINUX_SLL2, LINK_LOOP, LINK_NULL, LINK_RAW,
    LINK_RAW_BSD, LINK_RAW_OLD)

cdef struct Walk:
    Decoder* d
    Segment* out                    # addresses of the innermost IP header so far
    const uint8_t* at
    const uint8_t* end              # behind the last byte present
    size_t cut                      # bytes behind `end` that were on the wire
    int tunnels
    int tags
    int extensions
    bint v6


cdef inline size_t left(const Walk* w) noexcept nogil:
    return <size_t> (w.end - w.at)


cdef inline Decoded short(const Walk* w, size_t need) noexcept nogil:
    return DECODED_CUT if left(w) + w.cut >= need else DECODED_BAD


cdef inline void trim(Walk* w, size_t size) noexcept nogil:
    """What follows is `size` bytes: padding behind it goes, what is missing of it was cut."""
    cdef size_t have = left(w)
    if size <= have:
        w.end = w.at + size
        w.cut = 0
    else:
        w.cut = size - have


cdef inline void enter(Walk* w, Around kind, uint32_t id) noexcept nogil:
    w.out.network = network_within(w.out.network, kind, id)


# TCP

cdef inline Decoded read_tcp(Walk* w) noexcept nogil:
    cdef const uint8_t* p = w.at
    cdef Segment* s = w.out
    cdef size_t header
    if left(w) < TCP_BYTES:
        return short(w, TCP_BYTES)
    header = (p[12] >> 4) * 4
    if header < TCP_BYTES or header > left(w) + w.cut:
        return DECODED_BAD
    s.src.port = be16(p)
    s.dst.port = be16(p + 2)
    s.seq = be32(p + 4)
    s.ack = be32(p + 8)
    s.flags = p[13]
    s.wire_len = <uint32_t> (left(w) + w.cut - header)
    s.data = w.end if header > left(w) else p + header         # options may be cut; they do not matter here
    s.len = <uint32_t> (w.end - s.data)
    return DECODED_TCP


# Tunnels

cdef inline bint may_tunnel(Walk* w) noexcept nogil:
    w.tunnels += 1
    return w.tunnels <= DECODE_TUNNELS


cdef Decoded read_tunnelled(Walk* w, uint16_t kind) noexcept nogil:
    """What `kind`, an Ethernet type, says is in a tunnel."""
    if not may_tunnel(w):
        return DECODED_OTHER
    return read_ethernet(w) if kind == ETHER_BRIDGED else read_type(w, kind)


cdef Decoded read_vxlan(Walk* w) noexcept nogil:
    # | flags 8 (0x08: the VNI is valid) | 24 reserved | VNI 24 | 8 reserved |
    if left(w) < VXLAN_BYTES:
        return short(w, VXLAN_BYTES)
    if not w.at[0] & 0x08:
        return DECODED_OTHER
    enter(w, AROUND_VXLAN, be24(w.at + 4))
    w.at += VXLAN_BYTES
    return read_tunnelled(w, ETHER_BRIDGED)


cdef Decoded read_geneve(Walk* w) noexcept nogil:
    # | version 2, options' words 6 | control 1, ... 7 | type 16 | VNI 24 | 8 reserved | options |
    cdef size_t header
    cdef uint16_t kind
    if left(w) < GENEVE_BYTES:
        return short(w, GENEVE_BYTES)
    if w.at[0] >> 6 != 0 or w.at[1] & 0x80:
        return DECODED_OTHER
    header = GENEVE_BYTES + (w.at[0] & 0x3F) * 4
    if left(w) < header:
        return short(w, header)
    kind = be16(w.at + 2)
    enter(w, AROUND_GENEVE, be24(w.at + 4))
    w.at += header
    return read_tunnelled(w, kind)


cdef Decoded read_udp(Walk* w) noexcept nogil:
    cdef uint16_t port
    if left(w) < UDP_BYTES:
        return short(w, UDP_BYTES)
    port = be16(w.at + 2)
    w.at += UDP_BYTES
    if port == PORT_VXLAN or port == PORT_VXLAN_OLD:
        return read_vxlan(w)
    return read_geneve(w) if port == PORT_GENEVE else DECODED_OTHER


cdef Decoded read_gre(Walk* w) noexcept nogil:
    # | C R K S ... version 3 | type 16 | C: checksum 16, 16 reserved | K: key 32 | S: sequence 32 |
    cdef size_t header = GRE_BYTES
    cdef uint16_t flags, kind
    if left(w) < header:
        return short(w, header)
    flags = be16(w.at)
    if flags & 0x4007:              # source routes of its first version; PPTP's
        return DECODED_OTHER
    kind = be16(w.at + 2)
    header += 4 * ((flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1))
    if left(w) < header:
        return short(w, header)
    if flags & 0x2000:
        enter(w, AROUND_GRE, be32(w.at + (8 if flags & 0x8000 else 4)))
    w.at += header
    return read_tunnelled(w, kind)


# IP

cdef Decoded read_extension(Walk* w, uint8_t protocol) noexcept nogil:
    """| next 8 | length 8 | ... |: the length in units of 8 bytes beyond the first, AH's in units of 4."""
    cdef size_t header
    cdef uint8_t following
    w.extensions += 1
    if w.extensions > DECODE_EXTENSIONS:
        return DECODED_OTHER
    if left(w) < 8:
        return short(w, 8)
    following = w.at[0]
    header = (w.at[1] + 2) * 4 if protocol == IP_AH else (w.at[1] + 1) * 8
    if left(w) < header:
        return short(w, header)
    w.at += header
    return read_protocol(w, following)


cdef Decoded read_fragment(Walk* w, uint8_t protocol, uint32_t ident, uint32_t offset, bint more) noexcept nogil:
    """The fragment at the cursor; goes on with the datagram if that is whole now."""
    cdef Fragment f
    cdef Whole whole
    cdef Joined joined
    memcpy(f.key.src, w.out.src.address, 16)
    memcpy(f.key.dst, w.out.dst.address, 16)
    f.key.network = w.out.network
    f.key.ident = ident
    f.key.kind = protocol
    if w.v6:
        f.key.kind = DATAGRAM_V6
    f.time_ns = w.out.time_ns
    f.offset = offset
    f.more = more
    f.protocol = protocol
    f.data = w.at
    f.len = <uint32_t> left(w)
    f.wire_len = <uint32_t> (left(w) + w.cut)
    joined = fragments_join(w.d.fragments, &f, &whole)
    w.d.fragments_lost = w.d.fragments.lost
    w.d.fragments_differ = w.d.fragments.differ
    if joined == JOINED_BAD:
        return DECODED_BAD
    if joined == JOINED_WAITS:
        return DECODED_WAITS
    w.at = whole.data
    w.end = whole.data + whole.len
    w.cut = whole.wire_len - whole.len
    return read_protocol(w, whole.protocol)


cdef Decoded read_fragment_v6(Walk* w) noexcept nogil:
    # | next 8 | reserved 8 | offset in units of 8: 13, 2 reserved, more 1 | ident 32 |
    cdef uint8_t following
    cdef uint32_t word, ident
    w.extensions += 1
    if w.extensions > DECODE_EXTENSIONS:
        return DECODED_OTHER
    if left(w) < FRAGMENT_BYTES:
        return short(w, FRAGMENT_BYTES)
    following = w.at[0]
    word = be16(w.at + 2)
    ident = be32(w.at + 4)
    w.at += FRAGMENT_BYTES
    if not word & 0xFFF9:           # the only one: nothing to wait for
        return read_protocol(w, following)
    return read_fragment(w, following, ident, word & 0xFFF8, word & 1)


cdef Decoded read_protocol(Walk* w, uint8_t protocol) noexcept nogil:
    if protocol == IP_TCP:
        return read_tcp(w)
    if protocol == IP_UDP:
        return read_udp(w)
    if protocol == IP_GRE:
        return read_gre(w)
    if protocol == IP_IPV4 or protocol == IP_IPV6:
        return read_tunnelled(w, ETHER_IPV4 if protocol == IP_IPV4 else ETHER_IPV6)
    if protocol == IP_AH:
        return read_extension(w, protocol)
    if not w.v6:
        return DECODED_OTHER
    if protocol == IP_FRAGMENT:
        return read_fragment_v6(w)
    return read_extension(w, protocol) if is_extension(protocol) else DECODED_OTHER


cdef Decoded read_ipv4(Walk* w) noexcept nogil:
    cdef const uint8_t* p = w.at
    cdef size_t header, total
    cdef uint32_t fragment
    if left(w) < IPV4_BYTES:
        return short(w, IPV4_BYTES)
    header = (p[0] & 15) * 4
    total = be16(p + 2)
    if total == 0:                  # what a sender's card is to split may be too long for the field
        total = left(w) + w.cut
    if p[0] >> 4 != 4 or header < IPV4_BYTES or total < header:
        return DECODED_BAD
    trim(w, total)
    if left(w) < header:
        return DECODED_CUT
    map_v4(w.out.src.address, p + 12)
    map_v4(w.out.dst.address, p + 16)
    w.v6 = False
    w.at += header
    fragment = be16(p + 6)
    if not fragment & 0x3FFF:
        return read_tcp(w) if p[9] == IP_TCP else read_protocol(w, p[9])
    if not may_hold_tcp(p[9]):
        return DECODED_OTHER
    return read_fragment(w, p[9], be16(p + 4), (fragment & 0x1FFF) * 8, fragment >> 13 & 1)


cdef Decoded read_ipv6(Walk* w) noexcept nogil:
    cdef const uint8_t* p = w.at
    cdef uint16_t payload
    if left(w) < IPV6_BYTES:
        return short(w, IPV6_BYTES)
    if p[0] >> 4 != 6:
        return DECODED_BAD
    payload = be16(p + 4)
    w.at += IPV6_BYTES
    if payload:                     # 0: a jumbogram, or one that a card is to split; the frame says how long it is
        trim(w, payload)
    memcpy(w.out.src.address, p + 8, 16)
    memcpy(w.out.dst.address, p + 24, 16)
    w.v6 = True
    return read_protocol(w, p[6])


cdef Decoded read_ip(Walk* w) noexcept nogil:
    """Either version, by the first nibble."""
    if left(w) < 1:
        return short(w, 1)
    return read_ipv6(w) if w.at[0] >> 4 == 6 else read_ipv4(w)


# Link layers

cdef Decoded read_type(Walk* w, uint16_t kind) noexcept nogil:
    """What an Ethernet type announces, VLAN tags on the way."""
    cdef uint32_t vlan
    while is_tag(kind):
        w.tags += 1
        if w.tags > DECODE_TAGS:
            return DECODED_OTHER
        if left(w) < TAG_BYTES:
            return short(w, TAG_BYTES)
        vlan = be16(w.at) & 0x0FFF
        if vlan:                    # 0: a tag with a priority only
            enter(w, AROUND_VLAN, vlan)
        kind = be16(w.at + 2)
        w.at += TAG_BYTES
    if kind == ETHER_IPV4:
        return read_ipv4(w)
    return read_ipv6(w) if kind == ETHER_IPV6 else DECODED_OTHER


cdef Decoded read_ethernet(Walk* w) noexcept nogil:
    cdef uint16_t kind
    if left(w) < ETHERNET_BYTES:
        return short(w, ETHERNET_BYTES)
    kind = be16(w.at + 12)
    w.at += ETHERNET_BYTES
    return read_ipv4(w) if kind == ETHER_IPV4 else read_type(w, kind)


cdef Decoded read_cooked(Walk* w, size_t header, size_t type_at) noexcept nogil:
    cdef uint16_t kind
    if left(w) < header:
        return short(w, header)
    kind = be16(w.at + type_at)
    w.at += header
    return read_type(w, kind)


cdef Decoded read_loopback(Walk* w) noexcept nogil:
    """An address family in the order of some host: which one, the family tells."""
    cdef uint32_t family
    if left(w) < FAMILY_BYTES:
        return short(w, FAMILY_BYTES)
    family = be32(w.at)
    if family > 0xFFFF:
        family = family >> 24 | (family >> 8 & 0xFF00)
    w.at += FAMILY_BYTES
    return read_ip(w) if is_ip_family(family) else DECODED_OTHER


cdef Decoded read_link(Walk* w, uint16_t link) noexcept nogil:
    if link == LINK_ETHERNET:
        return read_ethernet(w)
    if link == LINK_LINUX_SLL:
        return read_cooked(w, SLL_BYTES, 14)
    if link == LINK_LINUX_SLL2:
        return read_cooked(w, SLL2_BYTES, 0)
    if link == LINK_NULL or link == LINK_LOOP:
        return read_loopback(w)
    if link == LINK_RAW or link == LINK_RAW_OLD or link == LINK_RAW_BSD:
        return read_ip(w)
    if link == LINK_IPV4:
        return read_ipv4(w)
    return read_ipv6(w) if link == LINK_IPV6 else DECODED_OTHER


# The contract

cdef bint decoder_init(Decoder* d, Arena* arena) noexcept nogil:
    memset(d, 0, sizeof(Decoder))
    d.arena = arena
    d.fragments = fragments_new(arena)
    return d.fragments != NULL


cdef void decoder_close(Decoder* d) noexcept nogil:
    if d.fragments == NULL:
        return
    fragments_drop_all(d.fragments)
    d.fragments_lost = d.fragments.lost
    fragments_free(d.fragments)
    d.fragments = NULL


cdef Decoded decode(Decoder* d, const Packet* p, Segment* out) noexcept nogil:
    cdef Walk w
    cdef Decoded answer
    fragments_release(d.fragments)
    out.network = 0
    out.time_ns = p.time_ns
    w.d = d
    w.out = out
    w.at = p.data
    w.end = p.data + p.len
    w.cut = p.wire_len - p.len if p.wire_len > p.len else 0
    w.tunnels = 0
    w.tags = 0
    w.extensions = 0
    answer = read_link(&w, p.link)
    d.counts[<int> answer] += 1
    return answer
