"""Compiled loops that read and write a store as fast as threads can, and believe nothing.  For tests; nothing of
the product imports this.

A value carries its key's number, its own length and a checksum over both and everything else, so that a
value that is torn, cut, stale in part, or another key's is noticed:

    | checksum 8 | key number 8 | length 8 | body |
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from whimbrel.base.clock cimport coarse_ns
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport Slice
from whimbrel.store.layout cimport CELLS, DEATH_NOT, GROUP_WORDS, PROCESSES_MAX, group_at, groups_grown
from whimbrel.store.segment cimport Place, segment_reserve
from whimbrel.store.store cimport (
    EXPECT_ANY, Put, STORE_BUSY, STORE_MISS, STORE_OK, Store, StoreHandle, StoreStatus, View, store_hash, store_hit,
    store_maintain, store_now_ms, store_put, store_read, store_remove, store_validate, view_copy,
)
from whimbrel.store.table cimport group_lock, group_lock_of

cdef enum:
    HEAD = 24
    KEY_BYTES_MAX = 64
    MAINTAIN_EVERY = 64             # operations between two slices of maintenance
    BUSY_TRIES = 1000

cdef struct Hammer:
    Store* s
    uint64_t random
    uint64_t keys
    uint64_t value_max              # of most values; every 64th may have large_max
    uint64_t large_max
    uint8_t* scratch
    uint64_t reads, hits, writes, removes, refused, torn


cdef uint64_t draw(Hammer* h) noexcept nogil:
    h.random ^= h.random << 13
    h.random ^= h.random >> 7
    h.random ^= h.random << 17
    return h.random


cdef Slice key_of(uint64_t number, uint8_t* at) noexcept nogil:
    """Of 8 to KEY_BYTES_MAX bytes, by its number."""
    cdef Slice key
    key.ptr = at
    key.len = 8 + number % (KEY_BYTES_MAX - 7)
    memset(at, <int> (number & 255), key.len)
    memcpy(at, &number, 8)
    return key


cdef void value_make(Hammer* h, uint64_t number, uint64_t size) noexcept nogil:
    cdef uint64_t sum
    memset(h.scratch + HEAD, <int> (draw(h) & 255), size - HEAD)
    memcpy(h.scratch + 8, &number, 8)
    memcpy(h.scratch + 16, &size, 8)
    sum = hash_bytes(h.scratch + 8, size - 8, number)
    memcpy(h.scratch, &sum, 8)


cdef bint value_intact(const Hammer* h, uint64_t number, uint64_t size) noexcept nogil:
    cdef uint64_t head[3]
    if size < HEAD:
        return False
    memcpy(head, h.scratch, HEAD)
    return head[1] == number and head[2] == size and head[0] == hash_bytes(h.scratch + 8, size - 8, number)


cdef void read_one(Hammer* h, uint64_t number, int64_t now_ms) noexcept nogil:
    cdef uint8_t bytes_of_key[KEY_BYTES_MAX]
    cdef Slice key = key_of(number, bytes_of_key)
    cdef uint64_t hash = store_hash(h.s, key)
    cdef View v
    h.reads += 1
    while True:
        if store_read(h.s, key, hash, now_ms, &v) == STORE_MISS:
            return
        if v.value_len <= h.large_max:
            view_copy(h.s, &v, 0, v.value_len, h.scratch)
        if store_validate(h.s, &v):
            break
    h.hits += 1
    if v.value_len > h.large_max or not value_intact(h, number, v.value_len):
        h.torn += 1
    store_hit(h.s, &v, now_ms)


cdef void write_one(Hammer* h, uint64_t number, int64_t now_ms) noexcept nogil:
    cdef uint8_t bytes_of_key[KEY_BYTES_MAX]
    cdef Put p
    cdef StoreStatus status = STORE_BUSY
    cdef uint64_t most = h.large_max if draw(h) % 64 == 0 else h.value_max
    memset(&p, 0, sizeof(p))
    p.key = key_of(number, bytes_of_key)
    p.hash = store_hash(h.s, p.key)
    p.suffix.ptr = h.scratch
    p.suffix.len = HEAD + draw(h) % (most - HEAD)
    p.expire_ms = now_ms + 1 + <int64_t> (draw(h) % 100000) if draw(h) % 4 == 0 else 0
    p.expect = EXPECT_ANY
    value_make(h, number, p.suffix.len)
    for _ in range(BUSY_TRIES):
        status = store_put(h.s, &p, now_ms, NULL)
        if status != STORE_BUSY:
            break
        store_maintain(h.s, now_ms, 256)
    h.writes += 1
    h.refused += status != STORE_OK


cdef void remove_one(Hammer* h, uint64_t number, int64_t now_ms) noexcept nogil:
    cdef uint8_t bytes_of_key[KEY_BYTES_MAX]
    cdef Slice key = key_of(number, bytes_of_key)
    store_remove(h.s, key, store_hash(h.s, key), EXPECT_ANY, now_ms)
    h.removes += 1


cdef void pound(Hammer* h, uint64_t operations, int64_t until_ns) noexcept nogil:
    """Half reads, half writes, a removal now and then; few keys are used much more than the others."""
    cdef uint64_t i, kind, number
    cdef int64_t now_ms = store_now_ms(h.s)
    for i in range(operations):
        if i % MAINTAIN_EVERY == 0:
            now_ms = store_now_ms(h.s)
            store_maintain(h.s, now_ms, 32)
            if coarse_ns() > until_ns:
                break
        kind = draw(h) % 32
        number = draw(h) % (h.keys if kind & 1 else h.keys // 16 + 1)
        if kind == 0:
            remove_one(h, number, now_ms)
        elif kind < 16:
            write_one(h, number, now_ms)
        else:
            read_one(h, number, now_ms)


def hammer(StoreHandle handle, uint64_t seed, *, seconds, uint64_t operations=1 << 62, uint64_t keys=2000,
           uint64_t value_max=200, uint64_t large_max=20000):
    """Read, write and remove without the interpreter's lock; returns counts of what was done and seen."""
    cdef Hammer h
    cdef int64_t until_ns = coarse_ns() + <int64_t> (seconds * 1e9)
    memset(&h, 0, sizeof(h))
    h.s = handle.mapped()
    h.random = seed * 0x9e3779b97f4a7c15u + 1
    h.keys = keys
    h.value_max = max(value_max, HEAD + 1)
    h.large_max = max(large_max, h.value_max)
    h.scratch = <uint8_t*> malloc(h.large_max)
    if h.scratch == NULL:
        raise MemoryError()
    with nogil:
        pound(&h, operations, until_ns)
    free(h.scratch)
    return {"reads": h.reads, "hits": h.hits, "writes": h.writes, "removes": h.removes, "refused": h.refused,
            "torn": h.torn}


