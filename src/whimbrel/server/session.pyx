"""The worker's side of the session contract: room for replies, memory with a bound, and executing alone.

A Context without a worker (a test that feeds an executor) has one buffer, no budget and no neighbours.
"""

from whimbrel.server.gate cimport gate_disown, gate_own
from whimbrel.server.replies cimport big_take, out_send
from whimbrel.server.state cimport (
    BATCH_OUT_BYTES, SCRATCH_OUT_BYTES, Worker, account_give, account_take,
)


cdef Writer* reply_room_slow(Context* x, Conn* c, size_t n) noexcept nogil:
    cdef Worker* w = <Worker*> x.worker
    x.clock_in = 0              # sending 64 KiB takes a while
    if w == NULL or not out_send(w, c) or w.batch_sent >= BATCH_OUT_BYTES:
        return NULL
    if n > SCRATCH_OUT_BYTES and not big_take(w, n):
        w.parked_want = n
        return NULL
    return &x.out


cdef bint memory_take(Context* x, size_t n) noexcept nogil:
    return x.worker == NULL or account_take(&(<Worker*> x.worker).state, n)


cdef void memory_give(Context* x, size_t n) noexcept nogil:
    if x.worker != NULL:
        account_give(&(<Worker*> x.worker).state, n)


cdef void exclusive_enter(Context* x) noexcept nogil:
    if x.worker != NULL:
        gate_own(<Worker*> x.worker)
    x.now_ms = store_now_ms(x.store)        # it may have waited for a while


cdef void exclusive_leave(Context* x) noexcept nogil:
    if x.worker != NULL:
        gate_disown(<Worker*> x.worker)


# The process's Server object: set once by server.pyx when everything it can be asked about exists.

_server = None


def set_server(server):
    global _server
    _server = server


cdef object context_server(Context* x):
    return _server
