"""RESP codec: see codec.pxd for the contract.  The Python functions at the end serve tests, fuzzing and tools."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memset

from whimbrel.base.buffer cimport writer_init, writer_len
from whimbrel.base.slice cimport slice_of


# Requests: parsing

cdef inline RespStatus bad(RespRequest* out, RespError error) noexcept nogil:
    out.error = error
    return RESP_BAD


cdef inline const uint8_t* find_line_end(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """The CR of a line whose LF may be read too, or NULL.  Like Redis we do not look at the byte after CR."""
    cdef const uint8_t* cr = <const uint8_t*> memchr(p, 13, <size_t> (end - p))
    if cr == NULL or end - cr < 2:
        return NULL
    return cr


cdef RespStatus parse_inline(const uint8_t* data, size_t n, RespRequest* out, size_t* consumed) noexcept nogil:
    cdef size_t look = n if n < RESP_MAX_INLINE + 1 else RESP_MAX_INLINE + 1
    cdef const uint8_t* lf = <const uint8_t*> memchr(data, 10, look)
    if lf == NULL:
        return bad(out, RESP_ERROR_BIG_INLINE) if n > RESP_MAX_INLINE else RESP_MORE
    out.line = slice_of(data, <size_t> (lf - data))
    if out.line.len and data[out.line.len - 1] == 13:
        out.line.len -= 1
    consumed[0] = <size_t> (lf - data) + 1
    return RESP_INLINE


cdef RespStatus parse_count(const uint8_t* data, size_t n, RespProgress* at, RespRequest* out) noexcept nogil:
    """`*<count>` CRLF.  A count of 0 or less is an empty request: whole, without arguments."""
    cdef const uint8_t* cr = find_line_end(data, data + n)
    cdef int64_t count = 0
    if cr == NULL:
        return bad(out, RESP_ERROR_BIG_COUNT_LINE) if n > RESP_MAX_INLINE else RESP_MORE
    if not resp_parse_i64(data + 1, <size_t> (cr - data) - 1, &count) or count > RESP_MAX_ARGS:
        return bad(out, RESP_ERROR_BAD_COUNT)
    at.argc = <uint32_t> count if count > 0 else 0
    at.offset = <uint64_t> (cr + 2 - data)
    return RESP_OK


cdef RespStatus parse_args(
    const uint8_t* data, size_t n, size_t max_bulk, RespProgress* at, RespRequest* out, bint fill, size_t* need
) noexcept nogil:
    """`$<length>` CRLF <bytes> CRLF, from at.done to the end.  With `fill` the arguments go to out.argv."""
    cdef const uint8_t* p = data + at.offset
    cdef const uint8_t* end = data + n
    cdef const uint8_t* cr
    cdef int64_t length = 0
    while at.done < at.argc:
        if p == end:
            return RESP_MORE
        cr = find_line_end(p, end)
        if cr == NULL:
            return bad(out, RESP_ERROR_BIG_LENGTH_LINE) if end - p > RESP_MAX_INLINE else RESP_MORE
        if p[0] != 36:
            out.got = p[0]
            return bad(out, RESP_ERROR_NO_DOLLAR)
        if not resp_parse_i64(p + 1, <size_t> (cr - p) - 1, &length) or length < 0 or <size_t> length > max_bulk:
            return bad(out, RESP_ERROR_BAD_LENGTH)
        p = cr + 2
        if <size_t> (end - p) < <size_t> length + 2:
            need[0] = <size_t> (p - data) + <size_t> length + 2
            return RESP_MORE
        if fill and at.done < out.argv_cap:
            out.argv[at.done] = slice_of(p, <size_t> length)
        p += length + 2
        at.done += 1
        at.offset = <uint64_t> (p - data)
    return RESP_OK


cdef void find_args(const uint8_t* data, RespRequest* out, bint fill) noexcept nogil:
    """Where the arguments begin; with `fill` also the argument slices of a request that was walked in pieces."""
    cdef const uint8_t* p = data
    cdef size_t i = 0
    while p[0] != 13:
        p += 1
    p += 2
    out.first = p
    if not fill:
        return
    while i < out.argc and i < out.argv_cap:
        out.argv[i] = resp_next_arg(&p)
        i += 1


cdef RespStatus resp_parse_request(
    const uint8_t* data, size_t n, size_t max_bulk, size_t max_request, RespProgress* at, RespRequest* out,
    size_t* consumed, size_t* need,
) noexcept nogil:
    """One request from the front of `data`.  `need`: bytes the request is known to have in all, 0 if unknown."""
    cdef bint in_pieces = at.offset != 0
    cdef RespStatus status
    consumed[0] = 0
    need[0] = 0
    out.argc = 0
    out.error = RESP_ERROR_NONE
    if n == 0:
        return RESP_MORE
    if data[0] != 42:
        return parse_inline(data, n, out, consumed)
    if not in_pieces:
        at.done = 0
        status = parse_count(data, n, at, out)
        if status != RESP_OK:
            return status
    status = parse_args(data, n, max_bulk, at, out, not in_pieces, need)
    if status == RESP_MORE and (need[0] > max_request or n >= max_request):
        status = bad(out, RESP_ERROR_TOO_LARGE)
    if status != RESP_OK:
        return status
    out.argc = at.argc
    consumed[0] = at.offset
    find_args(data, out, in_pieces)
    memset(at, 0, sizeof(RespProgress))
    return RESP_OK


# Inline commands: words between blanks.  Within "..." \n \r \t \a \b \xHH and \<any> are unescaped, within
# '...' only \'.  A closing quote must be followed by a blank or the end.

cdef inline bint is_blank(uint8_t c) noexcept nogil:
    return c == 32 or 9 <= c <= 13


cdef inline int hex_digit(uint8_t c) noexcept nogil:
    if 48 <= c <= 57:
        return c - 48
    c |= 32
    return c - 87 if 97 <= c <= 102 else -1


cdef inline uint8_t unescaped(uint8_t c) noexcept nogil:
    if c == 110:
        return 10
    if c == 114:
        return 13
    if c == 116:
        return 9
    if c == 98:
        return 8
    return 7 if c == 97 else c


cdef struct Word:                   # a word being read: `at` moves, bytes go to `to` unless that is NULL
    const uint8_t* at
    const uint8_t* end
    uint8_t* to
    size_t len


cdef inline void word_put(Word* word, uint8_t c) noexcept nogil:
    if word.to != NULL:
        word.to[word.len] = c
    word.len += 1


cdef bint read_double_quoted(Word* word) noexcept nogil:
    cdef uint8_t c
    while word.at < word.end:
        c = word.at[0]
        if c == 34:
            word.at += 1
            return word.at == word.end or is_blank(word.at[0])
        if c == 92 and word.end - word.at >= 4 and word.at[1] == 120 and (
            hex_digit(word.at[2]) >= 0 and hex_digit(word.at[3]) >= 0
        ):
            word_put(word, <uint8_t> (hex_digit(word.at[2]) * 16 + hex_digit(word.at[3])))
            word.at += 4
        elif c == 92 and word.end - word.at >= 2:
            word_put(word, unescaped(word.at[1]))
            word.at += 2
        else:
            word_put(word, c)
            word.at += 1
    return False


cdef bint read_single_quoted(Word* word) noexcept nogil:
    while word.at < word.end:
        if word.at[0] == 39:
            word.at += 1
            return word.at == word.end or is_blank(word.at[0])
        if word.at[0] == 92 and word.end - word.at >= 2 and word.at[1] == 39:
            word.at += 1
        word_put(word, word.at[0])
        word.at += 1
    return False


cdef bint read_word(Word* word) noexcept nogil:
    """One word from a non-blank byte; False where quotes do not balance."""
    cdef uint8_t c
    word.len = 0
    while word.at < word.end and not is_blank(word.at[0]):
        c = word.at[0]
        if c == 0:
            break
        word.at += 1
        if c == 34:
            return read_double_quoted(word)
        if c == 39:
            return read_single_quoted(word)
        word_put(word, c)
    return True


cdef bint next_word(Word* word, bint* found) noexcept nogil:
    while word.at < word.end and is_blank(word.at[0]):
        word.at += 1
    found[0] = word.at < word.end and word.at[0] != 0
    return not found[0] or read_word(word)


cdef size_t resp_inline_room(size_t line_len) noexcept nogil:
    """Bytes that the array form of a line can need at most: a one-byte word and its blank become 7 bytes."""
    return 32 + 4 * line_len + 7


cdef bint resp_inline_as_array(Slice line, Writer* out) noexcept nogil:
    """Write a line's words as a request array; False if its quotes do not balance.  The room must suffice."""
    cdef Word word
    cdef Word measure
    cdef size_t words = 0
    cdef bint found = False
    word.at = line.ptr
    word.end = line.ptr + line.len
    word.to = NULL
    word.len = 0
    measure = word
    while True:
        if not next_word(&measure, &found):
            return False
        if not found:
            break
        words += 1
    resp_put_header(out, RESP_ARRAY, words)
    measure = word
    while words:
        next_word(&measure, &found)
        resp_put_header(out, RESP_BULK, measure.len)
        if out.overflow or <size_t> (out.end - out.pos) < measure.len + 2:
            out.overflow = True
            return True
        word.to = out.pos
        next_word(&word, &found)
        out.pos += measure.len
        resp_put_crlf(out)
        words -= 1
    return True


