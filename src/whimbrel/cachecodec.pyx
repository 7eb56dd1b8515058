"""Values as bytes that say what they are: the safe codec of whimbrel.Cache.

Idea: one tag byte, then the content; what comes back has exactly the type that went in (a tuple is a tuple,
a bool is no int).  Reading runs no code of anybody's: only the types below can come out.

    0x00-0x7f              int 0..127            0x80-0xbf   str of 0..63 bytes of UTF-8
    TAG_INT     varint     zigzag, 64 bits       TAG_BIG_INT  length, two's complement, little endian
    TAG_STR, TAG_BYTES...  length, bytes         TAG_LIST, TAG_DICT...  count, elements (keys and values in turn)
    TAG_DATETIME ...       fixed fields, then the time zone as a value

Lengths and counts are LEB128.  A type that is not in the table raises TypeError by name; so do subclasses,
which would come back as something else.
Deliberately not: references (a list that contains itself is too deep), classes of the user, compression.
"""

import datetime
import decimal
import struct
import uuid
import zoneinfo

from whimbrel.base.errors import CodecError

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    long long PyLong_AsLongLongAndOverflow(object number, int* overflow) except? -1

cdef enum:
    DEPTH_MAX = 100     # containers within containers: far below what the C stack carries
    FIRST_ROOM = 256    # bytes: most values need one allocation

DATETIME = struct.Struct("<HBBBBBIB")
DATE = struct.Struct("<HBB")
TIME = struct.Struct("<BBBIB")
TIMEDELTA = struct.Struct("<iII")
COMPLEX = struct.Struct("<dd")


# ---- writing -------------------------------------------------------------------------------------------

cdef int reserve(Out* out, size_t more) except -1:
    cdef size_t room = out.room
    cdef void* grown
    if out.room - out.size >= more:
        return 0
    while room - out.size < more:
        room = room * 2 if room else FIRST_ROOM
    grown = PyMem_Realloc(out.base, room)
    if grown == NULL:
        raise MemoryError
    out.base = <uint8_t*> grown
    out.room = room
    return 0


cdef inline int write_byte(Out* out, uint8_t byte) except -1:
    reserve(out, 1)
    out.base[out.size] = byte
    out.size += 1
    return 0


cdef inline int write_raw(Out* out, const void* data, size_t size) except -1:
    reserve(out, size)
    memcpy(out.base + out.size, data, size)
    out.size += size
    return 0


cdef int write_varint(Out* out, uint64_t number) except -1:
    reserve(out, 10)
    while number > 0x7F:
        out.base[out.size] = <uint8_t> (number & 0x7F | 0x80)
        out.size += 1
        number >>= 7
    out.base[out.size] = <uint8_t> number
    out.size += 1
    return 0


cdef int write_tagged(Out* out, uint8_t tag, const void* data, size_t size) except -1:
    write_byte(out, tag)
    write_varint(out, size)
    return write_raw(out, data, size)


