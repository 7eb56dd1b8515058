"""HyperLogLog (Flajolet and others, 2007) with linear counting below 2.5 registers' worth; see hll.pxd for the layout.

What leaves is the list of registers that are not 0, packed as little-endian 16-bit words; the functions for Python
below (the hub's side) work on that form.
"""

from libc.math cimport log
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset
from whimbrel.base.arena cimport Arena, arena_alloc_zero, arena_free, arena_grow

REGISTERS = HLL_REGISTERS
STANDARD_ERROR = 1.04 / REGISTERS ** 0.5


cdef extern from *:
    int __builtin_clzll(unsigned long long v) noexcept nogil


cdef inline uint16_t entry_of(uint64_t hash) noexcept nogil:
    cdef uint64_t rest = hash << HLL_BITS
    cdef int rank = 1 + (__builtin_clzll(rest) if rest else 64 - HLL_BITS)
    if rank > HLL_RANK_MAX:
        rank = HLL_RANK_MAX
    return <uint16_t> (hash >> (64 - HLL_BITS) << 5 | rank)


cdef bint make_dense(Arena* arena, Hll* h) noexcept nogil:
    cdef uint8_t* registers = <uint8_t*> arena_alloc_zero(arena, HLL_REGISTERS)
    cdef const uint16_t* entries = <const uint16_t*> h.data
    cdef uint32_t i
    if registers == NULL:
        return False
    for i in range(h.used):
        registers[entries[i] >> 5] = entries[i] & 31
    arena_free(arena, h.data)
    h.data = registers
    h.dense = True
    h.used = 0
    h.room = 0
    return True


cdef void put_entry(Arena* arena, Hll* h, uint16_t entry) noexcept nogil:
    cdef uint16_t* entries = <uint16_t*> h.data
    cdef uint8_t* registers = <uint8_t*> h.data
    cdef void* grown
    cdef uint32_t i
    if h.dense:
        if registers[entry >> 5] < (entry & 31):
            registers[entry >> 5] = entry & 31
        return
    for i in range(h.used):
        if entries[i] >> 5 == entry >> 5:
            if entries[i] < entry:
                entries[i] = entry
            return
    if h.used == HLL_SPARSE:
        if make_dense(arena, h):
            put_entry(arena, h, entry)
        else:
            h.refused += 1
        return
    if h.used == h.room:
        grown = arena_grow(arena, h.data, h.used * 2, 64 if h.room == 0 else h.room * 4)
        if grown == NULL:
            h.refused += 1
            return
        h.data = grown
        h.room = 32 if h.room == 0 else h.room * 2
        entries = <uint16_t*> grown
    entries[h.used] = entry
    h.used += 1


cdef void hll_add(Arena* arena, Hll* h, uint64_t hash) noexcept nogil:
    put_entry(arena, h, entry_of(hash))


cdef void hll_merge(Arena* arena, Hll* into, const Hll* other) noexcept nogil:
    cdef const uint16_t* entries = <const uint16_t*> other.data
    cdef const uint8_t* registers = <const uint8_t*> other.data
    cdef uint32_t i
    into.refused += other.refused
    if other.dense:
        for i in range(HLL_REGISTERS):
            if registers[i]:
                put_entry(arena, into, <uint16_t> (i << 5 | registers[i]))
    else:
        for i in range(other.used):
            put_entry(arena, into, entries[i])


cdef void hll_clear(Arena* arena, Hll* h) noexcept nogil:
    arena_free(arena, h.data)
    memset(h, 0, sizeof(Hll))


cdef double estimate_from(const uint32_t* by_rank) noexcept nogil:
    """From how many registers hold each rank, 0 included."""
    cdef double total = 0, raw, m = HLL_REGISTERS
    cdef int rank
    for rank in range(HLL_RANK_MAX + 1):
        total += by_rank[rank] / <double> (<uint64_t> 1 << rank)
    raw = 0.7213 / (1 + 1.079 / m) * m * m / total
    if raw <= 2.5 * m and by_rank[0]:
        return m * log(m / by_rank[0])
    return raw


cdef double hll_estimate(const Hll* h) noexcept nogil:
    cdef uint32_t by_rank[32]
    cdef const uint16_t* entries = <const uint16_t*> h.data
    cdef const uint8_t* registers = <const uint8_t*> h.data
    cdef uint32_t i
    memset(by_rank, 0, sizeof(by_rank))
    if h.dense:
        for i in range(HLL_REGISTERS):
            by_rank[registers[i] & 31] += 1
    else:
        by_rank[0] = HLL_REGISTERS - h.used
        for i in range(h.used):
            by_rank[entries[i] & 31] += 1
    return estimate_from(by_rank)


cdef object hll_read(const Hll* h):
    cdef const uint16_t* entries = <const uint16_t*> h.data
    cdef const uint8_t* dense = <const uint8_t*> h.data
    if h.dense:
        return registers([i << 5 | dense[i] for i in range(HLL_REGISTERS) if dense[i]])
    return registers([entries[i] for i in range(h.used)])


# -- what leaves --

def registers(entries):
    """Packed: ascending little-endian words index << 5 | rank, the highest rank of each index."""
    best = {}
    for entry in entries:
        best[entry >> 5] = max(best.get(entry >> 5, 0), entry)
    return b"".join([best[index].to_bytes(2, "little") for index in sorted(best)])


def check(const unsigned char[:] packed):
    """Whether these are registers: ascending, no rank of 0."""
    cdef Py_ssize_t i
    cdef int entry, last = -1
    if packed.shape[0] % 2 or packed.shape[0] > 2 * HLL_REGISTERS:
        return False
    for i in range(0, packed.shape[0], 2):
        entry = packed[i] | packed[i + 1] << 8
        if entry & 31 == 0 or entry >> 5 <= last:
            return False
        last = entry >> 5
    return True


def merge(bytes a, bytes b):
    """Registers of the union."""
    return registers(_entries(a) + _entries(b))


def estimate(bytes packed):
    """How many distinct things were added."""
    cdef uint32_t by_rank[32]
    memset(by_rank, 0, sizeof(by_rank))
    entries = _entries(packed)
    by_rank[0] = HLL_REGISTERS - len(entries)
    for entry in entries:
        by_rank[<int> entry & 31] += 1
    return estimate_from(by_rank)


def _entries(packed):
    if not check(packed):
        raise ValueError("not registers of a distinct count")
    return [packed[i] | packed[i + 1] << 8 for i in range(0, len(packed), 2)]
