# What a string looks like, without keeping it.
#
# One call over the bytes of a scalar: a pass that finds which kinds of characters are there, then the few formats that
# these allow.  The most specific that fits wins: a unix time or a card before an integer, the enum's order otherwise.
# Deliberately strict: a wrong `uuid` misleads, a missing one does not.

from libc.stdint cimport uint8_t, uint64_t
from whimbrel.base.slice cimport Slice

cdef enum Format:                   # names in formats.py, one row each; numbers are part of the batch, never reused
    FORMAT_NONE = 0                 # a string like any other
    FORMAT_EMPTY = 1
    FORMAT_INTEGER = 2
    FORMAT_NUMBER = 3
    FORMAT_BOOLEAN = 4
    FORMAT_UUID = 5
    FORMAT_DATE = 6                 # RFC 3339 full-date
    FORMAT_DATE_TIME = 7            # RFC 3339, and with a blank for the T
    FORMAT_UNIX_TIME = 8            # 10 or 13 digits between 2001 and 2096
    FORMAT_EMAIL = 9
    FORMAT_IPV4 = 10
    FORMAT_IPV6 = 11
    FORMAT_HOSTNAME = 12            # with a dot
    FORMAT_URI = 13
    FORMAT_JWT = 14
    FORMAT_HEX = 15                 # 8 or more digits, even, with a letter
    FORMAT_BASE64 = 16              # 16 or more, mixed
    FORMAT_PHONE = 17               # + and 7 to 15 digits
    FORMAT_CURRENCY = 18            # ISO 4217
    FORMAT_COUNTRY = 19             # ISO 3166-1 alpha-2
    FORMAT_LANGUAGE = 20            # en, en-US: BCP 47, of languages that exist
    FORMAT_CARD = 21                # 13 to 19 digits that pass Luhn, with a card's prefix
    FORMAT_WORD = 22                # letters, digits, - _ only, beginning with a letter, at most 32, and no random look
    FORMAT_BINARY = 23              # a file in a multipart body; never found by looking
    FORMATS = 24

# `whole` False: text is only a prefix of a longer string.
cdef Format format_of(Slice text, bint whole) noexcept nogil

# Does a piece of would-be structure (path segment, JSON key, header or parameter name, key part) look like a value?
# Digits in bulk, uuids, hex, base64, e-mails, dates, tokens without vowels, mixed-case noise, more than 64 bytes, bytes
# outside printable ASCII: yes.  The reveal rule needs both: seen often enough, and not this.
cdef bint looks_like_value(Slice text) noexcept nogil
