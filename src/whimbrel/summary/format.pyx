"""What a string looks like, and what must not be shown: see format.pxd for the contract.

looks_like_value errs on the side of hiding; tests/summary/test_looks.py states how often it is wrong, and on what.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memchr
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.summary.words cimport (
    is_country, is_currency, is_digit_word, is_domain, is_language, letters_cost, letters_most_cost)


cdef enum:                          # kinds of characters, a bit each
    C_DIGIT = 1
    C_HEX_SMALL = 2                 # a-f
    C_HEX_LARGE = 4                 # A-F
    C_SMALL = 8                     # g-z
    C_LARGE = 16                    # G-Z
    C_DASH = 32
    C_UNDERSCORE = 64
    C_DOT = 128
    C_COLON = 256
    C_AT = 512
    C_PLUS = 1024
    C_SLASH = 2048
    C_EQUAL = 4096
    C_BLANK = 8192
    C_OTHER = 16384                 # further printable ASCII
    C_STRANGE = 32768               # controls and everything beyond ASCII
    C_SMALLS = 2 + 8
    C_LARGES = 4 + 16
    C_LETTERS = 2 + 4 + 8 + 16

cdef uint16_t kinds[256]


cdef load():
    for c in range(256):
        kinds[c] = C_OTHER if 32 < c < 127 else C_STRANGE
    for letter in range(26):
        kinds[97 + letter] = C_HEX_SMALL if letter < 6 else C_SMALL
        kinds[65 + letter] = C_HEX_LARGE if letter < 6 else C_LARGE
    for c in range(48, 58):
        kinds[c] = C_DIGIT
    for mark, kind in zip("-_.:@+/= ", (C_DASH, C_UNDERSCORE, C_DOT, C_COLON, C_AT, C_PLUS, C_SLASH, C_EQUAL, C_BLANK)):
        kinds[ord(mark)] = kind


load()


cdef inline uint32_t kinds_of(const uint8_t* p, size_t n) noexcept nogil:
    cdef uint32_t seen = 0
    cdef size_t i
    for i in range(n):
        seen |= kinds[p[i]]
    return seen


cdef inline bint only(uint32_t seen, uint32_t allowed) noexcept nogil:
    return seen & ~allowed == 0


cdef inline bint is_digit(uint8_t c) noexcept nogil:
    return <uint8_t> (c - 48) <= 9


cdef inline size_t digits_from(const uint8_t* p, size_t i, size_t n) noexcept nogil:
    """Where the run of digits from i ends."""
    while i < n and is_digit(p[i]):
        i += 1
    return i


cdef inline int two_digits(const uint8_t* p) noexcept nogil:
    """-1: they are not two digits."""
    if not (is_digit(p[0]) and is_digit(p[1])):
        return -1
    return (p[0] - 48) * 10 + (p[1] - 48)


# Numbers

cdef bint passes_luhn(const uint8_t* digits, size_t n) noexcept nogil:
    """ISO/IEC 7812-1, annex B."""
    cdef uint32_t total = 0, digit
    cdef size_t i
    for i in range(n):
        digit = digits[n - 1 - i] - 48
        if i & 1:
            digit = digit * 2 - (9 if digit > 4 else 0)
        total += digit
    return total % 10 == 0


cdef bint is_card(const uint8_t* digits, size_t n) noexcept nogil:
    """A prefix that a payment network uses, with the lengths it uses, and Luhn's check."""
    cdef uint32_t two, four
    cdef bint network
    if n < 13 or n > 19:
        return False
    two = (digits[0] - 48) * 10 + (digits[1] - 48)
    four = two * 100 + (digits[2] - 48) * 10 + (digits[3] - 48)
    if digits[0] == 52:
        network = n == 13 or n == 16 or n == 19                                     # Visa
    elif 51 <= two <= 55 or 2221 <= four <= 2720:
        network = n == 16                                                           # Mastercard
    elif two == 34 or two == 37:
        network = n == 15                                                           # American Express
    elif two == 30 or two == 36 or two == 38 or two == 39:
        network = n == 14 or n == 16                                                # Diners Club
    elif two == 35 or two == 62 or two == 65 or four == 6011 or 6440 <= four <= 6499:
        network = n >= 16                                                           # JCB, UnionPay, Discover
    else:
        network = two == 50 or 56 <= two <= 69                                      # Maestro
    return network and passes_luhn(digits, n)


cdef Format digits_format(const uint8_t* p, size_t n) noexcept nogil:
    if (n == 10 or n == 13) and 49 <= p[0] <= 51:
        return FORMAT_UNIX_TIME
    if is_card(p, n):
        return FORMAT_CARD
    return FORMAT_NONE if p[0] == 48 and n > 1 else FORMAT_INTEGER


cdef bint is_grouped_card(const uint8_t* p, size_t n) noexcept nogil:
    """Groups of at least four digits (the last may be shorter) with one blank or one dash between all of them."""
    cdef uint8_t digits[19]
    cdef size_t count = 0, i, group = 0
    cdef uint8_t between = 0
    for i in range(n):
        if is_digit(p[i]):
            if count == 19:
                return False
            digits[count] = p[i]
            count += 1
            group += 1
            continue
        if group < 4 or (between and p[i] != between):
            return False
        between = p[i]
        group = 0
    return group > 0 and is_card(digits, count)


