# See resp_skim.pxd.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy, memset
from whimbrel.agent.resp_rules cimport Command, command_named
from whimbrel.base.arena cimport Arena, arena_block_bytes, arena_free, arena_grow
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport (
    RESP_ARRAY, RESP_ATTRIBUTE, RESP_BIGNUM, RESP_BOOL, RESP_BULK, RESP_BULK_ERR, RESP_DOUBLE, RESP_ERR, RESP_INT,
    RESP_MAP, RESP_MAX_ARGS, RESP_MAX_ELEMENTS, RESP_MAX_INLINE, RESP_NULL, RESP_PUSH, RESP_SET, RESP_SIMPLE,
    RESP_VERBATIM, resp_next_arg, resp_parse_i64,
)

cdef enum:
    LINE_END = 2                    # bytes of CR LF


# ---- requests -----------------------------------------------------------------------------------

cdef bint ask_line(Ask* a, const uint8_t* data, size_t n, size_t* used, AskStatus* status) noexcept nogil:
    """Collects a count or length line; False: `status` says why there is none yet.

    Like the codec, and Redis, it does not look at the byte behind CR.
    """
    cdef const uint8_t* cr = <const uint8_t*> memchr(data, 13, n)
    cdef bint ended = a.line_len != 0 and a.line[a.line_len - 1] == 13
    cdef size_t take = n
    if ended:
        take = 1
    elif cr != NULL and <size_t> (cr - data) + 1 < n:
        take = <size_t> (cr - data) + LINE_END
        ended = True
    status[0] = AskStatus.ASK_BAD
    if a.line_len + take > ASK_LINE:
        return False
    memcpy(a.line + a.line_len, data, take)
    a.line_len += <uint8_t> take
    used[0] = take
    status[0] = AskStatus.ASK_MORE
    return ended


cdef bint is_value(const Command* row, uint32_t i) noexcept nogil:
    """Is the argument at `i`, counted from the command's name, a value?  Nobody asks for its text."""
    if row == NULL or row.value == 0 or i <= <uint32_t> row.first:
        return False
    if row.step == 2:
        return (i - row.first) % 2 == 1     # MSET key value key value
    return row.value < 0 or i == <uint32_t> row.value


cdef size_t text_wanted(const Ask* a) noexcept nogil:
    return 0 if is_value(a.row, a.done) else min(a.length, <uint64_t> ASK_TEXT)


cdef void record_begin(Ask* a, Arena* arena) noexcept nogil:
    cdef uint16_t kept = 0
    cdef void* grown = a.args
    cdef size_t need
    if a.full:
        return
    if a.done == 1:
        a.row = command_named(slice_of(a.args + ASK_RECORD, a.args_len - ASK_RECORD))
    need = a.args_len + ASK_RECORD + text_wanted(a)
    if need > ASK_BYTES:
        grown = NULL
    elif a.args == NULL or arena_block_bytes(arena, a.args) < need:
        grown = arena_grow(arena, a.args, a.args_len, need)
    if grown == NULL:
        a.full = True
        return
    a.args = <uint8_t*> grown
    a.record = a.args_len
    memcpy(a.args + a.record, &a.length, 8)
    memcpy(a.args + a.record + 8, &kept, 2)
    a.args_len += ASK_RECORD


cdef void record_text(Ask* a, const uint8_t* data, size_t n) noexcept nogil:
    cdef uint16_t kept = 0
    cdef uint64_t passed = a.length + LINE_END - a.left
    if a.full or passed >= text_wanted(a):
        return
    n = min(n, text_wanted(a) - passed)
    memcpy(&kept, a.args + a.record + 8, 2)
    if kept != passed:
        return                      # bytes before these were lost
    memcpy(a.args + a.args_len, data, n)
    a.args_len += <uint32_t> n
    kept += <uint16_t> n
    memcpy(a.args + a.record + 8, &kept, 2)


cdef AskStatus ask_header(Ask* a, Arena* arena) noexcept nogil:
    cdef int64_t number = 0
    cdef bint fine = a.line_len > LINE_END and resp_parse_i64(a.line + 1, a.line_len - 1 - LINE_END, &number)
    cdef uint8_t kind = a.line[0]
    a.line_len = 0
    if not a.counted:
        if kind != RESP_ARRAY or not fine or number > RESP_MAX_ARGS:
            return ASK_BAD
        a.counted = True
        a.argc = <uint32_t> number if number > 0 else 0
        return ASK_MORE
    if kind != RESP_BULK or not fine or number < 0:
        return ASK_BAD
    a.length = <uint64_t> number
    a.left = a.length + LINE_END
    record_begin(a, arena)
    return ASK_MORE


