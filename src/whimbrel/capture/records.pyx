"""Bytes of a capture file -> packets: see records.pxd for the idea and the limits.

The layouts are those of the IETF's opsawg-pcap and opsawg-pcapng drafts.
"""

from libc.stdint cimport uint32_t
from libc.string cimport memset

from whimbrel.capture.clocks cimport clock_ns, clock_set, time_ns_at
from whimbrel.capture.headers cimport in16, in32, in64, le32

cdef enum:                          # pcap's first four bytes, read as little-endian
    MAGIC_NANO_BIG = 0x4D3CB2A1
    MAGIC_MODIFIED_BIG = 0x34CDB2A1
    MAGIC_SECTION = 0x0A0D0D0A      # pcapng; the same in either order
    BYTE_ORDER = 0x1A2B3C4D

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define MAGIC_MICRO UINT32_C(0xA1B2C3D4)
    #define MAGIC_MICRO_BIG UINT32_C(0xD4C3B2A1)
    #define MAGIC_NANO UINT32_C(0xA1B23C4D)
    #define MAGIC_MODIFIED UINT32_C(0xA1B2CD34)
    """
    const uint32_t MAGIC_MICRO
    const uint32_t MAGIC_MICRO_BIG
    const uint32_t MAGIC_NANO
    const uint32_t MAGIC_MODIFIED   # A. Kuznetzov's, with 8 bytes more a record

cdef enum:
    PCAP_HEAD = 24
    PCAP_RECORD = 16
    PCAP_RECORD_MODIFIED = 24
    PCAP_SWAPPED_BEFORE = 4         # minor versions before this one may have the two lengths the other way round

cdef enum:                          # blocks
    BLOCK_INTERFACE = 1
    BLOCK_PACKET_OLD = 2
    BLOCK_SIMPLE = 3
    BLOCK_STATISTICS = 5
    BLOCK_PACKET = 6

cdef enum:
    BLOCK_AROUND = 12               # type and length in front, length behind
    BLOCK_FRONT = 8

cdef enum:                          # options of an interface and of its statistics
    OPTION_END = 0
    OPTION_TSRESOL = 9
    OPTION_TSOFFSET = 14
    OPTION_IFDROP = 5
    OPTION_OSDROP = 7

cdef enum:
    DROPS_UNKNOWN = 0xFFFF          # in an obsolete packet block


cdef void records_init(Records* r, uint8_t* buffer) noexcept nogil:
    memset(r, 0, sizeof(Records))
    r.at = buffer
    r.end = buffer


# Answers

cdef inline size_t unread(const Records* r) noexcept nogil:
    return <size_t> (r.end - r.at)


cdef Read bad(Records* r, RecordsError error, uint64_t number) noexcept nogil:
    r.error = error
    r.number = number
    r.over = READ_BAD
    return READ_BAD


cdef Read starve(Records* r) noexcept nogil:
    """The record at the cursor is not there whole."""
    if not r.ended:
        return READ_FILL
    if r.format == FORMAT_UNKNOWN:
        return bad(r, RECORDS_NOT_A_CAPTURE if r.end > r.at else RECORDS_EMPTY, 0)
    r.over = READ_CUT if r.end > r.at or r.skip or r.source_cut else READ_END
    return r.over


cdef inline void pass_by(Records* r, size_t n) noexcept nogil:
    r.at += n
    r.passed += n


# pcap:  | magic | major 16, minor 16 | 0 | 0 | snapshot length | link type |
#        | seconds | fraction | bytes here | bytes there were |  packet ...

cdef Read read_pcap_head(Records* r, uint32_t magic) noexcept nogil:
    cdef uint16_t major
    if unread(r) < PCAP_HEAD:
        return starve(r)
    r.big = magic == MAGIC_MICRO_BIG or magic == MAGIC_NANO_BIG or magic == MAGIC_MODIFIED_BIG
    r.unit_ns = 1 if magic == MAGIC_NANO or magic == MAGIC_NANO_BIG else 1000
    r.record_bytes = PCAP_RECORD
    if magic == MAGIC_MODIFIED or magic == MAGIC_MODIFIED_BIG:
        r.record_bytes = PCAP_RECORD_MODIFIED
    major = in16(r.at + 4, r.big)
    if major != 2:
        return bad(r, RECORDS_VERSION, major)
    r.lengths_swap = in16(r.at + 6, r.big) < PCAP_SWAPPED_BEFORE
    r.link = <uint16_t> in32(r.at + 20, r.big)     # above it: how long the frames' checksums are
    r.format = FORMAT_PCAP
    pass_by(r, PCAP_HEAD)
    return READ_PACKET


cdef Read next_pcap(Records* r, Packet* p) noexcept nogil:
    cdef const uint8_t* head = r.at
    cdef uint32_t there, were
    if unread(r) < r.record_bytes:
        return starve(r)
    there = in32(head + 8, r.big)
    were = in32(head + 12, r.big)
    if r.lengths_swap and there > were:
        there, were = were, there
    if there > RECORD_PACKET_MAX:
        return bad(r, RECORDS_PACKET_LENGTH, there)
    if unread(r) < r.record_bytes + there:
        return starve(r)
    p.data = head + r.record_bytes
    p.len = there
    p.wire_len = were if were > there else there
    p.time_ns = time_ns_at(in32(head, r.big), in32(head + 4, r.big) * r.unit_ns)
    p.link = r.link
    r.packets += 1
    pass_by(r, r.record_bytes + there)
    return READ_PACKET


# pcapng:  | type | length | body ... padded to 4 | length again |

cdef inline bint is_held(uint32_t kind) noexcept nogil:
    """Whether we look into blocks of this kind."""
    return (kind == BLOCK_PACKET or kind == BLOCK_SIMPLE or kind == BLOCK_PACKET_OLD or kind == BLOCK_INTERFACE
            or kind == BLOCK_STATISTICS or kind == MAGIC_SECTION)


cdef const uint8_t* find_option(
    const uint8_t* at, const uint8_t* end, bint big, uint16_t code, uint16_t size
) noexcept nogil:
    """The value of the first option with this code and size, or NULL.  | code 16 | length 16 | value, padded to 4 |"""
    cdef uint16_t found
    cdef size_t n
    while end - at >= 4:
        found = in16(at, big)
        n = in16(at + 2, big)
        at += 4
        if found == OPTION_END or n > <size_t> (end - at):
            return NULL
        if found == code and n == size:
            return at
        n = (n + 3) & ~<size_t> 3
        if n > <size_t> (end - at):
            return NULL
        at += n
    return NULL


cdef void keep_drops(Records* r) noexcept nogil:
    """A section is over: its interfaces go, what they dropped stays."""
    cdef uint32_t i
    for i in range(r.interface_count):
        r.dropped += r.interfaces[i].dropped
    r.interface_count = 0


cdef Read read_section(Records* r, const uint8_t* body, uint32_t size) noexcept nogil:
    # | byte order | major 16, minor 16 | length of the section 64 | options |
    if size < 16:
        return bad(r, RECORDS_BLOCK_SHORT, size)
    if in16(body + 4, r.big) != 1:
        return bad(r, RECORDS_VERSION, in16(body + 4, r.big))
    keep_drops(r)
    return READ_PACKET


cdef Read read_interface(Records* r, const uint8_t* body, uint32_t size) noexcept nogil:
    # | link type 16, 16 reserved | snapshot length | options |
    cdef const uint8_t* value
    cdef Interface* i
    if size < 8:
        return bad(r, RECORDS_BLOCK_SHORT, size)
    if r.interface_count == RECORD_INTERFACES:
        return bad(r, RECORDS_INTERFACES, RECORD_INTERFACES)
    i = &r.interfaces[r.interface_count]
    r.interface_count += 1
    memset(i, 0, sizeof(Interface))
    i.link = in16(body, r.big)
    i.snap_len = in32(body + 4, r.big)
    value = find_option(body + 8, body + size, r.big, OPTION_TSRESOL, 1)
    clock_set(&i.clock, value[0] if value != NULL else 6)
    value = find_option(body + 8, body + size, r.big, OPTION_TSOFFSET, 8)
    if value != NULL:
        i.clock.offset_s = <int64_t> in64(value, r.big)
    return READ_PACKET


cdef Read read_statistics(Records* r, const uint8_t* body, uint32_t size) noexcept nogil:
    # | interface | time high, low | options |: counts since the capture began
    cdef const uint8_t* value
    cdef uint32_t number
    cdef uint64_t dropped = 0
    if size < 12:
        return bad(r, RECORDS_BLOCK_SHORT, size)
    number = in32(body, r.big)
    if number >= r.interface_count:
        return bad(r, RECORDS_INTERFACE, number)
    value = find_option(body + 12, body + size, r.big, OPTION_IFDROP, 8)
    if value != NULL:
        dropped += in64(value, r.big)
    value = find_option(body + 12, body + size, r.big, OPTION_OSDROP, 8)
    if value != NULL:
        dropped += in64(value, r.big)
    r.interfaces[number].dropped = dropped
    return READ_PACKET


cdef Read fill_packet(
    Records* r, Packet* p, uint32_t number, const uint8_t* data, size_t room, uint32_t there, uint32_t were
) noexcept nogil:
    """All of a packet but its time; `room` is what its block holds."""
    if number >= r.interface_count:
        return bad(r, RECORDS_INTERFACE, number)
    if there > RECORD_PACKET_MAX or there > room:
        return bad(r, RECORDS_PACKET_LENGTH, there)
    p.data = data
    p.len = there
    p.wire_len = were if were > there else there
    p.link = r.interfaces[number].link
    r.packets += 1
    return READ_PACKET


cdef Read read_packet(Records* r, const uint8_t* body, uint32_t size, bint old, Packet* p) noexcept nogil:
    # | interface, or interface 16 and drops 16 | time high, low | bytes here | bytes there were | packet | options |
    cdef uint32_t number
    cdef uint16_t lost
    cdef Read answer
    if size < 20:
        return bad(r, RECORDS_BLOCK_SHORT, size)
    number = in16(body, r.big) if old else in32(body, r.big)
    answer = fill_packet(r, p, number, body + 20, size - 20, in32(body + 12, r.big), in32(body + 16, r.big))
    if answer != READ_PACKET:
        return answer
    p.time_ns = clock_ns(&r.interfaces[number].clock, <uint64_t> in32(body + 4, r.big) << 32 | in32(body + 8, r.big))
    r.last_ns = p.time_ns
    if old:
        lost = in16(body + 2, r.big)
        r.dropped += 0 if lost == DROPS_UNKNOWN else lost
    return READ_PACKET


cdef Read read_simple(Records* r, const uint8_t* body, uint32_t size, Packet* p) noexcept nogil:
    # | bytes there were | packet |: of the first interface, without a time
    cdef uint32_t there, were
    if size < 4:
        return bad(r, RECORDS_BLOCK_SHORT, size)
    if r.interface_count == 0:
        return bad(r, RECORDS_INTERFACE, 0)
    were = in32(body, r.big)
    there = were if were < size - 4 else size - 4
    if r.interfaces[0].snap_len and there > r.interfaces[0].snap_len:
        there = r.interfaces[0].snap_len
    p.time_ns = r.last_ns
    return fill_packet(r, p, 0, body + 4, size - 4, there, were)


cdef Read read_block(Records* r, uint32_t kind, const uint8_t* body, uint32_t size, Packet* p) noexcept nogil:
    if kind == BLOCK_PACKET or kind == BLOCK_PACKET_OLD:
        return read_packet(r, body, size, kind == BLOCK_PACKET_OLD, p)
    if kind == BLOCK_SIMPLE:
        return read_simple(r, body, size, p)
    if kind == BLOCK_INTERFACE:
        return read_interface(r, body, size)
    if kind == BLOCK_STATISTICS:
        return read_statistics(r, body, size)
    return read_section(r, body, size)


cdef Read find_order(Records* r) noexcept nogil:
    """A section says in which order its numbers are, its length in front of that included."""
    if unread(r) < BLOCK_FRONT + 4:
        return starve(r)
    r.big = in32(r.at + BLOCK_FRONT, True) == BYTE_ORDER
    if not r.big and le32(r.at + BLOCK_FRONT) != BYTE_ORDER:
        return bad(r, RECORDS_BYTE_ORDER, 0)
    return READ_PACKET


cdef bint skip_on(Records* r) noexcept nogil:
    """Pass over what is here of a block that is skipped; whether its end was reached."""
    cdef size_t n = unread(r)
    if n > r.skip:
        n = <size_t> r.skip
    pass_by(r, n)
    r.skip -= n
    return r.skip == 0


cdef Read next_block(Records* r, Packet* p, bint* is_packet) noexcept nogil:
    cdef uint32_t kind, length
    cdef Read answer
    is_packet[0] = False
    if r.skip and not skip_on(r):
        return starve(r)
    if unread(r) < BLOCK_FRONT:
        return starve(r)
    kind = in32(r.at, r.big)
    if kind == MAGIC_SECTION:
        answer = find_order(r)
        if answer != READ_PACKET:
            return answer
    length = in32(r.at + 4, r.big)
    if length < BLOCK_AROUND or length % 4 or length > (RECORD_HELD_MAX if is_held(kind) else RECORD_BLOCK_MAX):
        return bad(r, RECORDS_BLOCK_LENGTH, length)
    if not is_held(kind):
        r.skip = length
        return READ_PACKET
    if unread(r) < length:
        return starve(r)
    if in32(r.at + length - 4, r.big) != length:
        return bad(r, RECORDS_BLOCK_ENDS, length)
    answer = read_block(r, kind, r.at + BLOCK_FRONT, length - BLOCK_AROUND, p)
    if answer == READ_PACKET:
        is_packet[0] = kind == BLOCK_PACKET or kind == BLOCK_SIMPLE or kind == BLOCK_PACKET_OLD
        pass_by(r, length)
    return answer


cdef Read next_pcapng(Records* r, Packet* p) noexcept nogil:
    cdef bint is_packet = False
    cdef Read answer = READ_PACKET
    while answer == READ_PACKET and not is_packet:
        answer = next_block(r, p, &is_packet)
    return answer


# The contract

cdef Read find_format(Records* r) noexcept nogil:
    cdef uint32_t magic
    if unread(r) < 4:
        return starve(r)
    magic = le32(r.at)
    if magic == MAGIC_SECTION:
        r.format = FORMAT_PCAPNG
        return READ_PACKET
    if (magic == MAGIC_MICRO or magic == MAGIC_NANO or magic == MAGIC_MODIFIED or magic == MAGIC_MICRO_BIG
            or magic == MAGIC_NANO_BIG or magic == MAGIC_MODIFIED_BIG):
        return read_pcap_head(r, magic)
    return bad(r, RECORDS_NOT_A_CAPTURE, 0)


cdef Read records_next(Records* r, Packet* p) noexcept nogil:
    cdef Read answer
    if r.over:
        return r.over
    if r.format == FORMAT_UNKNOWN:
        answer = find_format(r)
        if answer != READ_PACKET:
            return answer
    return next_pcap(r, p) if r.format == FORMAT_PCAP else next_pcapng(r, p)


cdef uint64_t records_dropped(const Records* r) noexcept nogil:
    """Packets that the interfaces and their hosts dropped, as far as the file says."""
    cdef uint64_t dropped = r.dropped
    cdef uint32_t i
    for i in range(r.interface_count):
        dropped += r.interfaces[i].dropped
    return dropped
