# cython: binding=False, embedsignature.format=clinic
# (methods without a bound function object: 15 ns less for each call of a 70 ns operation)
"""The compiled half of whimbrel.Cache: keys, values and the store, one method an operation.

Idea: a get is a hash, a lock-free read into a fresh object and a validation; nothing else is on its path.
    key      a str is its UTF-8, borrowed from the object; bytes are 0xFF and the bytes, so that "a" and b"a" are
             two keys (0xFF is in no UTF-8) and iteration gives back what was put in
    value    bytes, str, int, float, bool and None are stored plainly, everything else by the codec; the
             item's flags say which: 0 is bytes, what a protocol client would have written too
    clock    only an item with an expiry costs a precise clock; the rest use a coarse one, at most CLOCK_EVERY
             operations old, which can only be late: what it calls expired is expired
    GIL      kept for small values (releasing costs more than copying), released from BIG_BYTES on; `users`
             counts those who are out, so that close() waits to unmap until the last is back

Deliberately not here: the mapping's conveniences (cache.py), memoizing (cachecalls.py).
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport ceil, isnan
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from whimbrel.base.buffer cimport Writer, writer_init, writer_len
from whimbrel.base.clock cimport coarse_ns, precise_ns
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.cachecodec cimport pack_value, unpack_value
from whimbrel.store.store cimport (
    EXPECT_ANY, EXPECT_NONE, STORE_BUSY, STORE_CHANGED, STORE_MAX_KEY, STORE_MISS, STORE_NO_MEMORY, STORE_OK,
    STORE_TOO_LARGE, Put, Store, StoreHandle, StoreStats, StoreStatus, View, store_flush, store_hash, store_hit,
    store_maintain, store_max_item, store_now_ms, store_put, store_read, store_remove, store_scan, store_stats,
    store_validate, view_copy)

from whimbrel.base.errors import ClosedError, CodecError, ItemTooLargeError, StoreFullError

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    void* PyUnicode_DATA(object text) noexcept
    long long PyLong_AsLongLongAndOverflow(object number, int* overflow) except? -1

cdef extern from "sched.h":
    int sched_yield() noexcept nogil

cdef enum:
    BYTES_MARK = 0xFF           # first byte of a bytes key: in no UTF-8
    BIG_BYTES = 64 << 10        # bytes: about 10 us of copying, more than releasing the GIL costs
    SMALL_BYTES = 512           # bytes: values that are neither bytes nor str, up to here, are read through the stack
    CLOCK_EVERY = 64            # operations for which a coarse clock reading is used again
    MAINTAIN_EVERY = 16         # writes between two slices of maintenance
    MAINTAIN_STEPS = 64         # items looked at in a slice, about 3 us
    BUSY_STEPS = 1024           # the same when a write has to wait for it, about 50 us
    BUSY_TRIES = 100_000        # slices a write waits for: 5 s of evicting, and then there is no memory
    READ_TRIES = 100_000        # reads that a writer may disturb in a row; then it counts as a miss
    SCAN_BYTES = 64 << 10       # bytes of keys a scan takes at a time; one key needs STORE_MAX_KEY + 2

cdef enum:                      # an item's flags: which codec wrote it.  "wh" in the upper half, 0 is bytes
    FLAGS_BYTES = 0
    FLAGS_STR = 0x77680001      # UTF-8
    FLAGS_INT = 0x77680002      # two's complement, little endian, 1 byte or more
    FLAGS_FLOAT = 0x77680003    # IEEE 754, 8 bytes
    FLAGS_NONE = 0x77680004
    FLAGS_FALSE = 0x77680005
    FLAGS_TRUE = 0x77680006
    FLAGS_PACKED = 0x77680007   # cachecodec
    FLAGS_CODEC = 0x77680100    # and more: a codec asked for by name or given, see cache.py

EXPIRE_MAX_MS = (1 << 48) - 1   # what an item's header can say: the year 10889; later is never
cdef object missing = object()  # "no value": what None cannot say (a C variable: the hot path looks up no name)
MISSING = missing
KEY_BYTES_MAX = STORE_MAX_KEY
CODEC_FLAGS = FLAGS_CODEC


cdef struct Key:
    Slice bytes
    uint64_t hash
    uint8_t room[STORE_MAX_KEY]     # a bytes key with its mark; not touched for str

cdef struct Value:
    Slice bytes                     # into the value, or into `number` or `integer`
    uint32_t flags
    double number
    int64_t integer


cdef int refuse_key(Py_ssize_t size) except -1:
    raise ValueError(f"key of {size} bytes is too long: at most {STORE_MAX_KEY} bytes (a bytes key has one less)")


cdef inline int key_init(Key* key, const Store* store, object given) except -1:
    """Borrow or copy the key's bytes; valid while `given` lives."""
    cdef Py_ssize_t size = 0
    cdef const char* data
    if type(given) is str:
        data = PyUnicode_AsUTF8AndSize(given, &size)
    elif type(given) is bytes:
        size = PyBytes_GET_SIZE(given) + 1
        if size <= STORE_MAX_KEY:
            key.room[0] = BYTES_MARK
            memcpy(&key.room[1], PyBytes_AS_STRING(given), size - 1)
        data = <const char*> key.room
    elif isinstance(given, str):
        data = PyUnicode_AsUTF8AndSize(given, &size)
    else:
        raise TypeError(f"a key is str or bytes, not {type(given).__name__}")
    if size > STORE_MAX_KEY:
        refuse_key(size)
    key.bytes = slice_of(data, size)
    key.hash = store_hash(store, key.bytes)
    return 0


