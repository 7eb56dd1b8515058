"""Heads to bytes: the start line from its parts, the header block as it is, a blank line.

What was parsed without flags composes to what it was.  The block is the truth about headers: host, content_length and
the other fields that were read from it are not written again.
"""

from whimbrel.base.buffer cimport put_byte, put_bytes, put_slice, put_u64
from whimbrel.protocol.http1.messages cimport H1_F_HTTP09


cdef void put_version(const H1Head* head, Writer* w) noexcept nogil:
    put_bytes(w, b"HTTP/1.", 7)
    put_u64(w, head.minor)


cdef void put_headers(const H1Head* head, Writer* w) noexcept nogil:
    put_bytes(w, b"\r\n", 2)
    put_slice(w, head.headers)
    put_bytes(w, b"\r\n", 2)


cdef void h1_compose_request(const H1Head* head, Writer* w) noexcept nogil:
    put_slice(w, head.method)
    put_byte(w, 32)
    put_slice(w, head.target)
    if head.flags & H1_F_HTTP09:
        put_bytes(w, b"\r\n", 2)
        return
    put_byte(w, 32)
    put_version(head, w)
    put_headers(head, w)


cdef void h1_compose_response(const H1Head* head, Writer* w) noexcept nogil:
    put_version(head, w)
    put_byte(w, 32)
    put_u64(w, <unsigned int> head.status)
    put_byte(w, 32)
    put_slice(w, head.reason)
    put_headers(head, w)
