# See talk_resp.pxd.
#
# A request that lies whole in the bytes given is read by the codec; any other goes through the ask (resp_skim), which
# keeps of its arguments what a call needs.  Replies always go through the skim.  What is not RESP in a conversation
# that was certain means that it is something else: the flow becomes opaque.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memset
from whimbrel.agent.certain cimport certain_gap, certain_request, certain_turn
from whimbrel.agent.kept cimport keep, keep_nothing
from whimbrel.agent.pending cimport (
    keys_settle, pending_dropped, pending_flush, pending_pop, pending_push, pending_report,
)
from whimbrel.agent.resp_calls cimport resp_doubt_queued, resp_element, resp_pending, resp_queued_over, resp_reply_ends
from whimbrel.agent.resp_rules cimport (
    ACTION_CLIENT, ACTION_REPLICATE, ACTION_SUBSCRIBE, Command, command_named, word_is_lower,
)
from whimbrel.agent.resp_skim cimport (
    ASK_BAD, ASK_DONE, SKIM_BAD, SKIM_ELEMENT, SKIM_LAST, SKIM_MORE, ArgWalk, AskStatus, Skim, SkimStatus, ask_clear,
    ask_gap, ask_next, skim_gap, skim_next, walk_ask, walk_next, walk_request,
)
from whimbrel.agent.talk cimport (
    CLIENT, HALF_BODY, HALF_DEAD, HALF_LOST, HALF_START, SERVER, TALK_REDIS, Conversation, Half,
    Pending, RedisTalk, go_opaque,
)
from whimbrel.base.arena cimport arena_alloc, arena_free
from whimbrel.base.buffer cimport Writer, writer_init, writer_len
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.resp.codec cimport (
    RESP_BAD, RESP_INLINE, RESP_MAX_INLINE, RESP_OK, RespProgress, RespRequest, RespStatus,
    resp_inline_as_array, resp_inline_room, resp_parse_request,
)
from whimbrel.summary.call cimport (
    CALL_MALFORMED, CALL_NO_REPLY, CALL_NO_RESPONSE, CALL_RESPONSE_CUT, CALL_RESPONSE_GAP, OUTCOME_UNKNOWN,
)

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define ANY_SIZE INT64_C(0x7fffffffffffffff)
    """
    const int64_t ANY_SIZE          # a watcher does not refuse what the server may accept


# ---- requests -----------------------------------------------------------------------------------

cdef void begin_anew(Conversation* c, int64_t now) noexcept nogil:
    """Everything before this request is over (certain_request said so)."""
    cdef RedisTalk* r = &c.speech.redis
    pending_flush(c, CALL_NO_RESPONSE)
    resp_queued_over(c, OUTCOME_UNKNOWN, CALL_NO_RESPONSE, now)
    memset(&r.skim, 0, sizeof(Skim))
    r.reply_ns = 0
    r.pushed = False
    r.reply_gap = False
    c.half[SERVER].state = HALF_START


cdef bint is_silent(RedisTalk* r, const Command* row, ArgWalk walk) noexcept nogil:
    """CLIENT REPLY OFF, ON and SKIP: does this request get no reply?"""
    cdef bint silent = r.silent or r.silent_next
    cdef uint64_t length = 0
    cdef Slice word
    r.silent_next = False
    if row == NULL or row.action != ACTION_CLIENT:
        return silent
    if not (walk_next(&walk, &word, &length) and word_is_lower(word, b"reply", 5) and walk_next(&walk, &word, &length)):
        return silent
    if word_is_lower(word, b"off", 3):
        r.silent = True
        return True
    if word_is_lower(word, b"on", 2):
        r.silent = False
        return False
    if word_is_lower(word, b"skip", 4):
        r.silent_next = not r.silent
        return True
    return silent


cdef void take_request(Conversation* c, ArgWalk* walk, uint32_t argc, int64_t first_ns, int64_t now) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    cdef const Command* row = NULL
    cdef ArgWalk behind = walk[0]
    cdef uint64_t length = 0
    cdef Pending* p
    cdef Slice word
    cdef bint silent
    if argc == 0:
        return
    if certain_request(c, r.reply_ns != 0 and not r.pushed, now):
        begin_anew(c, now)
    if walk_next(&behind, &word, &length) and length == word.len:
        row = command_named(word)
    silent = is_silent(r, row, behind)
    p = resp_pending(c, walk, argc, first_ns, now)
    r.request_gap = False
    if row != NULL and row.action == ACTION_SUBSCRIBE:
        r.subscribed = True
        silent = True               # its confirmations are messages like those that follow
    if p == NULL:
        if not silent:
            pending_dropped(c)
    elif silent:
        p.call.flags |= CALL_NO_REPLY
        p.call.outcome = OUTCOME_UNKNOWN
        pending_report(c, p)
    else:
        pending_push(c, p)
    if row != NULL and row.action == ACTION_REPLICATE:
        go_opaque(c)


cdef void bad_request(Conversation* c) noexcept nogil:
    c.talk.counts.malformed += 1
    if c.doubt:
        certain_gap(c, CLIENT)
        return
    pending_flush(c, CALL_NO_RESPONSE | CALL_MALFORMED)
    go_opaque(c)


cdef void take_inline(Conversation* c, Slice line, int64_t first_ns, int64_t now) noexcept nogil:
    cdef size_t room = resp_inline_room(line.len)
    cdef uint8_t* array = <uint8_t*> arena_alloc(c.talk.arena, room)
    cdef RespProgress progress
    cdef RespRequest request
    cdef size_t used = 0
    cdef size_t need = 0
    cdef ArgWalk walk
    cdef Writer w
    if array == NULL:
        c.talk.counts.lost_messages += 1
        pending_dropped(c)
        return
    memset(&progress, 0, sizeof(progress))
    request.argv = NULL
    request.argv_cap = 0
    writer_init(&w, array, room)
    if not resp_inline_as_array(line, &w) or w.overflow:
        bad_request(c)
    elif resp_parse_request(array, writer_len(&w), ANY_SIZE, ANY_SIZE, &progress, &request, &used, &need) == RESP_OK:
        walk_request(&walk, request.first, <uint32_t> request.argc)
        take_request(c, &walk, <uint32_t> request.argc, first_ns, now)
    arena_free(c.talk.arena, array)


cdef size_t inline_in_pieces(Conversation* c, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[CLIENT]
    cdef const uint8_t* lf = <const uint8_t*> memchr(data, 10, n)
    cdef size_t take = n if lf == NULL else <size_t> (lf + 1 - data)
    cdef Slice line
    if half.kept_len + take > RESP_MAX_INLINE or not keep(c, half, data, take, now):
        keep_nothing(c, half)
        bad_request(c)
        return n
    if lf == NULL:
        return n
    line.ptr = half.kept
    line.len = half.kept_len - 1
    if line.len and line.ptr[line.len - 1] == 13:
        line.len -= 1
    take_inline(c, line, half.kept_ns, now)
    keep_nothing(c, half)
    return take


cdef size_t request_begins(Conversation* c, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[CLIENT]
    cdef RespProgress progress
    cdef RespRequest request
    cdef RespStatus status
    cdef size_t used = 0
    cdef size_t need = 0
    cdef ArgWalk walk
    if half.kept_len:
        return inline_in_pieces(c, data, n, now)
    memset(&progress, 0, sizeof(progress))
    request.argv = NULL
    request.argv_cap = 0
    status = resp_parse_request(data, n, ANY_SIZE, ANY_SIZE, &progress, &request, &used, &need)
    if status == RESP_OK:
        walk_request(&walk, request.first, <uint32_t> request.argc)
        take_request(c, &walk, <uint32_t> request.argc, now, now)
    elif status == RESP_INLINE:
        take_inline(c, request.line, now, now)
    elif status == RESP_BAD:
        bad_request(c)
        return n
    elif data[0] == 42:
        half.state = HALF_BODY
        c.speech.redis.ask_ns = now
        return 0
    else:
        return inline_in_pieces(c, data, n, now)
    return used


cdef size_t request_goes_on(Conversation* c, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    cdef size_t used = 0
    cdef AskStatus status = ask_next(&r.ask, c.talk.arena, data, n, &used)
    cdef ArgWalk walk
    if status == ASK_BAD:
        ask_clear(&r.ask, c.talk.arena)
        bad_request(c)
        return n
    if status == ASK_DONE:
        c.half[CLIENT].state = HALF_START
        walk_ask(&walk, &r.ask)
        take_request(c, &walk, r.ask.argc, r.ask_ns, now)
        ask_clear(&r.ask, c.talk.arena)
    return used


cdef bint may_begin_request(const uint8_t* data, size_t n) noexcept nogil:
    return n >= 4 and data[0] == 42 and 49 <= data[1] <= 57


cdef bint found_again(Conversation* c, Half* half, const uint8_t* data, size_t n) noexcept nogil:
    """Behind a gap: may a request begin here, or are we inside of one that was found?"""
    if half.state != HALF_LOST and (not c.turned or half.state == HALF_BODY or half.kept_len):
        return True
    if not may_begin_request(data, n):
        return half.state != HALF_LOST
    if not certain_turn(c):
        c.talk.counts.resyncs += half.state == HALF_LOST
        half.state = HALF_START
    return True


cdef void client_data(Conversation* c, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[CLIENT]
    cdef size_t used
    if not half.exact and not found_again(c, half, data, n):
        return
    c.turned = False
    while n and (half.state == HALF_START or half.state == HALF_BODY) and c.kind == TALK_REDIS:
        used = request_goes_on(c, data, n, now) if half.state == HALF_BODY else request_begins(c, data, n, now)
        data += used
        n -= used


# ---- replies ------------------------------------------------------------------------------------

cdef void reply_over(RedisTalk* r) noexcept nogil:
    r.reply_ns = 0
    r.reply_gap = False
    r.pushed = False
    r.skim.passed = 0


cdef void bad_reply(Conversation* c) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    memset(&r.skim, 0, sizeof(Skim))
    reply_over(r)
    c.talk.counts.malformed += 1
    if c.doubt or c.provisional:
        certain_gap(c, SERVER)
        return
    pending_flush(c, CALL_NO_RESPONSE | CALL_MALFORMED)
    go_opaque(c)


cdef bint may_begin_reply(const uint8_t* data, size_t n) noexcept nogil:
    return n >= 4 and memchr(b"+-:$*_#,(!=%~|>", data[0], 15) != NULL and memchr(data, 13, min(n, <size_t> 64)) != NULL


cdef void server_data(Conversation* c, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    cdef Half* half = &c.half[SERVER]
    cdef SkimStatus status
    cdef size_t used = 0
    if half.state == HALF_LOST:
        if not may_begin_reply(data, n):
            return
        half.state = HALF_START
        c.talk.counts.resyncs += 1
    while n and half.state == HALF_START and c.kind == TALK_REDIS:
        if r.reply_ns == 0:
            r.reply_ns = now
        status = skim_next(&r.skim, data, n, &used)
        data += used
        n -= used
        if status == SKIM_BAD:
            bad_reply(c)
            return
        if status == SKIM_MORE:
            return
        if status == SKIM_ELEMENT or status == SKIM_LAST:
            resp_element(c)
        if status != SKIM_ELEMENT:
            resp_reply_ends(c, now)
            reply_over(r)


cdef void resp_data(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    if role == CLIENT:
        client_data(c, data, n, now)
    else:
        server_data(c, data, n, now)


# ---- gaps and ends ------------------------------------------------------------------------------

cdef void answer_lost(Conversation* c, uint32_t flags, int64_t now) noexcept nogil:
    """The reply in transit will not end."""
    cdef RedisTalk* r = &c.speech.redis
    cdef Pending* p = NULL
    if r.reply_ns and not r.pushed:
        p = pending_pop(c)
    if p != NULL:
        p.call.flags |= flags
        p.call.outcome = OUTCOME_UNKNOWN
        p.call.response_bytes = r.skim.passed
        p.call.response_first_ns = r.reply_ns
        p.call.response_last_ns = now
        keys_settle(p, OUTCOME_UNKNOWN, True)
        pending_report(c, p)
    memset(&r.skim, 0, sizeof(Skim))
    reply_over(r)


cdef void resp_gap(Conversation* c, int role, uint64_t n, int64_t now) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    cdef Half* half = &c.half[role]
    if half.state == HALF_DEAD:
        return
    if role == CLIENT:
        if half.state == HALF_BODY and ask_gap(&r.ask, n):
            r.request_gap = True
            return
        c.talk.counts.lost_messages += half.state == HALF_BODY or half.kept_len != 0
        ask_clear(&r.ask, c.talk.arena)
        keep_nothing(c, half)
        r.request_gap = False
        r.silent = False            # whatever was lost may have changed it; a reply will tell
        r.silent_next = False
        resp_doubt_queued(c)
    else:
        if half.state == HALF_START and skim_gap(&r.skim, n):
            r.reply_gap = True
            return
        answer_lost(c, CALL_RESPONSE_GAP, now)
        resp_queued_over(c, OUTCOME_UNKNOWN, CALL_NO_RESPONSE, now)
    certain_gap(c, role)


cdef void resp_over(Conversation* c, int64_t now) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    c.talk.counts.lost_messages += c.half[CLIENT].state == HALF_BODY or c.half[CLIENT].kept_len != 0
    ask_clear(&r.ask, c.talk.arena)
    answer_lost(c, CALL_RESPONSE_CUT, now)
    pending_flush(c, CALL_NO_RESPONSE)
    resp_queued_over(c, OUTCOME_UNKNOWN, CALL_NO_RESPONSE, now)
