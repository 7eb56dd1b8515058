# See talk_http.pxd.
#
#     START --head whole--> BODY --its end--> START           what is not whole of a head is kept, up to H1_MAX_HEAD
#       ^                    |
#       +---- LOST <---gap---+                                 looks for a start line; see certain.pxd
#
# A head is parsed from the bytes given where it lies whole in them; else it is copied and parsed again only when
# something ended it (h1_head_may_be_whole), so crumbs cost no more than their bytes.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp
from whimbrel.agent.certain cimport certain_gap, certain_turn
from whimbrel.agent.http_calls cimport (
    bare_response, malformed_request, message_ends, request_begins, response_begins,
)
from whimbrel.agent.kept cimport keep, keep_nothing
from whimbrel.agent.pending cimport pending_flush
from whimbrel.agent.talk cimport (
    CLIENT, HALF_BODY, HALF_DEAD, HALF_LOST, HALF_START, SERVER, TALK_HTTP, Conversation, Half, Message,
)
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.http1.codec cimport (
    h1_body_close, h1_body_next, h1_body_skip, h1_head_may_be_whole, h1_parse_request, h1_parse_response, h1_resync,
)
from whimbrel.protocol.http1.messages cimport (
    H1_BAD, H1_DONE, H1_MAX_HEAD, H1_MORE, H1_OTHER, H1_PIECE, H1Head, H1Method, H1Status,
)
from whimbrel.summary.body cimport body_feed, body_lost
from whimbrel.summary.call cimport (
    CALL_HTTP09, CALL_MALFORMED, CALL_NO_RESPONSE, CALL_REQUEST_CUT, CALL_REQUEST_GAP, CALL_RESPONSE_CUT,
    CALL_RESPONSE_GAP,
)


# ---- heads --------------------------------------------------------------------------------------

cdef void half_is_over(Conversation* c, int role) noexcept nogil:
    """Nothing further can be read in this direction."""
    c.half[role].state = HALF_DEAD
    keep_nothing(c, &c.half[role])


cdef void head_is_bad(Conversation* c, int role, int64_t first_ns, int64_t now) noexcept nogil:
    """A server refuses what is no request, and that half is over.  Else a start is looked for.

    A server may go on, where its client puts up with bytes behind a 204: its later responses are not to be denied.
    """
    c.talk.counts.malformed += 1
    keep_nothing(c, &c.half[role])
    if role == CLIENT and not c.doubt and not c.provisional:
        malformed_request(c, first_ns, now)
        half_is_over(c, CLIENT)
        return
    if role == SERVER and c.head != NULL:
        c.head.call.flags |= CALL_MALFORMED
    certain_gap(c, role)


cdef H1Status parse_head(
    Conversation* c, int role, const uint8_t* data, size_t n, int64_t first_ns, int64_t now, size_t* used
) noexcept nogil:
    cdef H1Head head
    cdef H1Status status
    cdef H1Method method = H1_OTHER
    if role == CLIENT:
        status = h1_parse_request(data, n, &head, used)
        if status == H1_DONE:
            request_begins(c, &head, first_ns, now)
    else:
        if c.head != NULL and c.dropped_first == 0:
            method = <H1Method> c.head.kind
        status = h1_parse_response(method, data, n, &head, used)
        if status == H1_DONE:
            response_begins(c, &head, first_ns, now)
    return status


cdef inline bint may_be_bare(const Conversation* c, int role) noexcept nogil:
    return role == SERVER and c.head != NULL and c.dropped_first == 0 and c.head.call.flags & CALL_HTTP09 != 0


cdef bint is_bare(const uint8_t* data, size_t n) noexcept nogil:
    """A response to HTTP/0.9 that does not begin with a status line is a body."""
    return memcmp(data, b"HTTP/", min(n, <size_t> 5)) != 0