cdef inline bint is_ascii(const uint8_t* data, size_t size) noexcept nogil:
    cdef uint64_t word, seen = 0
    while size >= 8:
        memcpy(&word, data, 8)
        seen |= word
        data += 8
        size -= 8
    while size:
        seen |= data[0]
        data += 1
        size -= 1
    return seen & 0x8080_8080_8080_8080u == 0


cdef inline object key_object(const uint8_t* data, size_t size):
    """The object a key was made from; what no str can be (a protocol client's key) comes as it is, as bytes."""
    if size and data[0] == BYTES_MARK:
        return PyBytes_FromStringAndSize(<const char*> data + 1, size - 1)
    try:
        return PyUnicode_DecodeUTF8(<const char*> data, size, NULL)
    except UnicodeDecodeError:
        return PyBytes_FromStringAndSize(<const char*> data, size)


cdef inline object int_object(const uint8_t* data, size_t size):
    cdef uint64_t word
    if size == 0:
        raise CodecError("stored int has no bytes")
    if size > 8:
        return int.from_bytes(PyBytes_FromStringAndSize(<const char*> data, size), "little", signed=True)
    word = 0xFFFF_FFFF_FFFF_FFFFu if data[size - 1] & 0x80 else 0
    memcpy(&word, data, size)
    return <int64_t> word


cdef bint utf8_of(object text, Slice* out) except -1:
    """Borrow a str's UTF-8; False for one with lone surrogates, which has none."""
    cdef Py_ssize_t size = 0
    try:
        out.ptr = <const uint8_t*> PyUnicode_AsUTF8AndSize(text, &size)
    except UnicodeEncodeError:
        return False
    out.len = size
    return True


cdef object int_init(Value* out, object value):
    cdef int overflow = 0
    cdef size_t size = 8
    cdef bytes raw
    out.flags = FLAGS_INT
    out.integer = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        out.bytes = slice_of(PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw))
        return raw
    while size > 1 and -(<int64_t> 1 << (8 * size - 9)) <= out.integer < (<int64_t> 1 << (8 * size - 9)):
        size -= 1
    out.bytes = slice_of(&out.integer, size)
    return value


cdef void put_init(Put* put, const Key* key, int64_t expire_ms, uint64_t expect) noexcept:
    memset(put, 0, sizeof(Put))
    put.key = key.bytes
    put.hash = key.hash
    put.expire_ms = expire_ms
    put.expect = expect


cdef object contended():
    raise StoreFullError("other writers changed the item under every one of a hundred thousand attempts")