# Requests: errors and composing

cdef Slice resp_error_text(RespError error) noexcept nogil:
    if error == RESP_ERROR_BIG_INLINE:
        return slice_of(b"Protocol error: too big inline request", 38)
    if error == RESP_ERROR_BIG_COUNT_LINE:
        return slice_of(b"Protocol error: too big mbulk count string", 42)
    if error == RESP_ERROR_BAD_COUNT:
        return slice_of(b"Protocol error: invalid multibulk length", 40)
    if error == RESP_ERROR_BIG_LENGTH_LINE:
        return slice_of(b"Protocol error: too big bulk count string", 41)
    if error == RESP_ERROR_NO_DOLLAR:
        return slice_of(b"Protocol error: expected '$', got '", 35)
    if error == RESP_ERROR_BAD_LENGTH:
        return slice_of(b"Protocol error: invalid bulk length", 35)
    if error == RESP_ERROR_QUOTES:
        return slice_of(b"Protocol error: unbalanced quotes in request", 44)
    if error == RESP_ERROR_TOO_LARGE:
        return slice_of(b"Protocol error: request too large", 33)
    return slice_of(b"", 0)


cdef void resp_put_protocol_error(Writer* w, const RespRequest* bad_request) noexcept nogil:
    put_bytes(w, b"-ERR ", 5)
    put_slice(w, resp_error_text(bad_request.error))
    if bad_request.error == RESP_ERROR_NO_DOLLAR:
        # a line end within an error line would be a second reply
        put_byte(w, 32 if bad_request.got == 13 or bad_request.got == 10 else bad_request.got)
        put_byte(w, 39)
    resp_put_crlf(w)


