"""JSON as a stream of events: see walk.pxd for the contract.

One state says what may come next; a container is one bit.  A token that lies inside the piece is recognised in one
go.  One that does not, or a key with escapes, becomes `w.token` and is carried on byte by byte, from its beginning,
so the walk looks at no byte more than twice.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.json.scan cimport json_find_special, json_skip_blanks, json_skip_digits


cdef enum:                          # JsonWalk.state; the order lets `<= WALK_TOP_NEXT` ask whether no container is open
    WALK_START = 0                  # nothing came yet: a byte order mark may
    WALK_TOP                        # a document, or blanks
    WALK_TOP_NEXT                   # the same, right behind a document: blanks or a container
    WALK_VALUE                      # a value
    WALK_FIRST_ITEM                 # a value, or ]
    WALK_KEY                        # a key
    WALK_FIRST_KEY                  # a key, or }
    WALK_COLON
    WALK_AFTER                      # a comma, or the container's end
    WALK_BAD
    WALK_DEEP

cdef enum:                          # JsonWalk.token
    TOKEN_NONE = 0
    TOKEN_STRING
    TOKEN_KEY
    TOKEN_NUMBER
    TOKEN_TRUE
    TOKEN_FALSE
    TOKEN_NULL
    TOKEN_MARK                      # the byte order mark EF BB BF

cdef enum:                          # JsonWalk.step of a string: inside \uXXXX it counts the digits
    ESCAPE_NONE = 0
    ESCAPE_BEGUN = 1                # after the backslash
    ESCAPE_UNIT = 2                 # after \u
    ESCAPE_UNIT_END = 6

cdef enum:                          # JsonWalk.step of a number, by what was seen last
    NUMBER_START = 0
    NUMBER_MINUS
    NUMBER_ZERO                     # may end
    NUMBER_DIGITS                   # may end
    NUMBER_POINT
    NUMBER_FRACTION                 # may end
    NUMBER_E
    NUMBER_E_SIGN
    NUMBER_EXPONENT                 # may end
    NUMBER_OVER                     # the byte is not the number's
    NUMBER_WRONG


cdef inline JsonEvent bad(JsonWalk* w) noexcept nogil:
    w.state = WALK_BAD
    w.token = TOKEN_NONE
    return JSON_BAD


cdef inline void value_done(JsonWalk* w) noexcept nogil:
    w.state = WALK_AFTER if w.depth else WALK_TOP_NEXT


cdef inline void give(Slice* text, uint64_t* text_len, const uint8_t* p, uint64_t n) noexcept nogil:
    text.ptr = p
    text.len = n if n < JSON_TEXT else JSON_TEXT
    text_len[0] = n


cdef inline bint is_digit(uint8_t c) noexcept nogil:
    return <uint8_t> (c - 48) <= 9


cdef inline int hex_value(uint8_t c) noexcept nogil:
    if is_digit(c):
        return c - 48
    c |= 32
    return c - 87 if 97 <= c <= 102 else -1


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


# Tokens that are carried on

cdef inline void begin_token(JsonWalk* w, uint8_t token) noexcept nogil:
    w.token = token
    w.step = 0
    w.escaped = False
    w.high = 0
    w.kept = 0
    w.text_len = 0


cdef inline void keep(JsonWalk* w, const uint8_t* p, size_t n) noexcept nogil:
    """Append to the token's text as far as there is room."""
    cdef size_t room = JSON_TEXT - w.kept
    w.text_len += n
    if n < room:
        room = n
    if room:
        memcpy(w.text + w.kept, p, room)
        w.kept += <uint32_t> room


cdef inline void keep_byte(JsonWalk* w, uint8_t c) noexcept nogil:
    keep(w, &c, 1)


cdef inline void give_kept(JsonWalk* w, Slice* text, uint64_t* text_len) noexcept nogil:
    give(text, text_len, w.text, w.text_len)


cdef void keep_code_point(JsonWalk* w, uint32_t code) noexcept nogil:
    """In UTF-8."""
    cdef uint8_t out[4]
    if code < 0x80:
        keep_byte(w, <uint8_t> code)
        return
    if code < 0x800:
        out[0] = <uint8_t> (0xc0 | (code >> 6))
        out[1] = <uint8_t> (0x80 | (code & 63))
        keep(w, out, 2)
        return
    if code < 0x10000:
        out[0] = <uint8_t> (0xe0 | (code >> 12))
        out[1] = <uint8_t> (0x80 | ((code >> 6) & 63))
        out[2] = <uint8_t> (0x80 | (code & 63))
        keep(w, out, 3)
        return
    out[0] = <uint8_t> (0xf0 | (code >> 18))
    out[1] = <uint8_t> (0x80 | ((code >> 12) & 63))
    out[2] = <uint8_t> (0x80 | ((code >> 6) & 63))
    out[3] = <uint8_t> (0x80 | (code & 63))
    keep(w, out, 4)


