"""Decoding, callable from Python one packet at a time, for tests.  Nothing of the product imports this."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from whimbrel.base.arena cimport Arena, arena_alloc, arena_close, arena_init
from whimbrel.base.clock cimport precise_ns
from whimbrel.capture cimport headers
from whimbrel.capture.clocks cimport Clock, clock_ns, clock_set, time_ns_at
from whimbrel.capture.decode cimport (
    DECODED_BAD, DECODED_CUT, DECODED_OTHER, DECODED_TCP, DECODED_WAITS, Decoded, Decoder, Segment, decode,
    decoder_close, decoder_init)
from whimbrel.capture.files cimport PacketReader
from whimbrel.capture.packet cimport Packet, link_known
from whimbrel.capture.records cimport READ_BAD, READ_CUT, READ_END, READ_FILL, READ_PACKET, Read

KINDS = {DECODED_TCP: "tcp", DECODED_WAITS: "waits", DECODED_OTHER: "other", DECODED_CUT: "cut", DECODED_BAD: "bad"}

ENDS = {READ_END: "end", READ_CUT: "cut", READ_BAD: "bad"}


cdef dict segment_dict(const Segment* s):
    return {
        "src": (s.src.address[:16], s.src.port),
        "dst": (s.dst.address[:16], s.dst.port),
        "network": s.network,
        "seq": s.seq,
        "ack": s.ack,
        "flags": s.flags,
        "time_ns": s.time_ns,
        "data": s.data[:s.len],
        "wire_len": s.wire_len,
    }


cdef class Decoding:
    """A decoder with an arena of its own."""

    cdef Arena arena
    cdef Decoder decoder
    cdef bint opened

    def __cinit__(self, size_t arena_bytes=4 << 20):
        self.opened = arena_init(&self.arena, arena_bytes) and decoder_init(&self.decoder, &self.arena)
        if not self.opened:
            raise MemoryError(f"no arena of {arena_bytes} bytes")

    def __dealloc__(self):
        if self.opened:
            arena_close(&self.arena)

    def decode(self, bytes data, link=1, wire_len=None, int64_t time_ns=0):
        """(kind, segment as a dict or None).  The bytes are copied to a block of just their size: sanitizers watch."""
        cdef uint8_t* exact
        cdef Packet p
        cdef Segment s
        cdef Decoded kind
        if self.decoder.fragments == NULL:
            raise ValueError("the decoder is closed")
        exact = <uint8_t*> malloc(len(data) or 1)
        if exact == NULL:
            raise MemoryError
        memcpy(exact, <const uint8_t*> data, len(data))
        p.data = exact
        p.len = <uint32_t> len(data)
        p.wire_len = p.len if wire_len is None else wire_len
        p.time_ns = time_ns
        p.link = link
        try:
            kind = decode(&self.decoder, &p, &s)
            return KINDS[kind], segment_dict(&s) if kind == DECODED_TCP else None
        finally:
            free(exact)

    def close(self):
        """Give up what waits."""
        decoder_close(&self.decoder)

    def hoard(self):
        """Take all memory that is left."""
        cdef size_t size = 1 << 20
        while size >= 64:
            while arena_alloc(&self.arena, size) != NULL:
                pass
            size >>= 1

    @property
    def counts(self):
        return {name: self.decoder.counts[<int> kind] for kind, name in KINDS.items()}

    @property
    def lost(self):
        return self.decoder.fragments_lost

    @property
    def differ(self):
        return self.decoder.fragments_differ

    @property
    def used_bytes(self):
        return self.arena.used_bytes


def packets_of(PacketReader reader, most=None):
    """All packets, or so many, as (time_ns, data, wire_len, link), and how it ended."""
    cdef Packet p
    cdef Read answer
    found = []
    while most is None or len(found) < most:
        answer = reader.next(&p)
        if answer == READ_FILL:
            reader.fill()
        elif answer != READ_PACKET:
            return found, ENDS[answer]
        else:
            found.append((p.time_ns, p.data[:p.len], p.wire_len, p.link))
    return found, "more"


cdef Read run(PacketReader reader, Decoder* d, uint64_t* payload_bytes) noexcept nogil:
    """Decode until there is no packet."""
    cdef Packet p
    cdef Segment s
    cdef Read answer = reader.next(&p)
    while answer == READ_PACKET:
        if d != NULL and decode(d, &p, &s) == DECODED_TCP:
            payload_bytes[0] += s.len
        answer = reader.next(&p)
    return answer


def summary_of(PacketReader reader, bint decoding=True):
    """How it ended, counts by kind, bytes of TCP payload."""
    cdef Decoding own = Decoding()
    cdef Decoder* d = &own.decoder if decoding else NULL
    cdef uint64_t payload_bytes = 0
    cdef Read answer = READ_FILL
    while answer == READ_FILL:
        with nogil:
            answer = run(reader, d, &payload_bytes)
        if answer == READ_FILL:
            reader.fill()
    return ENDS[answer], own.counts, payload_bytes


def seconds_for(list frames, uint16_t link, int rounds):
    """Decode every frame `rounds` times; (segments found, seconds)."""
    cdef size_t n = len(frames)
    cdef Packet* packets = <Packet*> malloc((n + 1) * sizeof(Packet))
    cdef Arena arena
    cdef Decoder d
    cdef Segment s
    cdef uint64_t found = 0
    cdef int64_t begun_ns
    cdef bytes frame
    cdef size_t i
    cdef int _round
    if packets == NULL or not arena_init(&arena, 1 << 20) or not decoder_init(&d, &arena):
        raise MemoryError
    for i in range(n):
        frame = frames[i]
        packets[i].data = frame
        packets[i].len = packets[i].wire_len = <uint32_t> len(frame)
        packets[i].time_ns = 0
        packets[i].link = link
    with nogil:
        begun_ns = precise_ns()
        for _round in range(rounds):
            for i in range(n):
                found += decode(&d, &packets[i], &s) == DECODED_TCP
        begun_ns = precise_ns() - begun_ns
    arena_close(&arena)
    free(packets)
    return found, begun_ns / 1e9


def knows(link):
    return link_known(link)


def interface_time_ns(uint8_t resolution, int64_t offset_s, uint64_t units):
    """What pcapng's units mean."""
    cdef Clock c
    clock_set(&c, resolution)
    c.offset_s = offset_s
    return clock_ns(&c, units)


def pcap_time_ns(uint64_t seconds, uint64_t rest_ns):
    return time_ns_at(seconds, rest_ns)


def numbers(bytes eight):
    """The readers of headers.pxd, over the same 8 bytes."""
    cdef const uint8_t* p = eight
    cdef uint8_t[16] mapped
    if len(eight) != 8:
        raise ValueError("eight bytes")
    headers.map_v4(mapped, p)
    return {
        "be16": headers.be16(p), "be24": headers.be24(p), "be32": headers.be32(p), "le16": headers.le16(p),
        "le32": headers.le32(p), "in16": (headers.in16(p, False), headers.in16(p, True)),
        "in32": (headers.in32(p, False), headers.in32(p, True)),
        "in64": (headers.in64(p, False), headers.in64(p, True)),
        "map_v4": mapped[:16],
    }
