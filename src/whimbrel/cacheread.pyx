# cython: binding=False, embedsignature.format=clinic
# (methods without a bound function object: 15 ns less for each call of a 70 ns operation)
"""Reading: the part of whimbrel.Cache where nanoseconds count.

Idea: a get is a hash, a lock-free read into a fresh object and a validation; nothing else is on its path.
    clock    only an item with an expiry costs a precise clock; the rest use a coarse one, at most CLOCK_EVERY
             operations old, which can only be late: what it calls expired is expired
    GIL      kept for small values (releasing costs more than copying), released from BIG_BYTES on; `users`
             counts those who are out, so that close() waits to unmap until the last is back.  Whatever may
             run Python code (a codec, a ttl's __float__) may let others close: `store` is checked after it

Deliberately not here: writing (cachecore), the mapping's conveniences (cache.py), memoizing (cachecalls.py).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy
from whimbrel.base.buffer cimport Writer, writer_init, writer_len
from whimbrel.base.clock cimport coarse_ns, precise_ns
from whimbrel.cacheitem cimport (
    FLAGS_BYTES, FLAGS_INT, FLAGS_STR, Key, is_ascii, key_init, key_object, short_int, value_object)
from whimbrel.store.store cimport (
    STORE_OK, Store, StoreHandle, StoreStats, View, store_hit, store_maintain, store_now_ms, store_read, store_scan,
    store_stats, store_validate, view_copy)

from whimbrel.base.errors import ClosedError

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    void* PyUnicode_DATA(object text) noexcept

cdef extern from "math.h":
    double INFINITY

cdef enum:
    SMALL_BYTES = 512           # bytes: values that are neither bytes nor str, up to here, are read through the stack
    UNPROVEN_BYTES = 4 << 10    # bytes: longer values get memory once the view was true; a false one claims anything
    CLOCK_EVERY = 64            # operations for which a coarse clock reading is used again
    SCAN_BYTES = 64 << 10       # bytes of keys a scan takes at a time; one key needs STORE_MAX_KEY + 2

missing = object()
MISSING = missing


cdef int refuse_closed() except -1:
    raise ClosedError("the cache is closed")


cdef void set_coarse_clock(CacheReader cache) noexcept:
    cache.coarse_offset_ms = store_now_ms(cache.store) - precise_ns() // 1_000_000
    cache.coarse_ms = store_now_ms(cache.store)
    cache.clock_age = 0


cdef inline int64_t about_now(CacheReader cache) noexcept:
    """Steady wall milliseconds, never ahead of the precise clock."""
    cache.clock_age += 1
    if cache.clock_age >= CLOCK_EVERY:
        cache.clock_age = 0
        cache.coarse_ms = coarse_ns() // 1_000_000 + cache.coarse_offset_ms - 1
    return cache.coarse_ms


cdef inline int look(CacheReader cache, Key* key, View* v) noexcept:
    """1: an item is there, if `v` proves true; 0: none is; -1: a writer got in between, look again."""
    if store_read(cache.store, key.bytes, key.hash, about_now(cache), v) != STORE_OK:
        return 0
    if v.expire_ms == 0 or store_now_ms(cache.store) < v.expire_ms:
        return 1
    return 0 if store_validate(cache.store, v) else -1


cdef bint copy_value(CacheReader cache, const View* v, uint8_t* dest) except -1:
    """Copy the value; whether the view was true.  The copy is not to be looked at before that is known."""
    cdef Store* store = cache.store
    cdef bint valid
    if v.value_len < BIG_BYTES:
        if v.value != NULL:
            memcpy(dest, v.value, v.value_len)
        else:
            view_copy(store, v, 0, v.value_len, dest)
        return store_validate(store, v)
    cache.users += 1
    with nogil:
        view_copy(store, v, 0, v.value_len, dest)
        valid = store_validate(store, v)
    cache.leave()
    check_open(cache)
    return valid


cdef object take(CacheReader cache, const View* v, bint hit):
    """The value, or `missing` when the view was not true.

    Turning bytes into an object may run other threads, and those may close the cache: the store is not
    touched after that, which is why the hit is noted first.
    """
    cdef uint8_t room[SMALL_BYTES]
    cdef uint8_t* dest = room
    cdef object copy = None
    if v.value_len > UNPROVEN_BYTES and not store_validate(cache.store, v):
        return missing
    if v.flags == FLAGS_STR:
        copy = PyUnicode_New(v.value_len, 127)  # most text is ASCII; what is not is decoded from these bytes
        dest = <uint8_t*> PyUnicode_DATA(copy)
    elif v.flags == FLAGS_BYTES or v.value_len > SMALL_BYTES:
        copy = PyBytes_FromStringAndSize(NULL, v.value_len)
        dest = <uint8_t*> PyBytes_AS_STRING(copy)
    if not copy_value(cache, v, dest):
        return missing
    if hit:
        store_hit(cache.store, v, cache.coarse_ms)
    if v.flags == FLAGS_BYTES or (v.flags == FLAGS_STR and is_ascii(dest, v.value_len)):
        return copy
    if v.flags == FLAGS_INT and 1 <= v.value_len <= 8:
        return short_int(dest, v.value_len)
    return value_object(v.flags, dest, v.value_len, cache.codec, cache.codec_flags)


cdef inline object lookup(CacheReader cache, object key):
    """The value under `key`, or `missing`; counted."""
    cdef Key k
    cdef View v
    check_open(cache)
    key_init(&k, cache.store, key)
    value = cache.read(&k, &v, True)
    if value is missing:
        cache.misses += 1
    else:
        cache.hits += 1
    return value


cdef class CacheReader:
    """Reading from one mapped region, and the region's life.  See whimbrel.Cache for what a caller uses."""

    def __cinit__(self, StoreHandle handle not None, codec=None, codec_flags=0, ttl=None):
        self.handle = handle
        self.store = handle.ptr
        self.codec = codec
        self.codec_flags = codec_flags
        self.ttl = INFINITY if ttl is None else ttl
        set_coarse_clock(self)

    # ---- who is inside ---------------------------------------------------------------------------------

    cdef int leave(self) except -1:
        """The GIL is held again after being away; the last one out unmaps a cache that was closed meanwhile."""
        self.users -= 1
        if self.users == 0 and self.store == NULL:
            self.handle.close()
        return 0

    @property
    def closed(self):
        """Whether close() was called."""
        return self.store == NULL

    def close(self):
        """Unmap the region: at once, or when the last thread that copies from it is done.  Idempotent."""
        if self.store == NULL:
            return
        self.store = NULL
        if self.users == 0:
            self.handle.close()

    # ---- reading ---------------------------------------------------------------------------------------

    cdef object read(self, Key* key, View* v, bint hit):
        """The value under a key, or `missing`; `v` says the rest about it."""
        cdef int found, _try
        for _try in range(READ_TRIES):
            found = look(self, key, v)
            if found == 0:
                return missing
            if found == 1:
                value = take(self, v, hit)
                if value is not missing:
                    return value
        self.read_gave_up += 1
        return missing

    cdef bint peek(self, Key* key, View* v) noexcept:
        """Whether a live item is there, without its value; `v` is true."""
        cdef int found, _try
        for _try in range(READ_TRIES):
            found = look(self, key, v)
            if found == 0:
                return False
            if found == 1 and store_validate(self.store, v):
                return True
        self.read_gave_up += 1
        return False

    def get(self, key, default=None):
        """The value under `key`, or `default`."""
        value = lookup(self, key)
        return default if value is missing else value

    def __getitem__(self, key):
        value = lookup(self, key)
        if value is missing:
            raise KeyError(key)
        return value

    def __contains__(self, key):
        cdef Key k
        cdef View v
        check_open(self)
        key_init(&k, self.store, key)
        return self.peek(&k, &v)

    def ttl_of(self, key):
        """Seconds until the item expires, None when it never does; KeyError when there is none."""
        cdef Key k
        cdef View v
        check_open(self)
        key_init(&k, self.store, key)
        if not self.peek(&k, &v):
            raise KeyError(key)
        return (v.expire_ms - store_now_ms(self.store)) / 1000.0 if v.expire_ms else None

    # ---- the whole -------------------------------------------------------------------------------------

    def __len__(self):
        cdef StoreStats stats
        check_open(self)
        store_stats(self.store, &stats)
        return stats.items

    def scan(self, cursor=0):
        """(next cursor, some keys): start with 0, done when it is 0 again.  A key may come twice."""
        cdef uint64_t position = cursor
        cdef bytearray room = bytearray(SCAN_BYTES)
        cdef uint8_t* data = room
        cdef const uint8_t* end
        cdef Writer keys
        cdef uint16_t size
        check_open(self)
        writer_init(&keys, data, SCAN_BYTES)
        store_scan(self.store, &position, store_now_ms(self.store), &keys)
        end = data + writer_len(&keys)
        found = []
        while data < end:
            memcpy(&size, data, 2)   # little endian, as every machine this runs on
            found.append(key_object(data + 2, size))
            data += 2 + size
        return position, found

    def maintain(self, steps=BUSY_STEPS):
        """Reclaim expired memory and evict ahead of need, a slice; returns whether more is waiting.

        Writes do this as they go; call it in an idle process that wants its memory statistics up to date.
        """
        cdef bint more
        cdef int count = steps
        cdef Store* store = self.store
        check_open(self)
        self.users += 1
        with nogil:
            more = store_maintain(store, store_now_ms(store), count)
        self.leave()
        return more

    def stats(self):
        """Numbers by name.  Those of the region count for every process on it, hits and misses for this one."""
        cdef StoreStats s
        check_open(self)
        store_stats(self.store, &s)
        numbers = dict(s)
        numbers.update(hits=self.hits, misses=self.misses, sets=self.sets, deletes=self.deletes,
                       read_gave_up=self.read_gave_up)
        return numbers

    def __reduce__(self):
        raise TypeError(f"cannot pickle a {type(self).__name__}: it is memory, shared by fork")
