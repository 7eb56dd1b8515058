"""Which executor runs a connection, by Conn.protocol, and what frees what it hung there."""

from whimbrel.server.detect cimport DETECT_MEMCACHE, DETECT_RESP
from whimbrel.server.execute_memcache cimport execute_memcache, memcache_close
from whimbrel.server.execute_resp cimport execute_resp, resp_close


cdef void protocols_install(Worker* w) noexcept nogil:
    w.executors[<int> DETECT_MEMCACHE] = execute_memcache
    w.closers[<int> DETECT_MEMCACHE] = memcache_close
    w.executors[<int> DETECT_RESP] = execute_resp
    w.closers[<int> DETECT_RESP] = resp_close
