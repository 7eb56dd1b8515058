# See http_calls.pxd.
#
# A request waits in the queue from its head on, so that a response which comes before its body's end still finds it.
# The call is handed over when both are over: normally by the response's end, else (an early response) by the
# request's.

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset
from whimbrel.agent.certain cimport certain_answer, certain_orphan, certain_request
from whimbrel.agent.kept cimport keep_nothing
from whimbrel.agent.pending cimport (
    HEADERS_KEPT, pending_dropped, pending_flush, pending_new, pending_pop, pending_push, pending_put, pending_report,
)
from whimbrel.agent.talk cimport (
    CLIENT, HALF_BODY, HALF_START, SERVER, Conversation, Half, Message, Pending, go_opaque,
)
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.http1.codec cimport h1_body_begin, h1_method_kind
from whimbrel.protocol.http1.messages cimport (
    H1_EMPTY, H1_F_BAD_TRANSFER, H1_F_HTTP09, H1_F_LENGTH_AND_CHUNKED, H1_F_LENGTH_CONFLICT, H1_F_LONG, H1_LENGTH,
    H1_OTHER, H1_TUNNEL, H1_UNTIL_CLOSE, H1Head,
)
from whimbrel.summary.body cimport BODY_F_UNTYPED, Body, body_begin, body_end
from whimbrel.summary.call cimport (
    CALL_CONTINUED, CALL_HOST_BYTES, CALL_HTTP, CALL_HTTP09, CALL_MALFORMED, CALL_METHOD_BYTES, CALL_NO_REQUEST,
    CALL_NO_RESPONSE, CALL_SMUGGLING, CALL_TARGET_BYTES, CALL_TARGET_CUT, CALL_UNPAIRED, CALL_UPGRADED,
)


cdef inline uint32_t flags_of(uint32_t odd) noexcept nogil:
    cdef uint32_t flags = 0
    if odd & ~<uint32_t> (H1_F_HTTP09 | H1_F_LONG):
        flags |= CALL_MALFORMED
    if odd & (H1_F_LENGTH_CONFLICT | H1_F_LENGTH_AND_CHUNKED | H1_F_BAD_TRANSFER):
        flags |= CALL_SMUGGLING
    return flags | (CALL_HTTP09 if odd & H1_F_HTTP09 else 0)


# ---- messages -----------------------------------------------------------------------------------

cdef void body_starts(Conversation* c, int role, const H1Head* head) noexcept nogil:
    cdef Message* m = &c.speech.http.message[role]
    cdef bint look_inside = c.talk.pressure == 0
    c.half[role].state = HALF_BODY
    m.typer = NULL
    if m.p == NULL:
        return
    m.typer = body_begin(c.talk.arena, c.talk.seed, head.content_type, head.content_encoding, look_inside)
    c.talk.counts.untyped_bodies += m.typer == NULL or not look_inside


cdef void message_begins(Conversation* c, int role, Pending* p, const H1Head* head, int64_t now) noexcept nogil:
    cdef Message* m = &c.speech.http.message[role]
    m.p = p
    m.typer = NULL
    h1_body_begin(&m.body, head)
    if head.framing == H1_EMPTY or head.framing == H1_TUNNEL or (
            head.framing == H1_LENGTH and head.content_length == 0):
        message_ends(c, role, True, 0, now)
    else:
        body_starts(c, role, head)


cdef void message_ends(Conversation* c, int role, bint whole, uint32_t flags, int64_t now) noexcept nogil:
    """The message in transit is over; not `whole`: some of it will never be seen."""
    cdef Message* m = &c.speech.http.message[role]
    cdef Pending* p = m.p
    cdef Body* body
    if c.half[role].state == HALF_BODY:
        c.half[role].state = HALF_START
    m.p = NULL
    if p != NULL:
        p.call.flags |= flags
        body = &p.call.request_body if role == CLIENT else &p.call.response_body
        if m.typer != NULL:
            body_end(m.typer, whole, body)
        elif m.body.length:
            body.flags |= BODY_F_UNTYPED
        m.typer = NULL
        if role == CLIENT:
            p.call.request_bytes = m.body.length
            p.call.request_last_ns = now
            p.request_open = False
        else:
            p.call.response_bytes = m.body.length
            p.call.response_last_ns = now
            p.answered = True
        if p.answered and not p.request_open:
            pending_report(c, p)
    if role == SERVER:
        certain_answer(c)


# ---- requests -----------------------------------------------------------------------------------

cdef void begin_anew(Conversation* c, int64_t now) noexcept nogil:
    """Everything before this request is over (certain_request said so)."""
    cdef Half* half = &c.half[SERVER]
    if half.state == HALF_BODY:
        message_ends(c, SERVER, False, CALL_UNPAIRED, now)
    pending_flush(c, CALL_NO_RESPONSE)
    keep_nothing(c, half)
    half.state = HALF_START
    c.turned = False


