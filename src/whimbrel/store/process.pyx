"""Who uses the region: a slot per process, locks that know their owner, and what to do when one has died."""

import os

from libc.stdint cimport uint64_t
from whimbrel.base.atomic cimport cas64, cpu_relax, fetch_add_relaxed64
from whimbrel.store.layout cimport PROCESSES_MAX, Store

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef enum:
    SPINS = 64                      # before the first yield


cdef int process_join(Store* s) except -1:
    cdef uint64_t pid = os.getpid()
    cdef uint64_t i
    for i in range(1, PROCESSES_MAX + 1):
        if cas64(&s.r.processes[i].pid, 0, pid):
            s.process = <unsigned> i
            return 0
    raise OSError(f"a region serves at most {PROCESSES_MAX} processes")


cdef int process_leave(Store* s) except -1:
    s.r.processes[s.process].pid = 0
    return 0


cdef void process_wait(Store* s, uint64_t* lock, uint64_t mask, int turn) noexcept nogil:
    """One turn of waiting for a lock somebody holds."""
    if turn == 0:
        fetch_add_relaxed64(&s.r.counters.lock_waits, 1)
    if turn < SPINS:
        cpu_relax()
    else:
        sched_yield()