cdef int write_tagged_bytes(Out* out, uint8_t tag, bytes data) except -1:
    return write_tagged(out, tag, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef int write_fixed(Out* out, uint8_t tag, bytes data) except -1:
    write_byte(out, tag)
    return write_raw(out, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef int write_int(Out* out, object value) except -1:
    cdef int overflow = 0
    cdef int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        return write_tagged_bytes(out, TAG_BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))
    if 0 <= number < 0x80:
        return write_byte(out, <uint8_t> number)
    write_byte(out, TAG_INT)
    return write_varint(out, (<uint64_t> number << 1) ^ <uint64_t> (number >> 63))


cdef int write_str(Out* out, object value) except -1:
    cdef Py_ssize_t size = 0
    cdef const char* data
    try:
        data = PyUnicode_AsUTF8AndSize(value, &size)
    except UnicodeEncodeError:
        return write_tagged_bytes(out, TAG_STR_SURROGATES, value.encode("utf-8", "surrogatepass"))
    if size <= SHORT_STR_MAX:
        write_byte(out, <uint8_t> (TAG_SHORT_STR + size))
        return write_raw(out, data, size)
    return write_tagged(out, TAG_STR, data, size)


cdef int write_float(Out* out, double value) except -1:
    write_byte(out, TAG_FLOAT)
    return write_raw(out, &value, sizeof(double))


cdef int write_elements(Out* out, uint8_t tag, object elements, int depth) except -1:
    # counted before and checked after: another thread may change a list or set while it is written
    cdef size_t count = len(elements), written = 0
    write_byte(out, tag)
    write_varint(out, count)
    for element in elements:
        write(out, element, depth)
        written += 1
    if written != count:
        raise RuntimeError(f"{type(elements).__name__} changed size while it was stored")
    return 0


cdef int write_dict(Out* out, dict value, int depth) except -1:
    write_byte(out, TAG_DICT)
    write_varint(out, len(value))
    for key, element in value.items():   # raises when the dict changes size under it
        write(out, key, depth)
        write(out, element, depth)
    return 0


cdef int write_time(Out* out, object value, int depth) except -1:
    kind = type(value)
    if kind is datetime.datetime:
        write_fixed(out, TAG_DATETIME, DATETIME.pack(
            value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.fold))
        return write(out, value.tzinfo, depth)
    if kind is datetime.date:
        return write_fixed(out, TAG_DATE, DATE.pack(value.year, value.month, value.day))
    if kind is datetime.time:
        write_fixed(out, TAG_TIME, TIME.pack(
            value.hour, value.minute, value.second, value.microsecond, value.fold))
        return write(out, value.tzinfo, depth)
    return write_fixed(out, TAG_TIMEDELTA, TIMEDELTA.pack(value.days, value.seconds, value.microseconds))


cdef int write_zone(Out* out, object value, int depth) except -1:
    if type(value) is datetime.timezone:
        write_byte(out, TAG_TIMEZONE)
        return write(out, value.__getinitargs__(), depth)
    if value.key is None:
        raise TypeError("cannot store a ZoneInfo without a key")
    write_byte(out, TAG_ZONEINFO)
    return write(out, value.key, depth)


cdef int write_rare(Out* out, object value, int depth) except -1:
    kind = type(value)
    if kind in (datetime.datetime, datetime.date, datetime.time, datetime.timedelta):
        return write_time(out, value, depth)
    if kind is datetime.timezone or kind is zoneinfo.ZoneInfo:
        return write_zone(out, value, depth)
    if kind is decimal.Decimal:
        return write_tagged_bytes(out, TAG_DECIMAL, str(value).encode())
    if kind is uuid.UUID:
        return write_fixed(out, TAG_UUID, value.bytes)
    if kind is complex:
        return write_fixed(out, TAG_COMPLEX, COMPLEX.pack(value.real, value.imag))
    if kind is bytearray:
        return write_tagged_bytes(out, TAG_BYTEARRAY, bytes(value))
    raise TypeError(f"cannot store {kind.__module__}.{kind.__qualname__}: the safe codec has plain types only "
                    "(codec='pickle' stores any object, if you trust everyone who can write)")


cdef int write(Out* out, object value, int depth) except -1:
    kind = type(value)
    if kind is str:
        return write_str(out, value)
    if kind is int:
        return write_int(out, value)
    if value is None:
        return write_byte(out, TAG_NONE)
    if kind is bool:
        return write_byte(out, TAG_TRUE if value else TAG_FALSE)
    if kind is float:
        return write_float(out, value)
    if kind is bytes:
        return write_tagged_bytes(out, TAG_BYTES, value)
    if depth == 0:
        raise ValueError(f"cannot store a value nested deeper than {DEPTH_MAX} containers")
    if kind is dict:
        return write_dict(out, value, depth - 1)
    if kind is list:
        return write_elements(out, TAG_LIST, value, depth - 1)
    if kind is tuple:
        return write_elements(out, TAG_TUPLE, value, depth - 1)
    if kind is set:
        return write_elements(out, TAG_SET, value, depth - 1)
    if kind is frozenset:
        return write_elements(out, TAG_FROZENSET, value, depth - 1)
    return write_rare(out, value, depth - 1)


cdef bytes pack_value(object value):
    cdef Out out
    out.base = NULL
    out.size = out.room = 0
    try:
        write(&out, value, DEPTH_MAX)
        return PyBytes_FromStringAndSize(<char*> out.base, out.size)
    finally:
        PyMem_Free(out.base)


# ---- reading -------------------------------------------------------------------------------------------

cdef const uint8_t* take(In* data, size_t size) except NULL:
    cdef const uint8_t* start = data.pos
    if <size_t> (data.end - data.pos) < size:
        raise CodecError("stored value ends too early")
    data.pos += size
    return start


cdef uint64_t read_varint(In* data) except? 0:
    cdef uint64_t number = 0
    cdef int shift = 0
    cdef uint8_t byte
    while shift < 64:
        byte = take(data, 1)[0]
        number |= <uint64_t> (byte & 0x7F) << shift
        if byte < 0x80:
            return number
        shift += 7
    raise CodecError("stored value has a number that does not end")


cdef size_t read_count(In* data) except? 0:
    """A number of elements: each takes at least a byte, so more than there are bytes is a lie."""
    cdef uint64_t count = read_varint(data)
    if count > <uint64_t> (data.end - data.pos):
        raise CodecError("stored value ends too early")
    return <size_t> count


cdef bytes read_bytes(In* data, size_t size):
    return PyBytes_FromStringAndSize(<const char*> take(data, size), size)


cdef object read_str(In* data, size_t size):
    return PyUnicode_DecodeUTF8(<const char*> take(data, size), size, NULL)


cdef object read_int(In* data):
    cdef uint64_t word = read_varint(data)
    return <int64_t> (word >> 1) ^ -<int64_t> (word & 1)


cdef object read_float(In* data):
    cdef double value
    memcpy(&value, take(data, sizeof(double)), sizeof(double))
    return value


cdef list read_list(In* data, int depth):
    cdef size_t count = read_count(data), _i
    cdef list elements = []
    for _i in range(count):
        elements.append(read(data, depth))
    return elements


cdef dict read_dict(In* data, int depth):
    cdef size_t count = read_count(data), _i
    cdef dict elements = {}
    for _i in range(count):
        key = read(data, depth)
        elements[key] = read(data, depth)
    return elements


cdef object read_time(In* data, uint8_t tag, int depth):
    if tag == TAG_DATETIME:
        *fields, fold = DATETIME.unpack(read_bytes(data, DATETIME.size))
        return datetime.datetime(*fields, tzinfo=read(data, depth), fold=fold)
    if tag == TAG_DATE:
        return datetime.date(*DATE.unpack(read_bytes(data, DATE.size)))
    if tag == TAG_TIME:
        *fields, fold = TIME.unpack(read_bytes(data, TIME.size))
        return datetime.time(*fields, tzinfo=read(data, depth), fold=fold)
    if tag == TAG_TIMEDELTA:
        return datetime.timedelta(*TIMEDELTA.unpack(read_bytes(data, TIMEDELTA.size)))
    if tag == TAG_TIMEZONE:
        return datetime.timezone(*read(data, depth))
    return zoneinfo.ZoneInfo(read(data, depth))


cdef object read_rare(In* data, uint8_t tag, int depth):
    if TAG_DATETIME <= tag <= TAG_ZONEINFO:
        return read_time(data, tag, depth)
    if tag == TAG_STR_SURROGATES:
        return read_bytes(data, read_count(data)).decode("utf-8", "surrogatepass")
    if tag == TAG_BIG_INT:
        return int.from_bytes(read_bytes(data, read_count(data)), "little", signed=True)
    if tag == TAG_BYTEARRAY:
        return bytearray(read_bytes(data, read_count(data)))
    if tag == TAG_DECIMAL:
        return decimal.Decimal(read_bytes(data, read_count(data)).decode())
    if tag == TAG_UUID:
        return uuid.UUID(bytes=read_bytes(data, 16))
    if tag == TAG_COMPLEX:
        return complex(*COMPLEX.unpack(read_bytes(data, 16)))
    raise CodecError(f"stored value has an unknown tag 0x{tag:02x}")


cdef object read(In* data, int depth):
    cdef uint8_t tag = take(data, 1)[0]
    if tag < TAG_SHORT_STR:
        return tag
    if tag <= TAG_SHORT_STR + SHORT_STR_MAX:
        return read_str(data, tag - TAG_SHORT_STR)
    if tag == TAG_NONE:
        return None
    if tag == TAG_TRUE or tag == TAG_FALSE:
        return tag == TAG_TRUE
    if tag == TAG_INT:
        return read_int(data)
    if tag == TAG_FLOAT:
        return read_float(data)
    if tag == TAG_STR:
        return read_str(data, read_count(data))
    if tag == TAG_BYTES:
        return read_bytes(data, read_count(data))
    if depth == 0:
        raise CodecError("stored value is nested too deeply")
    if tag == TAG_DICT:
        return read_dict(data, depth - 1)
    if tag == TAG_LIST:
        return read_list(data, depth - 1)
    if tag == TAG_TUPLE:
        return tuple(read_list(data, depth - 1))
    if tag == TAG_SET:
        return set(read_list(data, depth - 1))
    if tag == TAG_FROZENSET:
        return frozenset(read_list(data, depth - 1))
    return read_rare(data, tag, depth - 1)


cdef object unpack_value(const uint8_t* data, size_t size):
    cdef In source
    source.pos = data
    source.end = data + size
    try:
        value = read(&source, DEPTH_MAX)
    except (CodecError, MemoryError):
        raise
    except Exception as error:   # whatever a constructor says to foreign bytes: one kind of error
        raise CodecError(f"stored value is damaged: {error}") from error
    if source.pos != source.end:
        raise CodecError("stored value has bytes after its end")
    return value


def pack(value):
    """`value` as bytes; TypeError names a type that is not supported."""
    return pack_value(value)


def unpack(data):
    """The value `pack` wrote; CodecError for anything else."""
    cdef bytes borrowed = data
    return unpack_value(<const uint8_t*> PyBytes_AS_STRING(borrowed), PyBytes_GET_SIZE(borrowed))