cdef void resp_compose_request(Writer* w, const Slice* argv, size_t argc) noexcept nogil:
    cdef size_t i = 0
    resp_put_header(w, RESP_ARRAY, argc)
    while i < argc and not w.overflow:
        resp_put_bulk(w, argv[i].ptr, argv[i].len)
        i += 1


# Replies: parsing

cdef inline bint is_aggregate(RespKind kind) noexcept nogil:
    return (kind == RESP_ARRAY or kind == RESP_MAP or kind == RESP_SET or kind == RESP_PUSH
            or kind == RESP_ATTRIBUTE)


cdef inline bint is_bulk(RespKind kind) noexcept nogil:
    return kind == RESP_BULK or kind == RESP_BULK_ERR or kind == RESP_VERBATIM


cdef inline bint is_line(RespKind kind) noexcept nogil:
    return (kind == RESP_SIMPLE or kind == RESP_ERR or kind == RESP_INT or kind == RESP_NULL
            or kind == RESP_BOOL or kind == RESP_DOUBLE or kind == RESP_BIGNUM)


cdef bint read_line_value(RespElement* out) noexcept nogil:
    """What a one-line element means; False if it means nothing."""
    if out.kind == RESP_INT:
        if out.text.len and out.text.ptr[0] == 43:
            return resp_parse_i64(out.text.ptr + 1, out.text.len - 1, &out.integer)
        return resp_parse_i64(out.text.ptr, out.text.len, &out.integer)
    if out.kind == RESP_BOOL:
        out.integer = out.text.len == 1 and out.text.ptr[0] == 116
        return out.text.len == 1 and (out.integer or out.text.ptr[0] == 102)
    if out.kind == RESP_NULL:
        out.null = True
        return out.text.len == 0
    return True


