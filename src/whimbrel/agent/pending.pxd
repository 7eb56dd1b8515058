# Requests that wait for their responses, and the calls they become.
#
# A Pending is one block: the struct, and behind it the texts its call's slices point to.  It owns its bodies' shapes
# and its key list, and goes with them when its call was handed over.  A conversation holds at most PENDING_MAX of
# them and PENDING_BYTES; what finds no room is counted, and its place in the order is remembered, so that the
# responses behind it still find their requests.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.agent.talk cimport Conversation, KeyRecord, Pending
from whimbrel.base.slice cimport Slice
from whimbrel.summary.call cimport CallProtocol

cdef enum:
    PENDING_BYTES = 2097152         # of one conversation: PENDING_MAX requests of 2 KiB
    HEADERS_KEPT = 2048             # a header block up to this size is kept until the response; most have 300 to 900
    DOUBT_MAX = 64                  # wait while the pairing is in doubt: their answers may never have come
    KEYS_BYTES = 1048576            # of one command's keys: the largest block there is; some 20,000 keys

# NULL: no room, counted; not in the queue yet
cdef Pending* pending_new(Conversation* c, CallProtocol protocol, size_t text_bytes, int64_t first_ns) noexcept nogil
cdef Slice pending_put(Pending* p, size_t* at, Slice text) noexcept nogil       # copies behind the struct
cdef void pending_push(Conversation* c, Pending* p) noexcept nogil
cdef void pending_dropped(Conversation* c) noexcept nogil       # a request that found no room: its place in the order
cdef Pending* pending_pop(Conversation* c) noexcept nogil       # NULL: nobody waits, or who waits found no room
cdef void pending_free(Conversation* c, Pending* p) noexcept nogil
cdef void pending_report(Conversation* c, Pending* p) noexcept nogil            # hands its calls over, then frees it
cdef void pending_flush(Conversation* c, uint32_t flags) noexcept nogil         # all that wait, with these flags

# key: its first bytes; False: there is no room, which pending_report counts
cdef bint key_add(Conversation* c, Pending* p, Slice key, uint64_t key_len, uint64_t sent) noexcept nogil

# the outcome of all keys, or of those that have none yet
cdef void keys_settle(Pending* p, int outcome, bint all_of_them) noexcept nogil

cdef inline KeyRecord* key_at(const Pending* p, uint32_t at) noexcept nogil:
    return <KeyRecord*> (p.keys + at)

cdef inline uint32_t key_after(const KeyRecord* k, uint32_t at) noexcept nogil:
    return at + <uint32_t> sizeof(KeyRecord) + ((<uint32_t> k.len + 7) & ~<uint32_t> 7)
