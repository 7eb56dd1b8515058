# The metadata of a TLS handshake that is readable on the wire: ClientHello and ServerHello (RFC 8446, RFC 6066, 7301).

from libc.stdint cimport uint8_t, uint16_t, uint64_t
from whimbrel.base.slice cimport Slice

cdef enum:
    TLS_HELLO_MAX = 16384           # bytes of records looked at for one hello

cdef enum TlsStatus:
    TLS_DONE = 0
    TLS_MORE
    TLS_BAD

cdef struct TlsHello:               # slices are borrowed
    bint client
    uint16_t version                # 0x0301 .. 0x0304: offered (highest) or chosen, supported_versions counted
    uint16_t cipher                 # server's choice
    Slice server_name               # SNI, from the client
    Slice alpn                      # client: the first offered; server: the chosen one (TLS 1.2; encrypted in 1.3)

# One hello inside one or several handshake records.  A hello split over records needs them contiguous in data; slices
# that cross a record's border are then left empty.
cdef TlsStatus tls_parse_hello(const uint8_t* data, size_t n, TlsHello* out) noexcept nogil
