# What lies where in a region: the one place that knows the structs, their bits and their limits.
#
#   [Region | processes][segment headers][groups, reserved at their maximum][overflow lines][ghosts][heap]
#
# Everything is an offset, so every process maps the region wherever it likes.  What is reserved is larger
# than what is used: untouched pages cost nothing, and the accounting in segment.pyx keeps what is touched
# (groups + overflow lines + ghosts + segments) within Region.heap_bytes.
#
# A location is a byte offset in the heap: segment number << segment_shift | offset in the segment.  Segment
# 0 does not exist, so no location is 0 and an empty slot can be 0.
#
# Slot (8 bytes)
#      63            26 25     14 13   11  10        9      8         0
#     |  location 38   | tag 12  | freq 3 |fetched|token|  access 9    |
#
#   tag      its low two bits are the home line, so that a line's spill bit can be taken back
#   freq     logarithmic access counter          fetched   accessed since written
#   token    a CAS token was given out           access    last access, seconds since the segment was opened,
#                                                          5 bits of exponent and 4 of mantissa
#
# Group (256 bytes = 4 cache lines): a header word and 31 slots
#
#   line 0 | header | 7 slots |       header  63     36 35        12 11    8 7      0
#   line 1 |      8 slots     |              | version | overflow 24 | spill 4 | owner |
#   line 2 |      8 slots     |
#   line 3 |      8 slots     |       owner 0: unlocked; else the process slot of the writer inside
#
#   An item lives in its home line; when that is full in another line (the home line's spill bit is set
#   then), and when all are full in a chain of at most OVERFLOW_LINES_MAX overflow lines of
#   | next line | 7 slots |.  The version changes with every write under the lock, which is what readers check.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from *:
    """
    #ifndef WHIMBREL_MUL_HIGH
    #define WHIMBREL_MUL_HIGH
    static inline uint64_t mul_high(uint64_t a, uint64_t b) { return (uint64_t) (((unsigned __int128) a * b) >> 64); }
    static inline int highest_bit(uint64_t a) { return 63 - __builtin_clzll(a); }  /* not of 0 */
    #endif
    """
    uint64_t mul_high(uint64_t a, uint64_t b) noexcept nogil
    int highest_bit(uint64_t a) noexcept nogil


