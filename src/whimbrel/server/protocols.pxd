# Which executor runs a connection, by Conn.protocol.

from whimbrel.server.state cimport Worker

cdef void protocols_install(Worker* w) noexcept nogil
