# Executing alone (EXEC), made cheap for everybody else: one store before a batch and one after.
#
#   owner   who executes alone; 0: nobody
#   busy    per worker, a cache line apart: it is inside a batch
#
# A batch says "busy", then looks for an owner; an owner says so, then waits for every busy flag to fall.  Both
# are sequentially consistent, so at least one of two that meet sees the other.  With one worker: nothing.

from libc.stdint cimport uint32_t
from posix.unistd cimport usleep
from whimbrel.base.atomic cimport (
    cas64, cpu_relax, fence_seq, load_acquire64, store_release64, store_seq64,
)
from whimbrel.server.state cimport BUSY_STRIDE, Worker

cdef enum:
    SPINS = 2000        # about 50 us of waiting for another worker's batch before sleeping in between


cdef inline void pause_a_while(int* spins) noexcept nogil:
    spins[0] += 1
    if spins[0] < SPINS:
        cpu_relax()
    else:
        usleep(50)


cdef inline void gate_enter(Worker* w) noexcept nogil:
    """Before a batch."""
    cdef int spins = 0
    if w.gate.workers == 1:
        return
    while True:
        store_seq64(w.busy, 1)
        fence_seq()
        if load_acquire64(&w.gate.owner) == 0:
            return
        store_release64(w.busy, 0)
        while load_acquire64(&w.gate.owner) != 0:
            pause_a_while(&spins)


cdef inline void gate_leave(Worker* w) noexcept nogil:
    """After a batch."""
    if w.gate.workers != 1:
        store_release64(w.busy, 0)


cdef inline void gate_own(Worker* w) noexcept nogil:
    """Inside a batch that has changed nothing yet: step aside for other owners, then become the one."""
    cdef uint32_t i
    cdef int spins = 0
    if w.gate.workers == 1:
        return
    store_release64(w.busy, 0)
    while not cas64(&w.gate.owner, 0, w.x.worker_index + 1):
        pause_a_while(&spins)
    fence_seq()
    for i in range(w.gate.workers):
        while load_acquire64(&w.gate.busy[i * BUSY_STRIDE]) != 0:
            pause_a_while(&spins)


cdef inline void gate_disown(Worker* w) noexcept nogil:
    """Back to an ordinary batch."""
    if w.gate.workers == 1:
        return
    store_seq64(w.busy, 1)
    store_release64(&w.gate.owner, 0)