cdef RespStatus resp_parse_element(
    const uint8_t* data, size_t n, RespElement* out, size_t* consumed, size_t* need
) noexcept nogil:
    """One scalar whole, or the count line of one aggregate (its elements follow)."""
    cdef const uint8_t* cr
    cdef int64_t length = 0
    cdef size_t head
    consumed[0] = 0
    need[0] = 0
    if n == 0:
        return RESP_MORE
    out.kind = <RespKind> data[0]
    out.null = False
    out.integer = 0
    if not (is_line(out.kind) or is_bulk(out.kind) or is_aggregate(out.kind)):
        return RESP_BAD
    cr = find_line_end(data, data + n)
    if cr == NULL:
        return RESP_BAD if n > RESP_MAX_INLINE else RESP_MORE
    if cr[1] != 10:
        return RESP_BAD
    out.text = slice_of(data + 1, <size_t> (cr - data) - 1)
    head = <size_t> (cr - data) + 2
    if is_line(out.kind):
        consumed[0] = head
        return RESP_OK if read_line_value(out) else RESP_BAD
    if not resp_parse_i64(out.text.ptr, out.text.len, &length) or length < -1 or length > RESP_MAX_ELEMENTS:
        return RESP_BAD
    out.null = length == -1
    if out.null and out.kind != RESP_BULK and out.kind != RESP_ARRAY:
        return RESP_BAD
    out.integer = length if length > 0 else 0
    out.text = slice_of(data + head, 0)
    if is_aggregate(out.kind) or out.null:
        consumed[0] = head
        return RESP_OK
    out.text.len = <size_t> length
    if n - head < <size_t> length + 2:
        need[0] = head + <size_t> length + 2
        return RESP_MORE
    if data[head + length] != 13 or data[head + length + 1] != 10:
        return RESP_BAD
    consumed[0] = head + <size_t> length + 2
    return RESP_OK


cdef inline uint64_t owes(const RespElement* e) noexcept nogil:
    """Elements that follow because of this one.  An attribute is followed by its pairs and by what it is about."""
    if e.kind == RESP_MAP:
        return 2 * <uint64_t> e.integer
    if e.kind == RESP_ATTRIBUTE:
        return 2 * <uint64_t> e.integer + 1
    return <uint64_t> e.integer if is_aggregate(e.kind) else 0


