"""JSON as a stream of events: see walk.pxd for the contract.

One state says what may come next; a container is one bit.  A token that lies inside the piece is recognised in one
go.  One that does not, or a key with escapes, becomes `w.token` and is carried on byte by byte, from its beginning
(carry.pyx), so the walk looks at no byte more than twice.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.json.carry cimport (
    TOKEN_FALSE, TOKEN_KEY, TOKEN_MARK, TOKEN_NONE, TOKEN_NULL, TOKEN_NUMBER, TOKEN_STRING, TOKEN_TRUE, WALK_AFTER,
    WALK_BAD, WALK_COLON, WALK_DEEP, WALK_FIRST_ITEM, WALK_FIRST_KEY, WALK_KEY, WALK_START, WALK_TOP,
    WALK_TOP_NEXT, WALK_VALUE, bad, begin_token, carry, give, is_digit, number_done, number_may_end, value_done,
    word_event, word_of)
from whimbrel.protocol.json.scan cimport json_find_special, json_skip_blanks, json_skip_digits


# Containers

cdef inline JsonEvent open_container(JsonWalk* w, bint is_object) noexcept nogil:
    cdef uint64_t bit = <uint64_t> 1 << (w.depth & 63)
    if w.depth == JSON_DEPTH:
        w.state = WALK_DEEP
        return JSON_DEEP
    if is_object:
        w.kinds[w.depth >> 6] |= bit
    else:
        w.kinds[w.depth >> 6] &= ~bit
    w.depth += 1
    w.document = True
    w.in_object = is_object
    w.state = WALK_FIRST_KEY if is_object else WALK_FIRST_ITEM
    return JSON_OBJECT if is_object else JSON_ARRAY


cdef inline JsonEvent close_container(JsonWalk* w, uint8_t c) noexcept nogil:
    cdef bint was_object = w.in_object
    cdef uint32_t level
    if c != (125 if was_object else 93):
        return bad(w)
    w.depth -= 1
    if w.depth:
        level = w.depth - 1
        w.in_object = (w.kinds[level >> 6] >> (level & 63)) & 1
    value_done(w)
    return JSON_OBJECT_END if was_object else JSON_ARRAY_END


# Tokens that lie inside the piece, if their end is there; else they are carried on

cdef inline JsonEvent take_string(
    JsonWalk* w, const uint8_t* p, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len, bint is_key
) noexcept nogil:
    """From behind the opening quote."""
    cdef const uint8_t* q = json_find_special(p, end)
    w.document = True
    if q == end or q[0] != 34:
        begin_token(w, TOKEN_KEY if is_key else TOKEN_STRING)
        at[0] = p
        return carry(w, at, end, text, text_len)
    w.escaped = False
    give(text, text_len, p, <uint64_t> (q - p))
    q += 1
    if is_key:
        if q < end and q[0] == 58:          # a colon mostly follows at once
            q += 1
            if q < end and q[0] == 32:      # and then, in many documents, one blank
                q += 1
            w.state = WALK_VALUE
        else:
            w.state = WALK_COLON
        at[0] = q
        return JSON_KEY
    at[0] = q
    value_done(w)
    return JSON_STRING


cdef inline const uint8_t* fraction_end(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Behind fraction and exponent; `end`: perhaps not all is there; NULL: wrong."""
    if p[0] == 46:
        p += 1
        if p == end:
            return end
        if not is_digit(p[0]):
            return NULL
        p = json_skip_digits(p + 1, end)
        if p == end:
            return end
    if p[0] | 32 != 101:
        return p
    p += 1
    if p < end and (p[0] == 43 or p[0] == 45):
        p += 1
    if p == end:
        return end
    return json_skip_digits(p + 1, end) if is_digit(p[0]) else NULL


cdef inline JsonEvent take_number(
    JsonWalk* w, const uint8_t* p, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len
) noexcept nogil:
    cdef const uint8_t* q = p
    cdef const uint8_t* digits_end = NULL
    w.document = True
    if q[0] == 45:
        q += 1
    if q < end:
        if not is_digit(q[0]):
            return bad(w)
        if q[0] != 48:
            q = json_skip_digits(q + 1, end)
        else:
            q += 1
            if q < end and is_digit(q[0]):
                return bad(w)
    digits_end = q
    if q < end:
        q = fraction_end(q, end)
        if q == NULL:
            return bad(w)
    if q == end:                            # more of it may come
        begin_token(w, TOKEN_NUMBER)
        at[0] = p
        return carry(w, at, end, text, text_len)
    at[0] = q
    give(text, text_len, p, <uint64_t> (q - p))
    if w.depth:
        w.state = WALK_AFTER
        return JSON_INTEGER if q == digits_end else JSON_NUMBER
    w.state = WALK_TOP_NEXT
    return JSON_INTEGER if q == digits_end else JSON_NUMBER


