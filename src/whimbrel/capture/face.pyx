"""One interface's packet socket and ring: see face.pxd.

The order of opening matters: the socket is made for no protocol, so that nothing arrives; then come filter and ring;
binding starts the flow.  No packet that the filter refuses is ever seen.

The kernel takes the outer VLAN tag out of a frame and reports it beside; we write it back, so that files and
interfaces look alike.  There is room: the link layer ends on a 16-byte boundary at least 16 bytes behind the
socket address.
"""

from libc.string cimport memcmp, memcpy, memmove, memset
from posix.unistd cimport close

from whimbrel.base.atomic cimport load_acquire32, store_release32
from whimbrel.capture.bpf cimport bpf_run
from whimbrel.capture.packet cimport LINK_ETHERNET

cdef extern from "<arpa/inet.h>" nogil:
    uint16_t htons(uint16_t host)
    uint32_t htonl(uint32_t host)

cdef extern from "<net/if.h>" nogil:
    struct ifreq:
        char ifr_name[FACE_NAME_BYTES]
        int ifr_ifindex
        short ifr_flags
    enum: IFF_UP

cdef extern from "<sys/ioctl.h>" nogil:
    enum: SIOCGIFFLAGS
    enum: SIOCGIFINDEX
    int ioctl(int fd, unsigned long request, void* argument)

cdef extern from "<sys/mman.h>" nogil:
    enum: PROT_READ
    enum: PROT_WRITE
    enum: MAP_SHARED
    void* MAP_FAILED
    void* mmap(void* at, size_t n, int protection, int flags, int fd, long offset)
    int munmap(void* at, size_t n)

cdef extern from "<sys/socket.h>" nogil:
    enum: AF_PACKET
    enum: SOCK_RAW
    enum: SOCK_DGRAM
    enum: SOCK_CLOEXEC
    enum: SOL_SOCKET
    enum: SO_ATTACH_FILTER
    enum: SO_ERROR
    enum: SOL_PACKET
    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass
    int socket(int family, int kind, int protocol)
    int bind(int fd, const sockaddr* address, socklen_t n)
    int getsockname(int fd, sockaddr* address, socklen_t* n)
    int setsockopt(int fd, int level, int option, const void* value, socklen_t n)
    int getsockopt(int fd, int level, int option, void* value, socklen_t* n)

cdef extern from "<linux/filter.h>" nogil:
    struct sock_filter:
        pass
    struct sock_fprog:
        unsigned short len
        sock_filter* filter

cdef extern from "<linux/if_ether.h>" nogil:
    enum: ETH_P_ALL
    enum: ETH_P_8021Q
    enum: ETH_P_IP
    enum: ETH_P_IPV6
    enum: ETH_ALEN

cdef extern from "<linux/if_packet.h>" nogil:
    enum: PACKET_ADD_MEMBERSHIP
    enum: PACKET_IGNORE_OUTGOING
    enum: PACKET_MR_PROMISC
    enum: PACKET_OUTGOING
    enum: PACKET_RESERVE
    enum: PACKET_RX_RING
    enum: PACKET_STATISTICS
    enum: PACKET_VERSION
    enum: TPACKET_V3
    enum: TP_STATUS_KERNEL
    enum: TP_STATUS_USER
    enum: TP_STATUS_VLAN_VALID
    enum: TP_STATUS_VLAN_TPID_VALID
    struct sockaddr_ll:
        unsigned short sll_family
        uint16_t sll_protocol
        int sll_ifindex
        unsigned short sll_hatype
        unsigned char sll_pkttype
        unsigned char sll_halen
        unsigned char sll_addr[8]
    struct packet_mreq:
        int mr_ifindex
        unsigned short mr_type
    struct tpacket_stats_v3:
        unsigned int tp_packets
        unsigned int tp_drops
        unsigned int tp_freeze_q_cnt
    struct tpacket_hdr_variant1:
        uint32_t tp_vlan_tci
        uint16_t tp_vlan_tpid
    struct tpacket3_hdr:
        uint32_t tp_next_offset
        uint32_t tp_sec
        uint32_t tp_nsec
        uint32_t tp_snaplen
        uint32_t tp_len
        uint32_t tp_status
        uint16_t tp_mac
        tpacket_hdr_variant1 hv1
    struct tpacket_bd_ts:
        unsigned int ts_sec
        unsigned int ts_nsec
    struct tpacket_hdr_v1:
        uint32_t block_status
        uint32_t num_pkts
        uint32_t offset_to_first_pkt
        tpacket_bd_ts ts_first_pkt
    union tpacket_bd_header_u:
        tpacket_hdr_v1 bh1
    struct tpacket_block_desc:
        tpacket_bd_header_u hdr
    struct tpacket_req3:
        unsigned int tp_block_size
        unsigned int tp_block_nr
        unsigned int tp_frame_size
        unsigned int tp_frame_nr
        unsigned int tp_retire_blk_tov