cdef AskStatus ask_next(Ask* a, Arena* arena, const uint8_t* data, size_t n, size_t* consumed) noexcept nogil:
    cdef AskStatus status = ASK_MORE
    cdef size_t at = 0
    cdef size_t used = 0
    while not (a.counted and a.done == a.argc):
        if at == n:
            consumed[0] = at
            return ASK_MORE
        if a.left:
            used = min(a.left, n - at)
            record_text(a, data + at, used)
            a.left -= used
            a.done += a.left == 0
        elif not ask_line(a, data + at, n - at, &used, &status):
            consumed[0] = n
            return status
        else:
            status = ask_header(a, arena)
            if status == ASK_BAD:
                consumed[0] = n
                return status
        at += used
    consumed[0] = at
    return ASK_DONE


cdef bint ask_gap(Ask* a, uint64_t n) noexcept nogil:
    cdef uint64_t passed = a.length + LINE_END - a.left
    if a.left < LINE_END or n > a.left - LINE_END:
        return False
    if not a.full and passed < text_wanted(a):
        if a.length <= ASK_TEXT:
            return False            # it might have been a key
        memset(a.args + a.record + 8, 0, 2)
        a.args_len = a.record + ASK_RECORD
    a.left -= n
    return True


cdef void ask_clear(Ask* a, Arena* arena) noexcept nogil:
    arena_free(arena, a.args)
    memset(a, 0, sizeof(Ask))


cdef void walk_request(ArgWalk* w, const uint8_t* first, uint32_t argc) noexcept nogil:
    w.at = first
    w.end = NULL
    w.left = argc


cdef void walk_ask(ArgWalk* w, const Ask* a) noexcept nogil:
    w.at = a.args
    w.end = a.args + a.args_len
    w.left = a.argc


cdef bint walk_next(ArgWalk* w, Slice* text, uint64_t* length) noexcept nogil:
    cdef uint16_t kept = 0
    if w.left == 0:
        return False
    if w.end == NULL:
        text[0] = resp_next_arg(&w.at)
        length[0] = text.len
        text.len = min(text.len, <size_t> ASK_TEXT)
    else:
        if w.at == w.end:
            return False
        memcpy(length, w.at, 8)
        memcpy(&kept, w.at + 8, 2)
        text[0] = slice_of(w.at + ASK_RECORD, kept)
        w.at += ASK_RECORD + kept
    w.left -= 1
    return True


# ---- replies ------------------------------------------------------------------------------------

cdef inline bint is_aggregate(uint8_t kind) noexcept nogil:
    return kind == RESP_ARRAY or kind == RESP_MAP or kind == RESP_SET or kind == RESP_PUSH or kind == RESP_ATTRIBUTE


cdef inline bint is_bulk(uint8_t kind) noexcept nogil:
    return kind == RESP_BULK or kind == RESP_BULK_ERR or kind == RESP_VERBATIM


cdef inline bint is_line(uint8_t kind) noexcept nogil:
    return (kind == RESP_SIMPLE or kind == RESP_ERR or kind == RESP_INT or kind == RESP_NULL
            or kind == RESP_BOOL or kind == RESP_DOUBLE or kind == RESP_BIGNUM)


cdef SkimStatus element_done(Skim* s) noexcept nogil:
    """One element less at its depth; whoever owed it last is done too."""
    s.owed[s.depth] -= 1
    while s.owed[s.depth] == 0:
        if s.depth == 0:
            return SKIM_LAST
        s.depth -= 1
        s.owed[s.depth] -= 1
    return SKIM_ELEMENT


cdef SkimStatus scalar_done(Skim* s) noexcept nogil:
    """A scalar, a null or an empty aggregate is whole.  SKIM_MORE: nobody wants to hear of it."""
    if s.attribute:
        s.attribute -= 1
        return SKIM_MORE
    if s.deep:
        s.deep -= 1
        if s.deep:
            return SKIM_MORE
        return SKIM_END if element_done(s) == SKIM_LAST else SKIM_MORE
    s.at_depth = s.depth
    return element_done(s)


cdef SkimStatus aggregate_begins(Skim* s, uint64_t owes) noexcept nogil:
    if s.attribute:
        s.attribute += owes - 1
        return SKIM_MORE
    if s.deep:
        s.deep += owes - 1
        return SKIM_MORE
    s.at_depth = s.depth
    if s.depth + 1 < SKIM_DEPTH:
        s.depth += 1
        s.owed[s.depth] = owes
    else:
        s.deep = owes
    return SKIM_ELEMENT