cdef Pending* pending_of(Conversation* c, const H1Head* head, int64_t first_ns, int64_t now) noexcept nogil:
    cdef Slice target = slice_of(head.target.ptr, min(head.target.len, <size_t> CALL_TARGET_BYTES))
    cdef Slice host = slice_of(head.host.ptr, min(head.host.len, <size_t> CALL_HOST_BYTES))
    cdef Slice method = slice_of(head.method.ptr, min(head.method.len, <size_t> CALL_METHOD_BYTES))
    cdef Slice headers = head.headers
    cdef size_t at = 0
    cdef Pending* p
    if c.talk.pressure >= 2:
        target.len = 0
        headers.len = 0
    if headers.len > HEADERS_KEPT:
        headers.len = 0
    p = pending_new(c, CALL_HTTP, method.len + host.len + target.len + headers.len, first_ns)
    if p == NULL:
        return NULL
    p.kind = <uint8_t> h1_method_kind(head.method)
    p.call.method = pending_put(p, &at, method)
    p.call.host = pending_put(p, &at, host)
    p.call.target = pending_put(p, &at, target)
    p.call.headers = pending_put(p, &at, headers)
    p.call.request_last_ns = now
    p.call.flags |= flags_of(head.flags)
    if target.len < head.target.len:
        p.call.flags |= CALL_TARGET_CUT
    return p


cdef void request_begins(Conversation* c, const H1Head* head, int64_t first_ns, int64_t now) noexcept nogil:
    cdef Pending* p
    if certain_request(c, c.half[SERVER].state == HALF_BODY, now):
        begin_anew(c, now)
    p = pending_of(c, head, first_ns, now)
    if p != NULL:
        pending_push(c, p)
    else:
        pending_dropped(c)
        if h1_method_kind(head.method) != H1_OTHER:
            c.doubt = True          # its response is framed by a request that is not kept
    message_begins(c, CLIENT, p, head, now)


cdef void malformed_request(Conversation* c, int64_t first_ns, int64_t now) noexcept nogil:
    """Something that is no request, which the server answers all the same."""
    cdef Pending* p = pending_new(c, CALL_HTTP, 0, first_ns)
    if p == NULL:
        pending_dropped(c)
        return
    p.request_open = False
    p.call.flags |= CALL_MALFORMED
    p.call.request_last_ns = now
    pending_push(c, p)


# ---- responses ----------------------------------------------------------------------------------

cdef Pending* answered_by_this(Conversation* c, int64_t first_ns) noexcept nogil:
    """The request that waits longest; a response nobody asked for gets a Pending of its own."""
    cdef bint nobody = c.head == NULL and c.dropped_first == 0
    cdef Pending* p = pending_pop(c)
    if nobody:
        certain_orphan(c)
        p = pending_new(c, CALL_HTTP, 0, 0)
        if p != NULL:
            p.call.flags |= CALL_NO_REQUEST
            p.request_open = False
    if p != NULL:
        p.call.response_first_ns = first_ns
    return p


cdef void tunnel_begins(Conversation* c, Pending* p, int64_t now) noexcept nogil:
    cdef Pending* sent_into_it = c.head
    if p != NULL:
        p.call.flags |= CALL_UPGRADED
    message_ends(c, SERVER, True, 0, now)
    while sent_into_it != NULL:     # no requests of this server; the last may still be in transit
        sent_into_it.call.flags |= CALL_UNPAIRED
        sent_into_it = sent_into_it.next
    go_opaque(c)


cdef void response_begins(Conversation* c, const H1Head* head, int64_t first_ns, int64_t now) noexcept nogil:
    cdef Pending* p
    if head.status < 200 and head.framing != H1_TUNNEL:
        if c.head != NULL:
            c.head.call.flags |= CALL_CONTINUED
        return
    p = answered_by_this(c, first_ns)
    if p != NULL:
        p.call.status = head.status
        p.call.flags |= flags_of(head.flags)
    if head.framing != H1_TUNNEL:
        message_begins(c, SERVER, p, head, now)
        return
    c.speech.http.message[SERVER].p = p
    c.speech.http.message[SERVER].typer = NULL
    h1_body_begin(&c.speech.http.message[SERVER].body, head)
    tunnel_begins(c, p, now)


cdef void bare_response(Conversation* c, int64_t now) noexcept nogil:
    cdef H1Head head
    memset(&head, 0, sizeof(head))
    head.framing = H1_UNTIL_CLOSE
    message_begins(c, SERVER, answered_by_this(c, now), &head, now)
