"""Who uses the region: a slot per process, locks that know their owner, and what to do when one has died."""

import os

from libc.stdint cimport uint64_t
from whimbrel.base.atomic cimport cas64, cpu_relax, fetch_add_relaxed64, store_release64
from whimbrel.store.layout cimport CELLS, PROCESSES_MAX, Store

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef enum:
    SPINS = 64                      # before the first yield


cdef uint64_t start_of(uint64_t pid) except? 0:
    """When the process started, in clock ticks since boot; 0 if it is gone or only waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in b"ZX" else int(fields[19])


cdef bint processes_alive(Store* s) except -1:
    """Whether any process uses the region, going by its table."""
    cdef int i
    for i in range(1, PROCESSES_MAX + 1):
        pid = s.r.processes[i].pid
        if pid and start_of(pid) == s.r.processes[i].start:
            return True
    return False


cdef int process_join(Store* s) except -1:
    """Take a slot for this process; a forked child calls it again."""
    cdef uint64_t pid = os.getpid()
    cdef uint64_t start = start_of(pid)
    cdef uint64_t i
    for i in range(1, PROCESSES_MAX + 1):
        if cas64(&s.r.processes[i].pid, 0, pid):
            s.r.processes[i].start = start
            s.process = <unsigned> i
            return 0
    raise OSError(f"a region serves at most {PROCESSES_MAX} processes")


cdef int process_leave(Store* s) except -1:
    """The slot's counts go to the region's own."""
    cdef int i
    for i in range(CELLS):
        fetch_add_relaxed64(&s.r.counters.writes, s.r.processes[s.process].cells[i].writes)
        s.r.processes[s.process].cells[i].writes = 0
    store_release64(&s.r.processes[s.process].pid, 0)
    return 0


cdef void process_wait(Store* s, uint64_t* lock, uint64_t mask, int turn) noexcept nogil:
    """One turn of waiting for a lock somebody holds."""
    if turn == 0:
        fetch_add_relaxed64(&s.r.counters.lock_waits, 1)
    if turn < SPINS:
        cpu_relax()
    else:
        sched_yield()