cdef class CacheCore:
    """Operations on one mapped region.  See whimbrel.Cache for what a caller uses."""

    cdef readonly StoreHandle handle
    cdef Store* store               # NULL once closed
    cdef object codec               # None: the safe one; otherwise has encode(value) and decode(data)
    cdef uint32_t codec_flags
    cdef double ttl                 # seconds, the default of every item; 0: never
    cdef int64_t coarse_offset_ms   # steady wall = coarse clock + this
    cdef int64_t coarse_ms          # the last reading, in steady wall milliseconds
    cdef uint32_t clock_age         # operations since
    cdef uint32_t writes_since
    cdef int users                  # threads inside without the GIL
    cdef uint64_t hits, misses, sets, deletes, read_gave_up

    def __cinit__(self, StoreHandle handle not None, codec=None, codec_flags=0, ttl=None):
        self.handle = handle
        self.store = handle.ptr
        self.codec = codec
        self.codec_flags = codec_flags
        self.ttl = 0.0 if ttl is None else ttl
        self.set_coarse_clock()

    # ---- time ------------------------------------------------------------------------------------------

    @cython.final
    cdef void set_coarse_clock(self) noexcept:
        self.coarse_offset_ms = store_now_ms(self.store) - precise_ns() // 1_000_000
        self.coarse_ms = store_now_ms(self.store)
        self.clock_age = 0

    @cython.final
    cdef inline int64_t about_now(self) noexcept:
        """Steady wall milliseconds, never ahead of the precise clock."""
        self.clock_age += 1
        if self.clock_age >= CLOCK_EVERY:
            self.clock_age = 0
            self.coarse_ms = coarse_ns() // 1_000_000 + self.coarse_offset_ms - 1
        return self.coarse_ms

    @cython.final
    cdef int64_t expire_ms(self, object ttl, int64_t now_ms) except -1:
        """When an item written now with `ttl` expires; 0: never.  Not in the future: it is not to be kept."""
        cdef double seconds, at
        if ttl is ...:
            seconds = self.ttl
            if seconds == 0.0:
                return 0
        elif ttl is None:
            return 0
        else:
            seconds = ttl
        if isnan(seconds):
            raise ValueError("ttl is not a number")
        # a part of a millisecond counts as one, but 4.35 * 1000 is 4350 and a rounding error
        at = <double> now_ms + ceil(seconds * 1000.0 * (1.0 - 1e-15))
        if at > EXPIRE_MAX_MS:
            return 0
        return max(<int64_t> at, 1) if at > 0 else 1

    # ---- who is inside ---------------------------------------------------------------------------------

    @cython.final
    cdef inline int check_open(self) except -1:
        if self.store == NULL:
            raise ClosedError("the cache is closed")
        return 0

    @cython.final
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

    @cython.final
    cdef inline int look(self, Key* key, View* v) noexcept:
        """1: an item is there, if `v` proves true; 0: none is; -1: a writer got in between, look again."""
        if store_read(self.store, key.bytes, key.hash, self.about_now(), v) != STORE_OK:
            return 0
        if v.expire_ms == 0 or store_now_ms(self.store) < v.expire_ms:
            return 1
        return 0 if store_validate(self.store, v) else -1

    @cython.final
    cdef bint copy_value(self, const View* v, uint8_t* dest) except -1:
        """Copy the value; whether the view was true.  The copy is not to be looked at before that is known."""
        cdef Store* store = self.store
        cdef bint valid
        if v.value_len < BIG_BYTES:
            view_copy(store, v, 0, v.value_len, dest)
            return store_validate(store, v)
        self.users += 1
        with nogil:
            view_copy(store, v, 0, v.value_len, dest)
            valid = store_validate(store, v)
        self.leave()
        self.check_open()
        return valid

    @cython.final
    cdef object take(self, const View* v, bint hit):
        """The value, or `missing` when the view was not true.

        Turning bytes into an object may run other threads, and those may close the cache: the store is not
        touched after that, which is why the hit is noted first.
        """
        cdef uint8_t room[SMALL_BYTES]
        cdef uint8_t* dest
        cdef object copy = None
        if v.flags == FLAGS_BYTES:
            copy = PyBytes_FromStringAndSize(NULL, v.value_len)
            dest = <uint8_t*> PyBytes_AS_STRING(copy)
        elif v.flags == FLAGS_STR:
            copy = PyUnicode_New(v.value_len, 127)
            dest = <uint8_t*> PyUnicode_DATA(copy)
        elif v.value_len <= SMALL_BYTES:
            dest = room
        else:
            copy = PyBytes_FromStringAndSize(NULL, v.value_len)
            dest = <uint8_t*> PyBytes_AS_STRING(copy)
        if not self.copy_value(v, dest):
            return missing
        if hit:
            store_hit(self.store, v, self.coarse_ms)
        if v.flags == FLAGS_BYTES or (v.flags == FLAGS_STR and is_ascii(dest, v.value_len)):
            return copy
        return self.value_object(v.flags, dest, v.value_len)

    @cython.final
    cdef object value_object(self, uint32_t flags, const uint8_t* data, size_t size):
        cdef double number
        if flags == FLAGS_STR:
            return PyUnicode_DecodeUTF8(<const char*> data, size, NULL)
        if flags == FLAGS_INT:
            return int_object(data, size)
        if flags == FLAGS_PACKED:
            return unpack_value(data, size)
        if flags == FLAGS_NONE:
            return None
        if flags == FLAGS_TRUE or flags == FLAGS_FALSE:
            return flags == FLAGS_TRUE
        if flags == FLAGS_FLOAT and size == sizeof(double):
            memcpy(&number, data, sizeof(double))
            return number
        if self.codec is not None and flags == self.codec_flags:
            return self.codec.decode(PyBytes_FromStringAndSize(<const char*> data, size))
        raise CodecError(f"the item has flags 0x{flags:x}: a codec wrote it that this cache does not read")

    @cython.final
    cdef object read(self, Key* key, View* v, bint hit):
        """The value under a key, or missing; `v` says the rest about it."""
        cdef int found, _try
        for _try in range(READ_TRIES):
            found = self.look(key, v)
            if found == 0:
                return missing
            if found == 1:
                value = self.take(v, hit)
                if value is not missing:
                    return value
        self.read_gave_up += 1
        return missing

    @cython.final
    cdef bint peek(self, Key* key, View* v) noexcept:
        """Whether a live item is there, without its value; `v` is true."""
        cdef int found, _try
        for _try in range(READ_TRIES):
            found = self.look(key, v)
            if found == 0:
                return False
            if found == 1 and store_validate(self.store, v):
                return True
        self.read_gave_up += 1
        return False

    def get(self, key, default=None):
        """The value under `key`, or `default`."""
        cdef Key k
        cdef View v
        self.check_open()
        key_init(&k, self.store, key)
        value = self.read(&k, &v, True)
        if value is missing:
            self.misses += 1
            return default
        self.hits += 1
        return value

    def __getitem__(self, key):
        value = self.get(key, missing)
        if value is missing:
            raise KeyError(key)
        return value

    def __contains__(self, key):
        cdef Key k
        cdef View v
        self.check_open()
        key_init(&k, self.store, key)
        return self.peek(&k, &v)

    def ttl_of(self, key):
        """Seconds until the item expires, None when it never does; KeyError when there is none."""
        cdef Key k
        cdef View v
        self.check_open()
        key_init(&k, self.store, key)
        if not self.peek(&k, &v):
            raise KeyError(key)
        return (v.expire_ms - store_now_ms(self.store)) / 1000.0 if v.expire_ms else None

    # ---- writing ---------------------------------------------------------------------------------------

    @cython.final
    cdef object value_init(self, Value* out, object value):
        """Fill `out` with borrowed bytes; the returned object must be kept as long as they are used."""
        kind = type(value)
        if kind is bytes:
            out.flags = FLAGS_BYTES
            out.bytes = slice_of(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            return value
        if kind is str and utf8_of(value, &out.bytes):
            out.flags = FLAGS_STR
            return value
        if kind is int:
            return int_init(out, value)
        if value is None or kind is bool:
            out.flags = FLAGS_NONE if value is None else FLAGS_TRUE if value else FLAGS_FALSE
            out.bytes = slice_of(NULL, 0)
            return value
        if kind is float:
            out.flags = FLAGS_FLOAT
            out.number = value
            out.bytes = slice_of(&out.number, sizeof(double))
            return value
        return self.object_init(out, value)

    @cython.final
    cdef object object_init(self, Value* out, object value):
        cdef bytes raw
        if self.codec is None:
            out.flags = FLAGS_PACKED
            raw = pack_value(value)
        else:
            out.flags = self.codec_flags
            raw = bytes(self.codec.encode(value))
        out.bytes = slice_of(PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw))
        return raw

    @cython.final
    cdef int put_big(self, const Put* put, int64_t now_ms) except -1:
        cdef Store* store = self.store
        cdef StoreStatus status
        self.users += 1
        with nogil:
            status = store_put(store, put, now_ms, NULL)
        self.leave()
        self.check_open()
        return status

    @cython.final
    cdef int wait_for_room(self, int64_t now_ms) except -1:
        cdef Store* store = self.store
        self.users += 1
        with nogil:
            if not store_maintain(store, now_ms, BUSY_STEPS):
                sched_yield()
        self.leave()
        return self.check_open()

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
        _keep = self.value_init(&encoded, value)
        self.check_open()
        key_init(&k, self.store, key)
        self.write(&k, &encoded, self.expire_ms(ttl, store_now_ms(self.store)), EXPECT_ANY)

    def __setitem__(self, key, value):
        self.set(key, value)

    def add(self, key, value, ttl=...):
        """Store `value` if nothing is under `key`; returns whether it was stored."""
        cdef Key k
        cdef Value encoded
        _keep = self.value_init(&encoded, value)
        self.check_open()
        key_init(&k, self.store, key)
        return self.write(&k, &encoded, self.expire_ms(ttl, store_now_ms(self.store)), EXPECT_NONE) == STORE_OK

    def replace(self, key, value, ttl=...):
        """Store `value` if something is under `key`; returns whether it was stored."""
        cdef Key k
        cdef View v
        cdef Value encoded
        cdef int _try
        _keep = self.value_init(&encoded, value)
        self.check_open()
        key_init(&k, self.store, key)
        for _try in range(READ_TRIES):
            if not self.peek(&k, &v):
                return False
            if self.write(&k, &encoded, self.expire_ms(ttl, store_now_ms(self.store)), v.version) == STORE_OK:
                return True
        return contended()

    def touch(self, key, ttl=...):
        """Let the item expire `ttl` seconds from now; returns whether there is one."""
        cdef Key k
        cdef View v
        cdef Put put
        cdef int64_t now_ms
        cdef int _try, status
        self.check_open()
        key_init(&k, self.store, key)
        for _try in range(READ_TRIES):
            if not self.peek(&k, &v):
                return False
            now_ms = store_now_ms(self.store)
            put_init(&put, &k, self.expire_ms(ttl, now_ms), v.version)
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
        cdef int _try, status
        if type(delta) is not int or not (default is None or type(default) is int):
            raise TypeError("delta and default are int")
        for _try in range(READ_TRIES):
            self.check_open()
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
            _keep = self.value_init(&encoded, value)
            if v.version == EXPECT_NONE:
                v.expire_ms = self.expire_ms(ttl, store_now_ms(self.store))
            status = self.write(&k, &encoded, v.expire_ms, v.version)
            if status == STORE_OK:
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
        self.check_open()
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
            self.check_open()
            key_init(&k, self.store, key)
            value = self.read(&k, &v, False)
            self.check_open()
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
        self.check_open()
        store_flush(self.store)

    # ---- the whole -------------------------------------------------------------------------------------

    def __len__(self):
        cdef StoreStats stats
        self.check_open()
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
        self.check_open()
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
        self.check_open()
        self.users += 1
        with nogil:
            more = store_maintain(store, store_now_ms(store), count)
        self.leave()
        return more

    def stats(self):
        """Numbers by name.  Those of the region count for every process on it, hits and misses for this one."""
        cdef StoreStats s
        self.check_open()
        store_stats(self.store, &s)
        numbers = dict(s)
        numbers.update(hits=self.hits, misses=self.misses, sets=self.sets, deletes=self.deletes,
                       read_gave_up=self.read_gave_up)
        return numbers

    def __reduce__(self):
        raise TypeError(f"cannot pickle a {type(self).__name__}: it is memory, shared by fork")
