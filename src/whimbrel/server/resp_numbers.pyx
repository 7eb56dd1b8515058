"""RESP commands on values that are numbers: INCR and its kin, INCRBYFLOAT.

Integers are the one spelling that Redis takes for an int64; decimals are long doubles, written with 17 decimals.
"""

from libc cimport errno
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy
from whimbrel.base.buffer cimport Writer, put_i64, writer_init, writer_len
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport resp_parse_i64, resp_put_bulk
from whimbrel.server.resp_run cimport (
    RUN_RETRIES, STEP_BLOCKED, STEP_DONE, Run, Step, arg_int, changed, find, new_put, put_failed, put_over, reply_int,
    room, run_error, run_put,
)
from whimbrel.store.store cimport (
    EXPECT_NONE, STORE_CHANGED, STORE_OK, Put, StoreStatus, View, store_hash, store_validate, view_copy,
)

cdef extern from "<stdlib.h>" nogil:
    long double strtold(const char* text, char** end)
cdef extern from "<math.h>" nogil:
    long double HUGE_VALL

cdef enum:
    DIGITS_MAX = 20             # bytes of the longest int64
    FLOAT_CHARS = 5 * 1024      # bytes of the longest long double written out: 4933 digits and 17 more


cdef bint read_int(Run* r, const View* v, int64_t* out) noexcept nogil:
    """The item's value as an int64 (to be validated)."""
    cdef uint8_t digits[DIGITS_MAX]
    if v.value_len > DIGITS_MAX:
        return False
    view_copy(r.x.store, v, 0, v.value_len, digits)
    return resp_parse_i64(digits, v.value_len, out)


cdef inline bint add_overflows(int64_t a, int64_t b) noexcept nogil:
    cdef int64_t top = 0x7fffffffffffffff
    return (b > 0 and a > top - b) or (b < 0 and a < -top - 1 - b)


cdef StoreStatus put_number(Run* r, const View* v, Slice text) noexcept nogil:
    """A number in place of the one in `v`, or (NULL) where there was none."""
    cdef Put put
    if v != NULL:
        put = put_over(r.argv[1], v, text)
    else:
        put = new_put(r.argv[1], store_hash(r.x.store, r.argv[1]), text)
        put.expect = EXPECT_NONE
    return run_put(r, &put)


cdef Step add(Run* r, int64_t by) noexcept nogil:
    cdef uint8_t digits[DIGITS_MAX]
    cdef Writer text
    cdef View v
    cdef uint64_t hash = 0
    cdef int64_t value = 0
    cdef bint right
    cdef StoreStatus found, status
    cdef int _attempt
    for _attempt in range(RUN_RETRIES):
        found = find(r, r.argv[1], &hash, &v)
        value = 0
        if found == STORE_OK:
            right = read_int(r, &v, &value)
            if not store_validate(r.x.store, &v):
                continue
            if not right:
                return run_error(r, b"ERR value is not an integer or out of range")
        if add_overflows(value, by):
            return run_error(r, b"ERR increment or decrement would overflow")
        writer_init(&text, digits, DIGITS_MAX)
        put_i64(&text, value + by)
        status = put_number(r, &v if found == STORE_OK else NULL, slice_of(digits, writer_len(&text)))
        if status == STORE_OK:
            return reply_int(r, value + by)
        if status != STORE_CHANGED:
            return put_failed(r, status)
    return changed(r)


cdef Step string_incr(Run* r) noexcept nogil:
    return add(r, 1)


cdef Step string_decr(Run* r) noexcept nogil:
    return add(r, -1)


cdef Step string_incrby(Run* r) noexcept nogil:
    cdef int64_t by = 0
    return add(r, by) if arg_int(r, r.argv[2], &by) else STEP_DONE


cdef Step string_decrby(Run* r) noexcept nogil:
    cdef int64_t by = 0
    if not arg_int(r, r.argv[2], &by):
        return STEP_DONE
    if by == -<int64_t> 0x7fffffffffffffff - 1:
        return run_error(r, b"ERR decrement would overflow")
    return add(r, -by)


cdef bint parse_float(char* text, size_t n, long double* out) noexcept nogil:
    """A whole text (with room for a NUL behind it) as a long double; no blanks around it, and not a NaN."""
    cdef char* end = NULL
    if n == 0 or text[0] == 32 or 9 <= text[0] <= 13:
        return False
    text[n] = 0
    errno.errno = 0
    out[0] = strtold(text, &end)
    if end != text + n or out[0] != out[0]:
        return False
    return errno.errno != errno.ERANGE or (out[0] != 0 and out[0] != HUGE_VALL and out[0] != -HUGE_VALL)


cdef size_t format_float(long double value, char* text) noexcept nogil:
    """17 decimals without their trailing zeros, into FLOAT_CHARS bytes."""
    cdef size_t n = <size_t> snprintf(text, FLOAT_CHARS, b"%.17Lf", value)
    while text[n - 1] == 48:
        n -= 1
    if text[n - 1] == 46:
        n -= 1
    if n == 2 and text[0] == 45 and text[1] == 48:
        text[0] = 48
        n = 1
    return n


cdef bint read_float(Run* r, const View* v, char* text, long double* out) noexcept nogil:
    if v.value_len >= FLOAT_CHARS:
        return False
    view_copy(r.x.store, v, 0, v.value_len, <uint8_t*> text)
    return parse_float(text, v.value_len, out)


cdef Step string_incrbyfloat(Run* r) noexcept nogil:
    cdef char text[FLOAT_CHARS]
    cdef View v
    cdef uint64_t hash = 0
    cdef long double by = 0
    cdef long double value = 0
    cdef size_t n
    cdef bint right
    cdef StoreStatus found, status
    cdef int _attempt
    for _attempt in range(RUN_RETRIES):
        found = find(r, r.argv[1], &hash, &v)
        value = 0
        if found == STORE_OK:
            right = read_float(r, &v, text, &value)
            if not store_validate(r.x.store, &v):
                continue
            if not right:
                return run_error(r, b"ERR value is not a valid float")
        if r.argv[2].len >= FLOAT_CHARS:
            return run_error(r, b"ERR value is not a valid float")
        memcpy(text, r.argv[2].ptr, r.argv[2].len)
        if not parse_float(text, r.argv[2].len, &by):
            return run_error(r, b"ERR value is not a valid float")
        value += by
        if value != value or value == HUGE_VALL or value == -HUGE_VALL:
            return run_error(r, b"ERR increment would produce NaN or Infinity")
        n = format_float(value, text)
        if not room(r, n + 32):
            return STEP_BLOCKED
        status = put_number(r, &v if found == STORE_OK else NULL, slice_of(text, n))
        if status == STORE_OK:
            resp_put_bulk(r.w, text, n)
            return STEP_DONE
        if status != STORE_CHANGED:
            return put_failed(r, status)
    return changed(r)
