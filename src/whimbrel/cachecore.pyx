# cython: binding=False, embedsignature.format=clinic
"""Writing: the other half of whimbrel.Cache's compiled core, one method an operation.

Idea: an operation that depends on what is there reads it, decides, and writes only if the key is still as it
was read (`expect`); when it is not, it starts over.  A write waits for eviction in slices, without the GIL.
A value is encoded before the store is looked at, because encoding may run anybody's code.
"""

cimport cython
from libc.math cimport ceil, isnan
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset
from whimbrel.cacheitem cimport Key, Value, key_init, value_init
from whimbrel.cacheread cimport BIG_BYTES, BUSY_STEPS, READ_TRIES, CacheReader, check_open, missing
from whimbrel.store.store cimport (
    EXPECT_ANY, EXPECT_NONE, STORE_BUSY, STORE_CHANGED, STORE_MISS, STORE_NO_MEMORY, STORE_OK, STORE_TOO_LARGE, Put,
    Store, StoreStatus, View, store_flush, store_maintain, store_max_item, store_now_ms, store_put, store_remove)

from whimbrel.base.errors import ItemTooLargeError, StoreFullError
from whimbrel.cacheitem import CODEC_FLAGS, KEY_BYTES_MAX
from whimbrel.cacheread import MISSING

__all__ = ["CODEC_FLAGS", "KEY_BYTES_MAX", "MISSING", "CacheCore"]

cdef extern from "sched.h":
    int sched_yield() noexcept nogil

cdef extern from "math.h":
    double INFINITY

cdef enum:
    MAINTAIN_EVERY = 16         # writes between two slices of maintenance
    MAINTAIN_STEPS = 64         # items looked at in a slice, about 3 us
    BUSY_TRIES = 100_000        # slices a write waits for: 5 s of evicting, and then there is no memory

cdef double EXPIRE_MAX_MS = (1 << 48) - 1   # what an item's header can say: the year 10889; later is never


cdef void put_init(Put* put, const Key* key, int64_t expire_ms, uint64_t expect) noexcept:
    memset(put, 0, sizeof(Put))
    put.key = key.bytes
    put.hash = key.hash
    put.expire_ms = expire_ms
    put.expect = expect


cdef object contended():
    raise StoreFullError("other writers changed the item under every one of a hundred thousand attempts")


cdef double ttl_seconds(object ttl, double default) except? -1.0:
    """`ttl` as a number; never is infinite."""
    cdef double seconds
    if ttl is ...:
        return default
    if ttl is None:
        return INFINITY
    seconds = ttl
    if isnan(seconds):
        raise ValueError("ttl is not a number")
    return seconds


cdef int64_t expire_at(double seconds, int64_t now_ms) noexcept:
    """When an item written now expires; 0: never.  Not in the future: it is not to be kept."""
    # a part of a millisecond counts as one, but 4.35 * 1000 is 4350 and a rounding error
    cdef double at = <double> now_ms + ceil(seconds * 1000.0 * (1.0 - 1e-15))
    if at > EXPIRE_MAX_MS:
        return 0
    return <int64_t> at if at > 1 else 1


