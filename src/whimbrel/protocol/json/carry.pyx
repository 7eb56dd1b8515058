"""Tokens that cross pieces, and keys with escapes: recognised byte by byte, kept up to JSON_TEXT bytes in the walk."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.json.scan cimport json_find_special, json_skip_digits
from whimbrel.protocol.json.walk cimport (
    JSON_INTEGER, JSON_KEY, JSON_MORE, JSON_NUMBER, JSON_STRING, JSON_TEXT, JsonEvent, JsonWalk)


cdef inline int hex_value(uint8_t c) noexcept nogil:
    if is_digit(c):
        return c - 48
    c |= 32
    return c - 87 if 97 <= c <= 102 else -1


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
    """One \\u escape of a key: RFC 8259 section 7, pairs joined."""
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