cdef inline JsonEvent take_word(
    JsonWalk* w, const uint8_t* p, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len, int token
) noexcept nogil:
    cdef size_t n = 5 if token == TOKEN_FALSE else 4
    w.document = True
    if <size_t> (end - p) < n:
        begin_token(w, token)
        at[0] = p
        return carry(w, at, end, text, text_len)
    if memcmp(p, word_of(token), n) != 0:
        return bad(w)
    at[0] = p + n
    value_done(w)
    return word_event(token)


cdef inline JsonEvent take_value(
    JsonWalk* w, const uint8_t* p, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len
) noexcept nogil:
    """A value that begins at p, which is no blank."""
    cdef uint8_t c = p[0]
    if c == 34:
        return take_string(w, p + 1, at, end, text, text_len, False)
    if is_digit(c) or c == 45:
        return take_number(w, p, at, end, text, text_len)
    text.len = 0
    text_len[0] = 0
    if c == 123 or c == 91:                 # { [
        at[0] = p + 1
        return open_container(w, c == 123)
    if c == 116:
        return take_word(w, p, at, end, text, text_len, TOKEN_TRUE)
    if c == 102:
        return take_word(w, p, at, end, text, text_len, TOKEN_FALSE)
    if c == 110:
        return take_word(w, p, at, end, text, text_len, TOKEN_NULL)
    return bad(w)


cdef JsonEvent json_next(
    JsonWalk* w, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len
) noexcept nogil:
    cdef const uint8_t* p
    cdef JsonEvent event
    cdef uint8_t c, state
    if w.state >= WALK_BAD:
        return JSON_DEEP if w.state == WALK_DEEP else JSON_BAD
    if w.token != TOKEN_NONE:
        event = carry(w, at, end, text, text_len)
        if event != JSON_MORE or at[0] == end:
            return event
    p = at[0]
    while p < end:
        c = p[0]
        state = w.state
        if c <= 32:
            if c != 32 and c != 10 and c != 13 and c != 9:
                return bad(w)
            p = json_skip_blanks(p + 1, end)
            if state <= WALK_TOP_NEXT:
                w.state = WALK_TOP
            continue
        if state == WALK_AFTER:
            if c == 44:                     # ,
                w.state = WALK_KEY if w.in_object else WALK_VALUE
                p += 1
                if p < end and p[0] == 32:
                    p += 1
                continue
            at[0] = p + 1
            text.len = 0
            return close_container(w, c)
        if state == WALK_VALUE:
            return take_value(w, p, at, end, text, text_len)
        if state == WALK_KEY or state == WALK_FIRST_KEY:
            if c == 34:
                return take_string(w, p + 1, at, end, text, text_len, True)
            at[0] = p + 1
            text.len = 0
            return close_container(w, c) if state == WALK_FIRST_KEY else bad(w)
        if state == WALK_COLON:
            if c != 58:
                return bad(w)
            w.state = WALK_VALUE
            p += 1
            continue
        if state == WALK_FIRST_ITEM and c == 93:
            at[0] = p + 1
            text.len = 0
            return close_container(w, c)
        if state == WALK_START and c == 0xef:
            begin_token(w, TOKEN_MARK)
            w.step = 1
            at[0] = p + 1
            event = carry(w, at, end, text, text_len)
            if event != JSON_MORE:
                return event
            p = at[0]
            continue
        if state == WALK_TOP_NEXT and c != 123 and c != 91:
            return bad(w)
        return take_value(w, p, at, end, text, text_len)
    at[0] = end
    return JSON_MORE


cdef JsonEvent json_end(JsonWalk* w, Slice* text, uint64_t* text_len) noexcept nogil:
    if w.state == WALK_DEEP:
        return JSON_DEEP
    if w.token == TOKEN_NUMBER and w.depth == 0 and number_may_end(w.step):
        return number_done(w, text, text_len)
    if w.token != TOKEN_NONE or w.depth or not w.document:
        return bad(w)
    return JSON_BAD if w.state == WALK_BAD else JSON_MORE
