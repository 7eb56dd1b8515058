"""The store's interface (store.pxd): reading, writing, scanning, and the handle that owns a region."""

import os
from weakref import WeakSet

from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from whimbrel.base.atomic cimport (
    cas64, fence_acquire, fence_seq, fetch_add64, fetch_add_relaxed64, load_acquire64, load_relaxed64, prefetch,
    store_relaxed64, store_release64,
)
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, writer_room
from whimbrel.base.hash cimport hash_bytes
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.store.evict cimport chain_sequence, dispose, evict_pressure, evict_slice
from whimbrel.store.growth cimport growth_step, growth_wanted
from whimbrel.store.item cimport (
    ITEM_CAS, ITEM_CHAINED, ITEM_EXPIRES, ITEM_FLAGS, ITEM_HEADER_BYTES, ITEM_HEADER_BYTES_MAX, ITEM_STALE, ITEM_WON,
    Item, item_bytes, item_decode, item_encode, item_fields, item_header_len, item_key, item_live, same_bytes,
)
from whimbrel.store.layout cimport (
    ACCESS_MASK, CELLS, FETCHED_BIT, FREQ_MAX, FREQ_SHIFT, GROUP_WORDS, LINE_WORDS, OFFSET_BITS, OVERFLOW_MASK,
    OVERFLOW_SHIFT, OWNER_MASK, PROCESSES_MAX, Region, SEGMENT_LARGE, SEGMENT_OPEN, SEGMENT_SEALED, SPILL_SHIFT,
    Segment, TAG_SHIFT, TOKEN_BIT, TOUCH_MASK,
    access_decode, access_encode, ghosts_beside, groups_grown, hash_home, hash_tag, identity_of, live_bytes,
    live_items, mul_high, segment_of, slot_freq, slot_location, slot_make,
)
from whimbrel.store.policy cimport policy_of
from whimbrel.store.process cimport process_wait
from whimbrel.store.recover cimport verify
from whimbrel.store.region cimport region_close, region_create, region_join, region_open
from whimbrel.store.segment cimport (
    Place, URGENT_SEGMENTS, cell_release, live_add, overhead_bytes, segment_cancel, segment_free_large, segment_large,
    segment_reserve, segment_seal_all, segments_allowed,
)
from whimbrel.store.table cimport (
    GROUP_SLOTS_MAX, TAG_IN_SLOT, group_clear, group_find, group_insert, group_least_used, group_lock_of, group_of,
    group_slots, group_unlock, group_unlock_unchanged, location_valid,
)

cdef enum:
    READ_TRIES = 64                 # lock-free attempts before a read takes the group's lock
    PUT_TRIES = 64                  # attempts to write against others' writes of the same key
    PUT_GROUPS = 1                  # groups of the table moved by a put while it grows
    PUT_STEPS = 6                   # items looked at by a put while the reserve is low ...
    PUT_STEP_BYTES = 64             # ... and one more for so many bytes written
    PUT_STEPS_MAX = 256             # about 25 us
    ROOM_TURNS = 320                # waits for another evictor by a put without room; the last 64 of 0.1 ms
    BUSY_TRIES = 1000               # slices of maintenance by StoreHandle.put for one item
    SCAN_GROUPS = 64                # groups looked at by one call of store_scan
    RANDOM_GROUPS = 256             # groups with items looked at for a random key ...
    RANDOM_EMPTY_GROUPS = 4096      # ... and empty ones passed by: together less than 1 ms
    MAINTAIN_HEADERS_MIN = 256      # segment headers looked at for expiry by one call of store_maintain


cdef size_t store_max_item(const Store* s) noexcept nogil:
    return s.max_item


# -- reading --

