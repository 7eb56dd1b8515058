"""What a string looks like, and what must not be shown: see format.pxd for the contract.

looks_like_value errs on the side of hiding; tests/summary/test_words.py holds it to what its docstring says.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.addresses cimport is_email, is_hostname, is_ipv6, is_uri
from whimbrel.summary.kinds cimport (
    C_AT, C_COLON, C_DASH, C_DIGIT, C_DOT, C_EQUAL, C_HEX_LARGE, C_HEX_SMALL, C_LARGES, C_LETTERS, C_PLUS, C_SLASH,
    C_SMALLS, C_STRANGE, C_UNDERSCORE, digits_from, is_digit, kinds, kinds_of, only)
from whimbrel.summary.numerals cimport numeric_format
from whimbrel.summary.words cimport is_country, is_currency, is_digit_word, is_language, letters_cost, letters_most_cost

cdef bint is_uuid(const uint8_t* p) noexcept nogil:
    """36 bytes."""
    cdef int i
    for i in range(36):
        if i == 8 or i == 13 or i == 18 or i == 23:
            if p[i] != 45:
                return False
        elif not kinds[p[i]] & (C_DIGIT | C_HEX_SMALL | C_HEX_LARGE):
            return False
    return True


cdef bint is_jwt(const uint8_t* p, size_t n, bint whole) noexcept nogil:
    """`eyJ` is {" in base64url: header.payload.signature, the payload as well; the signature may be empty."""
    cdef const uint8_t* dot
    cdef size_t header
    if n < 16 or p[0] != 101 or p[1] != 121 or p[2] != 74:
        return False
    dot = <const uint8_t*> memchr(p, 46, n)
    if dot == NULL:
        return False
    header = <size_t> (dot - p) + 1
    if n < header + 3:
        return not whole
    if dot[1] != 101 or dot[2] != 121 or dot[3] != 74:
        return False
    dot = <const uint8_t*> memchr(dot + 1, 46, n - header)
    if dot == NULL:
        return not whole
    return memchr(dot + 1, 46, n - <size_t> (dot - p) - 1) == NULL


cdef inline bint is_hex(uint32_t seen, size_t n) noexcept nogil:
    if n < 8 or n & 1 or not seen & C_DIGIT:
        return False
    return seen == C_DIGIT | C_HEX_SMALL or seen == C_DIGIT | C_HEX_LARGE


cdef bint is_base64(const uint8_t* p, size_t n, uint32_t seen, bint whole) noexcept nogil:
    """RFC 4648, either alphabet.  Unpadded text must look random: a camel-case name has the same characters."""
    cdef size_t content = n
    if n < 16 or not (only(seen, C_LETTERS | C_DIGIT | C_PLUS | C_SLASH | C_EQUAL)
                      or only(seen, C_LETTERS | C_DIGIT | C_DASH | C_UNDERSCORE | C_EQUAL)):
        return False
    while content and p[content - 1] == 61:
        content -= 1
    if n - content > 2 or memchr(p, 61, content) != NULL:
        return False
    if content < n:
        return n % 4 == 0 and seen & C_LETTERS
    if not (seen & C_SMALLS and seen & C_LARGES and seen & C_DIGIT) or (whole and n % 4 == 1):
        return False
    return looks_like_value(slice_of(p, n if n < 64 else 64))


cdef bint is_language_tag(const uint8_t* p, size_t n, uint32_t seen) noexcept nogil:
    """langtag of RFC 5646 as far as it is met: language ["-" script] ["-" region]; also with underscores."""
    cdef size_t i = 2
    if n < 2 or not only(kinds_of(p, 2), C_SMALLS) or not is_language(p) or seen & C_DASH and seen & C_UNDERSCORE:
        return False
    if n >= i + 5 and kinds[p[i]] & (C_DASH | C_UNDERSCORE) and only(kinds_of(p + i + 2, 3), C_SMALLS):
        if not kinds[p[i + 1]] & C_LARGES:
            return False
        i += 5
    if i == n:
        return True
    if not kinds[p[i]] & (C_DASH | C_UNDERSCORE):
        return False
    if n == i + 4:
        return only(kinds_of(p + i + 1, 3), C_DIGIT)
    return n == i + 3 and only(kinds_of(p + i + 1, 2), C_LARGES) and is_country(p + i + 1)


cdef bint is_boolean(const uint8_t* p, size_t n) noexcept nogil:
    """true, True, TRUE, and the same of false."""
    cdef const char* word = b"true" if n == 4 else b"false"
    cdef size_t i, capitals = 0
    if n != 4 and n != 5:
        return False
    for i in range(n):
        if p[i] | 32 != <uint8_t> word[i]:
            return False
        capitals += p[i] < 97
    return capitals == 0 or capitals == n or (capitals == 1 and p[0] < 97)


# The call

cdef Format short_format(const uint8_t* p, size_t n, uint32_t seen) noexcept nogil:
    """Of letters, digits, - and _ only."""
    if is_boolean(p, n):
        return FORMAT_BOOLEAN
    if n == 3 and only(seen, C_LARGES) and is_currency(p):
        return FORMAT_CURRENCY
    if n == 2 and only(seen, C_LARGES) and is_country(p):
        return FORMAT_COUNTRY
    if n <= 11 and is_language_tag(p, n, seen):
        return FORMAT_LANGUAGE
    if n <= 32 and kinds[p[0]] & C_LETTERS and not looks_like_value(slice_of(p, n)):
        return FORMAT_WORD
    return FORMAT_NONE


cdef Format prefix_format(const uint8_t* p, size_t n, uint32_t seen) noexcept nogil:
    """What the beginning of a longer string already says."""
    if seen & C_COLON and is_uri(p, n):
        return FORMAT_URI
    if only(seen, C_LETTERS | C_DIGIT | C_DASH | C_UNDERSCORE | C_DOT) and is_jwt(p, n, False):
        return FORMAT_JWT
    if is_hex(seen, n & ~<size_t> 1):
        return FORMAT_HEX
    return FORMAT_BASE64 if is_base64(p, n, seen, False) else FORMAT_NONE


cdef Format format_of(Slice text, bint whole) noexcept nogil:
    cdef const uint8_t* p = text.ptr
    cdef size_t n = text.len
    cdef uint32_t seen
    cdef Format format = FORMAT_NONE
    if n == 0:
        return FORMAT_EMPTY if whole else FORMAT_NONE
    seen = kinds_of(p, n)
    if seen & C_STRANGE:
        return FORMAT_NONE
    if not whole:
        return prefix_format(p, n, seen)
    if n == 36 and is_uuid(p):
        return FORMAT_UUID
    if seen & C_DIGIT and (is_digit(p[0]) or p[0] == 45 or p[0] == 43):
        format = numeric_format(p, n, seen)
        if format != FORMAT_NONE:
            return format
    if seen & C_AT and is_email(p, n):
        return FORMAT_EMAIL
    if seen & C_COLON:
        if only(seen, C_COLON | C_DIGIT | C_HEX_SMALL | C_HEX_LARGE | C_DOT) and is_ipv6(p, n):
            return FORMAT_IPV6
        return FORMAT_URI if is_uri(p, n) else FORMAT_NONE
    if seen & C_DOT and only(seen, C_LETTERS | C_DIGIT | C_DOT | C_DASH | C_UNDERSCORE):
        if is_jwt(p, n, True):
            return FORMAT_JWT
        return FORMAT_HOSTNAME if is_hostname(p, n) else FORMAT_NONE
    if is_hex(seen, n):
        return FORMAT_HEX
    if is_base64(p, n, seen, True):
        return FORMAT_BASE64
    if only(seen, C_LETTERS | C_DIGIT | C_DASH | C_UNDERSCORE):
        return short_format(p, n, seen)
    return FORMAT_NONE


# Values

cdef enum:
    NAME_BYTES = 64                 # longer is text, or a token
    NAME_DASHES = 5                 # words between more dashes are a title
    NAME_DIGITS = 2                 # outside of words like sha256
    INNER_DIGIT_COST = 3            # words rarely go on behind one: as much as a pair of letters that hardly ever meet


cdef bint is_version(const uint8_t* p, size_t n) noexcept nogil:
    """v1 to v999, v1.2, v1.2.3, and 1.1: one digit each where no v says what it is."""
    cdef size_t i = 1 if p[0] | 32 == 118 else 0
    cdef size_t most = 3 if i else 1
    cdef size_t end
    cdef int parts = 0
    if i == 0 and n != 3:
        return False
    while True:
        end = digits_from(p, i, n)
        parts += 1
        if end == i or end - i > most or parts > 3:
            return False
        if end == n:
            return True
        if p[end] != 46:
            return False
        i = end + 1


cdef bint run_is_value(const uint8_t* p, size_t n, uint8_t before, uint32_t* digits) noexcept nogil:
    """A run of letters and digits; `before` is the character in front of it, 0 for none."""
    cdef size_t i, start = 0
    cdef uint32_t seen = kinds_of(p, n), count = 0, cost = 0
    if not seen & C_LETTERS:
        digits[0] += 1
        return n > 1 or (before != 95 and before != 91)         # line_1, items[0]
    if seen & C_DIGIT:
        if is_digit_word(p, n) or is_version(p, n):
            return False
        if is_digit(p[0]):
            return True
    elif n >= 8 and only(seen, C_HEX_SMALL | C_HEX_LARGE):
        return True
    for i in range(n + 1):
        if i < n and not is_digit(p[i]):
            continue
        if i - start > 1:
            cost += letters_cost(p + start, i - start)
        if i + 1 < n:
            cost += INNER_DIGIT_COST
        count += i < n
        start = i + 1
    digits[0] += count
    return count > 1 or cost > letters_most_cost(n - count)


cdef inline bint is_joint(uint8_t c) noexcept nogil:
    """What may stand between the words of a name: - _ . : / [ ] ~"""
    return (kinds[c] & (C_DASH | C_UNDERSCORE | C_DOT | C_COLON | C_SLASH)) or c == 91 or c == 93 or c == 126


cdef bint looks_like_value(Slice text) noexcept nogil:
    """Runs of letters and digits between - _ . ~ : / [ ] are looked at one by one; one odd run makes a value.

    Measured.  Names that are hidden: 1 of 645 names of public APIs, headers and paths (phpmyadmin), 1.3 % of the
    15,800 words that occur in source files (getcwd, acknowledge, people's names).  Random tokens that are shown, by
    length 8, 12, 16: of hex digits 0.04 %, 0, 0; of small letters and digits 1.7 %, 0.06 %, 0; of all letters and
    digits 4 %, 0.2 %, 0; of small letters only 8 %, 0.7 %, 0.1 %.  Four letters are shown more often than not, and a
    person's name may pass: against those there is only the other half of the reveal rule, k distinct calls.
    """
    cdef const uint8_t* p = text.ptr
    cdef size_t n = text.len, i, start = 0
    cdef uint32_t digits = 0, dashes = 0
    cdef uint8_t before = 0
    if n > NAME_BYTES:
        return True
    if n and is_version(p, n):
        return False
    for i in range(n + 1):
        if i < n and kinds[p[i]] & (C_LETTERS | C_DIGIT):
            continue
        if i > start and run_is_value(p + start, i - start, before, &digits):
            return True
        if i == n:
            break
        if not is_joint(p[i]) and not (i == 0 and (p[i] == 64 or p[i] == 36)):      # @type, $ref
            return True
        dashes += p[i] == 45
        before = p[i]
        start = i + 1
    return digits > NAME_DIGITS or dashes > NAME_DASHES