cdef bint is_number(const uint8_t* p, size_t n) noexcept nogil:
    """As in RFC 8259, with a fraction or an exponent or both."""
    cdef size_t i = 1 if p[0] == 45 else 0
    cdef size_t start = i
    cdef bint more = False
    i = digits_from(p, i, n)
    if i == start or (p[start] == 48 and i > start + 1):
        return False
    if i < n and p[i] == 46:
        start = i + 1
        i = digits_from(p, start, n)
        if i == start:
            return False
        more = True
    if i < n and p[i] | 32 == 101:
        i += 1
        if i < n and (p[i] == 43 or p[i] == 45):
            i += 1
        start = i
        i = digits_from(p, i, n)
        if i == start:
            return False
        more = True
    return more and i == n


# Dates

cdef int days_of(int year, int month) noexcept nogil:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef bint is_date(const uint8_t* p) noexcept nogil:
    """full-date of RFC 3339: ten bytes, a day that exists."""
    cdef int high = two_digits(p), low = two_digits(p + 2), month = two_digits(p + 5), day = two_digits(p + 8)
    if high < 0 or low < 0 or p[4] != 45 or p[7] != 45 or month < 1 or month > 12:
        return False
    return 1 <= day <= days_of(high * 100 + low, month)


cdef bint is_offset(const uint8_t* p, size_t n) noexcept nogil:
    """time-offset of RFC 3339; also nothing, and without the colon, because many libraries write that."""
    cdef size_t minutes = 4 if n == 6 else 3
    if n == 0 or (n == 1 and p[0] | 32 == 122):     # Z
        return True
    if (n != 5 and n != 6) or (p[0] != 43 and p[0] != 45) or (n == 6 and p[3] != 58):
        return False
    return 0 <= two_digits(p + 1) <= 23 and 0 <= two_digits(p + minutes) <= 59


cdef bint is_date_time(const uint8_t* p, size_t n) noexcept nogil:
    cdef size_t i = 19
    if n < 19 or not is_date(p) or (p[10] | 32 != 116 and p[10] != 32) or p[13] != 58 or p[16] != 58:
        return False
    if not (0 <= two_digits(p + 11) <= 23 and 0 <= two_digits(p + 14) <= 59 and 0 <= two_digits(p + 17) <= 60):
        return False
    if i < n and p[i] == 46:
        i = digits_from(p, 20, n)
        if i == 20:
            return False
    return is_offset(p + i, n - i)


# Addresses

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
        if memchr(b"()<>[]:;@\\,\" ", p[i], 13) != NULL:
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
        if memchr(b" \"<>\\^`{|}", p[i], 10) != NULL:
            return False
    if n > scheme + 3 and p[scheme + 1] == 47 and p[scheme + 2] == 47:
        return True
    return (is_scheme(p, n, b"urn:", 4) or is_scheme(p, n, b"mailto:", 7)
            or is_scheme(p, n, b"data:", 5) or is_scheme(p, n, b"tel:", 4))


# Codes

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


cdef bint is_phone(const uint8_t* p, size_t n) noexcept nogil:
    """E.164 with its plus; single blanks, dashes, dots or parentheses may group the digits."""
    cdef size_t i, digits = 0
    if n > 24 or n < 8 or p[0] != 43 or not 49 <= p[1] <= 57:
        return False
    for i in range(1, n):
        if is_digit(p[i]):
            digits += 1
        elif not (p[i] == 32 or 40 <= p[i] <= 41 or 45 <= p[i] <= 46):
            return False
    return 7 <= digits <= 15 and is_digit(p[n - 1])


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


cdef Format numeric_format(const uint8_t* p, size_t n, uint32_t seen) noexcept nogil:
    """Of what begins with a digit, a minus or a plus and has digits in it."""
    if only(seen, C_DIGIT):
        return digits_format(p, n)
    if p[0] == 43:
        return FORMAT_PHONE if is_phone(p, n) else FORMAT_NONE
    if only(seen, C_DIGIT | C_DASH) and p[0] == 45 and n > 1 and digits_from(p, 1, n) == n:
        return FORMAT_INTEGER if p[1] != 48 or n == 2 else FORMAT_NONE
    if only(seen, C_DIGIT | C_DASH | C_PLUS | C_DOT | C_HEX_SMALL | C_HEX_LARGE) and is_number(p, n):
        return FORMAT_NUMBER
    if only(seen, C_DIGIT | C_DASH) and n == 10 and is_date(p):
        return FORMAT_DATE
    if is_date_time(p, n):
        return FORMAT_DATE_TIME
    if only(seen, C_DIGIT | C_DOT) and is_ipv4(p, n):
        return FORMAT_IPV4
    if (only(seen, C_DIGIT | C_DASH) or only(seen, C_DIGIT | C_BLANK)) and is_grouped_card(p, n):
        return FORMAT_CARD
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
        count += i < n
        start = i + 1
    digits[0] += count
    return count > 1 or cost > letters_most_cost(n - count)


cdef bint looks_like_value(Slice text) noexcept nogil:
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
        # what may stand between the words of a name; @ and $ only in front: @type, $ref
        if memchr(b"-_.:/[]~", p[i], 8) == NULL and not (i == 0 and (p[i] == 64 or p[i] == 36)):
            return True
        dashes += p[i] == 45
        before = p[i]
        start = i + 1
    return digits > NAME_DIGITS or dashes > NAME_DASHES