cdef RespStatus resp_parse_response(
    const uint8_t* data, size_t n, RespReplyProgress* at, RespElement* first, size_t* consumed, size_t* need
) noexcept nogil:
    """One whole reply: `first` is its outermost element; what is nested follows that with resp_parse_element."""
    cdef RespElement e
    cdef RespStatus status
    cdef size_t used = 0
    if at.owed == 0:
        at.owed = 2
    while at.owed > 1:
        status = resp_parse_element(data + at.offset, n - at.offset, &e, &used, need)
        if status != RESP_OK:
            consumed[0] = 0
            if need[0]:
                need[0] += at.offset
            return status
        at.offset += used
        at.owed += owes(&e) - 1
        if at.owed > RESP_MAX_ELEMENTS:
            consumed[0] = 0
            return RESP_BAD
    resp_parse_element(data, n, first, &used, need)
    consumed[0] = at.offset
    at.owed = 0
    at.offset = 0
    return RESP_OK


# Redis's glob: * ? [a-c] [^a] \\x, byte by byte.  A star is retried at the next byte of the text and only
# the last star is ever retried, so the work is at most pattern x text (Redis's own recursion is exponential).

cdef inline uint8_t folded(uint8_t c, bint nocase) noexcept nogil:
    return c + 32 if nocase and 65 <= c <= 90 else c


cdef const uint8_t* glob_class(const uint8_t* p, const uint8_t* end, uint8_t c, bint nocase, bint* hit) noexcept nogil:
    """Whether the class at p (behind its bracket) has c; answers its last byte.  An unclosed class ends the pattern."""
    cdef bint negated = p < end and p[0] == 94
    cdef bint found = False
    cdef uint8_t low, high
    if negated:
        p += 1
    while True:
        if p >= end:
            p = end - 1
            break
        if p[0] == 92 and end - p >= 2:
            p += 1
            if folded(p[0], nocase) == c:
                found = True
        elif p[0] == 93:
            break
        elif end - p >= 3 and p[1] == 45:
            low = folded(min(p[0], p[2]), nocase)
            high = folded(max(p[0], p[2]), nocase)
            p += 2
            if low <= c <= high:
                found = True
        elif folded(p[0], nocase) == c:
            found = True
        p += 1
    hit[0] = found != negated
    return p


cdef bint glob_one(const uint8_t** p, const uint8_t* end, uint8_t c, bint nocase) noexcept nogil:
    """Match one byte with the one-byte pattern at p, which moves behind it."""
    cdef const uint8_t* at = p[0]
    cdef bint hit = False
    if at[0] == 63:
        hit = True
    elif at[0] == 91:
        at = glob_class(at + 1, end, folded(c, nocase), nocase, &hit)
    else:
        if at[0] == 92 and end - at >= 2:
            at += 1
        hit = folded(at[0], nocase) == folded(c, nocase)
    p[0] = at + 1
    return hit


cdef bint resp_glob(Slice pattern, Slice text, bint nocase) noexcept nogil:
    cdef const uint8_t* p = pattern.ptr
    cdef const uint8_t* p_end = p + pattern.len
    cdef const uint8_t* t = text.ptr
    cdef const uint8_t* t_end = t + text.len
    cdef const uint8_t* star = NULL
    cdef const uint8_t* retry = NULL
    cdef const uint8_t* next_p
    while t < t_end:
        if p < p_end and p[0] == 42:
            p += 1
            star = p
            retry = t
            continue
        next_p = p
        if p < p_end and glob_one(&next_p, p_end, t[0], nocase):
            p = next_p
            t += 1
        elif star != NULL:
            retry += 1
            t = retry
            p = star
        else:
            return False
    while p < p_end and p[0] == 42:
        p += 1
    return p == p_end


# For Python: tests, fuzz targets, tools.  A reply is a tuple that begins with its kind's byte as a string:
#   ("+", b"OK") ("-", b"ERR no") (":", 1) ("$", b"x" | None) ("*", [..] | None) ("_", None) ("#", True)
#   (",", b"1.5") ("(", b"123") ("!", b"ERR no") ("=", b"txt:x") ("%", [(k, v)]) ("~", [..]) (">", [..])
#   ("|", [(k, v)], reply)

DEPTH_MAX = 256                     # nesting that is turned into Python objects; deeper replies are refused


