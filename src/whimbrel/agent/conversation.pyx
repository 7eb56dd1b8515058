# See conversation.pxd, and talk.pxd for the parts.  Here: which protocol a flow speaks, which of its sides is the
# client, and a conversation's life.
#
# A flow whose beginning was captured is asked once: detect() looks at the first bytes of both sides until it is sure.
# One that was joined in the middle (no SYN, or bytes lost before it was known) is looked at piece by piece, each as if
# a message began there, JOIN_TRIES times; its first calls are flagged, because nobody knows what was asked before.
#
# What is not understood costs nothing: its conversation is taken down and Flow.user points to `ignored`.

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy
from whimbrel.agent.kept cimport keep, keep_nothing
from whimbrel.agent.talk cimport (
    CLIENT, HALF_LOST, SERVER, TALK_HTTP, TALK_MEMCACHE, TALK_OPAQUE, TALK_REDIS, TALK_TLS, TALK_UNSURE, Conversation,
    Half,
)
from whimbrel.agent.talk_http cimport http_data, http_fin, http_gap, http_over
from whimbrel.agent.talk_memcache cimport mc_data, mc_gap, mc_over
from whimbrel.agent.talk_resp cimport resp_data, resp_gap, resp_over
from whimbrel.agent.talk_tls cimport tls_data, tls_over
from whimbrel.base.arena cimport arena_alloc_zero, arena_free
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.detect cimport (
    DETECT_BYTES, DETECT_HTTP1, DETECT_HTTP2, DETECT_MEMCACHE, DETECT_OPAQUE, DETECT_RESP, DETECT_TLS, DETECT_UNSURE,
    Detected, detect, detect_client_side,
)
from whimbrel.protocol.http1.codec cimport h1_resync

cdef enum:
    JOIN_TRIES = 64                 # pieces of a flow joined in the middle, until it is given up

cdef uint8_t ignored                # Flow.user points here: nothing to be read in this flow


# ---- a conversation's life ----------------------------------------------------------------------

cdef Conversation* conversation_new(Talk* talk, Flow* f, int64_t now) noexcept nogil:
    cdef Conversation* c = <Conversation*> arena_alloc_zero(talk.arena, sizeof(Conversation))
    if c == NULL:
        talk.counts.flows_refused += 1
        f.user = &ignored
        return NULL
    c.talk = talk
    c.flow = f
    c.last_ns = now
    c.joined = not f.syn_seen
    f.user = c
    return c


cdef void conversation_over(Conversation* c, int64_t now) noexcept nogil:
    """Hands over what is left and frees everything."""
    cdef Talk* talk = c.talk
    if c.speaks == TALK_HTTP:
        http_over(c, now)
    elif c.speaks == TALK_MEMCACHE:
        mc_over(c, now)
    elif c.speaks == TALK_REDIS:
        resp_over(c, now)
    elif c.speaks == TALK_TLS:
        tls_over(c)
    keep_nothing(c, &c.half[CLIENT])
    keep_nothing(c, &c.half[SERVER])
    arena_free(talk.arena, c)


cdef void leave_alone(Conversation* c, int64_t now) noexcept nogil:
    cdef Flow* f = c.flow
    if c.speaks != TALK_TLS and c.kind == TALK_OPAQUE:
        c.talk.counts.flows_opaque += 1
    conversation_over(c, now)
    f.user = &ignored


