# WATCH, UNWATCH, and what EXEC asks.

from whimbrel.server.resp_run cimport Run, Step

cdef Step transaction_watch(Run* r) noexcept nogil
cdef Step transaction_unwatch(Run* r) noexcept nogil
cdef bint watched_changed(Run* r) noexcept nogil