cdef enum:
    ADDRESS_OFFSET = (sizeof(tpacket3_hdr) + 15) & ~15     # TPACKET_ALIGN: where the socket address begins in a packet
    ROOM_BYTES = 32                 # kept free before every frame: the cooked header is the longest we write
    FRAME_BYTES = 2048              # the kernel asks for a size of frames; with V3 it only has to divide a block
    COOKED_BYTES = 20               # Linux cooked header, version 2
    TAG_BYTES = 4
    PROGRAM_BYTES = 8               # an instruction
    LOOPBACK_HARDWARE = 772         # ARPHRD_LOOPBACK; its header clashes with <net/if.h>


# Opening

cdef inline bint set_int(int fd, int option, int value) noexcept nogil:
    return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) == 0


cdef bint face_bind(Face* f) noexcept nogil:
    cdef sockaddr_ll address
    memset(&address, 0, sizeof(address))
    address.sll_family = AF_PACKET
    address.sll_protocol = htons(ETH_P_ALL)
    address.sll_ifindex = f.index
    return bind(f.fd, <sockaddr*> &address, sizeof(address)) == 0


cdef bint attach(Face* f, const uint8_t* program, size_t n) noexcept nogil:
    cdef sock_fprog whole
    whole.len = <unsigned short> (n // PROGRAM_BYTES)
    whole.filter = <sock_filter*> program
    return setsockopt(f.fd, SOL_SOCKET, SO_ATTACH_FILTER, &whole, sizeof(whole)) == 0


cdef bint map_ring(Face* f) noexcept nogil:
    cdef tpacket_req3 request
    cdef void* at
    memset(&request, 0, sizeof(request))
    request.tp_block_size = f.block_bytes
    request.tp_block_nr = f.blocks
    request.tp_frame_size = FRAME_BYTES
    request.tp_frame_nr = f.block_bytes // FRAME_BYTES * f.blocks
    request.tp_retire_blk_tov = RING_BLOCK_MS
    if setsockopt(f.fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)):
        return False
    at = mmap(NULL, <size_t> f.block_bytes * f.blocks, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0)
    if at == MAP_FAILED:
        return False
    f.map = <uint8_t*> at
    f.map_bytes = <size_t> f.block_bytes * f.blocks
    return True


cdef bint hear_all(Face* f) noexcept nogil:
    cdef packet_mreq member
    if not f.promiscuous or f.index == 0:
        return True
    memset(&member, 0, sizeof(member))
    member.mr_ifindex = f.index
    member.mr_type = PACKET_MR_PROMISC
    return setsockopt(f.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &member, sizeof(member)) == 0


cdef const char* face_open(
    Face* f, uint32_t block_bytes, uint32_t blocks, const uint8_t* program, size_t program_bytes
) noexcept nogil:
    f.block_bytes, f.blocks = block_bytes, blocks
    f.fd = socket(AF_PACKET, (SOCK_DGRAM if f.cooked else SOCK_RAW) | SOCK_CLOEXEC, 0)
    if f.fd < 0:
        return b"open a packet socket"
    if not set_int(f.fd, PACKET_VERSION, TPACKET_V3):
        return b"use a TPACKET_V3 ring"
    if not set_int(f.fd, PACKET_RESERVE, ROOM_BYTES):
        return b"keep room before packets"
    if f.loopback and f.index:      # spares the kernel the copy; since Linux 4.20, and the filter drops them anyway
        set_int(f.fd, PACKET_IGNORE_OUTGOING, 1)
    if not attach(f, program, program_bytes):
        return b"attach the filter"
    if not map_ring(f):
        return b"allocate the ring"
    if not hear_all(f):
        return b"listen to all packets"
    if not face_bind(f):
        return b"bind to the interface"
    return NULL