def hold(StoreHandle handle, str what, bytes key=b"key"):
    """Take a lock, or a cell, and never give it back: for a process that is about to die."""
    cdef Store* s = handle.mapped()
    cdef uint64_t header
    cdef Slice k
    cdef Place place
    if what == "group":
        k.ptr = <const uint8_t*> key
        k.len = len(key)
        group_lock_of(s, store_hash(s, k), &header)
    elif what == "cell":
        if not segment_reserve(s, 0, 0, store_now_ms(s), 100, False, &place):
            raise MemoryError("no segment")
        memset(place.at, 0xff, 100)
    elif what == "segments":
        s.r.segment_lock = s.process
        s.r.lists[0].head = s.r.lists[0].tail = s.r.lists[1].head = 0
        s.r.free_list = 0
        s.r.segments_free += 7
    elif what == "evictor":
        s.r.evict_lock = s.process
    elif what == "growth":
        s.r.grow_lock = s.process
    elif what == "first step":
        group_lock(s, group_at(s, s.r.mapping >> 32))
        group_at(s, s.r.mapping >> 32)[1] = group_at(s, 0)[1] | 1 << 14
    elif what == "processes":
        s.r.process_lock = s.process
    else:
        raise ValueError(what)


def slots(StoreHandle handle):
    """(pid, whether it is known to be dead, cells that name a segment) of every process slot in use."""
    cdef Store* s = handle.mapped()
    cdef uint64_t i, j
    found = []
    for i in range(1, PROCESSES_MAX + 1):
        if s.r.processes[i].pid:
            named = sum(1 for j in range(CELLS) if s.r.processes[i].cells[j].segment)
            found.append((s.r.processes[i].pid, s.r.processes[i].death != DEATH_NOT, named))
    return found


def read_while(StoreHandle handle, bytes key, change):
    """Reads a key, calls `change`, and says whether the view is still true."""
    cdef Store* s = handle.mapped()
    cdef Slice k
    cdef View v
    k.ptr = <const uint8_t*> key
    k.len = len(key)
    if store_read(s, k, store_hash(s, k), store_now_ms(s), &v) == STORE_MISS:
        raise KeyError(key)
    change()
    return bool(store_validate(s, &v))


def words_beyond(StoreHandle handle):
    """Words that are not 0 behind the last group, as far as the next growth would use them."""
    cdef Store* s = handle.mapped()
    cdef uint64_t i, n = s.r.mapping >> 32
    return sum(1 for i in range(n * GROUP_WORDS, groups_grown(n) * GROUP_WORDS) if s.groups[i])


def clean(StoreHandle handle):
    return handle.mapped().r.clean != 0
