# Keys and values of whimbrel.Cache as the store holds them.
#
#     key      a str is its UTF-8, borrowed from the object; bytes are 0xFF and the bytes, so that "a" and b"a"
#              are two keys (0xFF is in no UTF-8) and iteration gives back what was put in
#     value    bytes, str, int, float, bool and None are stored plainly, everything else by a codec; the item's
#              flags say which.  0 is bytes: what a protocol client would have written too

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.store.store cimport STORE_MAX_KEY, Store, store_hash

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef enum:
    BYTES_MARK = 0xFF           # first byte of a bytes key

cdef enum:                      # an item's flags: "wh" in the upper half
    FLAGS_BYTES = 0
    FLAGS_STR = 0x77680001      # UTF-8
    FLAGS_INT = 0x77680002      # two's complement, little endian, 1 byte or more
    FLAGS_FLOAT = 0x77680003    # IEEE 754, 8 bytes
    FLAGS_NONE = 0x77680004
    FLAGS_FALSE = 0x77680005
    FLAGS_TRUE = 0x77680006
    FLAGS_PACKED = 0x77680007   # cachecodec
    FLAGS_CODEC = 0x77680100    # and more: a codec asked for by name or given, see cache.py

cdef struct Key:
    Slice bytes
    uint64_t hash
    uint8_t room[STORE_MAX_KEY]     # a bytes key with its mark; not touched for str

cdef struct Value:
    Slice bytes                     # into the value, or into `number` or `integer`
    uint32_t flags
    double number
    int64_t integer


cdef int refuse_key(object given, Py_ssize_t size) except -1
cdef object key_object(const uint8_t* data, size_t size)
cdef object value_init(Value* out, object value, object codec, uint32_t codec_flags)
cdef object value_object(uint32_t flags, const uint8_t* data, size_t size, object codec, uint32_t codec_flags)


cdef inline int key_init(Key* key, const Store* store, object given) except -1:
    """Borrow or copy the key's bytes; valid while `given` lives."""
    cdef Py_ssize_t size = 0
    cdef const char* data
    if type(given) is str:
        data = PyUnicode_AsUTF8AndSize(given, &size)
    elif type(given) is bytes:
        size = PyBytes_GET_SIZE(given) + 1
        if size <= STORE_MAX_KEY:
            key.room[0] = BYTES_MARK
            memcpy(&key.room[1], PyBytes_AS_STRING(given), size - 1)
        data = <const char*> key.room
    elif isinstance(given, str):
        data = PyUnicode_AsUTF8AndSize(given, &size)
    else:
        return refuse_key(given, 0)
    if size > STORE_MAX_KEY:
        return refuse_key(given, size)
    key.bytes = slice_of(data, size)
    key.hash = store_hash(store, key.bytes)
    return 0


cdef inline object short_int(const uint8_t* data, size_t size):
    """The int of 1 to 8 bytes."""
    cdef uint64_t word = 0xFFFF_FFFF_FFFF_FFFFu if data[size - 1] & 0x80 else 0
    memcpy(&word, data, size)
    return <int64_t> word


cdef inline bint is_ascii(const uint8_t* data, size_t size) noexcept nogil:
    cdef uint64_t word, seen = 0
    while size >= 8:
        memcpy(&word, data, 8)
        seen |= word
        data += 8
        size -= 8
    while size:
        seen |= data[0]
        data += 1
        size -= 1
    return seen & 0x8080_8080_8080_8080u == 0