cdef inline void drop_half_pair(JsonWalk* w) noexcept nogil:
    """A high surrogate whose other half did not come is a character nobody knows."""
    if w.high:
        w.high = 0
        keep_code_point(w, 0xfffd)


cdef void keep_unit(JsonWalk* w, uint32_t unit) noexcept nogil:
    """One \\uXXXX of a key: RFC 8259 section 7, pairs joined."""
    if 0xdc00 <= unit <= 0xdfff:
        if w.high:
            unit = 0x10000 + ((<uint32_t> w.high - 0xd800) << 10) + (unit - 0xdc00)
            w.high = 0
        else:
            unit = 0xfffd
        keep_code_point(w, unit)
        return
    drop_half_pair(w)
    if 0xd800 <= unit <= 0xdbff:
        w.high = <uint16_t> unit
    else:
        keep_code_point(w, unit)


cdef inline uint8_t unescaped(uint8_t c) noexcept nogil:
    """The character of a two-character escape, 0: there is no such escape."""
    if c == 34 or c == 47 or c == 92:       # " / \
        return c
    if c == 110:                            # n
        return 10
    if c == 116:                            # t
        return 9
    if c == 114:                            # r
        return 13
    if c == 98:                             # b
        return 8
    if c == 102:                            # f
        return 12
    return 0


cdef bint escape_byte(JsonWalk* w, uint8_t c) noexcept nogil:
    """The next byte of an escape; False: that is not one."""
    cdef bint decode = w.token == TOKEN_KEY
    cdef int digit
    if not decode:
        keep_byte(w, c)
    if w.step == ESCAPE_BEGUN:
        w.unit = 0
        if c == 117:                        # u
            w.step = ESCAPE_UNIT
            return True
        c = unescaped(c)
        w.step = ESCAPE_NONE
        if decode and c:
            drop_half_pair(w)
            keep_byte(w, c)
        return c != 0
    digit = hex_value(c)
    if digit < 0:
        return False
    w.unit = <uint16_t> ((w.unit << 4) | digit)
    w.step += 1
    if w.step == ESCAPE_UNIT_END:
        w.step = ESCAPE_NONE
        if decode:
            keep_unit(w, w.unit)
    return True


cdef JsonEvent string_done(JsonWalk* w, Slice* text, uint64_t* text_len) noexcept nogil:
    cdef bint is_key = w.token == TOKEN_KEY
    drop_half_pair(w)
    give_kept(w, text, text_len)
    w.token = TOKEN_NONE
    if is_key:
        w.state = WALK_COLON
        return JSON_KEY
    value_done(w)
    return JSON_STRING


cdef JsonEvent carry_string(
    JsonWalk* w, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len
) noexcept nogil:
    cdef const uint8_t* p = at[0]
    cdef const uint8_t* q
    cdef uint8_t c
    while p < end:
        if w.step:
            if not escape_byte(w, p[0]):
                return bad(w)
            p += 1
            continue
        q = json_find_special(p, end)
        if q > p:
            drop_half_pair(w)
            keep(w, p, <size_t> (q - p))
            p = q
            continue
        c = p[0]
        p += 1
        if c == 34:                         # "
            at[0] = p
            return string_done(w, text, text_len)
        if c != 92:                         # a control character
            return bad(w)
        w.escaped = True
        w.step = ESCAPE_BEGUN
        if w.token == TOKEN_STRING:
            keep_byte(w, c)
    at[0] = end
    return JSON_MORE


cdef inline int number_step(int step, uint8_t c) noexcept nogil:
    """number = [ "-" ] ( "0" / digit1-9 *digit ) [ "." 1*digit ] [ ( "e" / "E" ) [ "-" / "+" ] 1*digit ]"""
    cdef bint digit = is_digit(c)
    if step == NUMBER_DIGITS or step == NUMBER_ZERO:
        if digit:
            return NUMBER_DIGITS if step == NUMBER_DIGITS else NUMBER_WRONG
        if c == 46:                         # .
            return NUMBER_POINT
        return NUMBER_E if c | 32 == 101 else NUMBER_OVER
    if step == NUMBER_FRACTION:
        if digit:
            return NUMBER_FRACTION
        return NUMBER_E if c | 32 == 101 else NUMBER_OVER
    if step == NUMBER_EXPONENT:
        return NUMBER_EXPONENT if digit else NUMBER_OVER
    if step == NUMBER_START and c == 45:    # -
        return NUMBER_MINUS
    if step == NUMBER_E and (c == 43 or c == 45):
        return NUMBER_E_SIGN
    if not digit:
        return NUMBER_WRONG
    if step == NUMBER_START or step == NUMBER_MINUS:
        return NUMBER_ZERO if c == 48 else NUMBER_DIGITS
    return NUMBER_FRACTION if step == NUMBER_POINT else NUMBER_EXPONENT


