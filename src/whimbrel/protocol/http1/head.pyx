"""Heads: a start line, header lines, a blank line (RFC 9112 sections 2 to 5).

    request-line  = method SP request-target SP HTTP-version
    status-line   = HTTP-version SP status-code SP [ reason-phrase ]
    HTTP-version  = "HTTP/" DIGIT "." DIGIT                       this case, these six letters

Taken as servers and clients take them, and flagged: other blanks than one space, blanks within a target (the version
is the line's last word), no target, a version that is not 1.0 or 1.1 or in lower case, a status line without the space
before its missing reason.  Line ends before a start line are skipped (2.2), H1_MAX_BLANK_LINES of them.

A request without a version is HTTP/0.9's Simple-Request (RFC 1945 4.1): only its line is consumed, for nothing of a
head follows.  It is believed of an upper-case word and a target that is a path or a URI.
"""

from libc.string cimport memchr, memcmp, memset

from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.http1.chars cimport (
    has_blank_or_control, is_blank, is_digit, is_line_end, is_token_byte, same_letters,
)
from whimbrel.protocol.http1.framing cimport frame_request, frame_response
from whimbrel.protocol.http1.headers cimport Fields, read_headers
from whimbrel.protocol.http1.messages cimport (
    H1_BAD, H1_CONNECT, H1_DONE, H1_F_BAD_TARGET, H1_F_BAD_VERSION, H1_F_BARE_LF, H1_F_HTTP09, H1_MAX_BLANK_LINES,
    H1_MAX_HEAD, H1_MAX_METHOD, H1_MORE,
)
from whimbrel.protocol.http1.methods cimport h1_method_kind

cdef enum:
    SIMPLE_METHOD_MIN = 3           # letters of a method that is believed without a version: GET
    SCHEME_MAX = 16                 # bytes before "://"; real ones have up to 5


cdef inline const uint8_t* skip_blanks(const uint8_t* p, const uint8_t* end) noexcept nogil:
    while p < end and is_blank(p[0]):
        p += 1
    return p


cdef inline const uint8_t* before_blanks(const uint8_t* p, const uint8_t* end) noexcept nogil:
    while p < end and is_blank((end - 1)[0]):
        end -= 1
    return end


cdef inline const uint8_t* find_token_end(const uint8_t* p, const uint8_t* end) noexcept nogil:
    while p < end and is_token_byte(p[0]):
        p += 1
    return p


# Versions

cdef bint read_version(const uint8_t* p, const uint8_t* end, H1Head* out) noexcept nogil:
    """A word that begins with "HTTP/", in any case; only 1.0 and 1.1 are not odd.  False: no version at all."""
    if end - p < 5 or not same_letters(p, b"http/", 5) or p[4] != 47:
        return False
    out.minor = 1
    if end - p == 8 and is_digit(p[5]) and p[6] == 46 and is_digit(p[7]):
        if p[5] == 48:
            out.minor = 0
        elif p[5] == 49:
            out.minor = p[7] - 48
    else:
        out.flags |= H1_F_BAD_VERSION
    if memcmp(p, b"HTTP/", 5) != 0 or p[5 if end - p > 5 else 0] != 49 or out.minor > 1:
        out.flags |= H1_F_BAD_VERSION
    return True


# Targets

cdef Slice find_authority(Slice target, bint whole) noexcept nogil:
    """The host of absolute-form (scheme "://" [userinfo "@"] host ...), or of a target that is `whole` an authority."""
    cdef const uint8_t* p = target.ptr
    cdef const uint8_t* end = target.ptr + target.len
    cdef const uint8_t* host
    if target.len == 0 or p[0] == 47 or p[0] == 42:
        return slice_of(NULL, 0)
    if not whole:
        while p < end and p - target.ptr < SCHEME_MAX and is_token_byte(p[0]):
            p += 1
        if end - p < 3 or memcmp(p, b"://", 3) != 0:
            return slice_of(NULL, 0)
        p += 3
    host = p
    while p < end and p[0] != 47 and p[0] != 63 and p[0] != 35:
        if p[0] == 64:
            host = p + 1
        p += 1
    return slice_of(host, <size_t> (p - host))


cdef bint is_simple_request(Slice method, Slice target) noexcept nogil:
    cdef size_t i
    if method.len < SIMPLE_METHOD_MIN or target.len == 0:
        return False
    for i in range(method.len):
        if not (65 <= method.ptr[i] <= 90 or method.ptr[i] == 45 or method.ptr[i] == 95):
            return False
    return target.ptr[0] == 47 or find_authority(target, False).len != 0


# Start lines, without their ends

cdef H1Status read_request_line(const uint8_t* p, const uint8_t* end, H1Head* out) noexcept nogil:
    cdef const uint8_t* q = find_token_end(p, end)
    cdef const uint8_t* version
    cdef const uint8_t* trimmed_end
    if q == p or q == end or q - p > H1_MAX_METHOD or not is_blank(q[0]):
        return H1_BAD
    out.method = slice_of(p, <size_t> (q - p))
    p = skip_blanks(q, end)
    trimmed_end = before_blanks(p, end)
    if p != q + 1 or q[0] != 32 or trimmed_end != end:
        out.flags |= H1_F_BAD_TARGET
    end = trimmed_end
    version = end
    while version > p and not is_blank((version - 1)[0]):
        version -= 1
    if read_version(version, end, out):
        q = before_blanks(p, version)
        if version - q != 1 or q[0] != 32:
            out.flags |= H1_F_BAD_TARGET
        out.target = slice_of(p, <size_t> (q - p))
    else:
        out.target = slice_of(p, <size_t> (end - p))
        if not is_simple_request(out.method, out.target):
            return H1_BAD
        out.flags |= H1_F_HTTP09
        out.minor = 9
    if out.target.len == 0 or has_blank_or_control(out.target.ptr, out.target.len):
        out.flags |= H1_F_BAD_TARGET
    return H1_DONE