cdef void face_close(Face* f) noexcept nogil:
    if f.map != NULL:
        munmap(f.map, f.map_bytes)
    f.map = NULL
    if f.fd >= 0:
        close(f.fd)
    f.fd = -1


# Reading

cdef inline tpacket_hdr_v1* block_of(Face* f, uint32_t number) noexcept nogil:
    return &(<tpacket_block_desc*> (f.map + <size_t> number * f.block_bytes)).hdr.bh1


cdef inline bint ours(Face* f, uint32_t number) noexcept nogil:
    return load_acquire32(&block_of(f, number).block_status) & TP_STATUS_USER != 0


cdef inline void see_head(Face* f) noexcept nogil:
    cdef const tpacket3_hdr* h = <const tpacket3_hdr*> f.frame
    if f.left:
        f.head_ns = <int64_t> h.tp_sec * 1000000000 + h.tp_nsec


cdef bint face_ready(Face* f) noexcept nogil:
    if f.open and f.left == 0:
        face_hand_back(f)
    if not f.open:
        if not ours(f, f.at):
            return False
        f.open = True
        f.left = block_of(f, f.at).num_pkts
        f.frame = f.map + <size_t> f.at * f.block_bytes + block_of(f, f.at).offset_to_first_pkt
        see_head(f)
    return f.left > 0       # the kernel hands no empty block over; if it did, it would be passed over at the next call


cdef void face_hand_back(Face* f) noexcept nogil:
    store_release32(&block_of(f, f.at).block_status, TP_STATUS_KERNEL)
    f.open = False
    f.at = f.at + 1 if f.at + 1 < f.blocks else 0


cdef bint face_filling(Face* f) noexcept nogil:
    cdef uint32_t many = f.blocks // 4 if f.blocks >= 8 else 2
    return ours(f, (f.at + many - 1) % f.blocks)


cdef inline uint16_t tag_type(const tpacket3_hdr* h) noexcept nogil:
    return htons(h.hv1.tp_vlan_tpid if h.tp_status & TP_STATUS_VLAN_TPID_VALID else ETH_P_8021Q)


cdef inline uint8_t* put_tag(uint8_t* frame, const tpacket3_hdr* h) noexcept nogil:
    """The tag behind the two addresses, which move 4 bytes towards the start."""
    cdef uint16_t tpid = tag_type(h), tci = htons(<uint16_t> h.hv1.tp_vlan_tci)
    cdef uint8_t* start = frame - TAG_BYTES
    memmove(start, frame, 2 * ETH_ALEN)
    memcpy(start + 2 * ETH_ALEN, &tpid, 2)
    memcpy(start + 2 * ETH_ALEN + 2, &tci, 2)
    return start


cdef inline bint hides_tag(const uint8_t* data, const tpacket3_hdr* h, uint16_t protocol) noexcept nogil:
    """Whether an inner tag comes before the IP header that `protocol` promises: kernels since 6.10 look past it to
    say what is inside, but leave it in.  The packet's length tells it from an IP header with the same bytes."""
    cdef uint16_t length
    if h.tp_snaplen < 6 or memcmp(data + 2, &protocol, 2):
        return False
    if protocol == htons(ETH_P_IP):
        return data[0] >> 4 != 4 or h.tp_len != ETH_P_IP
    memcpy(&length, data + 4, 2)
    return protocol == htons(ETH_P_IPV6) and (data[0] >> 4 != 6 or <uint32_t> htons(length) + 40 != h.tp_len)


