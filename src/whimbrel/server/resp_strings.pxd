# RESP commands on string values.

from whimbrel.server.resp_run cimport Run, Step

cdef Step string_get(Run* r) noexcept nogil
cdef Step string_mget(Run* r) noexcept nogil
cdef Step string_set(Run* r) noexcept nogil
cdef Step string_setnx(Run* r) noexcept nogil
cdef Step string_setex(Run* r) noexcept nogil
cdef Step string_psetex(Run* r) noexcept nogil
cdef Step string_getset(Run* r) noexcept nogil
cdef Step string_getdel(Run* r) noexcept nogil
cdef Step string_getex(Run* r) noexcept nogil
cdef Step string_mset(Run* r) noexcept nogil
cdef Step string_msetnx(Run* r) noexcept nogil
cdef Step string_append(Run* r) noexcept nogil
cdef Step string_strlen(Run* r) noexcept nogil
cdef Step string_getrange(Run* r) noexcept nogil
cdef Step string_setrange(Run* r) noexcept nogil