cdef bint read_line(Skim* s, const uint8_t* line, uint32_t len) noexcept nogil:
    """A whole line (without its end): what kind of element, and its number if it has one.  False: not RESP."""
    cdef const uint8_t* digits = line + 1
    cdef int64_t number = 0
    s.kind = line[0]
    s.null = s.kind == RESP_NULL
    s.length = 0
    s.integer = 0
    if is_line(s.kind):
        if s.kind == RESP_BOOL:
            s.integer = len == 2 and line[1] == 116
            return len == 2 and (s.integer or line[1] == 102)
        if s.kind == RESP_INT:
            if len > 1 and digits[0] == 43:
                digits += 1
            return len <= SKIM_TEXT and resp_parse_i64(digits, <size_t> (line + len - digits), &s.integer)
        return s.kind != RESP_NULL or len == 1
    if len > SKIM_TEXT or not (is_bulk(s.kind) or is_aggregate(s.kind)):
        return False
    if not resp_parse_i64(digits, len - 1, &number) or number < -1 or number > RESP_MAX_ELEMENTS:
        return False
    s.null = number == -1
    if s.null and s.kind != RESP_BULK and s.kind != RESP_ARRAY:
        return False
    s.integer = number if number > 0 else 0
    return True


cdef SkimStatus line_means(Skim* s, const uint8_t* line, uint32_t len) noexcept nogil:
    cdef uint64_t owes
    if len == 0 or not read_line(s, line, len):
        return SKIM_BAD
    if s.elements == 0 and s.depth == 0:
        s.owed[0] = 1
    s.elements += 1
    if s.elements > RESP_MAX_ELEMENTS:
        return SKIM_BAD
    if is_bulk(s.kind) and not s.null:
        s.bulk = True
        s.length = <uint64_t> s.integer
        s.left = s.length + LINE_END
        s.text_len = 0
        return SKIM_MORE
    if is_aggregate(s.kind) and s.integer:
        owes = <uint64_t> s.integer
        if s.kind == RESP_MAP or s.kind == RESP_ATTRIBUTE:
            owes *= 2
        if s.kind == RESP_ATTRIBUTE:
            s.attribute += owes     # then comes what it is about
            return SKIM_MORE
        return aggregate_begins(s, owes)
    if s.kind == RESP_ATTRIBUTE:
        return SKIM_MORE
    if line != s.line:
        memcpy(s.line, line, min(len, <uint32_t> SKIM_TEXT))
    s.text_len = len
    return scalar_done(s)


cdef SkimStatus skim_line(Skim* s, const uint8_t* data, size_t n, size_t* used) noexcept nogil:
    cdef const uint8_t* lf = <const uint8_t*> memchr(data, 10, n)
    cdef size_t take = n if lf == NULL else <size_t> (lf + 1 - data)
    used[0] = take
    if s.line_len == 0 and lf != NULL:
        if take < 3 or data[take - 2] != 13:
            return SKIM_BAD
        return line_means(s, data, <uint32_t> (take - LINE_END))
    if s.line_len < SKIM_TEXT:
        memcpy(s.line + s.line_len, data, min(take, <size_t> (SKIM_TEXT - s.line_len)))
    s.line_len += <uint32_t> take
    if s.line_len > RESP_MAX_INLINE:
        return SKIM_BAD
    if lf == NULL:
        return SKIM_MORE
    if s.line_len < 3 or (s.line_len <= SKIM_TEXT and s.line[s.line_len - 2] != 13):
        return SKIM_BAD
    take = s.line_len - LINE_END
    s.line_len = 0
    return line_means(s, s.line, <uint32_t> take)


cdef SkimStatus skim_bulk(Skim* s, const uint8_t* data, size_t n, size_t* used) noexcept nogil:
    cdef size_t take = min(s.left, n)
    cdef size_t i
    used[0] = take
    if s.text_len < SKIM_TEXT and s.left > LINE_END:
        i = min(min(take, s.left - LINE_END), <size_t> (SKIM_TEXT - s.text_len))
        memcpy(s.line + s.text_len, data, i)
        s.text_len += <uint32_t> i
    s.left -= take
    if s.left == 1 and take and data[take - 1] != 13:
        return SKIM_BAD
    if s.left:
        return SKIM_MORE
    if data[take - 1] != 10 or (take > 1 and data[take - 2] != 13):
        return SKIM_BAD
    s.bulk = False
    s.passed += s.length
    return scalar_done(s)


cdef SkimStatus skim_next(Skim* s, const uint8_t* data, size_t n, size_t* consumed) noexcept nogil:
    cdef SkimStatus status
    cdef size_t at = 0
    cdef size_t used = 0
    while at < n:
        if s.bulk:
            status = skim_bulk(s, data + at, n - at, &used)
        else:
            status = skim_line(s, data + at, n - at, &used)
        at += used
        if status != SKIM_MORE:
            if status == SKIM_LAST or status == SKIM_END:
                s.elements = 0      # passed stays for the caller, who zeroes it
            consumed[0] = at
            return status
    consumed[0] = n
    return SKIM_MORE


cdef bint skim_gap(Skim* s, uint64_t n) noexcept nogil:
    if not s.bulk or s.left < LINE_END or n > s.left - LINE_END:
        return False
    s.left -= n
    return True
