# RESP commands on values that are numbers.

from whimbrel.server.resp_run cimport Run, Step

cdef Step string_incr(Run* r) noexcept nogil
cdef Step string_decr(Run* r) noexcept nogil
cdef Step string_incrby(Run* r) noexcept nogil
cdef Step string_decrby(Run* r) noexcept nogil
cdef Step string_incrbyfloat(Run* r) noexcept nogil
