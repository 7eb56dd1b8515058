# See pending.pxd.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from whimbrel.agent.conversation cimport PENDING_MAX, Talk
from whimbrel.agent.talk cimport HALF_DEAD, SERVER, Conversation, KeyRecord, Pending
from whimbrel.base.arena cimport arena_alloc, arena_block_bytes, arena_free, arena_grow
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.capture.decode cimport Endpoint
from whimbrel.summary.body cimport body_free
from whimbrel.summary.call cimport (
    CALL_KEY_BYTES, CALL_NO_RESPONSE, CALL_TARGET_CUT, CALL_UNPAIRED, OUTCOME_NONE, OUTCOME_UNKNOWN, CallProtocol,
)


cdef Pending* pending_new(Conversation* c, CallProtocol protocol, size_t text_bytes, int64_t first_ns) noexcept nogil:
    cdef size_t size = sizeof(Pending) + text_bytes
    cdef const Endpoint* ends = c.flow.ends
    cdef Pending* p = NULL
    if c.waiting < PENDING_MAX and c.waiting_bytes + size <= PENDING_BYTES:
        p = <Pending*> arena_alloc(c.talk.arena, size)
    if p == NULL:
        c.talk.counts.pending_dropped += 1
        return NULL
    memset(p, 0, sizeof(Pending))
    p.block_bytes = <uint32_t> size
    c.waiting_bytes += size
    p.request_open = True
    p.call.protocol = protocol
    p.call.flow_id = c.flow.id
    memcpy(p.call.client, ends[c.client].address, 16)
    memcpy(p.call.server, ends[c.client ^ 1].address, 16)
    p.call.client_port = ends[c.client].port
    p.call.server_port = ends[c.client ^ 1].port
    p.call.ttl_ms = -1
    p.call.request_first_ns = first_ns
    p.call.request_last_ns = first_ns
    if c.doubt:
        p.call.flags = CALL_UNPAIRED
    return p


cdef Slice pending_put(Pending* p, size_t* at, Slice text) noexcept nogil:
    cdef uint8_t* to = <uint8_t*> p + sizeof(Pending) + at[0]
    if text.len:
        memcpy(to, text.ptr, text.len)
    at[0] += text.len
    return slice_of(to, text.len)


cdef void pending_push(Conversation* c, Pending* p) noexcept nogil:
    p.next = NULL
    if c.waiting >= DOUBT_MAX and (c.doubt or c.half[SERVER].state == HALF_DEAD):
        pending_flush(c, CALL_NO_RESPONSE)
    if c.tail == NULL:
        c.head = p
    else:
        c.tail.next = p
    c.tail = p
    c.waiting += 1


cdef void pending_dropped(Conversation* c) noexcept nogil:
    if c.tail == NULL:
        c.dropped_first += 1
    else:
        c.tail.dropped_after += 1


cdef Pending* pending_pop(Conversation* c) noexcept nogil:
    cdef Pending* p = c.head
    if c.dropped_first:
        c.dropped_first -= 1
        return NULL
    if p == NULL:
        return NULL
    c.head = p.next
    if c.head == NULL:
        c.tail = NULL
    c.waiting -= 1
    c.dropped_first = p.dropped_after
    p.next = NULL
    return p


cdef void pending_free(Conversation* c, Pending* p) noexcept nogil:
    body_free(c.talk.arena, &p.call.request_body)
    body_free(c.talk.arena, &p.call.response_body)
    if p.keys != NULL:
        c.waiting_bytes -= arena_block_bytes(c.talk.arena, p.keys)
        arena_free(c.talk.arena, p.keys)
    c.waiting_bytes -= p.block_bytes
    arena_free(c.talk.arena, p)


cdef void hand_over(Talk* talk, Pending* p) noexcept nogil:
    talk.counts.calls += 1
    if p.call.flags & CALL_UNPAIRED:
        talk.counts.unpaired += 1
    if talk.sink != NULL:
        talk.sink(talk.context, &p.call)


cdef void pending_report(Conversation* c, Pending* p) noexcept nogil:
    cdef uint32_t flags = p.call.flags
    cdef uint32_t told = 0
    cdef uint32_t at = 0
    cdef KeyRecord* k
    if p.keys_len == 0:
        hand_over(c.talk, p)
        told = 1
    while at < p.keys_len:
        k = key_at(p, at)
        p.call.key = slice_of(<uint8_t*> k + sizeof(KeyRecord), k.len)
        p.call.outcome = k.outcome
        p.call.flags = flags | (CALL_TARGET_CUT if k.cut else 0)
        p.call.request_bytes = k.sent
        p.call.response_bytes = k.received
        hand_over(c.talk, p)
        told += 1
        at = key_after(k, at)
    if p.call.keys > told:
        c.talk.counts.keys_dropped += p.call.keys - told
    pending_free(c, p)


cdef void pending_flush(Conversation* c, uint32_t flags) noexcept nogil:
    cdef Pending* p
    while c.head != NULL:
        c.dropped_first = 0
        p = pending_pop(c)
        p.call.flags |= flags
        if flags & CALL_NO_RESPONSE and p.call.method.len and p.call.outcome == OUTCOME_NONE and p.call.status == 0:
            p.call.outcome = OUTCOME_UNKNOWN if p.call.protocol != 1 else OUTCOME_NONE
            keys_settle(p, OUTCOME_UNKNOWN, False)
        pending_report(c, p)
    c.dropped_first = 0


cdef bint key_add(Conversation* c, Pending* p, Slice key, uint64_t key_len, uint64_t sent) noexcept nogil:
    cdef size_t len = key.len if key.len < CALL_KEY_BYTES else CALL_KEY_BYTES
    cdef size_t need = p.keys_len + sizeof(KeyRecord) + ((len + 7) & ~<size_t> 7)
    cdef size_t room = arena_block_bytes(c.talk.arena, p.keys) if p.keys != NULL else 0
    cdef KeyRecord* k
    cdef void* grown
    if need > room:
        grown = NULL
        if need <= KEYS_BYTES and c.waiting_bytes + need <= PENDING_BYTES:
            grown = arena_grow(c.talk.arena, p.keys, p.keys_len, need)
        if grown == NULL:
            return False
        p.keys = <uint8_t*> grown
        c.waiting_bytes += arena_block_bytes(c.talk.arena, p.keys) - room
    k = key_at(p, p.keys_len)
    k.sent = sent
    k.received = 0
    k.len = <uint16_t> len
    k.outcome = OUTCOME_NONE
    k.cut = key_len > len
    memcpy(<uint8_t*> k + sizeof(KeyRecord), key.ptr, len)
    p.keys_len = <uint32_t> need
    return True


cdef void keys_settle(Pending* p, int outcome, bint all_of_them) noexcept nogil:
    cdef uint32_t at = 0
    cdef KeyRecord* k
    while at < p.keys_len:
        k = key_at(p, at)
        if all_of_them or k.outcome == OUTCOME_NONE:
            k.outcome = <uint8_t> outcome
        at = key_after(k, at)
