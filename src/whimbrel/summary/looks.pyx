"""Judging a piece of a path or key: literal or parameter, and which; see looks.pxd."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.format cimport (
    FORMAT_BASE64, FORMAT_CARD, FORMAT_DATE, FORMAT_DATE_TIME, FORMAT_EMAIL, FORMAT_HEX, FORMAT_HOSTNAME,
    FORMAT_INTEGER, FORMAT_IPV4, FORMAT_IPV6, FORMAT_JWT, FORMAT_NUMBER, FORMAT_PHONE, FORMAT_UNIX_TIME, FORMAT_URI,
    FORMAT_UUID, FORMATS, format_of, looks_like_value)
from whimbrel.summary.pieces cimport plain_bytes
from whimbrel.summary.template cimport (
    PARAMETER_AUTHORITY, PARAMETER_METHOD, PARAMETER_OTHER, PARAMETER_UNKNOWN, PARAMETER_VALUE, TEMPLATE_SEGMENT_BYTES)

from whimbrel.summary.known import KNOWN

# What is written between braces.  Integers of a path run through what looks like times and card numbers.
PARAMETER_NAMES = {
    FORMAT_INTEGER: "integer", FORMAT_NUMBER: "number", FORMAT_UUID: "uuid", FORMAT_DATE: "date",
    FORMAT_DATE_TIME: "date-time", FORMAT_EMAIL: "email", FORMAT_IPV4: "ipv4", FORMAT_IPV6: "ipv6",
    FORMAT_HOSTNAME: "hostname", FORMAT_URI: "uri", FORMAT_JWT: "jwt", FORMAT_HEX: "hex", FORMAT_BASE64: "base64",
    FORMAT_PHONE: "phone", PARAMETER_VALUE: "value", PARAMETER_OTHER: "other", PARAMETER_AUTHORITY: "authority",
    PARAMETER_UNKNOWN: "unknown", PARAMETER_METHOD: "method",
}

cdef enum:
    KNOWN_SLOTS = 1024              # some 400 words: one probe, mostly
    KNOWN_BYTES = 24
    EXTENSION_BYTES = 5             # .jpeg, .webp, .woff2

cdef struct Name:
    uint8_t len
    char text[KNOWN_BYTES]

cdef Name NAMES[128]
cdef Name WORDS[KNOWN_SLOTS]        # protocol digit + word
cdef uint8_t STRONG[256]            # Format -> the parameter it is, 0: not by itself


def _fill():
    for number, name in PARAMETER_NAMES.items():
        _name(&NAMES[<int> number], name)
    for format_ in (FORMAT_INTEGER, FORMAT_NUMBER, FORMAT_UUID, FORMAT_DATE, FORMAT_DATE_TIME, FORMAT_EMAIL,
                    FORMAT_IPV4, FORMAT_IPV6, FORMAT_URI, FORMAT_JWT, FORMAT_PHONE):
        STRONG[<int> format_] = format_
    STRONG[<int> FORMAT_UNIX_TIME] = STRONG[<int> FORMAT_CARD] = FORMAT_INTEGER
    for protocol, words in KNOWN.items():
        for word in words:
            raw = f"{protocol}{word}".encode()
            _name(&WORDS[known_slot(slice_of(<const uint8_t*> <bytes> raw, len(raw)))], raw.decode())


cdef int _name(Name* to, str text) except -1:
    raw = text.encode()
    if len(raw) > KNOWN_BYTES:
        raise ValueError(f"{text}: more than {KNOWN_BYTES} bytes")
    to.len = len(raw)
    memcpy(to.text, <const char*> raw, len(raw))
    return 0


cdef uint32_t known_slot(Slice word) noexcept nogil:
    """Where it is, or the empty place where it would be."""
    cdef uint32_t slot = hash_bytes(word.ptr, word.len, 0) & (KNOWN_SLOTS - 1)
    while WORDS[slot].len and not (WORDS[slot].len == word.len and memcmp(WORDS[slot].text, word.ptr, word.len) == 0):
        slot = (slot + 1) & (KNOWN_SLOTS - 1)
    return slot


cdef bint is_known(uint8_t protocol, Slice word) noexcept nogil:
    cdef uint8_t text[KNOWN_BYTES]
    if word.len == 0 or word.len >= KNOWN_BYTES:
        return False
    text[0] = c'0' + protocol
    memcpy(text + 1, word.ptr, word.len)
    return WORDS[known_slot(slice_of(text, word.len + 1))].len != 0


cdef Slice parameter_name(uint8_t parameter) noexcept nogil:
    return slice_of(NAMES[parameter & 127].text, NAMES[parameter & 127].len)


_fill()


cdef inline Slice part(Slice s, size_t start, size_t end) noexcept nogil:
    return slice_of(s.ptr + start, end - start)


cdef bint only_dots(Slice text) noexcept nogil:
    """Nothing, `.`, `..`, or the `*` of OPTIONS."""
    return text.len == 0 or (text.len == 1 and text.ptr[0] == c'*') or (
        text.ptr[0] == c'.' and text.ptr[text.len - 1] == c'.')


cdef uint8_t value_of(Slice text) noexcept nogil:
    """The parameter it is by its looks, or 0: a literal."""
    cdef int found
    if text.len <= 2 and only_dots(text):
        return 0
    found = format_of(text, True)
    if STRONG[found]:
        return STRONG[found]
    if text.len <= TEMPLATE_SEGMENT_BYTES and plain_bytes(text) and not looks_like_value(text):
        return 0
    return <uint8_t> found if found == FORMAT_HEX or found == FORMAT_BASE64 else PARAMETER_VALUE


cdef bint is_specific(uint8_t parameter) noexcept nogil:
    """A format that says what the whole piece is, so that nothing inside it is worth looking at."""
    return parameter != 0 and parameter < FORMATS and parameter != FORMAT_HEX and parameter != FORMAT_BASE64


cdef bint has_digit(Slice text) noexcept nogil:
    cdef size_t i
    for i in range(text.len):
        if c'0' <= text.ptr[i] <= c'9':
            return True
    return False


cdef bint is_version(Slice text) noexcept nogil:
    """v1 to v99."""
    return 2 <= text.len <= 3 and text.ptr[0] == c'v' and value_of(part(text, 1, text.len)) == FORMAT_INTEGER


cdef size_t weak_end(Slice text, size_t start) noexcept nogil:
    """Where the next weak separator is, or the length."""
    cdef uint8_t c
    while start < text.len:
        c = text.ptr[start]
        if c == c'.' or c == c'-' or c == c'_' or c == c'#' or c == c'=' or c == c',':
            break
        start += 1
    return start


cdef size_t extension_at(Slice text) noexcept nogil:
    """Offset of the last dot if what is behind it reads like a file's type, else 0."""
    cdef size_t dot = text.len, i
    while dot > 0 and text.ptr[dot - 1] != c'.':
        dot -= 1
    if dot < 2 or dot == text.len or text.len - dot > EXTENSION_BYTES or c'0' <= text.ptr[dot] <= c'9':
        return 0
    for i in range(dot, text.len):
        if not (c'a' <= text.ptr[i] <= c'z' or c'0' <= text.ptr[i] <= c'9'):
            return 0
    return dot - 1
