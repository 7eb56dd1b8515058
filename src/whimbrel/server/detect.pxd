# Which protocol a connection speaks, by its first bytes.
#
#   first byte        is
#   0x80              the binary memcache protocol: refused
#   0x16              a TLS hello: refused
#   *                 RESP
#   A-Z               an inline RESP command, or an HTTP request line (it ends in " HTTP/1.1"): refused.
#                     Memcache's commands are lower case and its servers take no others.
#   anything else     memcache: its errors are the readable ones

from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcmp

cdef enum:
    FIRST_LINE_MAX = 2048   # bytes of an upper-case line that are waited for; a longer one is RESP's to refuse

cdef enum Detected:
    DETECT_MORE = 0
    DETECT_MEMCACHE = 1     # Conn.protocol
    DETECT_RESP = 2         # Conn.protocol
    DETECT_BINARY
    DETECT_HTTP
    DETECT_TLS


cdef inline bint is_http_line(const uint8_t* line, size_t n) noexcept nogil:
    """`line` (without its LF) ends in " HTTP/d" or " HTTP/d.d"."""
    if n and line[n - 1] == 13:
        n -= 1
    if n >= 9 and line[n - 2] == 46:                    # ".d"
        n -= 2
    return n >= 7 and memcmp(line + n - 7, b" HTTP/", 6) == 0 and 48 <= line[n - 1] <= 57


cdef inline Detected detect(const uint8_t* data, size_t n) noexcept nogil:
    cdef const uint8_t* line_end
    if n == 0:
        return DETECT_MORE
    if data[0] == 0x80:
        return DETECT_BINARY
    if data[0] == 0x16:
        return DETECT_TLS
    if data[0] == 42:                                   # *
        return DETECT_RESP
    if data[0] < 65 or data[0] > 90:
        return DETECT_MEMCACHE
    line_end = <const uint8_t*> memchr(data, 10, n if n < FIRST_LINE_MAX else FIRST_LINE_MAX)
    if line_end == NULL:
        return DETECT_RESP if n >= FIRST_LINE_MAX else DETECT_MORE
    return DETECT_HTTP if is_http_line(data, line_end - data) else DETECT_RESP
