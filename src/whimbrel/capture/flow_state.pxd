# What the parts of the flow table share: a flow's record, what waits of it, the table's own fields.
#
# A record is two cache lines, so 100,000 idle flows are 12.2 MiB and their table of heads 0.5 MiB:
#
#     | user | ends 2 x 18 | network | syn_seen | marks | id |      64 B, what consumers see (Flow)
#     | side 0: 16 B | side 1: 16 B | wait | last_ns | hash, chain, older, newer: 4 B each |
#
# Records refer to one another by their distance from the arena's base in units of 64 B, plus one: 4 bytes, 0 is none.
# What waits hangs on `wait`, which is there only as long as something does:
#
#     Wait   head[side] -> Item -> Item -> Item   by sequence, without overlaps
#            oldest     -> Item -> Item -> Item   by arrival, both sides

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from whimbrel.base.arena cimport Arena
from whimbrel.capture.flow cimport Flow, FlowTable
from whimbrel.capture.flow_memory cimport Memory

cdef enum:
    FLOW_PLAUSIBLE = 1 << 30        # TCP's largest window: what is further away is not of this flow
    FLOW_START_SPAN = 1 << 24       # before a flow's start is known its bytes lie this close together
    FLOW_STRANGE = 32               # implausible segments of one side in a row: it is another connection
    FLOW_WAIT_SEGMENTS = 1024       # that wait in one direction; 724 full ones are FLOW_WAIT_BYTES
    FLOW_MUCH_BYTES = 262144        # behind a hole: more than usually is in flight, a retransmission would have come
    FLOW_PATIENCE_NS = 2000000000   # for a retransmission of what the peer has not acknowledged either
    FLOW_WAIT_SHARE = 4             # what waits takes at most one in this many bytes of the arena

cdef enum:                          # Side.flags
    SIDE_BEGUN = 1                  # where its bytes start is known: `next` and `start` mean something
    SIDE_SEEN = 2                   # packets of it came
    SIDE_ACKED = 4                  # `acked` means something
    SIDE_CLOSED = 8                 # its FIN was delivered

cdef enum:                          # Flow.marks
    MARK_ABANDONED = 1              # by its consumer: nothing is delivered any more
    MARK_SUCCESSOR = 2              # a SYN with another start was seen: see whether it becomes a connection
    MARK_GUESSED = 4                # an RST behind a hole was believed, which nothing confirms: it may go on

cdef struct Side:
    uint32_t next                   # the sequence number to be delivered next
    uint32_t start                  # of its first byte
    uint32_t acked                  # the most it acknowledged of the other side
    uint8_t flags
    uint8_t strange                 # implausible segments in a row

cdef struct Piece:                  # of a direction: data, what the capture cut off behind it, and perhaps its end
    const uint8_t* data
    int64_t time_ns
    uint32_t seq
    uint32_t len                    # of data
    uint32_t hole                   # bytes behind data that were sent and not captured
    uint32_t ack                    # valid with TCP_ACK in flags
    uint8_t side
    uint8_t flags                   # TCP_FIN, TCP_RST, TCP_ACK

cdef struct Item:                   # a piece that waits; its data lies behind it
    Item* next                      # by sequence
    Item* older                     # by arrival
    Item* newer
    uint32_t packet                 # Wait.packets when it came
    uint32_t size                   # of its block, as asked for
    Piece piece

cdef struct Wait:
    Record* record
    Item* head[2]
    Item* tail[2]
    Item* oldest
    Item* newest
    Wait* before                    # of all flows of which something waits: by when it began, roughly
    Wait* after
    size_t bytes[2]
    uint32_t count[2]
    uint32_t packets                # of the flow, since something waits

cdef struct Record:
    Flow flow
    Side sides[2]
    Wait* wait                      # owned; NULL: nothing waits
    int64_t last_ns                 # of its last packet
    uint32_t hash
    uint32_t chain                  # the next record of its hash chain
    uint32_t older                  # by last packet
    uint32_t newer

cdef struct Own:
    uint32_t* heads                 # owned; hash chains
    uint32_t mask
    uint32_t flows_max
    uint32_t oldest                 # the record longest without a packet
    uint32_t newest
    uint64_t seed
    uint64_t last_id
    Wait* first_wait
    Wait* last_wait
    size_t waiting_bytes            # items' blocks, about
    size_t waiting_max
    Memory memory                   # of handshakes and of flows that are over


cdef inline Own* own_of(FlowTable* t) noexcept nogil:
    return <Own*> t.own


cdef inline int32_t ahead(uint32_t seq, uint32_t of) noexcept nogil:
    """How far `seq` is beyond `of`, on the circle of sequence numbers."""
    return <int32_t> (seq - of)


cdef inline uint32_t reference(const Arena* a, const Record* r) noexcept nogil:
    return <uint32_t> ((<uintptr_t> r - <uintptr_t> a.base) >> 6) + 1


cdef inline Record* record_at(const Arena* a, uint32_t ref) noexcept nogil:
    return NULL if ref == 0 else <Record*> (a.base + (<size_t> (ref - 1) << 6))