cdef enum:
    LOCATION_SHIFT = 26
    LOCATION_BITS = 38              # 256 GiB of heap
    TAG_SHIFT = 14
    TAG_MASK = 4095
    FREQ_SHIFT = 11
    FREQ_MAX = 7
    FETCHED_BIT = 1024
    TOKEN_BIT = 512
    ACCESS_MASK = 511
    TOUCH_MASK = 16383              # freq, fetched, token, access: what a read may change

    OWNER_MASK = 255
    SPILL_SHIFT = 8
    OVERFLOW_SHIFT = 12
    OVERFLOW_MASK = 16777215
    VERSION_SHIFT = 36

    GROUP_WORDS = 32
    GROUP_BYTES = 256
    LINE_WORDS = 8
    LINE_BYTES = 64
    OVERFLOW_LINES_MAX = 4          # in one group: bounds what a lookup may walk

    LIVE_ITEM_SHIFT = 40            # Segment.live: items << 40 | bytes, changed by one atomic add
    OFFSET_BITS = 20                # Segment bytes at most 1 MiB: a token is sequence << 20 | offset

    QUEUES = 2
    POLICY_WITH_GHOSTS = 0          # s3fifo: only its ghosts are ever touched, and counted
    TTL_CLASSES = 40
    PROCESSES_MAX = 128             # at most OWNER_MASK
    CELLS = 16                      # writers of one process inside an append at the same time; more wait
    LAYOUT_VERSION = 1

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define END_OPEN UINT32_C(0xffffffff)
    """
    const uint32_t END_OPEN         # Segment.end while the segment still takes items

cdef enum:                          # Segment.state
    SEGMENT_UNUSED = 0              # never touched, or given back to the kernel
    SEGMENT_FREE                    # in the free list
    SEGMENT_OPEN                    # takes items
    SEGMENT_SEALED                  # full
    SEGMENT_LARGE                   # first of a chain that holds one large item
    SEGMENT_CHAINED                 # a later one of such a chain
    SEGMENT_CLAIMED                 # taken from the free list, not yet anything else; only under segment_lock
    SEGMENT_RETIRING                # on its way back to the kernel; only under grow_lock

cdef enum SegmentTorn:
    TORN_NOT = 0
    TORN_FOUND                      # somebody may still be writing in it
    TORN_SWEPT                      # the sweep that is under way drops every slot that points into it

cdef enum ProcessDeath:
    DEATH_NOT = 0
    DEATH_FOUND                     # what it held is given back, but for locks of groups
    DEATH_SWEPT                     # the sweep that is under way gives back those

cdef enum:                          # the two queues of a policy
    QUEUE_SMALL = 0
    QUEUE_MAIN = 1


cdef struct Segment:                # one cache line each, apart from the data
    uint64_t sequence               # drawn at every opening, never twice
    uint64_t write                  # bytes handed out; beyond segment_bytes: full
    uint64_t live                   # items and bytes that slots point at
    int64_t max_expire_ms           # no item expires later; INT64_MAX if one never does
    uint32_t end                    # bytes of items once sealed, END_OPEN before
    uint32_t base_s                 # when it was opened, seconds of steady wall time
    uint32_t next                   # in its queue's list or in the free list
    uint32_t prev
    uint32_t chain                  # the next segment of a large item, 0 at its end
    uint8_t state
    uint8_t queue
    uint8_t ttl_class
    uint8_t torn                    # SegmentTorn: a writer died in it, its items cannot be walked
    uint32_t spans                  # segments in its chain, itself included
    uint32_t pad

cdef struct Cell:                   # says which segment a writer is filling; a segment named here is not reused
    uint64_t segment
    uint64_t writes                 # counted by whoever holds the cell
    uint64_t pad[6]

cdef struct Process:
    uint64_t pid                    # 0: free
    uint64_t start                  # start time of that pid, as /proc tells it; 0: just joining
    uint64_t death                  # ProcessDeath
    uint64_t pad[5]
    Cell cells[CELLS]

cdef struct SegmentList:
    uint32_t head                   # oldest
    uint32_t tail
    uint64_t count

cdef struct Evictor:                # the one slice of reclaiming that is under way
    uint32_t victim                 # 0: none
    uint32_t offset                 # where in it
    uint64_t scan                   # rolling position over segment headers, looking for expired ones
    uint64_t reason                 # EvictReason of the victim
    uint64_t sequence               # its sequence: a large item may be gone by itself meanwhile
    uint64_t histogram[8]           # merge: bytes by frequency in the last few segments
    uint64_t cutoff                 # merge: what is used less goes ...
    uint64_t cutoff_keeps           # ... and of what is used just as often, so many of 2^16 stay
    uint64_t sweeping               # a sweep of the table after a death is under way ...
    uint64_t sweep_at               # ... and has come to this group
    uint64_t small_bytes            # s3fifo: bytes dropped from the small queue, ever: the ghosts' clock

cdef struct Counters:
    uint64_t evicted_items, evicted_bytes, expired_items, relocated_items
    uint64_t evicted_segments, expired_segments, compacted_segments
    uint64_t read_retries, lock_waits, table_grows, table_full_evictions, no_memory
    uint64_t writes                 # of processes that are gone
    uint64_t deaths                 # processes that ended without leaving

cdef struct Region:
    # written at creation, then only read
    uint64_t magic
    uint64_t layout
    uint64_t region_bytes
    uint64_t heap_bytes
    uint64_t segment_bytes
    uint64_t segment_shift
    uint64_t segments_max           # numbers 1 .. segments_max
    uint64_t groups_max
    uint64_t overflow_max
    uint64_t ghosts_max
    uint64_t segments_at            # offsets of the parts
    uint64_t groups_at
    uint64_t overflow_at
    uint64_t ghosts_at
    uint64_t heap_at
    uint64_t max_item
    uint64_t seed
    int64_t clock_offset_ms
    uint64_t policy
    uint64_t class_divisor          # TTL classes are merged where the heap has few segments
    uint64_t clean                  # closed by its last user
    uint64_t pad0[3]
    # read by every request, written rarely
    uint64_t mapping                # groups << 32 | growth cursor
    uint64_t flush_sequence         # everything in segments up to here is gone
    uint64_t segments_free          # length of the free list; also read without the lock
    uint64_t segments_used          # resident: in a list, free or claimed
    uint64_t segments_bump          # numbers ever used
    uint64_t reserve                # segments to keep free ahead of need
    uint64_t growth_deficit         # segments the table waits for to grow
    uint64_t large_wanted           # segments a large item waits for
    uint64_t migrating              # the group growth has locked: groups << 32 | its index + 1; 0: none
    uint64_t sweep_wanted           # somebody died
    uint64_t retiring               # the one segment in that state, if growth was interrupted
    uint64_t pad1[4]
    uint64_t overflow_used
    uint64_t open[QUEUES * TTL_CLASSES]
    # under their locks
    uint64_t segment_lock
    uint64_t evict_lock
    uint64_t grow_lock
    uint64_t process_lock
    uint64_t next_sequence
    uint64_t free_list
    uint64_t retired_list
    uint64_t overflow_bump
    uint64_t overflow_free          # tag << 32 | index
    SegmentList lists[QUEUES]
    Evictor evictor
    Counters counters
    Process processes[PROCESSES_MAX + 1]


cdef struct Store:                  # one per process and region
    uint8_t* base
    Region* r
    Segment* segments               # [0] is not used
    uint64_t* groups
    uint64_t* overflow              # [0..7] is not used
    uint16_t* ghosts
    uint8_t* heap                   # of location 0
    uint64_t seed
    uint64_t segment_bytes
    uint64_t segment_mask
    uint64_t segment_shift
    uint64_t segments_max
    uint64_t max_item
    int64_t clock_offset_ms
    uint64_t random                 # xorshift state; races only make it more random
    uint32_t process                # this process's slot, 1 ..
    uint32_t fork_generation
    uint64_t mapped_bytes
    int fd
    int policy
    int64_t suspected_ns            # when a lock's owner was last looked at on suspicion
    uint64_t inspected              # the process slot last looked at in passing


# -- slots --

cdef inline uint64_t slot_location(uint64_t slot) noexcept nogil:
    return slot >> LOCATION_SHIFT


cdef inline uint64_t hash_tag(uint64_t hash) noexcept nogil:
    """The low bits of the hash; the group comes from its high ones."""
    return hash & TAG_MASK


cdef inline int hash_home(uint64_t hash) noexcept nogil:
    return <int> (hash & 3)


cdef inline uint64_t slot_tag(uint64_t slot) noexcept nogil:
    return (slot >> TAG_SHIFT) & TAG_MASK


cdef inline int slot_home(uint64_t slot) noexcept nogil:
    return <int> ((slot >> TAG_SHIFT) & 3)


cdef inline int slot_freq(uint64_t slot) noexcept nogil:
    return <int> ((slot >> FREQ_SHIFT) & FREQ_MAX)


cdef inline uint64_t slot_make(uint64_t location, uint64_t hash, uint64_t touch) noexcept nogil:
    return location << LOCATION_SHIFT | hash_tag(hash) << TAG_SHIFT | touch


cdef inline uint64_t access_encode(uint64_t seconds) noexcept nogil:
    cdef uint64_t exponent
    if seconds < 16:
        return seconds
    exponent = highest_bit(seconds) - 3
    return exponent << 4 | ((seconds >> (exponent - 1)) & 15) if exponent < 32 else ACCESS_MASK


cdef inline uint64_t access_decode(uint64_t code) noexcept nogil:
    cdef uint64_t exponent = code >> 4
    return code if exponent == 0 else (16 + (code & 15)) << (exponent - 1)


# -- table geometry: growing to grown(n) keeps the order of the hash, so indexes only rise --

cdef inline uint64_t groups_grown(uint64_t n) noexcept nogil:
    return n + (n >> 3) + 1


cdef inline uint64_t group_index(uint64_t mapping, uint64_t hash) noexcept nogil:
    """Groups from the cursor on have moved to the grown table."""
    cdef uint64_t n = mapping >> 32
    cdef uint64_t index = mul_high(hash, n)
    if index >= <uint32_t> mapping:
        index = mul_high(hash, groups_grown(n))
    return index


cdef inline uint64_t groups_in_use(const Store* s) noexcept nogil:
    """While the table grows, with the groups that are added."""
    cdef uint64_t mapping = s.r.mapping
    cdef uint64_t n = mapping >> 32
    return n if <uint32_t> mapping == n else groups_grown(n)


cdef inline uint64_t* group_at(const Store* s, uint64_t index) noexcept nogil:
    return s.groups + index * GROUP_WORDS


cdef inline uint16_t* ghosts_beside(const Store* s, const uint64_t* group) noexcept nogil:
    """A group's line of ghosts: a quarter of its bytes, as many entries as it has words."""
    return s.ghosts + (group - s.groups)


cdef inline uint64_t* overflow_line(const Store* s, uint64_t index) noexcept nogil:
    return s.overflow + index * LINE_WORDS


# -- segments --

cdef inline Segment* segment_of(const Store* s, uint64_t location) noexcept nogil:
    return s.segments + (location >> s.segment_shift)


cdef inline uint64_t identity_of(const Store* s, const Segment* segment, uint64_t location) noexcept nogil:
    """Unique for ever: an item never changes in place and a sequence is never drawn twice."""
    return segment.sequence << OFFSET_BITS | (location & s.segment_mask)


cdef inline uint64_t live_of(uint64_t bytes) noexcept nogil:
    return (<uint64_t> 1 << LIVE_ITEM_SHIFT) | bytes


cdef inline uint64_t live_items(uint64_t live) noexcept nogil:
    return live >> LIVE_ITEM_SHIFT


cdef inline uint64_t live_bytes(uint64_t live) noexcept nogil:
    return live & ((<uint64_t> 1 << LIVE_ITEM_SHIFT) - 1)
