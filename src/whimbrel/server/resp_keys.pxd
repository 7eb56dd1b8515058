# RESP commands on keys: deleting, times to live, renaming.

from libc.stdint cimport int64_t
from whimbrel.base.slice cimport Slice
from whimbrel.server.resp_run cimport Run, Step
from whimbrel.store.store cimport StoreStatus, View

cdef Step keys_del(Run* r) noexcept nogil
cdef Step keys_exists(Run* r) noexcept nogil
cdef Step keys_touch(Run* r) noexcept nogil
cdef Step keys_type(Run* r) noexcept nogil
cdef Step keys_expire(Run* r) noexcept nogil
cdef Step keys_pexpire(Run* r) noexcept nogil
cdef Step keys_expireat(Run* r) noexcept nogil
cdef Step keys_pexpireat(Run* r) noexcept nogil
cdef Step keys_ttl(Run* r) noexcept nogil
cdef Step keys_pttl(Run* r) noexcept nogil
cdef Step keys_expiretime(Run* r) noexcept nogil
cdef Step keys_pexpiretime(Run* r) noexcept nogil
cdef Step keys_persist(Run* r) noexcept nogil
cdef Step keys_rename(Run* r) noexcept nogil
cdef Step keys_renamenx(Run* r) noexcept nogil
cdef Step keys_copy(Run* r) noexcept nogil
cdef StoreStatus change_time(Run* r, Slice key, const View* v, int64_t expire_ms) noexcept nogil
