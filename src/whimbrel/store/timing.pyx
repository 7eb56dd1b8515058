"""Timing loops over the store's own interface, for its benchmarks and nothing else.

Keys are numbers of 16 bytes, visited in a fixed pseudo-random order, so that a large store is read from memory and
a small one from cache.  Nothing here is measured with the interpreter in the loop, and time is the thread's own on
the processor.
"""

from time import thread_time_ns

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.store.store cimport (
    EXPECT_ANY, Put, STORE_BUSY, STORE_OK, Store, StoreHandle, StoreStatus, View, store_hash, store_hit,
    store_maintain, store_now_ms, store_put, store_read, store_validate, view_copy,
)

cdef enum:
    KEY_BYTES = 16
    VALUE_BYTES_MAX = 4096
    MAINTAIN_EVERY = 64             # puts between slices of background work, as a server's loop does it
    MAINTAIN_STEPS = 256


cdef inline Slice key_of(uint8_t* buffer, uint64_t number) noexcept nogil:
    cdef uint64_t mixed = number * 0x9e3779b97f4a7c15u
    memcpy(buffer, &number, 8)
    memcpy(buffer + 8, &mixed, 8)
    return slice_of(buffer, KEY_BYTES)


cdef inline uint64_t scattered(uint64_t i, uint64_t keys) noexcept nogil:
    """A number below `keys`, far from the one before."""
    return (<uint64_t> <uint32_t> (i * <uint64_t> 2654435761) * keys) >> 32


cdef uint64_t read_all(Store* s, uint64_t first, uint64_t count, uint64_t keys, bint hit) noexcept nogil:
    """Returns the hits."""
    cdef uint8_t buffer[KEY_BYTES]
    cdef uint8_t out[VALUE_BYTES_MAX]
    cdef uint64_t i, found = 0, hash
    cdef int64_t now_ms = store_now_ms(s)
    cdef Slice key
    cdef View v
    for i in range(first, first + count):
        key = key_of(buffer, scattered(i, keys))
        hash = store_hash(s, key)
        while store_read(s, key, hash, now_ms, &v) == STORE_OK:
            view_copy(s, &v, 0, v.value_len, out)
            if hit:
                store_hit(s, &v, now_ms)
            if store_validate(s, &v):
                found += 1
                break
    return found


cdef uint64_t put_all(Store* s, uint64_t first, uint64_t count, uint64_t value_bytes, bint maintain) noexcept nogil:
    """Returns how many were stored."""
    cdef uint8_t buffer[KEY_BYTES]
    cdef uint8_t value[VALUE_BYTES_MAX]
    cdef uint64_t i, stored = 0
    cdef int64_t now_ms = store_now_ms(s)
    cdef Put p
    cdef StoreStatus status
    memset(value, 7, VALUE_BYTES_MAX)
    memset(&p, 0, sizeof(p))
    p.expect = EXPECT_ANY
    p.suffix = slice_of(value, value_bytes)
    for i in range(first, first + count):
        p.key = key_of(buffer, i)
        p.hash = store_hash(s, p.key)
        status = store_put(s, &p, now_ms, NULL)
        while status == STORE_BUSY:
            store_maintain(s, now_ms, MAINTAIN_STEPS)
            status = store_put(s, &p, now_ms, NULL)
        stored += status == STORE_OK
        if maintain and i % MAINTAIN_EVERY == 0:
            store_maintain(s, now_ms, MAINTAIN_STEPS)
            now_ms = store_now_ms(s)
    return stored


def reads(StoreHandle handle not None, uint64_t count, uint64_t keys, *, bint hit=False):
    """(nanoseconds a read, hits): `count` reads of the first `keys` keys, each validated and its value copied."""
    began = thread_time_ns()
    cdef uint64_t found
    with nogil:
        found = read_all(handle.ptr, 0, count, keys, hit)
    return (thread_time_ns() - began) / max(count, 1), found


def puts(StoreHandle handle not None, uint64_t first, uint64_t count, uint64_t value_bytes, *, bint maintain=True):
    """(nanoseconds a put, how many were stored): `count` puts of the keys from number `first` on."""
    cdef uint64_t stored
    if value_bytes > VALUE_BYTES_MAX:
        raise ValueError(f"value_bytes={value_bytes} is more than {VALUE_BYTES_MAX}")
    began = thread_time_ns()
    with nogil:
        stored = put_all(handle.ptr, first, count, value_bytes, maintain)
    return (thread_time_ns() - began) / max(count, 1), stored