cdef class RequestParser:
    """One connection's requests: parse(data) answers ("ok", args, consumed, 0), ("more", None, 0, need) or
    ("bad", error line, 0, 0).  `data` always begins at the first byte that is not consumed."""
    cdef RespProgress at
    cdef size_t max_bulk
    cdef size_t max_request

    def __init__(self, size_t max_bulk=512 << 20, size_t max_request=1 << 30) -> None:
        self.max_bulk = max_bulk
        self.max_request = max_request
        memset(&self.at, 0, sizeof(RespProgress))

    def parse(self, const uint8_t[::1] data) -> tuple:
        cdef Slice argv[4]
        cdef RespRequest request
        cdef size_t consumed = 0
        cdef size_t need = 0
        cdef const uint8_t* ptr = &data[0] if data.shape[0] else NULL
        request.argv = argv
        request.argv_cap = 4
        cdef RespStatus status = resp_parse_request(
            ptr, <size_t> data.shape[0], self.max_bulk, self.max_request, &self.at, &request, &consumed, &need)
        if status == RESP_MORE:
            return "more", None, consumed, need
        if status == RESP_INLINE:
            return self.inline_words(&request, consumed)
        if status == RESP_BAD:
            return "bad", error_line(&request), 0, 0
        return "ok", request_args(&request), consumed, 0

    cdef tuple inline_words(self, RespRequest* request, size_t consumed):
        cdef Writer w
        cdef size_t used = 0
        cdef size_t need = 0
        cdef RespProgress fresh
        cdef size_t room = resp_inline_room(request.line.len)
        cdef uint8_t* buffer = <uint8_t*> malloc(room)
        if buffer == NULL:
            raise MemoryError
        try:
            writer_init(&w, buffer, room)
            if not resp_inline_as_array(request.line, &w):
                request.error = RESP_ERROR_QUOTES
                return "bad", error_line(request), 0, 0
            memset(&fresh, 0, sizeof(RespProgress))
            resp_parse_request(buffer, writer_len(&w), room, room + 1, &fresh, request, &used, &need)
            return "ok", request_args(request), consumed, 0
        finally:
            free(buffer)


cdef list request_args(RespRequest* request):
    cdef const uint8_t* at = request.first
    cdef Slice arg
    cdef size_t i
    args = []
    for i in range(request.argc):
        arg = resp_next_arg(&at)
        if i < request.argv_cap and (request.argv[i].ptr != arg.ptr or request.argv[i].len != arg.len):
            raise AssertionError("the argument array and the bytes disagree")
        args.append(PyBytes_FromStringAndSize(<const char*> arg.ptr, <Py_ssize_t> arg.len))
    return args


cdef bytes error_line(const RespRequest* request):
    cdef uint8_t line[128]
    cdef Writer w
    writer_init(&w, line, sizeof(line))
    resp_put_protocol_error(&w, request)
    return line[:writer_len(&w)]


def compose_request(list args) -> bytes:
    """A request array of byte strings."""
    cdef size_t count = <size_t> len(args)
    cdef size_t size = 32 + sum(len(arg) + 32 for arg in args)
    cdef Slice* argv = <Slice*> malloc((count + 1) * sizeof(Slice))
    cdef bytes out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t> size)
    cdef Writer w
    cdef size_t i
    if argv == NULL:
        raise MemoryError
    try:
        for i in range(count):
            arg = <bytes?> args[i]
            argv[i] = slice_of(PyBytes_AS_STRING(arg), <size_t> PyBytes_GET_SIZE(arg))
        writer_init(&w, <uint8_t*> PyBytes_AS_STRING(out), size)
        resp_compose_request(&w, argv, count)
    finally:
        free(argv)
    return out[:writer_len(&w)]


