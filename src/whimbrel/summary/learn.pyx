"""What a call teaches its endpoint; names and types only.

Requests, queries and headers are learnt from calls that were answered below 400: what a server refuses is not its
interface.  Header names are the same in nearly every call of an endpoint and cost as much to read as everything else
here together, so they are looked at in a window's first calls and then now and then; query parameters likewise, more
often.  Sampling only makes the reveal rule slower, never weaker.
"""

from libc.stdint cimport uint8_t, uint32_t
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.http1.codec cimport h1_next_header
from whimbrel.summary.call cimport CALL_HTTP, CALL_UNPAIRED, Call
from whimbrel.summary.pieces cimport query_next, target_query
from whimbrel.summary.rows cimport kept_merge
from whimbrel.summary.shape cimport Shape, ShapeBuilder, shape_begin, shape_end, shape_free, shape_named
from whimbrel.summary.window cimport (
    AUTH_API_KEY, AUTH_BASIC, AUTH_BEARER, AUTH_COOKIE, AUTH_DIGEST, AUTH_NEGOTIATE, AUTH_OTHER, AUTH_SIGNATURE,
    WINDOW_NAMES_EVERY, WINDOW_QUERY_EVERY, WINDOW_QUERY_FIRST, Endpoint, Kept, Row, WindowData)

cdef enum:
    NAMES_MOST = 64                 # headers, or parameters of a query, that are looked at
    NAME_BYTES = 64                 # longer ones are values


cdef inline uint8_t lower(uint8_t c) noexcept nogil:
    return c | 0x20 if c'A' <= c <= c'Z' else c


cdef bint same(Slice text, const char* word) noexcept nogil:
    """Whether `text` is this word, in any case."""
    cdef size_t i = 0
    while i < text.len and word[i] and lower(text.ptr[i]) == <uint8_t> word[i]:
        i += 1
    return i == text.len and word[i] == 0


cdef Slice first_word(Slice text) noexcept nogil:
    cdef size_t n = 0
    while n < text.len and text.ptr[n] != c' ':
        n += 1
    return slice_of(text.ptr, n)


cdef uint32_t scheme_of(Slice value) noexcept nogil:
    """RFC 9110 11.1: the scheme's name, which is structure; nothing else of the value is looked at."""
    cdef Slice scheme = first_word(value)
    if same(scheme, "basic"):
        return AUTH_BASIC
    if same(scheme, "bearer"):
        return AUTH_BEARER
    if same(scheme, "digest"):
        return AUTH_DIGEST
    if same(scheme, "negotiate") or same(scheme, "ntlm"):
        return AUTH_NEGOTIATE
    if same(scheme, "aws4-hmac-sha256") or same(scheme, "signature") or same(scheme, "hawk"):
        return AUTH_SIGNATURE
    return AUTH_OTHER


cdef uint32_t auth_of(Slice name, Slice value) noexcept nogil:
    if same(name, "authorization"):
        return scheme_of(value)
    if same(name, "cookie"):
        return AUTH_COOKIE
    if (same(name, "x-api-key") or same(name, "api-key") or same(name, "apikey") or same(name, "x-auth-token")
            or same(name, "x-access-token") or same(name, "x-goog-api-key")):
        return AUTH_API_KEY
    return 0


cdef void keep(WindowData* w, Kept* k, ShapeBuilder* b) noexcept nogil:
    cdef Shape* shape = shape_end(b)
    if shape != NULL:
        kept_merge(w, k, shape)
        shape_free(w.arena, shape)


cdef void learn_names(WindowData* w, Endpoint* e, const Call* call) noexcept nogil:
    cdef ShapeBuilder b
    cdef uint8_t lowered[NAME_BYTES]
    cdef Slice rest = call.headers, name, value
    cdef int n = 0
    cdef size_t i
    shape_begin(&b, w.arena, w.seed)
    while n < NAMES_MOST and h1_next_header(&rest, &name, &value):
        n += 1
        if name.len == 0 or name.len > NAME_BYTES:
            continue
        e.auth |= auth_of(name, value)
        for i in range(name.len):
            lowered[i] = lower(name.ptr[i])
        shape_named(&b, slice_of(lowered, name.len), slice_of(<const uint8_t*> "", 0), True)
    keep(w, &e.names, &b)


cdef void learn_query(WindowData* w, Endpoint* e, const Call* call) noexcept nogil:
    cdef ShapeBuilder b
    cdef Slice rest = target_query(call.target), name, value
    cdef int n = 0
    if rest.len == 0:
        return
    shape_begin(&b, w.arena, w.seed)
    while n < NAMES_MOST and query_next(&rest, &name, &value):
        n += 1
        if 0 < name.len <= NAME_BYTES:
            shape_named(&b, name, value, True)
    keep(w, &e.query, &b)


cdef void learn(WindowData* w, Endpoint* e, Row* r, const Call* call) noexcept nogil:
    if call.protocol != CALL_HTTP or call.flags & CALL_UNPAIRED:
        return
    if call.response_body.shape != NULL and r.endpoint != NULL:
        kept_merge(w, &r.answer, call.response_body.shape)
    if not 0 < call.status < 400:
        return
    if call.request_body.shape != NULL:
        kept_merge(w, &e.request, call.request_body.shape)
    if e.calls <= WINDOW_QUERY_FIRST or e.calls % WINDOW_QUERY_EVERY == 0:
        learn_query(w, e, call)
    if call.headers.len and (e.calls <= WINDOW_NAMES_EVERY or e.calls % WINDOW_NAMES_EVERY == 0):
        learn_names(w, e, call)
