"""SHARDS with a fixed number of tracked keys; see shards.pxd for the layout."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset
from whimbrel.base.arena cimport Arena, arena_alloc_zero, arena_free
from whimbrel.base.histogram cimport whimbrel_log2

STEPS = SHARDS_STEPS

cdef enum:
    STEP_BITS = 3

cdef uint64_t WHOLE = <uint64_t> 1 << 63            # the threshold at which every key is tracked

assert 1 << STEP_BITS == SHARDS_STEPS


# -- the tree: how many tracked keys have their last position at or before one --

cdef inline void tree_add(Shards* s, uint32_t position, uint32_t by) noexcept nogil:
    while position < SHARDS_POSITIONS:
        s.tree[position] += by
        position += position & (0 - position)


cdef inline uint32_t tree_sum(const Shards* s, uint32_t position) noexcept nogil:
    cdef uint32_t total = 0
    while position:
        total += s.tree[position]
        position &= position - 1
    return total


cdef void number_anew(Shards* s) noexcept nogil:
    """Positions 1, 2, 3 ... in the order they have: by counting how many are before each."""
    cdef uint32_t i
    for i in range(SHARDS_SLOTS):
        if s.table[i].position:
            s.table[i].position = tree_sum(s, s.table[i].position)
    memset(s.tree, 0, SHARDS_POSITIONS * sizeof(uint32_t))
    for i in range(SHARDS_SLOTS):
        if s.table[i].position:
            tree_add(s, s.table[i].position, 1)
    s.clock = s.used


# -- the table --

cdef ShardsKey* place_of(Shards* s, uint64_t hash) noexcept nogil:
    """Its place, or the free one where it belongs; linear probing in a table at most half full."""
    cdef uint32_t i = <uint32_t> hash & (SHARDS_SLOTS - 1)
    while s.table[i].hash != 0 and s.table[i].hash != hash:
        i = (i + 1) & (SHARDS_SLOTS - 1)
    return &s.table[i]


cdef void fill_hole(Shards* s, uint32_t hole) noexcept nogil:
    """After a removal: what probed past the hole moves back."""
    cdef uint32_t i = hole, home
    while True:
        i = (i + 1) & (SHARDS_SLOTS - 1)
        if s.table[i].hash == 0:
            break
        home = <uint32_t> s.table[i].hash & (SHARDS_SLOTS - 1)
        if ((i - home) & (SHARDS_SLOTS - 1)) >= ((i - hole) & (SHARDS_SLOTS - 1)):
            s.table[hole] = s.table[i]
            hole = i
    s.table[hole].hash = 0
    s.table[hole].position = 0


cdef void shrink(Shards* s) noexcept nogil:
    """Track seven eighths of the keys that were tracked."""
    cdef uint32_t i = 0
    s.threshold -= s.threshold >> 3
    while i < SHARDS_SLOTS:
        if s.table[i].hash and s.table[i].hash >> 1 >= s.threshold:
            tree_add(s, s.table[i].position, <uint32_t> -1)
            s.used -= 1
            fill_hole(s, i)
        else:
            i += 1


# -- references --

cdef inline uint32_t bucket_at(uint64_t distance) noexcept nogil:
    """Eight a power of two; small distances have one each."""
    cdef uint32_t octave, bucket
    if distance < SHARDS_STEPS:
        return <uint32_t> distance
    octave = whimbrel_log2(distance)
    bucket = ((octave - STEP_BITS) << STEP_BITS) + <uint32_t> (distance >> (octave - STEP_BITS))
    return bucket if bucket < SHARDS_BUCKETS else SHARDS_BUCKETS - 1


cdef inline void count_read(Shards* s, const ShardsKey* key, uint64_t weight_of) noexcept nogil:
    cdef double stands_for = <double> WHOLE / <double> weight_of
    cdef uint32_t between
    if key.position == 0:
        s.cold += stands_for
        return
    between = s.used - tree_sum(s, key.position)
    s.counts[bucket_at(<uint64_t> (between * stands_for))] += stands_for


cdef void shards_touch(Shards* s, uint64_t hash, bint read) noexcept nogil:
    cdef ShardsKey* key
    hash |= hash == 0
    if read:
        s.reads += 1
    if hash >> 1 >= s.threshold:
        return
    if s.clock + 1 >= SHARDS_POSITIONS:
        number_anew(s)
    key = place_of(s, hash)
    if read:
        count_read(s, key, s.threshold)
    if key.hash == 0:
        key.hash = hash
        s.used += 1
    else:
        tree_add(s, key.position, <uint32_t> -1)
    s.clock += 1
    key.position = s.clock
    tree_add(s, s.clock, 1)
    while s.used > SHARDS_KEYS:
        shrink(s)


# -- beginning and end --

cdef Shards* shards_new(Arena* arena) noexcept nogil:
    cdef Shards* s = <Shards*> arena_alloc_zero(arena, sizeof(Shards))
    if s == NULL:
        return NULL
    s.table = <ShardsKey*> arena_alloc_zero(arena, SHARDS_SLOTS * sizeof(ShardsKey))
    s.tree = <uint32_t*> arena_alloc_zero(arena, SHARDS_POSITIONS * sizeof(uint32_t))
    s.counts = <double*> arena_alloc_zero(arena, SHARDS_BUCKETS * sizeof(double))
    s.threshold = WHOLE
    if s.table == NULL or s.tree == NULL or s.counts == NULL:
        shards_free(arena, s)
        return NULL
    return s


cdef void shards_free(Arena* arena, Shards* s) noexcept nogil:
    if s != NULL:
        arena_free(arena, s.table)
        arena_free(arena, s.tree)
        arena_free(arena, s.counts)
        arena_free(arena, s)


cdef object shards_read(Shards* s):
    cdef uint32_t i
    if s.reads == 0:
        return None
    distances = []
    for i in range(SHARDS_BUCKETS):
        if s.counts[i]:
            distances.append(i)
            distances.append(s.counts[i])
    found = {
        "reads": s.reads, "cold": s.cold, "share": <double> s.threshold / <double> WHOLE, "distances": distances,
    }
    s.reads = 0
    s.cold = 0
    memset(s.counts, 0, SHARDS_BUCKETS * sizeof(double))
    return found


# -- what the hub does with it --

def bucket_of(distance):
    """Number of the bucket of a distance."""
    return bucket_at(distance)


def distance_of(bucket):
    """The least distance that is counted in a bucket."""
    if bucket < SHARDS_STEPS:
        return float(bucket)
    octave, step = divmod(bucket, SHARDS_STEPS)
    return float((SHARDS_STEPS + step) << (octave - 1))


def curve(sample, sizes):
    """Miss ratio of an LRU cache of each size in keys, ascending, from one or several windows' sample added up.

    What the sample counted too much or too little against `reads`, which is exact, is put to the smallest distance:
    popular keys that are in the sample by chance, or not (the paper's SHARDS-adj).
    """
    pairs = list(zip(sample["distances"][::2], sample["distances"][1::2], strict=True))
    short = sample["reads"] - sample["cold"] - sum(count for _, count in pairs)
    ratios = []
    for size in sizes:
        hits = short + sum(count * _below(bucket, size) for bucket, count in pairs)
        ratios.append(min(max(1 - hits / sample["reads"], 0.0), 1.0))
    return ratios


def _below(bucket, size):
    """How much of a bucket has distances below `size`: a cache of n keys hits what comes back within n others."""
    low, high = distance_of(bucket), distance_of(bucket + 1)
    return min(max((size - low) / (high - low), 0.0), 1.0)