cdef inline void fill_view(Store* s, const Item* it, uint64_t* at, uint64_t* group, uint64_t header, uint64_t hash,
                           int64_t now_ms, View* v) noexcept nogil:
    cdef const Segment* g = segment_of(s, it.location)
    cdef int64_t idle = <int64_t> (<uint64_t> now_ms // 1000 - g.base_s - access_decode(it.slot & ACCESS_MASK))
    v.value = NULL
    if not it.bits & ITEM_CHAINED:
        v.value = it.at + it.header_len + it.key_len
    v.value_len = it.value_len
    v.flags = it.flags
    v.expire_ms = it.expire_ms
    v.version = identity_of(s, g, it.location)
    v.cas = it.cas if it.bits & ITEM_CAS else v.version
    v.idle_s = <uint32_t> idle if idle > 0 else 0
    v.freq = <uint8_t> slot_freq(it.slot)
    v.fetched = (it.slot & FETCHED_BIT) != 0
    v.stale = (it.bits & ITEM_STALE) != 0
    v.won = (it.bits & ITEM_WON) != 0
    v.hash = hash
    v.slot = it.slot
    v.slot_at = at
    v.group = group
    v.group_header = header
    v.item_at = it.location
    fence_acquire()                 # the sequence is read before the value: see validate_item


cdef const uint8_t* view_fields(const uint8_t* at, uint64_t header, View* v) noexcept nogil:
    """The header's optional fields; returns where the key begins."""
    cdef Item it
    item_fields(at, 0, header, &it)
    v.flags = it.flags
    v.expire_ms = it.expire_ms
    v.cas = it.cas
    return at + it.header_len


cdef inline bint view_item(Store* s, uint64_t slot, Slice key, int64_t now_ms, View* v) noexcept nogil:
    """Whether the item behind the slot has this key; then the view tells of it, and else has no meaning."""
    cdef uint64_t location = slot_location(slot), header, bits
    cdef const uint8_t* at = s.heap + location
    cdef const uint8_t* last = at + (s.segment_bytes - (location & s.segment_mask))
    cdef const Segment* g = segment_of(s, location)
    cdef int64_t idle
    if not location_valid(s, location):
        return False
    memcpy(&header, at, 8)
    if ((header >> 28) & STORE_MAX_KEY) != key.len:
        return False
    bits = header >> 40
    v.flags = 0
    v.expire_ms = 0
    v.cas = identity_of(s, g, location)
    v.version = v.cas
    v.value_len = header & STORE_MAX_VALUE
    at += ITEM_HEADER_BYTES
    if bits & (ITEM_EXPIRES | ITEM_FLAGS | ITEM_CAS | ITEM_CHAINED):
        at = view_fields(at - ITEM_HEADER_BYTES, header, v)
        if not bits & ITEM_CAS:
            v.cas = v.version
    v.value = at + key.len
    if v.value + v.value_len > last:
        if not bits & ITEM_CHAINED or location & s.segment_mask or v.value > last:
            return False
        v.value = NULL
    if not same_bytes(at, key.ptr, key.len):
        return False
    idle = <int64_t> (<uint64_t> now_ms // 1000 - g.base_s - access_decode(slot & ACCESS_MASK))
    v.idle_s = <uint32_t> idle if idle > 0 else 0
    v.freq = <uint8_t> slot_freq(slot)
    v.fetched = (slot & FETCHED_BIT) != 0
    v.stale = (bits & ITEM_STALE) != 0
    v.won = (bits & ITEM_WON) != 0
    v.item_at = location
    return True


cdef StoreStatus store_read(Store* s, Slice key, uint64_t hash, int64_t now_ms, View* v) noexcept nogil:
    """The common case, with nothing decoded before its tag matches: an item in its home line, or a line that
    nothing was spilled from.  The rest is read_slowly's."""
    cdef uint64_t* group = group_of(s, hash)
    cdef uint64_t header = load_acquire64(group), slot
    cdef uint64_t* at = group + LINE_WORDS * hash_home(hash)
    cdef uint64_t* end = at + LINE_WORDS
    cdef uint64_t wanted = hash_tag(hash) << TAG_SHIFT
    if header & OWNER_MASK:
        return read_slowly(s, key, hash, now_ms, v)
    if at == group:
        at += 1
    while at < end:
        slot = load_acquire64(at)
        if (slot ^ wanted) & TAG_IN_SLOT == 0 and view_item(s, slot, key, now_ms, v):
            v.hash = hash
            v.slot = slot
            v.slot_at = at
            v.group = group
            v.group_header = header
            fence_acquire()         # the sequence is read before the value: see validate_item
            if (v.expire_ms == 0 or now_ms < v.expire_ms) and v.version >> OFFSET_BITS > s.r.flush_sequence:
                return STORE_OK
            return read_slowly(s, key, hash, now_ms, v)
        at += 1
    fence_acquire()
    if (header >> (SPILL_SHIFT + hash_home(hash))) & 1 or load_relaxed64(group) != header or group_of(s, hash) != group:
        return read_slowly(s, key, hash, now_ms, v)
    return STORE_MISS


cdef StoreStatus read_slowly(Store* s, Slice key, uint64_t hash, int64_t now_ms, View* v) noexcept nogil:
    """Wherever the item may be, whoever is writing."""
    cdef uint64_t* group
    cdef uint64_t* at
    cdef uint64_t header
    cdef Item it
    cdef int turn
    for turn in range(READ_TRIES):
        group = group_of(s, hash)
        header = load_acquire64(group)
        if header & OWNER_MASK:
            process_wait(s, group, OWNER_MASK, turn)
            continue
        at = group_find(s, group, header, key, hash, &it)
        if at != NULL:
            fill_view(s, &it, at, group, header, hash, now_ms, v)
            if item_live(s, &it, now_ms):
                return STORE_OK
        fence_acquire()
        if load_relaxed64(group) == header and group_of(s, hash) == group:
            return STORE_MISS
        fetch_add_relaxed64(&s.r.counters.read_retries, 1)
    return read_locked(s, key, hash, now_ms, v)


cdef StoreStatus read_locked(Store* s, Slice key, uint64_t hash, int64_t now_ms, View* v) noexcept nogil:
    cdef uint64_t header
    cdef uint64_t* group = group_lock_of(s, hash, &header)
    cdef Item it
    cdef uint64_t* at = group_find(s, group, header, key, hash, &it)
    cdef StoreStatus status = STORE_MISS
    if at != NULL and item_live(s, &it, now_ms):
        fill_view(s, &it, at, group, header, hash, now_ms, v)
        status = STORE_OK
    group_unlock_unchanged(group, header)
    return status


cdef bint same_item(const Store* s, const View* v) noexcept nogil:
    """Whether what the view tells of is, byte by byte, what is at its place now; of the value, where and how long."""
    cdef Item it
    if not item_decode(s, v.item_at, &it) or hash_bytes(item_key(&it), it.key_len, s.seed) != v.hash:
        return False
    if it.value_len != v.value_len or it.flags != v.flags or it.expire_ms != v.expire_ms:
        return False
    if (it.bits & ITEM_STALE != 0) != v.stale or (it.bits & ITEM_WON != 0) != v.won:
        return False
    if v.cas != (it.cas if it.bits & ITEM_CAS else v.version):
        return False
    if it.bits & ITEM_CHAINED:
        return v.value == NULL
    return v.value == it.at + it.header_len + it.key_len


cdef bint validate_item(Store* s, const View* v) noexcept nogil:
    """The group was written to, but perhaps not this item: else readers of large values starve beside a hot key.
    While its segment has the sequence the view saw, its bytes are the view's; and when its slot is still in its
    place while nobody is writing in the group, it is the key's item.  Slots in overflow lines are not believed,
    because the line may have become another group's."""
    cdef uint64_t header = load_acquire64(v.group)
    cdef bint same = (header & OWNER_MASK == 0 and v.group <= v.slot_at < v.group + GROUP_WORDS
                      and (load_acquire64(v.slot_at) ^ v.slot) & ~<uint64_t> TOUCH_MASK == 0 and same_item(s, v))
    fence_acquire()
    if (same and identity_of(s, segment_of(s, v.item_at), v.item_at) == v.version
            and load_relaxed64(v.group) == header and group_of(s, v.hash) == v.group):
        return True
    fetch_add_relaxed64(&s.r.counters.read_retries, 1)
    return False


cdef void view_copy_chained(const Store* s, const View* v, size_t offset, size_t n, uint8_t* dest) noexcept nogil:
    """Of a large item's value."""
    cdef Item it
    cdef uint64_t number, at, piece
    memset(dest, 0, n)
    if not item_decode(s, v.item_at, &it) or not it.bits & ITEM_CHAINED:
        return
    number = v.item_at >> s.segment_shift
    at = it.header_len + it.key_len + offset
    while n and number - 1 < s.segments_max:
        if at >= s.segment_bytes:
            at -= s.segment_bytes
            number = s.segments[number].chain
            continue
        piece = s.segment_bytes - at
        if piece > n:
            piece = n
        memcpy(dest, s.heap + (number << s.segment_shift) + at, piece)
        dest += piece
        n -= piece
        at += piece


cdef inline uint64_t next_random(Store* s) noexcept nogil:
    cdef uint64_t x = load_relaxed64(&s.random)
    x ^= x << 13
    x ^= x >> 7
    x ^= x << 17
    (<uint64_t*> &s.random)[0] = x
    return x


cdef inline uint64_t freq_raised(Store* s, uint64_t slot) noexcept nogil:
    """Exact to 3, then every step is half as likely as the one before: 7 stands for about 30 accesses."""
    cdef uint64_t freq = slot_freq(slot)
    if freq < 3 or (freq < FREQ_MAX and next_random(s) >> (64 - (freq - 2)) == 0):
        freq += 1
    return freq << FREQ_SHIFT


cdef inline uint64_t access_now(const Segment* g, int64_t now_ms) noexcept nogil:
    cdef int64_t age = <int64_t> (<uint64_t> now_ms // 1000 - g.base_s)
    return access_encode(<uint64_t> age if age > 0 else 0)


cdef void store_hit(Store* s, const View* v, int64_t now_ms) noexcept nogil:
    cdef uint64_t slot = v.slot
    cdef uint64_t touched = (slot & ~(<uint64_t> (FREQ_MAX << FREQ_SHIFT | ACCESS_MASK))) | FETCHED_BIT
    touched |= freq_raised(s, slot) | access_now(segment_of(s, v.item_at), now_ms)
    if touched != slot:
        cas64(v.slot_at, slot, touched)


cdef void store_token_given(Store* s, const View* v) noexcept nogil:
    """Lost only if the slot moves meanwhile, and then store_validate says no."""
    cdef uint64_t slot
    while True:
        slot = load_acquire64(v.slot_at)
        if (slot ^ v.slot) & ~<uint64_t> TOUCH_MASK or slot & TOKEN_BIT:
            return
        if cas64(v.slot_at, slot, slot | TOKEN_BIT):
            fence_seq()             # before store_validate looks for a writer, who looks for the bit after locking
            return


# -- writing --

cdef struct Append:                 # one attempt to write
    Item item
    Place place
    uint64_t size
    bint large
    bint given                      # the token is known outside from the start
    uint64_t* group                 # what the key's group was like before anything was done:
    uint64_t group_header           # as long as it is, what was found in it holds
    uint64_t* found_at
    Item found


cdef uint64_t draw_token(Store* s) noexcept nogil:
    return fetch_add64(&s.r.next_sequence, 1) << OFFSET_BITS


cdef inline uint64_t token_of(const Store* s, const Item* it) noexcept nogil:
    return it.cas if it.bits & ITEM_CAS else identity_of(s, segment_of(s, it.location), it.location)


cdef inline bint token_known(const Item* it) noexcept nogil:
    return (it.slot & TOKEN_BIT) != 0 or (it.bits & ITEM_CAS) != 0


cdef void write_piece(const Store* s, uint64_t* location, const uint8_t* src, uint64_t n) noexcept nogil:
    """Copy to `location`, going on in the chained segment at a segment's end."""
    cdef uint64_t piece
    while n:
        piece = s.segment_bytes - (location[0] & s.segment_mask)
        if piece > n:
            piece = n
        memcpy(s.heap + location[0], src, piece)
        src += piece
        n -= piece
        location[0] += piece
        if n:
            location[0] = <uint64_t> s.segments[(location[0] - 1) >> s.segment_shift].chain << s.segment_shift


cdef void write_base(const Store* s, uint64_t* location, const View* base) noexcept nogil:
    cdef uint8_t scratch[4096]
    cdef size_t done = 0, n
    if base.value != NULL:
        write_piece(s, location, base.value, base.value_len)
        return
    while done < base.value_len:
        n = base.value_len - done
        if n > sizeof(scratch):
            n = sizeof(scratch)
        view_copy(s, base, done, n, scratch)
        write_piece(s, location, scratch, n)
        done += n


cdef void append_write(const Store* s, Append* a, const Put* put) noexcept nogil:
    cdef uint64_t location = a.place.location
    location += item_encode(a.place.at, &a.item)
    if not a.large:
        memcpy(a.place.at + a.item.header_len, put.key.ptr, put.key.len)
        location += put.key.len
    else:
        write_piece(s, &location, put.key.ptr, put.key.len)
    write_piece(s, &location, put.prefix.ptr, put.prefix.len)
    if put.base != NULL:
        write_base(s, &location, put.base)
    write_piece(s, &location, put.suffix.ptr, put.suffix.len)


cdef void append_cancel(Store* s, Append* a) noexcept nogil:
    cdef uint64_t sequence = segment_of(s, a.place.location).sequence
    if a.large:
        cell_release(&a.place)
        segment_free_large(s, <uint32_t> (a.place.location >> s.segment_shift), sequence)
    else:
        segment_cancel(s, &a.place, a.size)


cdef void append_plan(const Store* s, Append* a, const Put* put, uint64_t cas) noexcept nogil:
    cdef Item* it = &a.item
    it.bits = 0
    if put.expire_ms:
        it.bits |= ITEM_EXPIRES
    if put.flags:
        it.bits |= ITEM_FLAGS
    if cas:
        it.bits |= ITEM_CAS
    if put.stale:
        it.bits |= ITEM_STALE
    if put.won:
        it.bits |= ITEM_WON
    it.header_len = item_header_len(it.bits)
    it.key_len = <uint32_t> put.key.len
    it.value_len = <uint32_t> (put.prefix.len + put.suffix.len + (put.base.value_len if put.base != NULL else 0))
    it.flags = put.flags
    it.expire_ms = put.expire_ms
    it.cas = cas
    a.size = item_bytes(it)
    a.large = a.size > s.segment_bytes // 2
    if a.large:
        it.bits |= ITEM_CHAINED


cdef bint append_reserve(Store* s, Append* a, int queue, int64_t now_ms) noexcept nogil:
    if a.large:
        return segment_large(s, queue, a.item.expire_ms, now_ms, a.size, &a.place)
    return segment_reserve(s, queue, a.item.expire_ms, now_ms, a.size, False, &a.place)


cdef inline bint as_expected(const Store* s, uint64_t expect, const uint64_t* at, const Item* it,
                             int64_t now_ms) noexcept nogil:
    cdef bint live
    if expect == EXPECT_ANY:
        return True
    live = at != NULL and item_live(s, it, now_ms)
    if expect == EXPECT_NONE:
        return not live
    return live and identity_of(s, segment_of(s, it.location), it.location) == expect


cdef uint64_t token_needed(Store* s, const Append* a, const Put* put, const uint64_t* at,
                           const Item* old) noexcept nogil:
    """The token the item must carry to be right, 0 if its own place will do."""
    cdef uint64_t before, fresh
    if put.cas:
        return put.cas
    if at == NULL or not token_known(old):
        return 0
    before = token_of(s, old)
    if put.keep_cas and put.base != NULL:
        return before
    if a.item.cas > before and not put.keep_cas:
        return a.item.cas
    if identity_of(s, segment_of(s, a.place.location), a.place.location) > before:
        return 0
    fresh = draw_token(s)
    return fresh if fresh > before else before + 1


cdef enum Outcome:
    PUBLISHED
    UNEXPECTED
    AGAIN


cdef uint64_t make_slot(Store* s, const Append* a, uint64_t hash, const uint64_t* at, bint given, bint base,
                        int64_t now_ms) noexcept nogil:
    cdef uint64_t touch = access_now(segment_of(s, a.place.location), now_ms)
    if at != NULL:
        touch |= freq_raised(s, at[0]) | at[0] & TOKEN_BIT  # a key once asked for its token: they never go down
        if base:
            touch |= at[0] & FETCHED_BIT
    if given:
        touch |= TOKEN_BIT
    return slot_make(a.place.location, hash, touch)


cdef void make_room(Store* s, uint64_t* group, uint64_t* header) noexcept nogil:
    """Every slot of the group and its chain is taken: the least used item goes."""
    cdef uint64_t* at = group_least_used(s, group, header[0])
    cdef Item it
    cdef uint64_t sequence
    fetch_add_relaxed64(&s.r.counters.table_full_evictions, 1)
    if not item_decode(s, slot_location(at[0]), &it):
        group_clear(s, group, header, at)
        return
    sequence = chain_sequence(s, &it)
    group_clear(s, group, header, at)
    dispose(s, it.location, item_bytes(&it), sequence)


cdef inline uint64_t* find_again(Store* s, const Append* a, const Put* put, uint64_t* group, uint64_t header,
                                 Item* old) noexcept nogil:
    """Under the lock: what put_queue found, if nobody has written to the group since."""
    if group != a.group or header != a.group_header:
        return group_find(s, group, header, put.key, put.hash, old)
    if a.found_at != NULL:
        old[0] = a.found
        old.slot = load_relaxed64(a.found_at)
    return a.found_at


cdef Outcome publish(Store* s, Append* a, const Put* put, int64_t now_ms, bint given, uint64_t* cas) noexcept nogil:
    """With the bytes written: make them the key's item, if it is still as expected.  `cas` in: the token
    wanted by the last attempt; out: the token, or the one to try again with."""
    cdef uint64_t header, slot, sequence = 0
    cdef uint64_t* group = group_lock_of(s, put.hash, &header)
    cdef Item old
    cdef uint64_t* at = find_again(s, a, put, group, header, &old)
    if not as_expected(s, put.expect, at, &old, now_ms):
        group_unlock_unchanged(group, header)
        return UNEXPECTED
    cas[0] = token_needed(s, a, put, at, &old)
    if cas[0] != a.item.cas:
        group_unlock_unchanged(group, header)
        return AGAIN
    given = given or cas[0] != 0 or (at != NULL and token_known(&old))
    slot = make_slot(s, a, put.hash, at, given, put.base != NULL, now_ms)
    live_add(s, a.place.location, a.size)
    if at != NULL:
        sequence = chain_sequence(s, &old)
        store_release64(at, slot)
    else:
        while not group_insert(s, group, &header, slot):
            make_room(s, group, &header)
    if at != NULL:
        dispose(s, old.location, item_bytes(&old), sequence)
    if cas[0] == 0:                 # while locked: once it is not, a large item may be overwritten and its chain freed
        cas[0] = identity_of(s, segment_of(s, a.place.location), a.place.location)
    group_unlock(group, header)
    a.place.cell.writes += 1
    cell_release(&a.place)
    return PUBLISHED


cdef inline void put_quantum(Store* s, uint64_t size, int64_t now_ms) noexcept nogil:
    """What a put does for the reserve, in proportion to what it takes from it."""
    cdef uint64_t steps
    if growth_wanted(s):
        growth_step(s, PUT_GROUPS)
    if evict_pressure(s):
        steps = PUT_STEPS + size // PUT_STEP_BYTES
        evict_slice(s, now_ms, <int> steps if steps < PUT_STEPS_MAX else PUT_STEPS_MAX, 0)


cdef int put_queue(Store* s, Append* a, const Put* put) noexcept nogil:
    """Where the key lives already, if it does."""
    a.group = group_of(s, put.hash)
    prefetch(ghosts_beside(s, a.group))
    a.group_header = load_acquire64(a.group)
    a.found_at = group_find(s, a.group, a.group_header, put.key, put.hash, &a.found)
    if a.found_at == NULL:
        return policy_of(s).admit(s, put.hash)
    return segment_of(s, a.found.location).queue


cdef bint append_with_room(Store* s, Append* a, int queue, int64_t now_ms) noexcept nogil:
    """Reserve after making room; while somebody else makes room, he is waited for, but not for long."""
    cdef int turn
    for turn in range(ROOM_TURNS):
        evict_slice(s, now_ms, PUT_STEPS_MAX, 0)
        if append_reserve(s, a, queue, now_ms):
            return True
        if load_relaxed64(&s.r.evict_lock) == 0:
            break
        process_wait(s, &s.r.evict_lock, ~<uint64_t> 0, turn)
    return False


cdef StoreStatus no_room(Store* s, const Append* a) noexcept nogil:
    """Whether it is worth to try again.  Of a large item's wish the evictor has lost sight when it had enough."""
    cdef uint64_t wanted = (a.size + s.segment_bytes - 1) >> s.segment_shift
    fetch_add_relaxed64(&s.r.counters.no_memory, 1)
    if a.large and wanted + URGENT_SEGMENTS <= segments_allowed(s):
        store_relaxed64(&s.r.large_wanted, wanted)
        return STORE_BUSY
    return STORE_BUSY if evict_pressure(s) else STORE_NO_MEMORY


cdef StoreStatus store_put(Store* s, const Put* put, int64_t now_ms, uint64_t* cas_out) noexcept nogil:
    cdef Append a
    cdef uint64_t cas = put.cas
    cdef size_t value_len = put.prefix.len + put.suffix.len + (put.base.value_len if put.base != NULL else 0)
    cdef Outcome outcome
    cdef int queue
    if put.key.len > STORE_MAX_KEY or value_len > STORE_MAX_VALUE or put.key.len + value_len > s.max_item:
        return STORE_TOO_LARGE
    if ITEM_HEADER_BYTES_MAX + put.key.len > s.segment_bytes:   # a key does not go on in a chained segment
        return STORE_TOO_LARGE
    queue = put_queue(s, &a, put)
    for _ in range(PUT_TRIES):
        append_plan(s, &a, put, cas)
        put_quantum(s, a.size, now_ms)
        if not append_reserve(s, &a, queue, now_ms):
            if a.large:
                store_relaxed64(&s.r.large_wanted, (a.size >> s.segment_shift) + 1)
            if not append_with_room(s, &a, queue, now_ms):
                return no_room(s, &a)
        append_write(s, &a, put)
        outcome = publish(s, &a, put, now_ms, cas_out != NULL, &cas)
        if outcome == PUBLISHED:
            if cas_out != NULL:
                cas_out[0] = cas
            return STORE_OK
        append_cancel(s, &a)
        if outcome == UNEXPECTED:
            return STORE_CHANGED
    return STORE_CHANGED


cdef StoreStatus store_remove(Store* s, Slice key, uint64_t hash, uint64_t expect, int64_t now_ms) noexcept nogil:
    cdef uint64_t header
    cdef uint64_t* group = group_lock_of(s, hash, &header)
    cdef Item it
    cdef uint64_t* at = group_find(s, group, header, key, hash, &it)
    cdef bint live
    cdef uint64_t sequence
    if at == NULL:
        group_unlock_unchanged(group, header)
        return STORE_MISS
    live = item_live(s, &it, now_ms)
    if live and not as_expected(s, expect, at, &it, now_ms):
        group_unlock_unchanged(group, header)
        return STORE_CHANGED
    sequence = chain_sequence(s, &it)
    group_clear(s, group, &header, at)
    dispose(s, it.location, item_bytes(&it), sequence)
    group_unlock(group, header)
    return STORE_OK if live else STORE_MISS


cdef void store_flush(Store* s) noexcept nogil:
    segment_seal_all(s)


cdef bint store_maintain(Store* s, int64_t now_ms, int steps) noexcept nogil:
    cdef uint64_t headers = load_relaxed64(&s.r.segments_bump) // 8
    if headers < MAINTAIN_HEADERS_MIN:
        headers = MAINTAIN_HEADERS_MIN
    return growth_step(s, steps // 32 + 1) | evict_slice(s, now_ms, steps, headers)


# -- walking the keys --

cdef struct Found:
    uint64_t hash
    Item item


cdef int group_live(Store* s, uint64_t* group, uint64_t header, uint64_t least, int64_t now_ms,
                    Found* found) noexcept nogil:
    """Live items with at least this hash, in the order of their hash.  Under the lock."""
    cdef uint64_t* slots[GROUP_SLOTS_MAX]
    cdef size_t n = group_slots(s, group, header, slots), i
    cdef int count = 0, j
    cdef uint64_t hash
    cdef Item it
    for i in range(n):
        if slots[i][0] == 0 or not item_decode(s, slot_location(slots[i][0]), &it) or not item_live(s, &it, now_ms):
            continue
        hash = hash_bytes(item_key(&it), it.key_len, s.seed)
        if hash < least:
            continue
        j = count
        while j > 0 and found[j - 1].hash > hash:
            found[j] = found[j - 1]
            j -= 1
        found[j].hash = hash
        found[j].item = it
        count += 1
    return count


cdef bint write_key(const Item* it, Writer* keys) noexcept nogil:
    if writer_room(keys) < it.key_len + 2:
        return False
    put_byte(keys, <uint8_t> (it.key_len & 255))
    put_byte(keys, <uint8_t> (it.key_len >> 8))
    put_bytes(keys, item_key(it), it.key_len)
    return True


cdef uint64_t next_start(uint64_t mapping, uint64_t position) noexcept nogil:
    """The least hash of the group after the one `position` is in; 0 after the last."""
    cdef uint64_t n = mapping >> 32
    cdef uint64_t index = mul_high(position, n)
    if index >= <uint32_t> mapping:
        n = groups_grown(n)
        index = mul_high(position, n)
    index += 1
    if index >= n:
        return 0
    # the least q with q * n >= index * 2^64, from an estimate that is never above it
    cdef uint64_t q = (<uint64_t> -1) // n * index
    q += (((<uint64_t> -1) % n + 1) * index + n - 1) // n
    return q


cdef size_t store_scan(Store* s, uint64_t* cursor, int64_t now_ms, Writer* keys) noexcept nogil:
    cdef Found found[GROUP_SLOTS_MAX]
    cdef uint64_t header
    cdef uint64_t* group
    cdef size_t written = 0
    cdef int count, i
    cdef uint64_t following
    for _ in range(SCAN_GROUPS):
        group = group_lock_of(s, cursor[0], &header)
        following = next_start(load_relaxed64(&s.r.mapping), cursor[0])
        count = group_live(s, group, header, cursor[0], now_ms, found)
        for i in range(count):
            if not write_key(&found[i].item, keys):
                group_unlock_unchanged(group, header)
                cursor[0] = found[i].hash + (1 if written == 0 else 0)
                return written
            written += 1
        group_unlock_unchanged(group, header)
        cursor[0] = following
        if following == 0 or written:
            break
    return written


cdef inline bint group_empty(const uint64_t* group) noexcept nogil:
    """Seen without its lock."""
    cdef uint64_t any_slot = (load_relaxed64(group) >> OVERFLOW_SHIFT) & OVERFLOW_MASK
    cdef int i
    for i in range(1, GROUP_WORDS):
        any_slot |= load_relaxed64(group + i)
    return any_slot == 0


cdef bint store_random_key(Store* s, uint64_t random, int64_t now_ms, Writer* key) noexcept nogil:
    cdef Found found[GROUP_SLOTS_MAX]
    cdef uint64_t header
    cdef uint64_t* group
    cdef uint64_t position = random
    cdef int count, tries = 0
    cdef bint written
    for _ in range(RANDOM_EMPTY_GROUPS):
        if group_empty(group_of(s, position)):
            position = next_start(load_relaxed64(&s.r.mapping), position)
            continue
        tries += 1
        if tries > RANDOM_GROUPS:
            break
        group = group_lock_of(s, position, &header)
        count = group_live(s, group, header, 0, now_ms, found)
        written = count > 0 and write_key(&found[random % <unsigned> count].item, key)
        position = next_start(load_relaxed64(&s.r.mapping), position)
        group_unlock_unchanged(group, header)
        if count > 0:
            return written
    return False


# -- figures --

cdef uint64_t count_writes(const Store* s) noexcept nogil:
    cdef uint64_t n = s.r.counters.writes
    cdef int i, j
    for i in range(1, PROCESSES_MAX + 1):
        if s.r.processes[i].pid:
            for j in range(CELLS):
                n += s.r.processes[i].cells[j].writes
    return n


cdef void store_stats(Store* s, StoreStats* stats) noexcept nogil:
    cdef const Region* r = s.r
    cdef uint64_t i, live
    cdef uint64_t bump = load_relaxed64(&r.segments_bump)
    cdef const Segment* g
    memset(stats, 0, sizeof(StoreStats))
    for i in range(1, bump):
        g = s.segments + i
        if g.sequence > r.flush_sequence and (
                g.state == SEGMENT_OPEN or g.state == SEGMENT_SEALED or g.state == SEGMENT_LARGE):
            live = load_relaxed64(&g.live)
            stats.items += live_items(live)
            stats.item_bytes += live_bytes(live)
    stats.heap_bytes = r.heap_bytes
    stats.table_bytes = overhead_bytes(s)
    stats.segments = r.segments_used
    stats.segments_free = r.segments_free
    stats.segment_bytes = r.segment_bytes
    stats.writes = count_writes(s)
    stats.evicted_items = r.counters.evicted_items
    stats.evicted_bytes = r.counters.evicted_bytes
    stats.expired_items = r.counters.expired_items
    stats.relocated_items = r.counters.relocated_items
    stats.evicted_segments = r.counters.evicted_segments
    stats.expired_segments = r.counters.expired_segments
    stats.compacted_segments = r.counters.compacted_segments
    stats.read_retries = r.counters.read_retries
    stats.lock_waits = r.counters.lock_waits
    stats.table_grows = r.counters.table_grows
    stats.table_full_evictions = r.counters.table_full_evictions
    stats.no_memory = r.counters.no_memory


# -- the handle --

POLICIES = ("s3fifo", "merge", "fifo")
MAX_ITEM_BYTES = 1 << 20


HANDLES: WeakSet = WeakSet()        # of this process, to join again in a forked child


def join_all():
    for handle in HANDLES:
        if (<StoreHandle> handle).ptr != NULL:
            handle.join()


os.register_at_fork(after_in_child=join_all)


cdef inline Slice slice_of_bytes(bytes b):
    return slice_of(PyBytes_AsString(b), len(b))


cdef class StoreHandle:
    """Owner of a mapped region.  Python-facing: creating, opening and closing; `ptr` is what data planes use."""

    @staticmethod
    def create(heap_bytes, *, path=None, memfd=False, private=False, segment_bytes=0, max_item_bytes=MAX_ITEM_BYTES,
               eviction="s3fifo"):
        """A new, empty region: anonymous memory shared with forked children (or private to this process), or
        a memfd, or the file at `path`."""
        cdef StoreHandle handle = StoreHandle.__new__(StoreHandle)
        if eviction not in POLICIES:
            raise ValueError(f"eviction={eviction!r} is not one of {', '.join(POLICIES)}")
        if private and (memfd or path is not None):
            raise ValueError("private memory has neither a path nor a memfd")
        handle.ptr = region_create(heap_bytes, path, memfd, private, segment_bytes, max_item_bytes,
                                   POLICIES.index(eviction))
        HANDLES.add(handle)
        return handle

    @staticmethod
    def open(path):
        """The region in the file at `path`, with everything its users left there."""
        cdef StoreHandle handle = StoreHandle.__new__(StoreHandle)
        handle.ptr = region_open(path)
        HANDLES.add(handle)
        return handle

    def verify(self):
        """What is wrong with the region, as sentences: none, or the store has a bug.  Nobody may write
        meanwhile."""
        return verify(self.mapped())

    def join(self):
        """Use the region as a process of its own; forked children do so by themselves."""
        region_join(self.mapped())

    def close(self):
        """Unmap the region.  Nothing may use `ptr` from here on."""
        if self.ptr != NULL:
            region_close(self.ptr)
            self.ptr = NULL

    def __dealloc__(self):
        if self.ptr != NULL:
            region_close(self.ptr)

    cdef Store* mapped(self) except NULL:
        if self.ptr == NULL:
            raise ValueError("the store is closed")
        return self.ptr

    def now_ms(self):
        return store_now_ms(self.mapped())

    def advance(self, int64_t ms):
        """Move this process's clock: for tests of time without sleeping."""
        self.mapped().clock_offset_ms += ms

    def lookup(self, bytes key, *, bint hit=True, bint token=False):
        """The value and everything known of it as a dict, or None."""
        cdef Store* s = self.mapped()
        cdef Slice k = slice_of_bytes(key)
        cdef uint64_t hash = store_hash(s, k)
        cdef int64_t now = store_now_ms(s)
        cdef View v
        cdef bytes value
        while True:
            if store_read(s, k, hash, now, &v) == STORE_MISS:
                return None
            value = PyBytes_FromStringAndSize(NULL, v.value_len)
            view_copy(s, &v, 0, v.value_len, <uint8_t*> PyBytes_AsString(value))
            if token:
                store_token_given(s, &v)
            if store_validate(s, &v):
                break
        if hit:
            store_hit(s, &v, now)
        return {
            "value": value, "flags": v.flags, "expire_ms": v.expire_ms, "version": v.version, "cas": v.cas,
            "idle_s": v.idle_s, "freq": v.freq, "fetched": bool(v.fetched), "stale": bool(v.stale), "won": bool(v.won),
        }

    def get(self, bytes key):
        found = self.lookup(key)
        return None if found is None else found["value"]

    def put(self, bytes key, bytes value, *, ttl_ms=None, uint32_t flags=0, uint64_t expect=EXPECT_ANY, uint64_t cas=0,
            bint stale=False, bint won=False, bint want_cas=False):
        """One store_put; returns (status name, cas token or 0)."""
        cdef Store* s = self.mapped()
        cdef Put p
        cdef uint64_t token = 0
        cdef StoreStatus status = STORE_BUSY
        cdef int64_t now = store_now_ms(s)
        memset(&p, 0, sizeof(p))
        p.key = slice_of_bytes(key)
        p.hash = store_hash(s, p.key)
        p.suffix = slice_of_bytes(value)
        p.flags = flags
        p.expire_ms = 0 if ttl_ms is None else now + <int64_t> ttl_ms
        p.expect = expect
        p.cas = cas
        p.stale = stale
        p.won = won
        for _ in range(BUSY_TRIES):
            status = store_put(s, &p, now, &token if want_cas else NULL)
            if status != STORE_BUSY:
                break
            store_maintain(s, now, 1024)
        return STATUS_NAMES[<int> status], token

    def set(self, bytes key, bytes value, *, ttl_ms=None, uint32_t flags=0):
        """Whether it was stored."""
        return self.put(key, value, ttl_ms=ttl_ms, flags=flags)[0] == "ok"

    def add(self, bytes key, bytes value, *, ttl_ms=None, uint32_t flags=0):
        return self.put(key, value, ttl_ms=ttl_ms, flags=flags, expect=EXPECT_NONE)[0] == "ok"

    def delete(self, bytes key, uint64_t expect=EXPECT_ANY):
        cdef Store* s = self.mapped()
        cdef Slice k = slice_of_bytes(key)
        return store_remove(s, k, store_hash(s, k), expect, store_now_ms(s)) == STORE_OK

    def flush(self):
        store_flush(self.mapped())

    def maintain(self, int steps=1000):
        cdef Store* s = self.mapped()
        return bool(store_maintain(s, store_now_ms(s), steps))

    def scan(self, uint64_t cursor=0, size_t room=65536):
        """(next cursor, keys)."""
        cdef Store* s = self.mapped()
        cdef bytearray out = bytearray(room)
        cdef uint8_t* base = out
        cdef Writer w
        cdef size_t n, at = 0, length
        w.base = base
        w.pos = base
        w.end = base + room
        w.overflow = False
        n = store_scan(s, &cursor, store_now_ms(s), &w)
        keys = []
        for _ in range(n):
            length = base[at] | <size_t> base[at + 1] << 8
            keys.append(bytes(out[at + 2:at + 2 + length]))
            at += 2 + length
        return cursor, keys

    def random_key(self, uint64_t random):
        cdef Store* s = self.mapped()
        cdef uint8_t out[STORE_MAX_KEY + 2]
        cdef Writer w
        w.base = out
        w.pos = out
        w.end = out + sizeof(out)
        w.overflow = False
        if not store_random_key(s, random, store_now_ms(s), &w):
            return None
        return bytes(out[2:w.pos - out])

    def stats(self):
        cdef StoreStats stats
        store_stats(self.mapped(), &stats)
        return dict(stats)


STATUS_NAMES = ("ok", "miss", "changed", "too_large", "no_memory", "busy")
