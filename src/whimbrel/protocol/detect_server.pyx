"""Responses: what tells them apart, protocol by protocol.

    HTTP/1      HTTP/<digit>.<digit> and a status
    HTTP/2      a SETTINGS frame on stream 0
    TLS         a ServerHello's record; an alert may answer a hello
    RESP        a type's byte and a line that fits it; the types of RESP3 too
    memcache    a line that begins with a reply's word, or is a number
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from whimbrel.protocol.detect cimport (
    DETECT_BYTES, DETECT_HTTP1, DETECT_HTTP2, DETECT_MEMCACHE, DETECT_RESP, DETECT_TLS,
)
from whimbrel.protocol.http1.chars cimport is_blank, is_digit, same_letters
from whimbrel.protocol.memcache.words cimport Words, read_u64, split, word_is
from whimbrel.protocol.opinion cimport (
    V_LIKELY, V_MAYBE, V_NO, V_SURE, Line, Verdict, first_line, first_word, is_text, is_tls_record,
)
from whimbrel.protocol.resp.codec cimport (
    RESP_ARRAY, RESP_ATTRIBUTE, RESP_BIGNUM, RESP_BOOL, RESP_BULK, RESP_BULK_ERR, RESP_DOUBLE, RESP_ERR, RESP_INT,
    RESP_MAP, RESP_NULL, RESP_PUSH, RESP_SET, RESP_SIMPLE, RESP_VERBATIM, resp_parse_i64,
)
from whimbrel.protocol.words cimport is_memcache_reply, memcache_reply_may_begin

cdef enum:
    NUMBER_MOST = 21                # bytes of a 64-bit number with its sign
    SETTINGS_HEAD = 9               # a frame's header: length (3), type, flags, stream (4)


# HTTP

cdef Verdict judge_http1(Slice s) noexcept nogil:
    """HTTP/d.d and a status' first digit behind a blank."""
    if not same_letters(s.ptr, b"http/", s.len if s.len < 5 else 5) or (s.len > 4 and s.ptr[4] != 47):
        return V_NO
    if (s.len > 5 and not is_digit(s.ptr[5])) or (s.len > 6 and s.ptr[6] != 46):
        return V_NO
    if (s.len > 7 and not is_digit(s.ptr[7])) or (s.len > 8 and not is_blank(s.ptr[8])):
        return V_NO
    if s.len < 10:
        return V_MAYBE
    return V_SURE if is_digit(s.ptr[9]) or is_blank(s.ptr[9]) else V_NO


cdef Verdict judge_http2(Slice s) noexcept nogil:
    """A length of whole settings (6 bytes each), type 4, no flags, stream 0."""
    cdef size_t i
    if s.ptr[0] != 0 or (s.len > 2 and (s.ptr[1] << 8 | s.ptr[2]) % 6):
        return V_NO
    if s.len > 3 and s.ptr[3] != 4:
        return V_NO
    for i in range(4, SETTINGS_HEAD if s.len > SETTINGS_HEAD else s.len):
        if s.ptr[i] != 0:
            return V_NO
    return V_LIKELY if s.len >= SETTINGS_HEAD else V_MAYBE


cdef Verdict judge_tls(Slice s) noexcept nogil:
    if is_tls_record(s, 2):
        return V_SURE if s.len >= 6 else V_MAYBE
    if s.ptr[0] == 0x15 and (s.len < 2 or s.ptr[1] == 3) and (s.len < 3 or s.ptr[2] <= 4):
        return V_LIKELY if s.len > 2 else V_MAYBE
    return V_NO


# RESP

cdef bint is_number_so_far(const uint8_t* p, const uint8_t* end) noexcept nogil:
    if end - p > NUMBER_MOST:
        return False
    if p < end and (p[0] == 45 or p[0] == 43):
        p += 1
    while p < end and is_digit(p[0]):
        p += 1
    return p == end


cdef bint is_element(uint8_t kind, const uint8_t* p, const uint8_t* end, bint ended) noexcept nogil:
    """[p, end) may stand behind the type's byte; if it is `ended` as a whole."""
    cdef int64_t number = 0
    cdef size_t n = <size_t> (end - p)
    if kind == RESP_SIMPLE or kind == RESP_ERR:
        return is_text(p, end)
    if kind == RESP_NULL:
        return n == 0
    if kind == RESP_BOOL:
        return n == 0 and not ended or (n == 1 and (p[0] == 116 or p[0] == 102))
    if kind == RESP_DOUBLE or kind == RESP_BIGNUM:
        return is_text(p, end) and (n or not ended)
    if not is_number_so_far(p, end):
        return False
    if not ended:
        return True
    if p < end and p[0] == 43 and kind == RESP_INT:
        p += 1
    return resp_parse_i64(p, <size_t> (end - p), &number) and (kind == RESP_INT or number >= -1)


cdef bint is_resp_kind(uint8_t c) noexcept nogil:
    return (c == RESP_SIMPLE or c == RESP_ERR or c == RESP_INT or c == RESP_BULK or c == RESP_ARRAY or c == RESP_NULL
            or c == RESP_BOOL or c == RESP_DOUBLE or c == RESP_BIGNUM or c == RESP_BULK_ERR or c == RESP_VERBATIM
            or c == RESP_MAP or c == RESP_SET or c == RESP_ATTRIBUTE or c == RESP_PUSH)


cdef Verdict judge_resp(Slice s, const Line* line) noexcept nogil:
    if not is_resp_kind(s.ptr[0]) or line.end == line.begin:
        return V_NO
    if (line.ended and not line.crlf) or not is_element(s.ptr[0], line.begin + 1, line.end, line.ended):
        return V_NO
    return V_LIKELY if line.ended else V_MAYBE


# Memcache

cdef bint is_value_line(const Words* words) noexcept nogil:
    """VALUE <key> <flags> <bytes> [<cas>]"""
    cdef uint64_t number = 0
    return (word_is(words.at[0], b"VALUE", 5) and 4 <= words.count <= 5 and read_u64(words.at[2], &number)
            and read_u64(words.at[3], &number))


cdef Verdict judge_memcache(const Line* line) noexcept nogil:
    cdef bint ended = False
    cdef Slice word
    cdef Words words
    if not is_text(line.begin, line.end):
        return V_NO
    word = first_word(line, &ended)
    if word.len and is_digit(word.ptr[0]):               # incr and decr answer with a number
        if word.ptr + word.len != line.end or not is_number_so_far(line.begin, line.end):
            return V_NO
        return V_LIKELY if line.ended else V_MAYBE
    if not ended:
        return V_MAYBE if memcache_reply_may_begin(word) else V_NO
    if not is_memcache_reply(word):
        return V_NO
    if not line.ended:
        return V_MAYBE
    split(line.begin, line.end, &words)
    return V_SURE if is_value_line(&words) else V_LIKELY


cdef void judge_server(Slice s, Opinion* out) noexcept nogil:
    cdef Line line = first_line(s)
    memset(out, 0, sizeof(Opinion))
    out.whole = s.len >= DETECT_BYTES
    out.text = is_text(line.begin, line.end)
    out.of[<int> DETECT_HTTP1] = judge_http1(s)
    out.of[<int> DETECT_HTTP2] = judge_http2(s)
    out.of[<int> DETECT_TLS] = judge_tls(s)
    out.of[<int> DETECT_RESP] = judge_resp(s, &line)
    out.of[<int> DETECT_MEMCACHE] = judge_memcache(&line)
