# The compact form of container values: its tags, and what it is written into and read from.  See cachecodec.pyx.

from libc.stdint cimport uint8_t

cdef enum:
    TAG_SHORT_STR = 0x80
    SHORT_STR_MAX = 63
    TAG_NONE = 0xC0
    TAG_TRUE
    TAG_FALSE
    TAG_INT
    TAG_BIG_INT
    TAG_FLOAT
    TAG_STR
    TAG_STR_SURROGATES  # UTF-8 with lone surrogates, which strict UTF-8 cannot carry
    TAG_BYTES
    TAG_BYTEARRAY
    TAG_LIST
    TAG_TUPLE
    TAG_SET
    TAG_FROZENSET
    TAG_DICT
    TAG_DATETIME
    TAG_DATE
    TAG_TIME
    TAG_TIMEDELTA
    TAG_TIMEZONE
    TAG_ZONEINFO
    TAG_DECIMAL
    TAG_UUID
    TAG_COMPLEX


cdef struct Out:                    # growing bytes; freed by pack_value whatever happens
    uint8_t* base
    size_t size
    size_t room

cdef struct In:                     # borrowed bytes that are being read
    const uint8_t* pos
    const uint8_t* end


cdef bytes pack_value(object value)
cdef object unpack_value(const uint8_t* data, size_t size)