cdef inline uint8_t* put_cooked(uint8_t* frame, const tpacket3_hdr* h, const sockaddr_ll* from_) noexcept nogil:
    """
    | protocol 2 | 0 2 | interface 4 | hardware type 2 | packet type 1 | address length 1 | address 8 |

    A tag is the protocol then, and its rest and the protocol it hides come first in the frame.
    """
    cdef uint16_t protocol = from_.sll_protocol, tci = htons(<uint16_t> h.hv1.tp_vlan_tci)
    cdef uint16_t hardware = htons(from_.sll_hatype)
    cdef uint32_t index = htonl(<uint32_t> from_.sll_ifindex)
    cdef uint8_t* start = frame
    if h.tp_status & TP_STATUS_VLAN_VALID:
        if hides_tag(frame, h, protocol):
            protocol = htons(ETH_P_8021Q)
        start -= TAG_BYTES
        memcpy(start, &tci, 2)
        memcpy(start + 2, &protocol, 2)
        protocol = tag_type(h)
    start -= COOKED_BYTES
    memset(start, 0, 4)
    memcpy(start, &protocol, 2)
    memcpy(start + 4, &index, 4)
    memcpy(start + 8, &hardware, 2)
    start[10] = from_.sll_pkttype
    start[11] = from_.sll_halen
    memcpy(start + 12, from_.sll_addr, 8)
    return start


cdef inline bint describe(Face* f, uint8_t* at, Packet* p) noexcept nogil:
    """The packet at `at`, or False where it is loopback's doubled one."""
    cdef const tpacket3_hdr* h = <const tpacket3_hdr*> at
    cdef const sockaddr_ll* from_ = <const sockaddr_ll*> (at + ADDRESS_OFFSET)
    cdef uint8_t* frame = at + h.tp_mac
    cdef uint8_t* start = frame
    if f.loopback and from_.sll_pkttype == PACKET_OUTGOING and from_.sll_hatype == LOOPBACK_HARDWARE:
        return False
    if f.cooked:
        start = put_cooked(frame, h, from_)
    elif f.link == LINK_ETHERNET and h.tp_status & TP_STATUS_VLAN_VALID and h.tp_snaplen >= 2 * ETH_ALEN:
        start = put_tag(frame, h)
    p.data = start
    p.len = h.tp_snaplen + <uint32_t> (frame - start)
    p.wire_len = h.tp_len + <uint32_t> (frame - start)
    p.link = f.link
    return True


cdef bint face_take(Face* f, Packet* p) noexcept nogil:
    cdef uint8_t* at = f.frame
    f.frame += (<const tpacket3_hdr*> at).tp_next_offset
    f.left -= 1
    if not describe(f, at, p):
        see_head(f)
        return False
    p.time_ns = f.head_ns
    see_head(f)
    return f.check == NULL or bpf_run(f.check, f.check_len, p.data, p.wire_len, p.len) != 0


# What happens to interfaces

cdef void face_count(Face* f) noexcept nogil:
    cdef tpacket_stats_v3 counts
    cdef socklen_t n = sizeof(counts)
    if f.fd < 0 or getsockopt(f.fd, SOL_PACKET, PACKET_STATISTICS, &counts, &n):
        return
    f.packets += counts.tp_packets
    f.drops += counts.tp_drops
    f.freezes += counts.tp_freeze_q_cnt


cdef void face_trouble(Face* f) noexcept nogil:
    """ENETDOWN is the socket's one error, and reading it clears it."""
    cdef int error = 0
    cdef socklen_t n = sizeof(error)
    getsockopt(f.fd, SOL_SOCKET, SO_ERROR, &error, &n)
    if error:
        f.downs += 1
        f.down = True


cdef bint still_bound(Face* f) noexcept nogil:
    """A removed interface leaves its sockets bound to -1; one that is only down takes them along when it is up."""
    cdef sockaddr_ll address
    cdef socklen_t n = sizeof(address)
    return getsockname(f.fd, <sockaddr*> &address, &n) == 0 and address.sll_ifindex == f.index


cdef void face_look(Face* f) noexcept nogil:
    """Needs no privilege: the socket is ours.  An interface of the same name is taken to be of the same type."""
    cdef ifreq request
    memset(&request, 0, sizeof(request))
    memcpy(request.ifr_name, f.name, FACE_NAME_BYTES)
    if not still_bound(f):
        if ioctl(f.fd, SIOCGIFINDEX, &request):     # asked of the socket: it knows its network namespace
            return
        f.index = request.ifr_ifindex
        if not face_bind(f) or not hear_all(f):
            return
    if ioctl(f.fd, SIOCGIFFLAGS, &request) == 0 and request.ifr_flags & IFF_UP:
        f.down = False
