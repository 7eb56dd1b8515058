"""Numbers, dates and times: see numerals.pxd."""

from libc.stdint cimport uint8_t, uint32_t
from whimbrel.summary.addresses cimport is_ipv4
from whimbrel.summary.format cimport (
    FORMAT_CARD, FORMAT_DATE, FORMAT_DATE_TIME, FORMAT_INTEGER, FORMAT_IPV4, FORMAT_NONE, FORMAT_NUMBER,
    FORMAT_PHONE, FORMAT_UNIX_TIME, Format)
from whimbrel.summary.kinds cimport (
    C_BLANK, C_DASH, C_DIGIT, C_DOT, C_HEX_LARGE, C_HEX_SMALL, C_PLUS, digits_from, is_digit, only, two_digits)

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