cdef class CacheCore(CacheReader):
    """Operations on one mapped region.  See whimbrel.Cache for what a caller uses."""

    # ---- writing ---------------------------------------------------------------------------------------

    @cython.final
    cdef int put_big(self, const Put* put, int64_t now_ms) except -1:
        cdef Store* store = self.store
        cdef StoreStatus status
        self.users += 1
        with nogil:
            status = store_put(store, put, now_ms, NULL)
        self.leave()
        check_open(self)
        return status

    @cython.final
    cdef int wait_for_room(self, int64_t now_ms) except -1:
        cdef Store* store = self.store
        self.users += 1
        with nogil:
            if not store_maintain(store, now_ms, BUSY_STEPS):
                sched_yield()
        self.leave()
        return check_open(self)

    @cython.final
    cdef int put(self, const Put* put, int64_t now_ms) except -1:
        """One write: STORE_OK, or STORE_CHANGED when `expect` does not hold.  Everything else is raised."""
        cdef int status = STORE_BUSY, _try
        for _try in range(BUSY_TRIES):
            if put.prefix.len >= BIG_BYTES:
                status = self.put_big(put, now_ms)
            else:
                status = store_put(self.store, put, now_ms, NULL)
            if status != STORE_BUSY:
                break
            self.wait_for_room(now_ms)
        if status == STORE_TOO_LARGE:
            raise ItemTooLargeError(f"item of {put.key.len + put.prefix.len} bytes is too large: at most "
                                    f"{store_max_item(self.store)} bytes with its key")
        if status == STORE_BUSY or status == STORE_NO_MEMORY:
            raise StoreFullError("no memory can be made free for the item now")
        self.after_write(now_ms)
        return status

    @cython.final
    cdef inline void after_write(self, int64_t now_ms) noexcept:
        self.sets += 1
        self.writes_since += 1
        if self.writes_since >= MAINTAIN_EVERY:
            self.writes_since = 0
            store_maintain(self.store, now_ms, MAINTAIN_STEPS)

    @cython.final
    cdef int write(self, Key* key, const Value* value, int64_t expire_ms, uint64_t expect) except -1:
        """Write, or, when it has expired already, see to it that nothing is there."""
        cdef int64_t now_ms = store_now_ms(self.store)
        cdef Put put
        cdef View v
        if expire_ms != 0 and expire_ms <= now_ms:
            if expect == EXPECT_NONE:
                return STORE_CHANGED if self.peek(key, &v) else STORE_OK
            return self.remove(key, expect)
        put_init(&put, key, expire_ms, expect)
        put.prefix = value.bytes
        put.flags = value.flags
        return self.put(&put, now_ms)

    @cython.final
    cdef int remove(self, Key* key, uint64_t expect) except -1:
        """STORE_OK also where nothing was there, unless one write was expected."""
        cdef int status = store_remove(self.store, key.bytes, key.hash, expect, store_now_ms(self.store))
        if status == STORE_MISS:
            return STORE_OK if expect == EXPECT_ANY else STORE_CHANGED
        return status

    def set(self, key, value, ttl=...):
        """Store `value`; it expires `ttl` seconds from now (None: never; left out: the cache's default)."""
        cdef Key k
        cdef Value encoded
        cdef double life = ttl_seconds(ttl, self.ttl)
        _keep = value_init(&encoded, value, self.codec, self.codec_flags)
        check_open(self)
        key_init(&k, self.store, key)
        self.write(&k, &encoded, expire_at(life, store_now_ms(self.store)), EXPECT_ANY)

    def __setitem__(self, key, value):
        self.set(key, value)

    def add(self, key, value, ttl=...):
        """Store `value` if nothing is under `key`; returns whether it was stored."""
        cdef Key k
        cdef Value encoded
        cdef double life = ttl_seconds(ttl, self.ttl)
        _keep = value_init(&encoded, value, self.codec, self.codec_flags)
        check_open(self)
        key_init(&k, self.store, key)
        return self.write(&k, &encoded, expire_at(life, store_now_ms(self.store)), EXPECT_NONE) == STORE_OK

    def replace(self, key, value, ttl=...):
        """Store `value` if something is under `key`; returns whether it was stored."""
        cdef Key k
        cdef View v
        cdef Value encoded
        cdef int _try
        cdef double life = ttl_seconds(ttl, self.ttl)
        _keep = value_init(&encoded, value, self.codec, self.codec_flags)
        check_open(self)
        key_init(&k, self.store, key)
        for _try in range(READ_TRIES):
            if not self.peek(&k, &v):
                return False
            if self.write(&k, &encoded, expire_at(life, store_now_ms(self.store)), v.version) == STORE_OK:
                return True
        return contended()

    def touch(self, key, ttl=...):
        """Let the item expire `ttl` seconds from now; returns whether there is one."""
        cdef Key k
        cdef View v
        cdef Put put
        cdef int64_t now_ms
        cdef int _try, status
        cdef double life = ttl_seconds(ttl, self.ttl)
        check_open(self)
        key_init(&k, self.store, key)
        for _try in range(READ_TRIES):
            if not self.peek(&k, &v):
                return False
            now_ms = store_now_ms(self.store)
            put_init(&put, &k, expire_at(life, now_ms), v.version)
            put.base = &v
            put.flags = v.flags
            put.keep_cas = True
            if put.expire_ms != 0 and put.expire_ms <= now_ms:
                status = self.remove(&k, v.version)
            else:
                status = self.put(&put, now_ms)
            if status == STORE_OK:
                return True
        return contended()

    def incr(self, key, delta=1, default=None, ttl=...):
        """Add `delta` to the int under `key` and return the sum; its expiry stays.

        Nothing there: KeyError, or, with a `default`, `default + delta` is stored with `ttl`.
        """
        cdef Key k
        cdef View v
        cdef Value encoded
        cdef double life = ttl_seconds(ttl, self.ttl)
        cdef int _try
        if type(delta) is not int or not (default is None or type(default) is int):
            raise TypeError("delta and default are int")
        for _try in range(READ_TRIES):
            check_open(self)
            key_init(&k, self.store, key)
            value = self.read(&k, &v, True)
            if value is missing:
                if default is None:
                    raise KeyError(key)
                value = default
                v.version = EXPECT_NONE
            elif type(value) is not int:
                raise TypeError(f"the value is {type(value).__name__}, not int")
            value = value + delta
            _keep = value_init(&encoded, value, self.codec, self.codec_flags)
            check_open(self)
            if v.version == EXPECT_NONE:
                v.expire_ms = expire_at(life, store_now_ms(self.store))
            if self.write(&k, &encoded, v.expire_ms, v.version) == STORE_OK:
                return value
        return contended()

    def decr(self, key, delta=1, default=None, ttl=...):
        """Subtract `delta`: see incr.  Unlike memcached's, the result may be negative."""
        if type(delta) is not int:
            raise TypeError("delta is int")
        return self.incr(key, -delta, default, ttl)

    def delete(self, key):
        """Remove the item; returns whether there was one."""
        cdef Key k
        check_open(self)
        key_init(&k, self.store, key)
        self.deletes += 1
        return store_remove(self.store, k.bytes, k.hash, EXPECT_ANY, store_now_ms(self.store)) == STORE_OK

    def __delitem__(self, key):
        if not self.delete(key):
            raise KeyError(key)

    def pop(self, key, default=...):
        """Remove the item and return its value: no other caller gets the same one."""
        cdef Key k
        cdef View v
        cdef int _try
        for _try in range(READ_TRIES):
            check_open(self)
            key_init(&k, self.store, key)
            value = self.read(&k, &v, False)
            check_open(self)
            if value is missing:
                if default is ...:
                    raise KeyError(key)
                return default
            if self.remove(&k, v.version) == STORE_OK:
                self.deletes += 1
                return value
        return contended()

    def setdefault(self, key, default=None, ttl=...):
        """The value under `key`; `default` is stored there first when nothing is."""
        cdef int _try
        for _try in range(READ_TRIES):
            value = self.get(key, missing)
            if value is not missing:
                return value
            if self.add(key, default, ttl):
                return default
        return contended()

    def clear(self):
        """Remove everything that was written before; takes no longer for a full cache than for an empty one."""
        check_open(self)
        store_flush(self.store)
