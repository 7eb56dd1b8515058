"""The three fixed scripts of redis-py's Lock (valkey-py's are the same bytes), without an interpreter.

They are recognised by the SHA1 of their text and written out by hand, each an optimistic loop on one key:

    release     KEYS[1] lock, ARGV[1] token                      delete the lock if it holds the token
    extend      ... ARGV[2] milliseconds, ARGV[3] "0" or other   add to what is left, or replace it
    reacquire   ... ARGV[2] milliseconds                         begin the time anew

Each answers 1, or 0 where the lock is gone or somebody else's.  Deliberately not: a way to add scripts.
"""

import hashlib

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport RESP_ARRAY, resp_next_arg, resp_put_bulk, resp_put_header, resp_put_int
from whimbrel.server.counters cimport RESP_SCRIPTS, count
from whimbrel.server.resp_keys cimport change_time
from whimbrel.server.resp_run cimport (
    RUN_RETRIES, STEP_BLOCKED, STEP_DONE, Run, Step, arg_int, arg_is, find_true,
    lower_into, put_failed, reply_int, reply_ok, room, run_error, run_max_expire_ms,
)
from whimbrel.store.store cimport (
    STORE_CHANGED, STORE_MISS, STORE_OK, StoreStatus, View, store_remove, store_validate, view_copy,
)

cdef enum:
    SHA_HEX = 40                # characters of a SHA1
    EXISTS_MAX = 4096           # digests that one SCRIPT EXISTS asks for: its reply needs room in one piece
    TOKEN_MAX = 4096            # bytes of a lock's token that are compared; redis-py's have 32

cdef enum Script:
    SCRIPT_UNKNOWN = 0
    SCRIPT_RELEASE
    SCRIPT_EXTEND
    SCRIPT_REACQUIRE

cdef const char* RELEASE_SHA = b"c3f8721cbb97f72bc19e972846bd7aaf91901658"
cdef const char* EXTEND_SHA = b"a4e8783852e6b949f9ef3a97212805108459a890"
cdef const char* REACQUIRE_SHA = b"1cac51482acf5858da00f6d685d68f886cd6b6b2"


cdef Script script_of_sha(Slice sha) noexcept nogil:
    cdef char text[SHA_HEX]
    if sha.len != SHA_HEX:
        return SCRIPT_UNKNOWN
    lower_into(text, SHA_HEX, sha)
    if memcmp(text, RELEASE_SHA, SHA_HEX) == 0:
        return SCRIPT_RELEASE
    if memcmp(text, EXTEND_SHA, SHA_HEX) == 0:
        return SCRIPT_EXTEND
    return SCRIPT_REACQUIRE if memcmp(text, REACQUIRE_SHA, SHA_HEX) == 0 else SCRIPT_UNKNOWN


cdef Script script_of_text(Slice text) noexcept nogil:
    """Rare (a client that has not registered its scripts), so hashlib under the GIL is good enough."""
    cdef Script script = SCRIPT_UNKNOWN
    with gil:
        sha = hashlib.sha1(PyBytes_FromStringAndSize(<const char*> text.ptr, <Py_ssize_t> text.len),
                           usedforsecurity=False).hexdigest().encode()
        script = script_of_sha(slice_of(<const char*> sha, SHA_HEX))
    return script


cdef bint holds_token(Run* r, const View* v, Slice token) noexcept nogil:
    """Whether the value is the token (to be validated)."""
    cdef uint8_t value[TOKEN_MAX]
    if v.value_len != token.len or token.len > TOKEN_MAX:
        return False
    view_copy(r.x.store, v, 0, v.value_len, value)
    return memcmp(value, token.ptr, token.len) == 0


cdef StoreStatus apply_script(Run* r, Script script, Slice lock, const View* v, int64_t ms, bint add) noexcept nogil:
    """What the script does once the token is right; STORE_MISS: it answers 0 all the same."""
    if script == SCRIPT_RELEASE:
        return store_remove(r.x.store, lock, v.hash, v.version, r.x.now_ms)
    if script == SCRIPT_EXTEND:
        if v.expire_ms == 0:
            return STORE_MISS
        if add:
            ms += v.expire_ms - r.x.now_ms
    ms += r.x.now_ms
    return change_time(r, lock, v, ms if ms > 0 else 1)


