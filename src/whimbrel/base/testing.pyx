"""The struct-only parts of base/, callable from Python, for their tests.  Nothing of the product imports this."""

from libc.stdint cimport int64_t, uint32_t, uint64_t, uint8_t
from whimbrel.base cimport atomic, clock
from whimbrel.base.buffer cimport (
    Writer, put_byte, put_bytes, put_i64, put_slice, put_u64, writer_init, writer_len, writer_room)
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport slice_eq, slice_of


def write(room, puts):
    """Run `puts` ("byte"|"bytes"|"slice"|"u64"|"i64", value) on a writer with `room` bytes.

    Returns (bytes written, overflow, room left, whether the byte after the room is untouched).
    """
    cdef bytearray memory = bytearray(b"\xee" * (room + 1))
    cdef uint8_t* base = memory
    cdef Writer w
    cdef bytes raw
    writer_init(&w, base, room)
    for kind, value in puts:
        if kind == "u64":
            put_u64(&w, value)
        elif kind == "i64":
            put_i64(&w, value)
        elif kind == "byte":
            put_byte(&w, value)
        else:
            raw = value
            if kind == "slice":
                put_slice(&w, slice_of(<const uint8_t*> raw, len(raw)))
            else:
                put_bytes(&w, <const uint8_t*> raw, len(raw))
    return bytes(memory[:writer_len(&w)]), w.overflow, writer_room(&w), memory[room] == 0xEE


def slices_equal(bytes a, bytes b):
    return slice_eq(slice_of(<const uint8_t*> a, len(a)), slice_of(<const uint8_t*> b, len(b)))


def null_slices_equal():
    return slice_eq(slice_of(NULL, 0), slice_of(NULL, 0))


def hash64(bytes key, uint64_t seed):
    return hash_bytes(<const uint8_t*> key, len(key), seed)


def clocks():
    """(precise, coarse, wall) read one after the other."""
    return clock.precise_ns(), clock.coarse_ns(), clock.wall_ms()


def atomic_words(uint64_t start, uint64_t add):
    """What each of the 64-bit operations leaves behind, in the order of atomic.pxd."""
    cdef uint64_t word = start
    cdef list seen = [atomic.load_acquire64(&word), atomic.load_relaxed64(&word)]
    atomic.store_release64(&word, start + 1)
    seen.append(word)
    atomic.store_relaxed64(&word, start + 2)
    seen.append(word)
    atomic.store_seq64(&word, start)
    seen.append((atomic.fetch_add64(&word, add), word))
    seen.append((atomic.fetch_sub64(&word, add), word))
    seen.append((atomic.fetch_add_relaxed64(&word, add), word))
    seen.append((atomic.cas64(&word, start, 7), word))
    seen.append((atomic.cas64(&word, start + add, 9), word))
    return seen


def atomic_halves(uint32_t start, uint32_t add):
    """The same for 32 bits."""
    cdef uint32_t word = start
    cdef list seen = [atomic.load_acquire32(&word), atomic.load_relaxed32(&word)]
    atomic.store_release32(&word, start + 1)
    seen.append(word)
    atomic.store_relaxed32(&word, start)
    seen.append((atomic.fetch_add32(&word, add), word))
    seen.append((atomic.fetch_sub32(&word, add), word))
    seen.append((atomic.cas32(&word, start + 1, 7), word))
    seen.append((atomic.cas32(&word, start, 9), word))
    return seen


cdef uint64_t shared_word = 0


def add_many(times):
    """Add 1 to a word all threads share, `times` times, without the GIL; returns nothing."""
    cdef int64_t n = times
    with nogil:
        while n > 0:
            atomic.fetch_add64(&shared_word, 1)
            n -= 1


def take_shared_word():
    """The shared word; it is zero afterwards."""
    global shared_word
    value = shared_word
    shared_word = 0
    return value