cdef inline bint number_may_end(int step) noexcept nogil:
    return step == NUMBER_ZERO or step == NUMBER_DIGITS or step == NUMBER_FRACTION or step == NUMBER_EXPONENT


cdef JsonEvent number_done(JsonWalk* w, Slice* text, uint64_t* text_len) noexcept nogil:
    w.token = TOKEN_NONE
    give_kept(w, text, text_len)
    value_done(w)
    return JSON_INTEGER if w.step <= NUMBER_DIGITS else JSON_NUMBER


cdef JsonEvent carry_number(
    JsonWalk* w, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len
) noexcept nogil:
    cdef const uint8_t* p = at[0]
    cdef const uint8_t* q
    cdef int step
    while p < end:
        step = number_step(w.step, p[0])
        if step == NUMBER_WRONG:
            return bad(w)
        if step == NUMBER_OVER:
            at[0] = p
            return number_done(w, text, text_len)
        q = p + 1
        if step == NUMBER_DIGITS or step == NUMBER_FRACTION or step == NUMBER_EXPONENT:
            q = json_skip_digits(q, end)
        keep(w, p, <size_t> (q - p))
        w.step = <uint8_t> step
        p = q
    at[0] = end
    return JSON_MORE


cdef inline const uint8_t* word_of(uint8_t token) noexcept nogil:
    if token == TOKEN_TRUE:
        return b"true"
    return b"false" if token == TOKEN_FALSE else b"null"


cdef inline JsonEvent word_event(uint8_t token) noexcept nogil:
    if token == TOKEN_TRUE:
        return JSON_TRUE
    return JSON_FALSE if token == TOKEN_FALSE else JSON_NULL


cdef JsonEvent carry_word(JsonWalk* w, const uint8_t** at, const uint8_t* end) noexcept nogil:
    cdef const uint8_t* word = word_of(w.token)
    cdef JsonEvent event = word_event(w.token)
    while at[0] < end:
        if at[0][0] != word[w.step]:
            return bad(w)
        at[0] += 1
        w.step += 1
        if word[w.step] == 0:
            w.token = TOKEN_NONE
            value_done(w)
            return event
    return JSON_MORE


cdef JsonEvent carry_mark(JsonWalk* w, const uint8_t** at, const uint8_t* end) noexcept nogil:
    """EF BB BF, then everything as if it had not been there.  JSON_MORE is only true at the piece's end."""
    while at[0] < end:
        if at[0][0] != (187 if w.step == 1 else 191):
            return bad(w)
        at[0] += 1
        w.step += 1
        if w.step == 3:
            w.token = TOKEN_NONE
            w.state = WALK_TOP
            return JSON_MORE
    return JSON_MORE


cdef JsonEvent carry(
    JsonWalk* w, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len
) noexcept nogil:
    if w.token <= TOKEN_KEY:
        return carry_string(w, at, end, text, text_len)
    if w.token == TOKEN_NUMBER:
        return carry_number(w, at, end, text, text_len)
    text[0] = slice_of(NULL, 0)
    text_len[0] = 0
    if w.token == TOKEN_MARK:
        return carry_mark(w, at, end)
    return carry_word(w, at, end)


# Tokens that lie inside the piece

cdef inline JsonEvent take_string(
    JsonWalk* w, const uint8_t* p, const uint8_t** at, const uint8_t* end, Slice* text, uint64_t* text_len, bint is_key
) noexcept nogil:
    """From behind the opening quote."""
    cdef const uint8_t* q = json_find_special(p, end)
    w.document = True
    if q == end or q[0] != 34:
        begin_token(w, TOKEN_KEY if is_key else TOKEN_STRING)
        at[0] = p
        return carry_string(w, at, end, text, text_len)
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
        return carry_number(w, at, end, text, text_len)
    at[0] = q
    give(text, text_len, p, <uint64_t> (q - p))
    if w.depth:
        w.state = WALK_AFTER
        return JSON_INTEGER if q == digits_end else JSON_NUMBER
    w.state = WALK_TOP_NEXT
    return JSON_INTEGER if q == digits_end else JSON_NUMBER


cdef inline JsonEvent take_word(
    JsonWalk* w, const uint8_t* p, const uint8_t** at, const uint8_t* end, uint8_t token
) noexcept nogil:
    cdef size_t n = 5 if token == TOKEN_FALSE else 4
    w.document = True
    if <size_t> (end - p) < n:
        begin_token(w, token)
        at[0] = p
        return carry_word(w, at, end)
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
        return take_word(w, p, at, end, TOKEN_TRUE)
    if c == 102:
        return take_word(w, p, at, end, TOKEN_FALSE)
    if c == 110:
        return take_word(w, p, at, end, TOKEN_NULL)
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
            event = carry_mark(w, at, end)
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
