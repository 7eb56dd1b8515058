"""Objects to an item's key, bytes and flags, and back: the parts of cacheitem.pxd off the hottest path."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from whimbrel.cachecodec cimport pack_value, unpack_value

from whimbrel.base.errors import CodecError

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object number, int* overflow) except? -1

KEY_BYTES_MAX = STORE_MAX_KEY
CODEC_FLAGS = FLAGS_CODEC


cdef int refuse_key(object given, Py_ssize_t size) except -1:
    if size:
        raise ValueError(f"key of {size} bytes is too long: at most {STORE_MAX_KEY} bytes (a bytes key has one less)")
    raise TypeError(f"a key is str or bytes, not {type(given).__name__}")


cdef object key_object(const uint8_t* data, size_t size):
    """The object a key was made from; what no str can be (a protocol client's key) comes as it is, as bytes."""
    if size and data[0] == BYTES_MARK:
        return PyBytes_FromStringAndSize(<const char*> data + 1, size - 1)
    try:
        return PyUnicode_DecodeUTF8(<const char*> data, size, NULL)
    except UnicodeDecodeError:
        return PyBytes_FromStringAndSize(<const char*> data, size)


cdef object int_object(const uint8_t* data, size_t size):
    if size == 0:
        raise CodecError("stored int has no bytes")
    if size <= 8:
        return short_int(data, size)
    return int.from_bytes(PyBytes_FromStringAndSize(<const char*> data, size), "little", signed=True)


cdef bint utf8_of(object text, Slice* out) except -1:
    """Borrow a str's UTF-8; False for one with lone surrogates, which has none."""
    cdef Py_ssize_t size = 0
    try:
        out.ptr = <const uint8_t*> PyUnicode_AsUTF8AndSize(text, &size)
    except UnicodeEncodeError:
        return False
    out.len = size
    return True


cdef object int_init(Value* out, object value):
    cdef int overflow = 0
    cdef size_t size = 8
    cdef bytes raw
    out.flags = FLAGS_INT
    out.integer = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        out.bytes = slice_of(PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw))
        return raw
    while size > 1 and -(<int64_t> 1 << (8 * size - 9)) <= out.integer < (<int64_t> 1 << (8 * size - 9)):
        size -= 1
    out.bytes = slice_of(&out.integer, size)
    return value


cdef object object_init(Value* out, object value, object codec, uint32_t codec_flags):
    cdef bytes raw
    if codec is None:
        out.flags = FLAGS_PACKED
        raw = pack_value(value)
    else:
        out.flags = codec_flags
        raw = bytes(codec.encode(value))
    out.bytes = slice_of(PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw))
    return raw


cdef object value_init(Value* out, object value, object codec, uint32_t codec_flags):
    """Fill `out` with borrowed bytes; the returned object must be kept as long as they are used."""
    kind = type(value)
    if kind is bytes:
        out.flags = FLAGS_BYTES
        out.bytes = slice_of(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        return value
    if kind is str and utf8_of(value, &out.bytes):
        out.flags = FLAGS_STR
        return value
    if kind is int:
        return int_init(out, value)
    if value is None or kind is bool:
        out.flags = FLAGS_NONE if value is None else FLAGS_TRUE if value else FLAGS_FALSE
        out.bytes = slice_of(NULL, 0)
        return value
    if kind is float:
        out.flags = FLAGS_FLOAT
        out.number = value
        out.bytes = slice_of(&out.number, sizeof(double))
        return value
    return object_init(out, value, codec, codec_flags)


cdef object value_object(uint32_t flags, const uint8_t* data, size_t size, object codec, uint32_t codec_flags):
    """The value an item's bytes stand for (not for FLAGS_BYTES, whose bytes are the value)."""
    cdef double number
    if flags == FLAGS_STR:
        return PyUnicode_DecodeUTF8(<const char*> data, size, NULL)
    if flags == FLAGS_INT:
        return int_object(data, size)
    if flags == FLAGS_PACKED:
        return unpack_value(data, size)
    if flags == FLAGS_NONE:
        return None
    if flags == FLAGS_TRUE or flags == FLAGS_FALSE:
        return flags == FLAGS_TRUE
    if flags == FLAGS_FLOAT and size == sizeof(double):
        memcpy(&number, data, sizeof(double))
        return number
    if codec is not None and flags == codec_flags:
        return codec.decode(PyBytes_FromStringAndSize(<const char*> data, size))
    raise CodecError(f"the item has flags 0x{flags:x}: a codec wrote it that this cache does not read")
