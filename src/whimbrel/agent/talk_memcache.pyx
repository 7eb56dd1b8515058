# See talk_memcache.pxd.
#
# The codec is told to refuse every data block, so that it hands out a line and says how much follows (`swallow`);
# replies are given to it line by line, and what it then still `need`s is the block.  Both are counted through.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.agent.certain cimport certain_gap, certain_request, certain_turn
from whimbrel.agent.kept cimport keep, keep_from, keep_nothing
from whimbrel.agent.memcache_calls cimport mc_line, mc_more_keys, mc_pending, mc_reply_ends
from whimbrel.agent.pending cimport (
    keys_settle, pending_dropped, pending_flush, pending_push, pending_report,
)
from whimbrel.agent.talk cimport (
    CLIENT, HALF_DEAD, HALF_LOST, HALF_START, SERVER, TALK_MEMCACHE, Conversation, Half, MemcacheTalk, Pending,
    go_opaque,
)
from whimbrel.base.slice cimport slice_of
from whimbrel.protocol.memcache.codec cimport (
    MC_DONE, MC_GET, MC_MORE, McRequest, McResponse, mc_parse_request, mc_parse_response,
)
from whimbrel.protocol.memcache.messages cimport (
    MC_LINE_MAX, MC_META_ARITHMETIC, MC_META_GET, MC_QUIT, MR_LINE, )
from whimbrel.protocol.memcache.tables cimport find_command
from whimbrel.protocol.memcache.words cimport find_newline
from whimbrel.summary.call cimport (
    CALL_MALFORMED, CALL_NO_REPLY, CALL_NO_RESPONSE, CALL_REQUEST_CUT, CALL_REQUEST_GAP, CALL_RESPONSE_CUT,
    CALL_RESPONSE_GAP, CALL_UNPAIRED, OUTCOME_UNKNOWN,
)