cdef Step run_script(Run* r, Script script) noexcept nogil:
    """Arguments: name, script, numkeys = 1, lock, token[, milliseconds[, whether to replace]]."""
    cdef Slice lock = r.argv[3]
    cdef int64_t ms = 0
    cdef bint add = script == SCRIPT_EXTEND and r.argc > 6 and r.argv[6].len == 1 and r.argv[6].ptr[0] == 48
    cdef uint64_t hash = 0
    cdef bint right
    cdef View v
    cdef StoreStatus status = STORE_CHANGED
    cdef int _attempt
    if script != SCRIPT_RELEASE:
        if not arg_int(r, r.argv[5], &ms):
            return STEP_DONE
        if ms > run_max_expire_ms() // 4 or ms < -(run_max_expire_ms() // 4):
            return run_error(r, b"ERR invalid expire time in 'pexpire' command")
    count(r.x, RESP_SCRIPTS)
    for _attempt in range(RUN_RETRIES):
        if find_true(r, lock, &hash, &v) != STORE_OK:
            return reply_int(r, 0)
        right = holds_token(r, &v, r.argv[4])
        if not store_validate(r.x.store, &v):
            continue
        if not right:
            return reply_int(r, 0)
        status = apply_script(r, script, lock, &v, ms, add)
        if status == STORE_OK or status == STORE_MISS:
            return reply_int(r, status == STORE_OK)
        if status != STORE_CHANGED:
            break
    return put_failed(r, status)


cdef bint key_count(Run* r, int64_t* keys) noexcept nogil:
    """numkeys, or the original's error and False."""
    if not arg_int(r, r.argv[2], keys):
        return False
    if keys[0] > <int64_t> r.argc - 3:
        run_error(r, b"ERR Number of keys can't be greater than number of args")
        return False
    if keys[0] < 0:
        run_error(r, b"ERR Number of keys can't be negative")
        return False
    return True


cdef Step run_known(Run* r, Script script, int64_t keys) noexcept nogil:
    cdef size_t needed = 5 if script == SCRIPT_RELEASE else (7 if script == SCRIPT_EXTEND else 6)
    if keys != 1 or r.argc < needed:
        return run_error(r, b"ERR this script takes one key and its own arguments")
    return run_script(r, script)


cdef Step not_known(Run* r) noexcept nogil:
    return run_error(r, b"ERR scripts are not run here: only the three of redis-py's Lock are known")


cdef Step script_eval(Run* r) noexcept nogil:
    cdef int64_t keys = 0
    cdef Script script
    if not key_count(r, &keys):
        return STEP_DONE
    script = script_of_text(r.argv[1])
    return run_known(r, script, keys) if script != SCRIPT_UNKNOWN else not_known(r)


cdef Step script_evalsha(Run* r) noexcept nogil:
    cdef int64_t keys = 0
    cdef Script script
    # the original, too, looks at the length before and at the bytes after the arguments
    if r.argv[1].len == SHA_HEX and not key_count(r, &keys):
        return STEP_DONE
    script = script_of_sha(r.argv[1])
    if script == SCRIPT_UNKNOWN:
        return run_error(r, b"NOSCRIPT No matching script. Please use EVAL.")
    return run_known(r, script, keys)


cdef Step script_load(Run* r) noexcept nogil:
    cdef Script script = script_of_text(r.argv[2])
    if script == SCRIPT_RELEASE:
        resp_put_bulk(r.w, RELEASE_SHA, SHA_HEX)
    elif script == SCRIPT_EXTEND:
        resp_put_bulk(r.w, EXTEND_SHA, SHA_HEX)
    elif script == SCRIPT_REACQUIRE:
        resp_put_bulk(r.w, REACQUIRE_SHA, SHA_HEX)
    else:
        return not_known(r)
    return STEP_DONE


cdef Step script_exists(Run* r) noexcept nogil:
    cdef const uint8_t* at = r.first
    cdef size_t _i
    if r.argc - 2 > EXISTS_MAX:
        return run_error(r, b"ERR SCRIPT EXISTS answers up to 4096 digests at once here")
    if not room(r, 32 + 4 * r.argc):
        return STEP_BLOCKED
    resp_next_arg(&at)
    resp_next_arg(&at)
    resp_put_header(r.w, RESP_ARRAY, r.argc - 2)
    for _i in range(2, r.argc):
        resp_put_int(r.w, script_of_sha(resp_next_arg(&at)) != SCRIPT_UNKNOWN)
    return STEP_DONE


cdef Step script_flush(Run* r) noexcept nogil:
    if r.argc > 3 or (r.argc == 3 and not arg_is(r.argv[2], b"ASYNC") and not arg_is(r.argv[2], b"SYNC")):
        return run_error(r, b"ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    return reply_ok(r)
