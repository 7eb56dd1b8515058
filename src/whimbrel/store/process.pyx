"""Who uses the region: a slot per process, and locks that know their owner.

A process is known by its pid and the time it started, so that a pid that comes round again is not taken for
the one that died.  All users of a region must see each other in /proc: they share a pid namespace.
"""

from libc.errno cimport ENOENT, ESRCH, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport strtoull
from libc.string cimport strrchr
from whimbrel.base.atomic cimport (
    cas64, cpu_relax, fetch_add_relaxed64, load_acquire64, load_relaxed64, store_relaxed64, store_release64,
)
from whimbrel.base.clock cimport coarse_ns
from whimbrel.store.layout cimport CELLS, DEATH_NOT, PROCESSES_MAX, Process, Store

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef extern from "<signal.h>" nogil:
    int kill(int pid, int signal)

cdef extern from "<fcntl.h>" nogil:
    int open_file "open" (const char* path, int flags)
    int O_RDONLY, O_CLOEXEC

cdef extern from "<unistd.h>" nogil:
    int getpid()
    int close_file "close" (int fd)
    ssize_t read_file "read" (int fd, void* to, size_t n)
    int usleep(unsigned us)

cdef enum:
    SPINS = 64                      # turns of waiting before the first yield
    YIELDS = 256                    # before the first sleep
    SLEEP_US = 100
    SLEEPS = 16                     # between two looks at the owner: about 2 ms
    SUSPECT_MS = 5                  # between two looks at the owner of a lock nobody waits for
    STAT_BYTES = 1024               # of /proc/pid/stat; the name in it has at most 16
    STAT_THREADS = 17               # places of two numbers in it, counted after the state
    STAT_START = 19

cdef Undertaker bury = NULL


cdef void process_set_undertaker(Undertaker undertaker) noexcept nogil:
    global bury
    bury = undertaker


# -- alive or dead --

cdef int64_t start_in(const char* text) noexcept nogil:
    """From a line of /proc/pid/stat: 0 for a process of which nothing is left but its status."""
    cdef const char* at = strrchr(text, b")")
    cdef char* end
    cdef char state
    cdef uint64_t number = 0, threads = 0
    cdef int field
    if at == NULL or at[1] != b" " or at[2] == 0:
        return -1
    state = at[2]
    at += 3
    for field in range(1, STAT_START + 1):
        number = strtoull(at, &end, 10)
        if end == at:
            return -1
        at = end
        if field == STAT_THREADS:
            threads = number
    # threads of a killed process may run on for a moment after its first one has become a zombie
    return 0 if (state == b"Z" or state == b"X") and threads <= 1 else <int64_t> number


cdef int64_t start_of(uint64_t pid) noexcept nogil:
    """When the process started, in clock ticks since boot; 0 if it is gone, -1 if that cannot be told."""
    cdef char path[40]
    cdef char text[STAT_BYTES]
    cdef ssize_t n
    cdef int fd
    snprintf(path, sizeof(path), "/proc/%llu/stat", <unsigned long long> pid)
    fd = open_file(path, O_RDONLY | O_CLOEXEC)
    if fd < 0:
        return 0 if errno == ENOENT and kill(<int> pid, 0) != 0 and errno == ESRCH else -1
    n = read_file(fd, text, sizeof(text) - 1)
    if n < 0:
        n = 0 if errno == ESRCH else -1
        close_file(fd)
        return n
    close_file(fd)
    text[n] = 0
    return start_in(text)


cdef bint process_alive(const Store* s, uint64_t number) noexcept nogil:
    """Whether the process of this slot may still be running; in doubt it is."""
    cdef const Process* p = s.r.processes + number
    cdef uint64_t pid = load_acquire64(&p.pid), start
    cdef int64_t started
    if number == s.process:
        return True
    if pid == 0 or p.death != DEATH_NOT:
        return False
    if kill(<int> pid, 0) != 0 and errno == ESRCH:
        return load_acquire64(&p.pid) != pid
    start = load_acquire64(&p.start)
    started = start_of(pid)
    if started < 0 or (start == 0 and started > 0):
        return True
    return <uint64_t> started == start or load_acquire64(&p.pid) != pid


cdef bint processes_alive(const Store* s) noexcept nogil:
    """Whether any process uses the region, going by its table."""
    cdef uint64_t i
    for i in range(1, PROCESSES_MAX + 1):
        if process_alive(s, i):
            return True
    return False


# -- coming and going --

cdef bint process_take_slot(Store* s) noexcept nogil:
    """A slot for this process; a forked child takes its own.  False if there is none."""
    cdef uint64_t pid = <uint64_t> getpid()
    cdef int64_t start = start_of(pid)
    cdef uint64_t i
    for i in range(1, PROCESSES_MAX + 1):
        if load_relaxed64(&s.r.processes[i].pid) == 0 and cas64(&s.r.processes[i].pid, 0, pid):
            store_relaxed64(&s.r.processes[i].death, DEATH_NOT)
            store_release64(&s.r.processes[i].start, <uint64_t> start if start > 0 else 0)
            s.process = <unsigned> i
            return True
    return False


cdef void process_leave(Store* s) noexcept nogil:
    """The slot's counts go to the region's own.  The last to leave says that all is well."""
    cdef Process* p = s.r.processes + s.process
    cdef uint64_t i, others = 0
    for i in range(CELLS):
        fetch_add_relaxed64(&s.r.counters.writes, p.cells[i].writes)
        p.cells[i].writes = 0
    lock_word(s, &s.r.process_lock)
    for i in range(1, PROCESSES_MAX + 1):
        if i != s.process and load_relaxed64(&s.r.processes[i].pid) != 0:
            others += 1
    store_release64(&s.r.clean, others == 0)
    unlock_word(&s.r.process_lock)
    store_relaxed64(&p.start, 0)
    store_release64(&p.pid, 0)
    s.process = 0


# -- waiting --

cdef void process_wait(Store* s, uint64_t* lock, uint64_t mask, int turn) noexcept nogil:
    """One turn of waiting for a lock somebody holds: spin, yield, sleep, and see now and then if he lives."""
    if turn == 0:
        fetch_add_relaxed64(&s.r.counters.lock_waits, 1)
    if turn < SPINS:
        cpu_relax()
    elif turn < YIELDS:
        sched_yield()
    else:
        usleep(SLEEP_US)
        if turn % SLEEPS == 0:
            bury(s, lock, mask)


cdef void process_suspect(Store* s, uint64_t* lock) noexcept nogil:
    """For a lock that is only tried, never waited for."""
    cdef int64_t now = coarse_ns()
    if now - s.suspected_ns > SUSPECT_MS * 1000000:
        s.suspected_ns = now
        bury(s, lock, ~<uint64_t> 0)
