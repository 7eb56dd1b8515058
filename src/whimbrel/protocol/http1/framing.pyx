"""Framing (RFC 9112 section 6.3), in the order of its rules:

    1  HEAD's response, 1xx, 204 and 304 have no body, whatever their headers say
    2  after CONNECT's 2xx the connection is a tunnel (and after 101 it speaks what it was switched to)
    3  Transfer-Encoding overrules Content-Length
    4  chunked last: chunks until the last one.  Not last: a response lasts until the close; a request's end cannot be
       known, its server must refuse it
    5  Content-Lengths that are invalid or differ: unrecoverable.  A request's server must refuse it, a response's
       client must not believe it: both are taken until the close, flagged
    6  a valid Content-Length is the length
    7  a request with neither has no body
    8  a response with neither lasts until the close

Deviations: a Transfer-Encoding in HTTP/1.0 is believed, as clients do, but the connection ends with the message (6.1).
"""

from whimbrel.protocol.http1.messages cimport (
    H1_CHUNKED, H1_CONNECT, H1_EMPTY, H1_F_BAD_TRANSFER, H1_F_LENGTH_AND_CHUNKED, H1_F_LENGTH_CONFLICT, H1_HEAD,
    H1_LENGTH, H1_TUNNEL, H1_UNTIL_CLOSE, H1Framing,
)


cdef H1Framing by_headers(H1Head* out, const Fields* f, H1Framing without) noexcept nogil:
    if f.transfer_seen:
        if f.length_seen:
            out.flags |= H1_F_LENGTH_AND_CHUNKED
        if out.minor == 0 or not f.chunked_last:
            out.flags |= H1_F_BAD_TRANSFER
        return H1_CHUNKED if f.chunked_last else H1_UNTIL_CLOSE
    if out.flags & H1_F_LENGTH_CONFLICT:
        return H1_UNTIL_CLOSE
    if f.length_seen:
        out.has_length = True
        out.content_length = f.length
        return H1_LENGTH if f.length else H1_EMPTY
    return without


cdef void decide_keep_alive(H1Head* out, const Fields* f) noexcept nogil:
    """RFC 9112 9.3: 1.1 goes on unless it says close, 1.0 only if it says keep-alive."""
    out.keep_alive = f.keep if out.minor == 0 else True
    if f.close or out.framing == H1_UNTIL_CLOSE or (f.transfer_seen and out.minor == 0):
        out.keep_alive = False


cdef void frame_request(H1Head* out, const Fields* f) noexcept nogil:
    out.framing = by_headers(out, f, H1_EMPTY)
    decide_keep_alive(out, f)


cdef void frame_response(H1Method request, H1Head* out, const Fields* f) noexcept nogil:
    out.framing = by_headers(out, f, H1_UNTIL_CLOSE)
    if out.status == 101 or (request == H1_CONNECT and 200 <= out.status <= 299):
        out.framing = H1_TUNNEL
    elif request == H1_HEAD or out.status < 200 or out.status == 204 or out.status == 304:
        out.framing = H1_EMPTY
    decide_keep_alive(out, f)
