# RESP commands about the connection itself, and the bridge to the rare ones that are plain Python (resp_admin.py).

from whimbrel.base.slice cimport Slice
from whimbrel.server.resp_run cimport Run, Step

cdef Step connection_ping(Run* r) noexcept nogil
cdef Step connection_echo(Run* r) noexcept nogil
cdef Step connection_select(Run* r) noexcept nogil
cdef Step connection_auth(Run* r) noexcept nogil
cdef Step connection_hello(Run* r) noexcept nogil
cdef Step connection_quit(Run* r) noexcept nogil
cdef Step connection_time(Run* r) noexcept nogil
cdef Step client_id(Run* r) noexcept nogil
cdef Step client_getname(Run* r) noexcept nogil
cdef Step client_setname(Run* r) noexcept nogil
cdef Step client_setinfo(Run* r) noexcept nogil
cdef Step client_reply(Run* r) noexcept nogil
cdef Step client_no_evict(Run* r) noexcept nogil
cdef Step client_no_touch(Run* r) noexcept nogil
cdef Step admin(Run* r) noexcept nogil
