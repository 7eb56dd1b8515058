# Rows of commands for the data plane.

from whimbrel.server.resp_run cimport Handler, Row

cdef enum:
    ROW_NAME = 23               # bytes of a row's name

cdef Row* row_named(const char* name, size_t n) noexcept nogil     # lower case; "client|list" for a subcommand
cdef bint bind(const char* name, Handler handler, int flags=*) except False
cdef bint every_row_is_bound() except False
