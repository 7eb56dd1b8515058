"""See detect.pxd.  Each side is judged by itself (detect_client, detect_server); here the two are put together.

    1  what one side is sure of, the client first
    2  the one protocol that both sides find likely
    3  while one side is missing, or what is there is a prefix of something: unsure
    4  at DETECT_BYTES of a side: the one protocol that is likely; else opaque

A first line of text that is nothing known waits for the server's word too: broken requests are answered in HTTP.
"""

from libc.string cimport memset

from whimbrel.base.slice cimport slice_of
from whimbrel.protocol.detect_client cimport is_known_resp_array, judge_client
from whimbrel.protocol.detect_server cimport judge_server
from whimbrel.protocol.opinion cimport OPINIONS, V_LIKELY, V_NO, V_SURE, Opinion



cdef inline Slice window(Slice s) noexcept nogil:
    return slice_of(s.ptr, s.len if s.len < DETECT_BYTES else DETECT_BYTES)


cdef void judge_both(Slice client, Slice server, Opinion* c, Opinion* s) noexcept nogil:
    memset(c, 0, sizeof(Opinion))
    memset(s, 0, sizeof(Opinion))
    if client.len:
        judge_client(window(client), c)
    if server.len:
        judge_server(window(server), s)


cdef int surest(const Opinion* o) noexcept nogil:
    """The protocol this side is sure of; HTTP/2's preface is a request line of HTTP/1 too."""
    cdef int i
    if o.of[<int> DETECT_HTTP2] == V_SURE:
        return DETECT_HTTP2
    for i in range(OPINIONS):
        if o.of[i] == V_SURE:
            return i
    return DETECT_UNSURE


cdef Detected agree(const Opinion* c, const Opinion* s) noexcept nogil:
    """Both sides have spoken and neither is sure."""
    cdef int i, likely = DETECT_UNSURE
    cdef bint possible = False
    for i in range(OPINIONS):
        if c.of[i] == V_NO or s.of[i] == V_NO:
            continue
        possible = True
        if c.of[i] >= V_LIKELY and s.of[i] >= V_LIKELY:
            likely = i
    if likely != DETECT_UNSURE:
        return <Detected> likely
    if possible and not (c.whole or s.whole):
        return DETECT_UNSURE
    # an HTTP/0.9 response may be anything, once it is nothing of those who share the request line
    if c.simple and s.of[<int> DETECT_RESP] == V_NO and s.of[<int> DETECT_MEMCACHE] == V_NO:
        return DETECT_HTTP1
    return DETECT_OPAQUE


cdef Detected alone(const Opinion* o, bint is_client) noexcept nogil:
    """Only one side has spoken, and is not sure."""
    cdef int i, likely = DETECT_UNSURE, likelies = 0
    cdef bint possible = is_client and o.text
    for i in range(OPINIONS):
        possible = possible or o.of[i] != V_NO
        if o.of[i] == V_LIKELY:
            likely = i
            likelies += 1
    if not o.whole:
        return DETECT_UNSURE if possible else DETECT_OPAQUE
    return <Detected> likely if likelies == 1 else DETECT_OPAQUE


cdef Detected detect(Slice client, Slice server) noexcept nogil:
    cdef Opinion c, s
    cdef int sure
    if client.len == 0 and server.len == 0:
        return DETECT_UNSURE
    judge_both(client, server, &c, &s)
    sure = surest(&c)
    if sure == DETECT_UNSURE:
        sure = surest(&s)
    if sure != DETECT_UNSURE:
        return <Detected> sure
    if client.len and server.len:
        return agree(&c, &s)
    return alone(&c, True) if client.len else alone(&s, False)


# Who is the client?

cdef inline int weight(uint8_t verdict) noexcept nogil:
    return verdict if verdict >= V_LIKELY else 0


cdef int fit(Slice client, Slice server) noexcept nogil:
    """How well the two sides fit as client and server of the protocol they fit best."""
    cdef Opinion c, s
    cdef int i, one, best = 0
    judge_both(client, server, &c, &s)
    if c.of[<int> DETECT_RESP] == V_SURE and not is_known_resp_array(window(client)):
        c.of[<int> DETECT_RESP] = V_LIKELY              # a reply may be an array of strings too
    for i in range(OPINIONS):
        one = weight(c.of[i]) + weight(s.of[i])
        best = one if one > best else best
    return best


cdef int detect_client_side(Slice first, Slice second) noexcept nogil:
    cdef int forward = fit(first, second)
    cdef int backward = fit(second, first)
    if forward == backward:
        return -1
    return 0 if forward > backward else 1
