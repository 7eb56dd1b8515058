# See talk_tls.pxd.  ALPN is the server's choice where TLS 1.2 shows it, else the client's first offer.

from libc.stdint cimport int64_t, uint8_t, uint16_t
from whimbrel.agent.conversation cimport TlsSeen
from whimbrel.agent.kept cimport keep, keep_nothing
from whimbrel.agent.talk cimport CLIENT, SERVER, Conversation, Half, TlsTalk, go_opaque
from whimbrel.protocol.tls_hello cimport TLS_DONE, TLS_HELLO_MAX, TLS_MORE, TlsHello, TlsStatus, tls_parse_hello

cdef enum:
    NAME_MAX = 255                  # a DNS name, and an ALPN identifier


cdef void tell(Conversation* c, const uint8_t* alpn, size_t alpn_len) noexcept nogil:
    cdef TlsTalk* t = &c.speech.tls
    cdef const uint8_t* names = c.half[CLIENT].kept
    cdef TlsSeen seen
    seen.server_name = names
    seen.server_name_len = t.server_name_len
    seen.alpn = alpn if alpn_len else names + t.server_name_len
    seen.alpn_len = alpn_len if alpn_len else t.alpn_len
    seen.version = t.version
    if c.talk.tls != NULL:
        c.talk.tls(c.talk.context, c.flow, &seen)
    t.version = 0


cdef void hello(Conversation* c, int role, const TlsHello* h, int64_t now) noexcept nogil:
    """The server's ends it; the client's names are kept until then."""
    cdef TlsTalk* t = &c.speech.tls
    cdef Half* half = &c.half[CLIENT]
    cdef uint8_t names[510]
    cdef size_t i
    t.version = h.version
    if role == SERVER:
        tell(c, h.alpn.ptr, h.alpn.len)
        go_opaque(c)
        return
    t.server_name_len = <uint16_t> min(h.server_name.len, <size_t> NAME_MAX)
    t.alpn_len = <uint16_t> min(h.alpn.len, <size_t> NAME_MAX)
    for i in range(t.server_name_len):
        names[i] = h.server_name.ptr[i]
    for i in range(t.alpn_len):
        names[t.server_name_len + i] = h.alpn.ptr[i]
    keep_nothing(c, half)
    i = t.server_name_len + t.alpn_len
    if i and not keep(c, half, names, i, now):
        t.server_name_len = 0
        t.alpn_len = 0


cdef void tls_data(Conversation* c, int role, const uint8_t* data, size_t n, int64_t now) noexcept nogil:
    cdef Half* half = &c.half[role]
    cdef TlsStatus status
    cdef TlsHello h
    if c.speech.tls.heard[role]:
        return
    if half.kept_len:
        n = min(n, <size_t> TLS_HELLO_MAX - half.kept_len)
        if not keep(c, half, data, n, now):
            go_opaque(c)
            return
        data = half.kept
        n = half.kept_len
    status = tls_parse_hello(data, n, &h)
    if status == TLS_MORE and n < TLS_HELLO_MAX:
        if half.kept_len == 0 and not keep(c, half, data, n, now):
            go_opaque(c)
        return
    c.speech.tls.heard[role] = True
    if status == TLS_DONE and h.client == (role == CLIENT):
        hello(c, role, &h, now)
    else:
        go_opaque(c)


cdef void tls_over(Conversation* c) noexcept nogil:
    if c.speech.tls.version:
        if not c.speech.tls.heard[CLIENT]:
            keep_nothing(c, &c.half[CLIENT])
        tell(c, NULL, 0)