cdef size_t head_goes_on(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    """Some of a head is kept: the bytes of data that belong to it."""
    cdef Half* half = &c.half[role]
    cdef size_t before = half.kept_len
    cdef size_t take = min(n, <size_t> (H1_MAX_HEAD + 1) - before)
    cdef size_t used = 0
    cdef H1Status status
    if not keep(c, half, data, take, now):
        certain_gap(c, role)
        return n
    if may_be_bare(c, role) and is_bare(half.kept, half.kept_len):
        bare_response(c, half.kept_ns)
        body_bytes(c, role, half.kept, half.kept_len, now)
        keep_nothing(c, half)
        return take
    if half.kept_len <= H1_MAX_HEAD and not h1_head_may_be_whole(half.kept, half.kept_len, before):
        return take
    status = parse_head(c, role, half.kept, half.kept_len, half.kept_ns, now, &used)
    if status == H1_MORE and half.kept_len <= H1_MAX_HEAD:
        return take
    if status == H1_DONE:
        keep_nothing(c, half)
        return used - before if used > before else 0
    head_is_bad(c, role, half.kept_ns, now)
    return take


cdef size_t head_bytes(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[role]
    cdef size_t used = 0
    cdef H1Status status
    if half.kept_len:
        return head_goes_on(c, role, data, n, now)
    if may_be_bare(c, role) and is_bare(data, n):
        bare_response(c, now)
        return 0
    if data[0] == 13 or data[0] == 10:
        return 1                    # blank lines between messages
    if role == CLIENT and not half.exact and c.turned and h1_resync(data, n, False) == 0:
        certain_turn(c)
    status = parse_head(c, role, data, n, now, now, &used)
    if status == H1_DONE:
        return used
    if status == H1_BAD or n > H1_MAX_HEAD:
        head_is_bad(c, role, now, now)
        return 1 if half.state == HALF_LOST else n
    if not keep(c, half, data, n, now):
        certain_gap(c, role)
    return n


# ---- bodies -------------------------------------------------------------------------------------

cdef size_t body_bytes(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    """Bytes of the message in transit, up to its end."""
    cdef Message* m = &c.speech.http.message[role]
    cdef size_t at = 0
    cdef size_t used = 0
    cdef uint32_t flags
    cdef H1Status status
    cdef Slice piece
    while True:
        status = h1_body_next(&m.body, data + at, n - at, &piece, &used)
        at += used
        if status == H1_PIECE:
            if m.typer != NULL:
                body_feed(m.typer, piece)
            continue
        if status == H1_DONE:
            message_ends(c, role, True, 0, now)
            return at
        if status == H1_BAD:
            flags = CALL_MALFORMED | (CALL_REQUEST_CUT if role == CLIENT else CALL_RESPONSE_CUT)
            message_ends(c, role, False, flags, now)
            body_is_bad(c, role)
            return n
        if m.p != NULL:
            if role == CLIENT:
                m.p.call.request_last_ns = now
            else:
                m.p.call.response_last_ns = now
        return n


cdef void body_is_bad(Conversation* c, int role) noexcept nogil:
    c.talk.counts.malformed += 1
    if role == SERVER or c.doubt or c.provisional:
        certain_gap(c, role)
    else:
        half_is_over(c, role)


# ---- data ---------------------------------------------------------------------------------------

cdef size_t look_for_start(Conversation* c, int role, const uint8_t* data, size_t n) noexcept nogil:
    cdef size_t at = h1_resync(data, n, role == SERVER)
    if role == CLIENT and at == 0 and certain_turn(c):
        return 0                    # or is it the rest of a body whose response came early?
    if at < n:
        c.half[role].state = HALF_START
        c.talk.counts.resyncs += 1
    return at


cdef void http_data(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[role]
    cdef size_t used
    while n and c.kind == TALK_HTTP:
        if half.state == HALF_BODY:
            used = body_bytes(c, role, data, n, now)
        elif half.state == HALF_LOST:
            used = look_for_start(c, role, data, n)
        elif half.state == HALF_START:
            used = head_bytes(c, role, data, n, now)
        else:
            return
        data += used
        n -= used
        if role == CLIENT:
            c.turned = False


# ---- gaps and ends ------------------------------------------------------------------------------

cdef void http_gap(Conversation* c, int role, uint64_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[role]
    cdef Message* m = &c.speech.http.message[role]
    cdef uint32_t flag = CALL_REQUEST_GAP if role == CLIENT else CALL_RESPONSE_GAP
    if half.state == HALF_DEAD:
        return
    if half.state == HALF_BODY:
        if h1_body_skip(&m.body, n):
            if m.typer != NULL:
                body_lost(m.typer)
            if m.p != NULL:
                m.p.call.flags |= flag
            body_bytes(c, role, NULL, 0, now)       # it may have been the rest
            return
        message_ends(c, role, False, flag, now)
    c.talk.counts.lost_messages += half.kept_len != 0
    keep_nothing(c, half)
    certain_gap(c, role)


cdef void close_half(Conversation* c, int role, bint orderly, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[role]
    cdef Message* m = &c.speech.http.message[role]
    cdef bint whole
    if half.state == HALF_BODY:
        whole = orderly and h1_body_close(&m.body)
        message_ends(c, role, whole, 0 if whole else CALL_REQUEST_CUT if role == CLIENT else CALL_RESPONSE_CUT, now)
    c.talk.counts.lost_messages += half.kept_len != 0
    keep_nothing(c, half)
    half.state = HALF_DEAD


cdef void http_fin(Conversation* c, int role, int64_t now) noexcept nogil:
    close_half(c, role, True, now)


cdef void http_over(Conversation* c, int64_t now) noexcept nogil:
    close_half(c, CLIENT, False, now)
    close_half(c, SERVER, False, now)
    pending_flush(c, CALL_NO_RESPONSE)