cdef enum:
    LINE_END = 2
    REPLY_LINE_MAX = 8192           # the longest are `stats` and `me` lines of some hundred bytes

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define BLOCK_MAX INT64_C(0x10000000000)
    """
    const int64_t BLOCK_MAX         # 2^40: a length beyond it is no length


cdef size_t pass_block(Half* half, const uint8_t* data, size_t n, bint* broken) noexcept nogil:
    """Bytes of the data block that passes; its last two must be a line end."""
    cdef size_t take = min(half.skip, n)
    cdef uint64_t after = half.skip - take
    if half.skip >= LINE_END and after <= 1 and data[take - 2 + after] != 13:
        broken[0] = True
    if after == 0 and data[take - 1] != 10:
        broken[0] = True
    half.skip = after
    return take


# ---- requests -----------------------------------------------------------------------------------

cdef void begin_anew(Conversation* c) noexcept nogil:
    cdef MemcacheTalk* m = &c.speech.memcache
    pending_flush(c, CALL_NO_RESPONSE)
    keep_nothing(c, &c.half[SERVER])
    c.half[SERVER].skip = 0
    c.half[SERVER].state = HALF_START
    m.reply_ns = 0
    m.received = 0
    m.last_block = False


cdef void silent_over(Conversation* c, Pending* p) noexcept nogil:
    p.call.flags |= CALL_NO_REPLY
    p.call.outcome = OUTCOME_UNKNOWN
    keys_settle(p, OUTCOME_UNKNOWN, True)
    pending_report(c, p)


cdef void new_request(Conversation* c, const McRequest* r, int64_t first_ns, int64_t now) noexcept nogil:
    cdef MemcacheTalk* m = &c.speech.memcache
    cdef bint meta = MC_META_GET <= r.command <= MC_META_ARITHMETIC
    cdef bint silent = (r.noreply and not meta) or r.command == MC_QUIT
    cdef Pending* p
    if certain_request(c, m.reply_ns != 0, now):
        begin_anew(c)
    p = mc_pending(c, r, first_ns, now)
    c.half[CLIENT].skip = r.swallow
    m.block = p if r.swallow else NULL
    m.block_silent = silent and r.swallow != 0
    if p != NULL:
        p.request_open = r.swallow != 0 or r.more
        p.after_silent = m.silent
        if not silent:
            pending_push(c, p)
        elif r.swallow == 0:
            silent_over(c, p)
    elif not silent:
        pending_dropped(c)
    m.silent = silent
    m.open = p if r.more and not r.error else NULL


cdef void take_request(Conversation* c, const McRequest* r, int64_t first_ns, int64_t now) noexcept nogil:
    cdef MemcacheTalk* m = &c.speech.memcache
    m.state = r.state
    if not r.started:
        new_request(c, r, first_ns, now)
        return
    if m.open == NULL:
        return
    mc_more_keys(c, m.open, r)
    m.open.call.request_last_ns = now
    if not r.more or r.error:
        m.open.request_open = False
        m.open = NULL


cdef void block_over(Conversation* c, int64_t now) noexcept nogil:
    cdef MemcacheTalk* m = &c.speech.memcache
    cdef Pending* p = m.block
    m.block = NULL
    if p == NULL:
        return
    p.request_open = False
    p.call.request_last_ns = now
    if m.block_silent:
        silent_over(c, p)


cdef size_t request_bytes(Conversation* c, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    """One line, or as much of one as is there."""
    cdef MemcacheTalk* m = &c.speech.memcache
    cdef Half* half = &c.half[CLIENT]
    cdef const uint8_t* at = data
    cdef const uint8_t* newline
    cdef size_t have = n
    cdef size_t take = 0
    cdef size_t used = 0
    cdef size_t need = 0
    cdef McRequest r
    if half.kept_len:
        newline = find_newline(data, n)
        take = n if newline == NULL else <size_t> (newline + 1 - data)
        take = min(take, <size_t> (MC_LINE_MAX + LINE_END))
        if not keep(c, half, data, take, now):
            certain_gap(c, CLIENT)
            return n
        at = half.kept
        have = half.kept_len
    if mc_parse_request(at, have, 0, m.state, &r, &used, &need) == MC_MORE or used == 0:
        if half.kept_len:
            return take
        if not keep(c, half, data, n, now):
            certain_gap(c, CLIENT)
        return n
    take_request(c, &r, half.kept_ns if half.kept_len else now, now)
    if half.kept_len == 0:
        return used
    keep_from(c, half, used)
    half.kept_ns = now
    return take


cdef void parse_kept(Conversation* c, int64_t now) noexcept nogil:
    """What a line in pieces left behind it may be the next piece already."""
    cdef MemcacheTalk* m = &c.speech.memcache
    cdef Half* half = &c.half[CLIENT]
    cdef size_t used = 0
    cdef size_t need = 0
    cdef McRequest r
    while half.kept_len and m.state:
        if mc_parse_request(half.kept, half.kept_len, 0, m.state, &r, &used, &need) == MC_MORE or used == 0:
            return
        take_request(c, &r, half.kept_ns, now)
        keep_from(c, half, used)


cdef bint may_begin_request(const uint8_t* data, size_t n) noexcept nogil:
    cdef size_t i = 0
    while i < n and i < 16 and data[i] > 32:
        i += 1
    return find_newline(data, n) != NULL and find_command(slice_of(data, i)) != NULL


cdef bint found_again(Conversation* c, Half* half, const uint8_t* data, size_t n) noexcept nogil:
    """Behind a gap: may a request begin here, or are we inside of one that was found?"""
    if half.state != HALF_LOST and (not c.turned or half.skip or half.kept_len):
        return True
    if not may_begin_request(data, n):
        return half.state != HALF_LOST
    if not certain_turn(c):
        c.talk.counts.resyncs += half.state == HALF_LOST
        half.state = HALF_START
    return True


cdef void client_data(Conversation* c, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[CLIENT]
    cdef bint broken = False
    cdef size_t used
    if not half.exact and not found_again(c, half, data, n):
        return
    c.turned = False
    while n and half.state == HALF_START and c.kind == TALK_MEMCACHE:
        if half.skip:
            used = pass_block(half, data, n, &broken)
            if half.skip == 0 and not broken:
                block_over(c, now)
        else:
            used = request_bytes(c, data, n, now)
            parse_kept(c, now)
        data += used
        n -= used
        if broken:
            c.talk.counts.malformed += 1
            request_lost(c, CALL_MALFORMED)
            certain_gap(c, CLIENT)


# ---- replies ------------------------------------------------------------------------------------

cdef bint reply_line(Conversation* c, const uint8_t* line, size_t n, int64_t now) noexcept nogil:
    """False: not a reply."""
    cdef Half* half = &c.half[SERVER]
    cdef Pending* p = c.head
    cdef McRequest r
    cdef McResponse a
    cdef size_t used = 0
    cdef size_t need = 0
    r.command = MC_GET
    while p != NULL and p.quiet:    # whose replies parse alike, whatever the command
        p = p.next
    if p != NULL and c.dropped_first == 0:
        r.command = p.kind
    if mc_parse_response(&r, line, n, &a, &used, &need) == MC_DONE:
        mc_line(c, &a, 0, now)
        return True
    if need < n + LINE_END or need - n > BLOCK_MAX:
        return False
    half.skip = need - n
    mc_line(c, &a, half.skip - LINE_END, now)
    return True


cdef void bad_reply(Conversation* c) noexcept nogil:
    c.talk.counts.malformed += 1
    keep_nothing(c, &c.half[SERVER])
    c.half[SERVER].skip = 0
    c.speech.memcache.reply_ns = 0
    if c.doubt or c.provisional:
        certain_gap(c, SERVER)
        return
    request_lost(c, CALL_MALFORMED)
    pending_flush(c, CALL_NO_RESPONSE | CALL_MALFORMED)
    go_opaque(c)


cdef size_t reply_bytes(Conversation* c, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[SERVER]
    cdef const uint8_t* newline = find_newline(data, n)
    cdef size_t take = n if newline == NULL else <size_t> (newline + 1 - data)
    cdef bint fine
    if half.kept_len + take > REPLY_LINE_MAX:
        bad_reply(c)
        return n
    if newline != NULL and half.kept_len == 0:
        if not reply_line(c, data, take, now):
            bad_reply(c)
        return take
    if not keep(c, half, data, take, now):
        certain_gap(c, SERVER)
        return n
    if newline != NULL:
        fine = reply_line(c, half.kept, half.kept_len, now)
        keep_nothing(c, half)
        if not fine:
            bad_reply(c)
    return take


cdef bint may_begin_reply(const uint8_t* data, size_t n) noexcept nogil:
    cdef McRequest r
    cdef McResponse a
    cdef size_t used = 0
    cdef size_t need = 0
    r.command = MC_GET
    mc_parse_response(&r, data, n, &a, &used, &need)
    return (used or need) and a.code != MR_LINE


cdef void server_data(Conversation* c, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef MemcacheTalk* m = &c.speech.memcache
    cdef Half* half = &c.half[SERVER]
    cdef bint broken = False
    cdef size_t used
    if half.state == HALF_LOST:
        if not may_begin_reply(data, n):
            return
        half.state = HALF_START
        c.talk.counts.resyncs += 1
    while n and half.state == HALF_START and c.kind == TALK_MEMCACHE:
        if m.reply_ns == 0:
            m.reply_ns = now
        if half.skip:
            used = pass_block(half, data, n, &broken)
            if broken:
                bad_reply(c)
            elif half.skip == 0 and m.last_block:
                mc_reply_ends(c, 0, now)
        else:
            used = reply_bytes(c, data, n, now)
        data += used
        n -= used


cdef void mc_data(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    if role == CLIENT:
        client_data(c, data, n, now)
    else:
        server_data(c, data, n, now)


# ---- gaps and ends ------------------------------------------------------------------------------

cdef void request_lost(Conversation* c, uint32_t flags) noexcept nogil:
    """What was being sent will not become whole."""
    cdef MemcacheTalk* m = &c.speech.memcache
    c.talk.counts.lost_messages += c.half[CLIENT].kept_len != 0
    keep_nothing(c, &c.half[CLIENT])
    c.half[CLIENT].skip = 0
    if m.block != NULL:
        m.block.call.flags |= flags
        m.block.request_open = False
        if m.block_silent:
            silent_over(c, m.block)
    if m.open != NULL:
        m.open.call.flags |= flags
    m.block = NULL
    m.open = NULL
    m.state = 0


cdef void answer_lost(Conversation* c, uint32_t flags, int64_t now) noexcept nogil:
    cdef MemcacheTalk* m = &c.speech.memcache
    keep_nothing(c, &c.half[SERVER])
    c.half[SERVER].skip = 0
    if m.reply_ns and c.head != NULL and c.dropped_first == 0:
        c.head.call.outcome = OUTCOME_UNKNOWN
        keys_settle(c.head, OUTCOME_UNKNOWN, True)
        mc_reply_ends(c, flags, now)
    m.reply_ns = 0
    m.received = 0
    m.last_block = False


cdef void doubt_quiet(Conversation* c) noexcept nogil:
    """Requests were lost: a reply that fits a quiet one may be to one of those."""
    cdef Pending* p = c.head
    while p != NULL:
        if p.quiet:
            p.call.flags |= CALL_UNPAIRED
        p = p.next


cdef void mc_gap(Conversation* c, int role, uint64_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[role]
    cdef Pending* p = c.speech.memcache.block if role == CLIENT else c.head
    if half.state == HALF_DEAD:
        return
    if half.skip > LINE_END and n <= half.skip - LINE_END:
        half.skip -= n
        if p != NULL:
            p.call.flags |= CALL_REQUEST_GAP if role == CLIENT else CALL_RESPONSE_GAP
        return
    if role == CLIENT:
        request_lost(c, CALL_REQUEST_GAP)
        doubt_quiet(c)
    else:
        answer_lost(c, CALL_RESPONSE_GAP, now)
    certain_gap(c, role)


cdef void mc_over(Conversation* c, int64_t now) noexcept nogil:
    request_lost(c, CALL_REQUEST_CUT)
    answer_lost(c, CALL_RESPONSE_CUT, now)
    pending_flush(c, CALL_NO_RESPONSE)
