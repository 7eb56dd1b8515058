"""Requests: what tells them apart, protocol by protocol.

    HTTP/1      a line that ends in HTTP/<digits>, however odd the rest; a known method and the slash of a path, if the
                method is no Redis command (RTSP and SIP have some of the methods, but URIs behind them).  Without a
                version an upper-case method and a path (HTTP/0.9) are only likely
    HTTP/2      the connection preface's first line
    TLS         a ClientHello's record
    RESP        * <digits> CR LF $; a line that begins with a Redis command's name is only likely
    memcache    a line that begins with a command's name and has the words it needs.  It is sure where Redis has no such
                line: stores with their numbers, meta commands, gets and gat; else only likely
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memset

from whimbrel.base.slice cimport slice_of
from whimbrel.protocol.detect cimport (
    DETECT_BYTES, DETECT_HTTP1, DETECT_HTTP2, DETECT_MEMCACHE, DETECT_RESP, DETECT_TLS,
)
from whimbrel.protocol.http1.chars cimport is_digit, is_line_end, is_token_byte, same_letters
from whimbrel.protocol.http1.methods cimport method_known
from whimbrel.protocol.memcache.messages cimport MC_GAT, MC_GATS, MC_GET, MC_NOOP
from whimbrel.protocol.memcache.tables cimport (
    ARITHMETIC, META, NAME_ROOM, RETRIEVE, STORE, TOUCH, CommandRow, find_command, is_meta_letter,
)
from whimbrel.protocol.memcache.words cimport Words, read_i64, read_u64, split
from whimbrel.protocol.opinion cimport (
    V_LIKELY, V_MAYBE, V_NO, V_SURE, Line, first_line, first_word, is_text, is_tls_record,
)
from whimbrel.protocol.words cimport (
    WORD_ROOM, is_redis_command, memcache_command_may_begin, redis_command_may_begin,
)

cdef enum:
    SIMPLE_METHOD_MIN = 3
    COUNT_DIGITS = 7                # of an array's count: Redis allows a million
    LENGTH_DIGITS = 9               # of an argument's length: 512 MiB


# HTTP

cdef bint ends_in_version(const Line* line) noexcept nogil:
    """... HTTP/1.1, or what is left of it where a line was broken: HTTP/1."""
    cdef const uint8_t* p = line.end
    while p > line.begin and line.end - p < 3 and (is_digit((p - 1)[0]) or (p - 1)[0] == 46):
        p -= 1
    return p < line.end and p - line.begin >= 5 and same_letters(p - 5, b"http/", 5)


cdef Verdict judge_http1(const Line* line, Opinion* out) noexcept nogil:
    cdef const uint8_t* p = line.begin
    cdef bint upper = True
    cdef bint path
    cdef Slice method
    while p < line.end and is_token_byte(p[0]):
        upper = upper and (65 <= p[0] <= 90 or p[0] == 45 or p[0] == 95)
        p += 1
    method = slice_of(line.begin, <size_t> (p - line.begin))
    path = line.end - p >= 2 and p[0] == 32 and p[1] == 47
    if path and method_known(method) and ((out.whole and out.text) or not is_redis_command(method)):
        return V_SURE
    if not out.text:
        return V_NO
    if not line.ended:
        if not out.whole:
            return V_MAYBE
        return V_LIKELY if method.len and (path or method_known(method)) else V_NO
    if ends_in_version(line):
        return V_SURE
    out.simple = path and upper and method.len >= SIMPLE_METHOD_MIN
    return V_LIKELY if out.simple else V_NO


cdef Verdict judge_http2(Slice s) noexcept nogil:
    if memcmp(s.ptr, b"PRI * HTTP/2.0\r\n", s.len if s.len < 16 else 16) != 0:
        return V_NO
    return V_SURE if s.len >= 16 else V_MAYBE


# RESP

cdef const uint8_t* skip_number_line(const uint8_t* p, const uint8_t* end, int most, bint* wrong) noexcept nogil:
    """Behind 1 to `most` digits and CR LF; NULL where they are not all there, or `wrong`."""
    cdef const uint8_t* begin = p
    while p < end and p - begin < most and is_digit(p[0]):
        p += 1
    wrong[0] = (p < end and (p == begin or p[0] != 13)) or (end - p > 1 and p[1] != 10)
    return p + 2 if not wrong[0] and end - p >= 2 else NULL


cdef Verdict judge_resp_array(Slice s) noexcept nogil:
    cdef const uint8_t* end = s.ptr + s.len
    cdef const uint8_t* p
    cdef bint wrong = False
    if s.len > 1 and s.ptr[1] == 45:                    # *-1: an empty request, or a null array
        return V_LIKELY if s.len >= 5 and memcmp(s.ptr, b"*-1\r\n", 5) == 0 else (V_NO if s.len >= 5 else V_MAYBE)
    p = skip_number_line(s.ptr + 1, end, COUNT_DIGITS, &wrong)
    if wrong:
        return V_NO
    if p == NULL:
        return V_MAYBE
    if s.ptr[1] == 48:
        return V_LIKELY
    if p == end:
        return V_MAYBE
    if p[0] != 36 or (p + 1 < end and not is_digit(p[1])):
        return V_NO
    return V_SURE if p + 1 < end else V_MAYBE


cdef Verdict judge_resp(Slice s, const Line* line, bint text) noexcept nogil:
    cdef bint ended = False
    cdef Slice word
    if s.ptr[0] == 42:
        return judge_resp_array(s)
    if not text:
        return V_NO
    word = first_word(line, &ended)
    if not ended:
        return V_MAYBE if redis_command_may_begin(word) else V_NO
    if not is_redis_command(word):
        return V_NO
    return V_LIKELY if line.ended else V_MAYBE


cdef bint is_known_resp_array(Slice s) noexcept nogil:
    cdef const uint8_t* end = s.ptr + s.len
    cdef const uint8_t* p
    cdef const uint8_t* word
    cdef bint wrong = False
    if s.len == 0 or s.ptr[0] != 42:
        return False
    p = skip_number_line(s.ptr + 1, end, COUNT_DIGITS, &wrong)
    if p == NULL or p == end or p[0] != 36:
        return False
    word = skip_number_line(p + 1, end, LENGTH_DIGITS, &wrong)
    if word == NULL:
        return False
    p = word
    while p < end and p - word <= WORD_ROOM and not is_line_end(p[0]):
        p += 1
    return p < end and p[0] == 13 and is_redis_command(slice_of(word, <size_t> (p - word)))


# Memcache

cdef bint is_store(const Words* words) noexcept nogil:
    """<key> <flags> <exptime> <bytes>: numbers all three."""
    cdef uint64_t number = 0
    cdef int64_t exptime = 0
    return read_u64(words.at[2], &number) and read_i64(words.at[3], &exptime) and read_u64(words.at[4], &number)


cdef bint are_meta_flags(const Words* words, int begin) noexcept nogil:
    cdef int i
    for i in range(begin, words.count):
        if words.at[i].ptr[0] > 127 or not is_meta_letter(words.at[i].ptr[0]):
            return False
    return True


cdef Verdict judge_command(const CommandRow* row, const Words* words) noexcept nogil:
    """A whole line with a known command."""
    cdef uint64_t number = 0
    cdef int64_t signed_ = 0
    if words.count < row.min_words or words.count > row.max_words:
        return V_NO
    if row.family == STORE:
        return V_SURE if is_store(words) else V_NO
    if row.family == META:
        if words.count < 2:
            return V_NO
        # ms <key> <bytes>: the number stands where the others have flags
        return V_SURE if are_meta_flags(words, 3 if row.name[1] == 115 else 2) else V_NO
    if row.family == ARITHMETIC:
        return V_LIKELY if read_u64(words.at[2], &number) else V_NO
    if row.family == TOUCH:
        return V_LIKELY if read_i64(words.at[2], &signed_) else V_NO
    if row.family == RETRIEVE:
        if row.index == MC_GAT or row.index == MC_GATS:
            return V_SURE if words.count > 2 and read_i64(words.at[1], &signed_) else V_NO
        return V_LIKELY if row.index == MC_GET else V_SURE
    return V_SURE if row.index == MC_NOOP and words.count == 1 else V_LIKELY


cdef Verdict judge_memcache(const Line* line, const Opinion* out) noexcept nogil:
    cdef bint ended = False
    cdef Slice word
    cdef CommandRow* row
    cdef Words words
    if not out.text:
        return V_NO
    word = first_word(line, &ended)
    if not ended:
        return V_MAYBE if word.len <= NAME_ROOM and memcache_command_may_begin(word) else V_NO
    row = find_command(word)
    if row == NULL:
        return V_NO
    if not line.ended:
        return V_LIKELY if out.whole and row.family == RETRIEVE else V_MAYBE
    split(line.begin, line.end, &words)
    return judge_command(row, &words)


cdef void judge_client(Slice s, Opinion* out) noexcept nogil:
    cdef Line line
    cdef Slice behind = s
    memset(out, 0, sizeof(Opinion))
    out.whole = s.len >= DETECT_BYTES
    while behind.len and is_line_end(behind.ptr[0]):     # RFC 9112 2.2; Redis and memcached skip or refuse them
        behind.ptr += 1
        behind.len -= 1
    if behind.len == 0:
        out.of[<int> DETECT_HTTP1] = V_MAYBE
        out.of[<int> DETECT_RESP] = V_MAYBE
        out.text = True
        return
    line = first_line(behind)
    out.text = is_text(line.begin, line.end)
    out.of[<int> DETECT_HTTP2] = judge_http2(s)
    out.of[<int> DETECT_HTTP1] = judge_http1(&line, out)
    out.of[<int> DETECT_RESP] = judge_resp(behind, &line, out.text)
    out.of[<int> DETECT_MEMCACHE] = judge_memcache(&line, out)
    if is_tls_record(s, 1):
        out.of[<int> DETECT_TLS] = V_SURE if s.len >= 6 else V_MAYBE