cdef class ResponseParser:
    """One connection's replies: parse(data) answers like RequestParser's, with a reply for the arguments."""
    cdef RespReplyProgress at

    def __init__(self) -> None:
        memset(&self.at, 0, sizeof(RespReplyProgress))

    def parse(self, const uint8_t[::1] data) -> tuple:
        cdef RespElement first
        cdef size_t consumed = 0
        cdef size_t need = 0
        cdef const uint8_t* ptr = &data[0] if data.shape[0] else NULL
        cdef RespStatus status = resp_parse_response(
            ptr, <size_t> data.shape[0], &self.at, &first, &consumed, &need)
        if status == RESP_MORE:
            return "more", None, consumed, need
        if status != RESP_OK:
            return "bad", None, 0, 0
        try:
            return "ok", reply_object(&ptr, ptr + consumed, 0), consumed, 0
        except RecursionError:
            return "bad", None, 0, 0


cdef object reply_object(const uint8_t** at, const uint8_t* end, int depth):
    cdef RespElement e
    cdef size_t used = 0
    cdef size_t need = 0
    if depth > DEPTH_MAX:
        raise RecursionError("a reply nests too deep")
    resp_parse_element(at[0], <size_t> (end - at[0]), &e, &used, &need)
    at[0] += used
    kind = chr(e.kind)
    if e.null:
        return kind, None
    if e.kind == RESP_INT:
        return kind, e.integer
    if e.kind == RESP_BOOL:
        return kind, bool(e.integer)
    if not is_aggregate(e.kind):
        return kind, PyBytes_FromStringAndSize(<const char*> e.text.ptr, <Py_ssize_t> e.text.len)
    if e.kind == RESP_MAP or e.kind == RESP_ATTRIBUTE:
        pairs = []
        for _ in range(e.integer):
            key = reply_object(at, end, depth + 1)
            pairs.append((key, reply_object(at, end, depth + 1)))
        if e.kind == RESP_MAP:
            return kind, pairs
        return kind, pairs, reply_object(at, end, depth + 1)
    return kind, [reply_object(at, end, depth + 1) for _ in range(e.integer)]


cdef bint put_object(Writer* w, tuple reply) except False:
    cdef RespKind kind = <RespKind> <int> ord(reply[0])
    value = reply[1]
    if kind == RESP_NULL:
        resp_put_null(w, 3)
    elif value is None:
        resp_put_line(w, kind, b"-1", 2)
    elif kind == RESP_INT:
        resp_put_int(w, value)
    elif kind == RESP_BOOL:
        resp_put_bool(w, 3, value)
    elif kind == RESP_MAP or kind == RESP_ATTRIBUTE:
        resp_put_header(w, kind, len(value))
        for key, item in value:
            put_object(w, key)
            put_object(w, item)
        if kind == RESP_ATTRIBUTE:
            put_object(w, reply[2])
    elif is_aggregate(kind):
        resp_put_header(w, kind, len(value))
        for item in value:
            put_object(w, item)
    elif is_bulk(kind):
        resp_put_header(w, kind, len(value))
        put_bytes(w, PyBytes_AS_STRING(value), <size_t> PyBytes_GET_SIZE(value))
        resp_put_crlf(w)
    else:
        resp_put_line(w, kind, PyBytes_AS_STRING(value), <size_t> PyBytes_GET_SIZE(value))
    return True


def compose_response(tuple reply) -> bytes:
    """A reply from its tuple, in the room it needs (found by doubling)."""
    cdef Writer w
    cdef size_t size = 256
    cdef bytes out
    while True:
        out = PyBytes_FromStringAndSize(NULL, <Py_ssize_t> size)
        writer_init(&w, <uint8_t*> PyBytes_AS_STRING(out), size)
        put_object(&w, reply)
        if not w.overflow:
            return out[:writer_len(&w)]
        size *= 2


def glob_match(bytes pattern, bytes text, bint nocase=False) -> bool:
    """Redis's glob, as SCAN and KEYS use it."""
    return resp_glob(slice_of(PyBytes_AS_STRING(pattern), <size_t> len(pattern)),
                     slice_of(PyBytes_AS_STRING(text), <size_t> len(text)), nocase)
