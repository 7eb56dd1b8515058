# What a call teaches its endpoint: shapes of bodies, query parameters and header names, the kind of authentication.

from whimbrel.summary.call cimport Call
from whimbrel.summary.window cimport Endpoint, Row, WindowData

cdef void learn(WindowData* w, Endpoint* e, Row* r, const Call* call) noexcept nogil
