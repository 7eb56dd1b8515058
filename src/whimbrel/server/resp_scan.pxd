# RESP commands on the whole key space and about single items.

from whimbrel.server.resp_run cimport Run, Step

cdef Step keys_randomkey(Run* r) noexcept nogil
cdef Step keys_dbsize(Run* r) noexcept nogil
cdef Step keys_flush(Run* r) noexcept nogil
cdef Step keys_scan(Run* r) noexcept nogil
cdef Step keys_keys(Run* r) noexcept nogil
cdef Step keys_object_encoding(Run* r) noexcept nogil
cdef Step keys_object_freq(Run* r) noexcept nogil
cdef Step keys_object_idletime(Run* r) noexcept nogil
cdef Step keys_object_refcount(Run* r) noexcept nogil
cdef Step keys_memory_usage(Run* r) noexcept nogil