cdef H1Status read_status_line(const uint8_t* p, const uint8_t* end, H1Head* out) noexcept nogil:
    cdef const uint8_t* q = p
    while q < end and not is_blank(q[0]):
        q += 1
    if not read_version(p, q, out):
        return H1_BAD
    p = skip_blanks(q, end)
    if end - p < 3 or not (is_digit(p[0]) and is_digit(p[1]) and is_digit(p[2])) or p[0] == 48:
        return H1_BAD
    out.status = (p[0] - 48) * 100 + (p[1] - 48) * 10 + p[2] - 48
    p += 3
    if p < end and not is_blank(p[0]):
        return H1_BAD
    if p < end:
        p += 1
    out.reason = slice_of(p, <size_t> (end - p))
    return H1_DONE


# Heads

cdef size_t skip_line_ends(const uint8_t* data, size_t n) noexcept nogil:
    cdef size_t i = 0
    while i < n and i <= H1_MAX_BLANK_LINES and is_line_end(data[i]):
        i += 1
    return i


cdef bint may_be_start(const uint8_t* p, const uint8_t* end, bint response) noexcept nogil:
    """A start line of which only these bytes are there yet is not wrong so far."""
    cdef size_t n = <size_t> (end - p)
    cdef const uint8_t* q
    if response:
        return same_letters(p, b"http/", n if n < 5 else 5)
    if n > H1_MAX_METHOD:
        end = p + H1_MAX_METHOD + 1
    q = find_token_end(p, end)
    if q == end:
        return n <= H1_MAX_METHOD
    return q > p and is_blank(q[0])


cdef H1Status parse_head(
    const uint8_t* data, size_t n, bint response, H1Method request, H1Head* out, size_t* consumed
) noexcept nogil:
    cdef size_t skipped = skip_line_ends(data, n)
    cdef const uint8_t* p = data + skipped
    cdef const uint8_t* end = data + n
    cdef const uint8_t* newline
    cdef const uint8_t* line_end
    cdef size_t used = 0
    cdef Fields f
    cdef H1Status status
    consumed[0] = 0
    memset(out, 0, sizeof(H1Head))
    memset(&f, 0, sizeof(Fields))
    if skipped > H1_MAX_BLANK_LINES:
        return H1_BAD
    if end - p > H1_MAX_HEAD:
        end = p + H1_MAX_HEAD
    if p == end:
        return H1_MORE
    newline = <const uint8_t*> memchr(p, 10, <size_t> (end - p))
    if newline == NULL:
        return H1_MORE if end - p < H1_MAX_HEAD and may_be_start(p, end, response) else H1_BAD
    line_end = newline
    if (newline - 1)[0] == 13:
        line_end -= 1
    else:
        out.flags |= H1_F_BARE_LF
    if response:
        status = read_status_line(p, line_end, out)
    else:
        status = read_request_line(p, line_end, out)
    if status != H1_DONE:
        return status
    if not response:
        out.host = find_authority(out.target, h1_method_kind(out.method) == H1_CONNECT)
        f.host_given = out.host.len != 0
    if out.flags & H1_F_HTTP09:
        consumed[0] = <size_t> (newline + 1 - data)
        return H1_DONE
    status = read_headers(newline + 1, end, out, &f, &used)
    if status != H1_DONE:
        return H1_BAD if end - p == H1_MAX_HEAD else H1_MORE
    consumed[0] = <size_t> (newline + 1 - data) + used
    if response:
        frame_response(request, out, &f)
    else:
        frame_request(out, &f)
    return H1_DONE


cdef H1Status h1_parse_request(const uint8_t* data, size_t n, H1Head* out, size_t* consumed) noexcept nogil:
    return parse_head(data, n, False, <H1Method> 0, out, consumed)


cdef H1Status h1_parse_response(
    H1Method request, const uint8_t* data, size_t n, H1Head* out, size_t* consumed
) noexcept nogil:
    return parse_head(data, n, True, request, out, consumed)


cdef bint h1_head_may_be_whole(const uint8_t* data, size_t n, size_t seen) noexcept nogil:
    """Do the bytes from `seen` on end a start line, or bring a line end right behind another, or reach the limit?
    Before a method can be told from no method (its limit is short) it is always worth a look."""
    cdef size_t first = skip_line_ends(data, n)
    cdef const uint8_t* end = data + n
    cdef const uint8_t* p
    if n - first >= H1_MAX_HEAD or seen <= first + H1_MAX_METHOD or first > H1_MAX_BLANK_LINES:
        return True
    p = <const uint8_t*> memchr(data + seen, 10, n - seen)
    if p == NULL:
        return False
    if memchr(data + first, 10, seen - first) == NULL:
        return True
    while p != NULL:
        if (p - 1)[0] == 10 or ((p - 1)[0] == 13 and (p - 2)[0] == 10):
            return True
        p = <const uint8_t*> memchr(p + 1, 10, <size_t> (end - p) - 1)
    return False