cdef void route(Conversation* c, int side, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef int role = side ^ c.client
    if c.kind == TALK_HTTP:
        http_data(c, role, data, n, now)
    elif c.kind == TALK_REDIS:
        resp_data(c, role, data, n, now)
    elif c.kind == TALK_MEMCACHE:
        mc_data(c, role, data, n, now)
    elif c.kind == TALK_TLS:
        tls_data(c, role, data, n, now)


# ---- which protocol -----------------------------------------------------------------------------

cdef void unread(const Conversation* c, bint http2) noexcept nogil:
    if c.talk.unread != NULL:
        c.talk.unread(c.talk.context, c.flow, c.client, http2)


cdef bint begins(Conversation* c, Detected what) noexcept nogil:
    """Takes the answer; False: nothing to be read here."""
    cdef int role
    if what == DETECT_HTTP1:
        c.kind = TALK_HTTP
        c.talk.counts.flows_http += 1
    elif what == DETECT_MEMCACHE:
        c.kind = TALK_MEMCACHE
        c.talk.counts.flows_memcache += 1
    elif what == DETECT_RESP:
        c.kind = TALK_REDIS
        c.talk.counts.flows_redis += 1
    elif what == DETECT_TLS:
        c.kind = TALK_TLS
        c.talk.counts.flows_tls += 1
    elif what == DETECT_HTTP2:
        c.talk.counts.flows_http2 += 1
        unread(c, True)
        return False
    else:
        c.talk.counts.flows_opaque += 1
        unread(c, False)
        return False
    c.speaks = c.kind
    c.doubt = c.joined
    c.server_sure = not c.joined
    c.client_sure = not c.joined
    for role in range(2):
        c.half[role].exact = not c.joined
        if c.joined:
            c.half[role].state = HALF_LOST
    return True


cdef Slice view(const Half* half, const uint8_t* data, size_t n, uint8_t* room) noexcept nogil:
    """The first DETECT_BYTES of what a half has said, data included."""
    cdef size_t kept = min(half.kept_len, <size_t> DETECT_BYTES)
    cdef size_t more = min(n, <size_t> DETECT_BYTES - kept)
    if kept == 0:
        return slice_of(data, more)
    memcpy(room, half.kept, kept)
    if more:
        memcpy(room + kept, data, more)
    return slice_of(room, kept + more)


cdef void replay(Conversation* c, uint8_t** kept, const size_t* kept_len, const int64_t* kept_ns) noexcept nogil:
    """What was said before the protocol was known, the client's first."""
    cdef int side
    for side in range(2):
        if kept[side] != NULL:
            if c.kind != TALK_OPAQUE:
                route(c, side, kept[side], kept_len[side], kept_ns[side])
            arena_free(c.talk.arena, kept[side])


cdef void from_the_beginning(Conversation* c, int side, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef uint8_t room[2][256]
    cdef uint8_t* kept[2]
    cdef size_t kept_len[2]
    cdef int64_t kept_ns[2]
    cdef Slice said[2]
    cdef Detected what
    cdef int i
    for i in range(2):
        said[i] = view(&c.half[i], data, n if i == side else 0, room[i])
    what = detect(said[CLIENT], said[SERVER])
    if what == DETECT_UNSURE:
        if said[side].len >= DETECT_BYTES:
            what = DETECT_OPAQUE
        elif keep(c, &c.half[side], data, n, now):
            return
    for i in range(2):
        kept[i] = c.half[i].kept
        kept_len[i] = c.half[i].kept_len
        kept_ns[i] = c.half[i].kept_ns
        c.half[i].kept = NULL
        c.half[i].kept_len = 0
    if not begins(c, what):
        replay(c, kept, kept_len, kept_ns)
        leave_alone(c, now)
        return
    replay(c, kept, kept_len, kept_ns)
    route(c, side, data, n, now)


cdef Detected look_at_piece(Conversation* c, int side, Slice piece, Slice other) noexcept nogil:
    """What a piece and what the other side said last speak; settles which side is the client."""
    cdef int whose = side if c.flow.syn_seen else detect_client_side(piece, other)
    cdef Detected what = DETECT_UNSURE
    if whose == 0:
        what = detect(piece, other)
    elif whose == 1:
        what = detect(other, piece)
    if what == DETECT_UNSURE or what == DETECT_OPAQUE:
        whose = 0 if h1_resync(piece.ptr, piece.len, False) < piece.len else 1
        what = DETECT_UNSURE
        if whose == 0 or h1_resync(piece.ptr, piece.len, True) < piece.len:
            what = DETECT_HTTP1
    c.client = <uint8_t> (side ^ whose)
    return what


cdef void from_the_middle(Conversation* c, int side, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[side]
    cdef Half* other = &c.half[side ^ 1]
    cdef uint8_t* kept = other.kept
    cdef size_t kept_len = other.kept_len
    cdef Detected what
    what = look_at_piece(c, side, slice_of(data, n), slice_of(kept, kept_len))
    c.talk.counts.lost_messages += half.kept_len != 0
    keep_nothing(c, half)
    if what == DETECT_UNSURE:
        c.tries += 1
        if c.tries < JOIN_TRIES:
            if n <= DETECT_BYTES:
                keep(c, half, data, n, now)
            return
        what = DETECT_OPAQUE
    other.kept = NULL
    other.kept_len = 0
    if begins(c, what):
        if kept_len:
            route(c, side ^ 1, kept, kept_len, other.kept_ns)
            c.turned = False        # what was lost since is not known
        route(c, side, data, n, now)
        arena_free(c.talk.arena, kept)
    else:
        arena_free(c.talk.arena, kept)
        leave_alone(c, now)


# ---- FlowSink's functions -----------------------------------------------------------------------

cdef inline Conversation* conversation_of(void* talk, Flow* f, int64_t now) noexcept nogil:
    """NULL: this flow is left alone."""
    if f.user == NULL:
        return conversation_new(<Talk*> talk, f, now)
    if f.user == &ignored:
        return NULL
    return <Conversation*> f.user


cdef void talk_data(void* talk, Flow* f, int side, const uint8_t* data, size_t n, int64_t time_ns) noexcept nogil:
    cdef Conversation* c = conversation_of(talk, f, time_ns)
    if c == NULL or n == 0:
        return
    if c.kind == TALK_UNSURE:
        if c.joined:
            from_the_middle(c, side, data, n, time_ns)
        else:
            from_the_beginning(c, side, data, n, time_ns)
        if f.user == &ignored:
            return
    else:
        route(c, side, data, n, time_ns)
    c.last_ns = time_ns
    if c.kind == TALK_OPAQUE:
        leave_alone(c, time_ns)


cdef void talk_gap(void* talk, Flow* f, int side, uint64_t n, int64_t time_ns) noexcept nogil:
    cdef Conversation* c = conversation_of(talk, f, time_ns)
    if c == NULL or n == 0:
        return
    if c.kind == TALK_UNSURE:
        c.joined = True
        c.talk.counts.lost_messages += c.half[side].kept_len != 0
        keep_nothing(c, &c.half[side])
    elif c.kind == TALK_HTTP:
        http_gap(c, side ^ c.client, n, time_ns)
    elif c.kind == TALK_REDIS:
        resp_gap(c, side ^ c.client, n, time_ns)
    elif c.kind == TALK_MEMCACHE:
        mc_gap(c, side ^ c.client, n, time_ns)
    elif not c.speech.tls.heard[side ^ c.client]:
        c.kind = TALK_OPAQUE        # a hello that is not whole says nothing
    if c.kind == TALK_OPAQUE:
        leave_alone(c, time_ns)


cdef void talk_half(void* talk, Flow* f, int side, int64_t time_ns) noexcept nogil:
    cdef Conversation* c
    if f.user == NULL or f.user == &ignored:
        return
    c = <Conversation*> f.user
    if c.kind == TALK_HTTP:
        http_fin(c, side ^ c.client, time_ns)


cdef void talk_over(void* talk, Flow* f, FlowEnd why, int64_t time_ns) noexcept nogil:
    if f.user != NULL and f.user != &ignored:
        conversation_over(<Conversation*> f.user, time_ns)
    f.user = NULL
