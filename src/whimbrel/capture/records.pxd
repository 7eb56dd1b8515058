# Bytes of a capture file -> packets: pcap and pcapng, both byte orders.  Struct-only; who gets the bytes is files.pyx.
#
# A cursor over a buffer somebody else fills:
#
#      buffer            at                   end                       size
#        |...used up......|......unread........|..........room...........|
#
# Only a record that is looked into must be in the buffer whole; blocks that mean nothing to us are skipped as they
# come, whatever their size.  A file that ends inside a record was cut: what came before is good.  A record that
# cannot be is nonsense: what follows it cannot be found any more.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.capture.clocks cimport Clock
from whimbrel.capture.packet cimport Packet

cdef enum:
    RECORD_PACKET_MAX = 262144      # a frame: libpcap's largest snapshot length, and what tcpdump writes at most
    RECORD_HELD_MAX = 524288        # a block that is looked into: the largest frame, its comments and options
    RECORD_BLOCK_MAX = 16777216     # any block: more is a damaged length, and what Wireshark calls nonsense too
    RECORD_INTERFACES = 1024        # of a section: merged captures describe one for each file they were made from

cdef enum Read:
    READ_PACKET = 0
    READ_FILL                       # more bytes of the file are needed
    READ_END                        # the file ended behind a record
    READ_CUT                        # it ended inside one
    READ_BAD                        # not a capture, or nonsense in one: see RecordsError

cdef enum RecordsError:
    RECORDS_FINE = 0
    RECORDS_EMPTY
    RECORDS_NOT_A_CAPTURE
    RECORDS_VERSION                 # `number` is the major one
    RECORDS_PACKET_LENGTH           # `number` bytes
    RECORDS_BLOCK_LENGTH            # `number` bytes
    RECORDS_BLOCK_ENDS              # its two lengths differ
    RECORDS_BLOCK_SHORT             # too short for what it is
    RECORDS_INTERFACE               # `number` was not described
    RECORDS_INTERFACES              # more than RECORD_INTERFACES
    RECORDS_BYTE_ORDER              # a section that names neither

cdef enum Format:
    FORMAT_UNKNOWN = 0
    FORMAT_PCAP
    FORMAT_PCAPNG

cdef struct Interface:
    uint16_t link
    Clock clock
    uint32_t snap_len               # 0: no limit
    uint64_t dropped                # by its latest statistics

cdef struct Records:
    uint8_t* at                     # the next unread byte
    uint8_t* end
    bint ended                      # no more bytes will come
    bint source_cut                 # and there should have been more: compressed data ended early
    Read over                       # READ_END, READ_CUT or READ_BAD once that was the answer
    RecordsError error
    uint64_t number                 # for the error
    uint64_t passed                 # bytes before `at`
    uint64_t packets
    Format format
    bint big                        # byte order of the file, or of the section
    uint64_t skip                   # bytes of a block that are passed over
    int64_t last_ns                 # of the packet before: what one without a time gets
    uint64_t dropped                # of packet blocks and of sections before this one
    uint16_t link                   # pcap: of all packets
    uint32_t record_bytes           # pcap: of a record's header
    uint64_t unit_ns                # pcap: of the fraction of a second
    bint lengths_swap               # pcap: an old version, which may have the two lengths the other way round
    uint32_t interface_count
    Interface interfaces[1024]

cdef void records_init(Records* r, uint8_t* buffer) noexcept nogil
cdef Read records_next(Records* r, Packet* p) noexcept nogil       # p is borrowed from the buffer
cdef uint64_t records_dropped(const Records* r) noexcept nogil
