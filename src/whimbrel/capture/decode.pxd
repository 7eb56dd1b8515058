# A frame -> the TCP segment in it: link layer, VLAN tags, IPv4 and IPv6, fragments, tunnels.
#
# Bounded: DECODE_TUNNELS de-encapsulations, DECODE_TAGS VLAN tags, DECODE_EXTENSIONS IPv6 headers; fragments wait in a
# small table with a limit on datagrams, bytes and age.  Nothing here is verified against checksums: an offloading
# card leaves them empty on the host that sends.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.capture.fragments cimport Fragments
from whimbrel.capture.packet cimport Packet

cdef enum:
    DECODE_TUNNELS = 4              # VXLAN, GRE, GENEVE, IP in IP: deeper is nobody's network
    DECODE_TAGS = 4                 # 802.1Q and QinQ
    DECODE_EXTENSIONS = 8           # IPv6 extension headers

cdef enum Decoded:
    DECODED_TCP = 0
    DECODED_WAITS                   # a fragment whose datagram is not whole yet
    DECODED_OTHER                   # not TCP: ARP, UDP, ...
    DECODED_CUT                     # the capture does not hold enough of the headers
    DECODED_BAD                     # headers that contradict themselves
    DECODED_KINDS

cdef enum:                          # TCP flags as on the wire
    TCP_FIN = 1
    TCP_SYN = 2
    TCP_RST = 4
    TCP_ACK = 16

cdef struct Endpoint:
    uint8_t address[16]             # IPv4 as ::ffff:a.b.c.d
    uint16_t port

cdef struct Segment:
    Endpoint src
    Endpoint dst
    uint32_t network                # hash of the VLAN and tunnel ids around it: equal addresses in two of them differ
    uint32_t seq
    uint32_t ack                    # meaningful with TCP_ACK
    uint8_t flags
    int64_t time_ns
    const uint8_t* data             # payload, borrowed from the packet or from the decoder until the next call
    uint32_t len                    # bytes of it present
    uint32_t wire_len               # bytes of it there were: wire_len > len is a hole of that size behind it

cdef struct Decoder:
    Arena* arena                    # borrowed; fragments wait in it
    Fragments* fragments
    uint64_t counts[6]              # by Decoded, for the counters
    uint64_t fragments_lost         # datagrams given up: too old, too many, contradicting themselves
    uint64_t fragments_differ       # fragments with other bytes than the first copy of them

cdef bint decoder_init(Decoder* d, Arena* arena) noexcept nogil
cdef void decoder_close(Decoder* d) noexcept nogil
cdef Decoded decode(Decoder* d, const Packet* p, Segment* out) noexcept nogil      # counts its answer
