# The three scripts that are known, and the SCRIPT command.

from whimbrel.server.resp_run cimport Run, Step

cdef Step script_eval(Run* r) noexcept nogil
cdef Step script_evalsha(Run* r) noexcept nogil
cdef Step script_load(Run* r) noexcept nogil
cdef Step script_exists(Run* r) noexcept nogil
cdef Step script_flush(Run* r) noexcept nogil
