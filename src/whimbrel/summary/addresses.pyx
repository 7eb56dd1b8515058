"""Addresses of hosts, people and resources: see addresses.pxd."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr
from whimbrel.summary.kinds cimport (
    C_DASH, C_DIGIT, C_DOT, C_HEX_LARGE, C_HEX_SMALL, C_LETTERS, C_PLUS, C_SMALLS, is_digit, kinds, kinds_of, only)
from whimbrel.summary.words cimport is_domain

cdef enum:                          # where a character cannot be
    OUTSIDE_URI = 1                 # RFC 3986 leaves it out
    OUTSIDE_LOCAL = 2               # RFC 5321 has it only in a quoted local part

cdef uint8_t outside[256]


cdef load():
    for mark in " \"<>\\^`{|}":
        outside[ord(mark)] |= OUTSIDE_URI
    for mark in "()<>[]:;@\\,\" ":
        outside[ord(mark)] |= OUTSIDE_LOCAL


load()


cdef bint is_ipv4(const uint8_t* p, size_t n) noexcept nogil:
    cdef size_t i = 0, start
    cdef uint32_t part, value
    for part in range(4):
        if part:
            if i >= n or p[i] != 46:
                return False
            i += 1
        start = i
        value = 0
        while i < n and i < start + 4 and is_digit(p[i]):
            value = value * 10 + (p[i] - 48)
            i += 1
        if i == start or value > 255 or (p[start] == 48 and i > start + 1):
            return False
    return i == n


cdef bint is_ipv6(const uint8_t* p, size_t n) noexcept nogil:
    """RFC 4291, section 2.2: groups of up to four digits, one `::`, perhaps an IPv4 address at the end."""
    cdef size_t i = 0, start
    cdef uint32_t groups = 0
    cdef bint gap = False
    if n < 2 or n > 45:
        return False
    if p[0] == 58:
        if p[1] != 58:
            return False
        gap = True
        i = 2
    while i < n:
        start = i
        while i < n and kinds[p[i]] & (C_DIGIT | C_HEX_SMALL | C_HEX_LARGE):
            i += 1
        if i < n and p[i] == 46:
            return is_ipv4(p + start, n - start) and (groups == 6 or (gap and groups < 6))
        if i == start or i - start > 4:
            return False
        groups += 1
        if i == n:
            break
        if p[i] != 58 or i + 1 == n:
            return False
        i += 1
        if p[i] == 58:
            if gap:
                return False
            gap = True
            i += 1
    return groups < 8 if gap else groups == 8


cdef bint are_labels(const uint8_t* p, size_t n, size_t* last) noexcept nogil:
    """RFC 1123 labels with at least one dot between them; `last` says where the last begins."""
    cdef size_t i, start = 0
    if n > 253:
        return False
    for i in range(n + 1):
        if i < n and p[i] != 46:
            if p[i] != 45 and not kinds[p[i]] & (C_DIGIT | C_LETTERS):
                return False
            continue
        if i == start or i - start > 63 or p[start] == 45 or p[i - 1] == 45:
            return False
        if i < n:
            start = i + 1
    last[0] = start
    return start > 0


cdef bint is_hostname(const uint8_t* p, size_t n) noexcept nogil:
    cdef size_t last = 0
    cdef bint alone
    if not are_labels(p, n, &last) or n - last < 2:
        return False
    if not only(kinds_of(p + last, n - last), C_SMALLS | C_DASH | C_DIGIT):
        return False
    alone = memchr(p, 46, last - 1) == NULL
    return kinds[p[last]] & C_SMALLS and kinds[p[last + 1]] & C_SMALLS and is_domain(p + last, n - last, alone)


cdef bint is_email(const uint8_t* p, size_t n) noexcept nogil:
    """Dot-string @ labels, the last of two letters or more: RFC 5321 without quotes and address literals."""
    cdef const uint8_t* at = <const uint8_t*> memchr(p, 64, n)
    cdef size_t local, last = 0, i
    if at == NULL:
        return False
    local = <size_t> (at - p)
    if local == 0 or local > 64 or p[0] == 46 or p[local - 1] == 46:
        return False
    for i in range(local):
        if p[i] == 46 and p[i + 1] == 46:
            return False
        if outside[p[i]] & OUTSIDE_LOCAL:
            return False
    at += 1
    n -= local + 1
    if not are_labels(at, n, &last) or n - last < 2:
        return False
    return only(kinds_of(at + last, n - last), C_LETTERS) or is_domain(at + last, n - last, False)


cdef bint is_scheme(const uint8_t* p, size_t n, const char* name, size_t name_len) noexcept nogil:
    cdef size_t i
    if n <= name_len:
        return False
    for i in range(name_len):
        if p[i] | 32 != <uint8_t> name[i] | 32:
            return False
    return True


cdef bint is_uri(const uint8_t* p, size_t n) noexcept nogil:
    """scheme "://" and something, without blanks and delimiters that RFC 3986 leaves out."""
    cdef const uint8_t* colon = <const uint8_t*> memchr(p, 58, n)
    cdef size_t scheme, i
    if colon == NULL or not kinds[p[0]] & C_LETTERS:
        return False
    scheme = <size_t> (colon - p)
    if not only(kinds_of(p, scheme), C_LETTERS | C_DIGIT | C_PLUS | C_DASH | C_DOT):
        return False
    for i in range(scheme, n):
        if outside[p[i]] & OUTSIDE_URI:
            return False
    if n > scheme + 3 and p[scheme + 1] == 47 and p[scheme + 2] == 47:
        return True
    return (is_scheme(p, n, b"urn:", 4) or is_scheme(p, n, b"mailto:", 7)
            or is_scheme(p, n, b"data:", 5) or is_scheme(p, n, b"tel:", 4))
