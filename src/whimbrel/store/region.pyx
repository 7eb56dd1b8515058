"""A region: one mapping that holds everything, made, found again and given back.

Anonymous shared memory unless a path (a file), memfd or private memory is asked for; the bytes are the same in
all four.  Private memory is for a process that shares it with nobody: it may lie in huge pages.
The mapping is larger than its limit, because every part is reserved at its maximum; what is never touched
is never resident.
"""

import errno
import fcntl
import os
import time

from libc.stdint cimport int64_t, uint16_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free
from whimbrel.base.clock cimport precise_ns
from whimbrel.store.layout cimport (
    GROUP_BYTES, LAYOUT_VERSION, LINE_BYTES, LOCATION_BITS, OVERFLOW_MASK, PROCESSES_MAX, QUEUES, Region, Segment,
    Store, TTL_CLASSES,
)
from whimbrel.store.death cimport process_join
from whimbrel.store.process cimport process_leave, processes_alive
from whimbrel.store.recover cimport recover

cdef extern from "<sys/mman.h>" nogil:
    void* map_pages "mmap" (void* addr, size_t size, int prot, int flags, int fd, int64_t offset)
    int munmap(void* addr, size_t size)
    int madvise(void* addr, size_t size, int advice)
    int PROT_READ, PROT_WRITE, MAP_SHARED, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE, MADV_HUGEPAGE

cdef uint64_t MAGIC = 0x6c65726272696857    # "Whimbrel" as little-endian bytes would spell it, nearly

cdef enum:
    PAGE = 4096
    HEAP_BYTES_MIN = 1 << 16
    SEGMENT_BYTES_MIN = 1 << 12
    SEGMENT_BYTES_MAX = 1 << 20
    SEGMENT_BYTES_AUTO_MIN = 1 << 14
    SEGMENTS_WANTED = 512           # one segment is about 0.2 % of the heap: the grain of eviction
    SEGMENTS_MIN = 8
    ITEM_BYTES_MIN = 24             # no workload has smaller items on average: bounds the table's reserve
    GROUP_ITEMS = 26
    GROUPS_START = 4
    GROUPS_START_BYTES = 1 << 16    # one group at the start for so much heap: 0.4 %, then it grows as needed
    HUGE_HEAP_BYTES = 1 << 28       # from here on, what huge pages round up (4 MiB) is little


cdef uint64_t round_up(uint64_t n, uint64_t to):
    return (n + to - 1) // to * to


cdef uint64_t choose_segment_bytes(uint64_t heap_bytes):
    cdef uint64_t size = SEGMENT_BYTES_AUTO_MIN
    while size < SEGMENT_BYTES_MAX and size * SEGMENTS_WANTED < heap_bytes:
        size *= 2
    while size > SEGMENT_BYTES_MIN and size * SEGMENTS_MIN * 4 > heap_bytes:
        size //= 2
    return size


cdef int geometry(Region* r, uint64_t heap_bytes, uint64_t segment_bytes, uint64_t max_item) except -1:
    """Fill in sizes and offsets; `r` is not yet the mapped one."""
    if heap_bytes < HEAP_BYTES_MIN or heap_bytes >> LOCATION_BITS:
        raise ValueError(f"heap_bytes={heap_bytes} is not in {HEAP_BYTES_MIN} .. {2 ** int(LOCATION_BITS)}")
    if segment_bytes == 0:
        segment_bytes = choose_segment_bytes(heap_bytes)
    if segment_bytes & (segment_bytes - 1) or not SEGMENT_BYTES_MIN <= segment_bytes <= SEGMENT_BYTES_MAX:
        raise ValueError(f"segment_bytes={segment_bytes} is not a power of two in "
                         f"{SEGMENT_BYTES_MIN} .. {SEGMENT_BYTES_MAX}")
    if heap_bytes // segment_bytes < SEGMENTS_MIN:
        raise ValueError(f"heap_bytes={heap_bytes} holds fewer than {SEGMENTS_MIN} segments of {segment_bytes}")
    r.heap_bytes = heap_bytes
    r.segment_bytes = segment_bytes
    r.segment_shift = <uint64_t> (int(segment_bytes).bit_length() - 1)
    r.segments_max = heap_bytes // segment_bytes
    r.max_item = min(max_item, heap_bytes // 4)
    r.groups_max = heap_bytes // (ITEM_BYTES_MIN * GROUP_ITEMS) + GROUPS_START + 1
    r.overflow_max = min(r.groups_max // 2 + 8, <uint64_t> OVERFLOW_MASK)
    r.ghosts_max = r.groups_max
    r.class_divisor = 1
    while QUEUES * (TTL_CLASSES // r.class_divisor) * 8 > r.segments_max and r.class_divisor < TTL_CLASSES:
        r.class_divisor += 1
    r.segments_at = round_up(sizeof(Region), PAGE)
    r.groups_at = round_up(r.segments_at + (r.segments_max + 1) * sizeof(Segment), PAGE)
    r.overflow_at = round_up(r.groups_at + r.groups_max * GROUP_BYTES, PAGE)
    r.ghosts_at = round_up(r.overflow_at + (r.overflow_max + 1) * LINE_BYTES, PAGE)
    # the heap's segment 0 does not exist: the ghosts (or, where they are small, padding) lie in its place
    r.heap_at = round_up(r.ghosts_at + r.ghosts_max * LINE_BYTES, PAGE)
    if r.heap_at < segment_bytes:
        r.heap_at = segment_bytes
    r.region_bytes = r.heap_at + r.segments_max * segment_bytes + PAGE
    return 0


cdef int attach(Store* s) except -1:
    """Derive the process-local pointers from the mapped header."""
    cdef Region* r = s.r
    s.segments = <Segment*> (s.base + r.segments_at)
    s.groups = <uint64_t*> (s.base + r.groups_at)
    s.overflow = <uint64_t*> (s.base + r.overflow_at)
    s.ghosts = <uint16_t*> (s.base + r.ghosts_at)
    s.heap = s.base + r.heap_at - r.segment_bytes
    s.seed = r.seed
    s.segment_bytes = r.segment_bytes
    s.segment_mask = r.segment_bytes - 1
    s.segment_shift = r.segment_shift
    s.segments_max = r.segments_max
    s.max_item = r.max_item
    s.clock_offset_ms = r.clock_offset_ms
    s.random = int.from_bytes(os.urandom(8), "little") | 1
    s.policy = <int> r.policy
    return 0


cdef int64_t clock_offset_ms() except? -1:
    """From the steady clock's milliseconds to the wall's, rounded up: the sum of two that were rounded down would
    trail the wall clock by up to one."""
    cdef int64_t ahead_ns = time.time_ns() - precise_ns()
    return (ahead_ns + 999999) // 1000000


cdef Store* map_region(int fd, uint64_t size, bint private) except NULL:
    cdef Store* s = <Store*> calloc(1, sizeof(Store))
    cdef int flags = (MAP_PRIVATE if private else MAP_SHARED) | MAP_NORESERVE | (MAP_ANONYMOUS if fd < 0 else 0)
    if s == NULL:
        raise MemoryError()
    s.base = <uint8_t*> map_pages(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0)
    if s.base == <uint8_t*> -1:
        free(s)
        raise OSError(errno.ENOMEM, f"cannot map {size} bytes")
    s.r = <Region*> s.base
    s.mapped_bytes = size
    s.fd = fd
    return s


cdef int open_backing(object path, bint memfd, uint64_t size) except -2:
    """A descriptor of `size` bytes, all zero and sparse, or -1 for anonymous memory."""
    cdef int fd
    if path is not None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    elif memfd:
        fd = os.memfd_create("whimbrel", os.MFD_CLOEXEC)
    else:
        return -1
    os.ftruncate(fd, size)
    return fd


cdef void use_huge_pages(Store* s) noexcept:
    """Where items and slots are found at random, most lookups miss the small pages' TLB.  Only advice: the
    kernel may have none, and then nothing changes."""
    if s.r.heap_bytes >= HUGE_HEAP_BYTES:
        madvise(s.base + s.r.groups_at, s.r.overflow_at - s.r.groups_at, MADV_HUGEPAGE)
        madvise(s.base + s.r.heap_at // PAGE * PAGE, s.r.segments_max * s.r.segment_bytes, MADV_HUGEPAGE)


cdef Store* region_create(uint64_t heap_bytes, object path, bint memfd, bint private, uint64_t segment_bytes,
                          uint64_t max_item, int policy) except NULL:
    cdef Region r
    cdef Store* s
    cdef uint64_t groups
    geometry(&r, heap_bytes, segment_bytes, max_item)
    cdef int fd = open_backing(path, memfd, r.region_bytes)
    try:
        s = map_region(fd, r.region_bytes, private)
    except BaseException:
        if fd >= 0:
            os.close(fd)
        raise
    s.r.region_bytes = r.region_bytes
    s.r.heap_bytes = r.heap_bytes
    s.r.segment_bytes = r.segment_bytes
    s.r.segment_shift = r.segment_shift
    s.r.segments_max = r.segments_max
    s.r.groups_max = r.groups_max
    s.r.overflow_max = r.overflow_max
    s.r.ghosts_max = r.ghosts_max
    s.r.segments_at = r.segments_at
    s.r.groups_at = r.groups_at
    s.r.overflow_at = r.overflow_at
    s.r.ghosts_at = r.ghosts_at
    s.r.heap_at = r.heap_at
    s.r.max_item = r.max_item
    s.r.class_divisor = r.class_divisor
    s.r.layout = LAYOUT_VERSION
    s.r.seed = int.from_bytes(os.urandom(8), "little")
    s.r.clock_offset_ms = clock_offset_ms()
    s.r.policy = policy
    s.r.next_sequence = 1
    s.r.overflow_bump = 1
    s.r.segments_bump = 1
    groups = heap_bytes // GROUPS_START_BYTES + GROUPS_START
    s.r.mapping = groups << 32 | groups
    s.r.reserve = max(3, r.segments_max // 64)
    s.r.magic = MAGIC
    attach(s)
    if private:
        use_huge_pages(s)
    region_join(s)
    return s


cdef int region_join(Store* s) except -1:
    """Become one of the processes that use it; a forked child does so again."""
    if not process_join(s):
        raise OSError(errno.EUSERS, f"a region serves at most {PROCESSES_MAX} processes")
    return 0


cdef int check_header(const Region* r, uint64_t size, object path) except -1:
    cdef Region expected
    if size < sizeof(Region) or r.magic != MAGIC:
        raise ValueError(f"{path!s} is not a Whimbrel region")
    if r.layout != LAYOUT_VERSION:
        raise ValueError(f"{path!s} has layout {r.layout}, this is {int(LAYOUT_VERSION)}")
    geometry(&expected, r.heap_bytes, r.segment_bytes, r.max_item)
    if r.region_bytes != size or r.region_bytes != expected.region_bytes or r.heap_at != expected.heap_at:
        raise ValueError(f"{path!s} has {size} bytes, its header tells of {expected.region_bytes}")
    return 0


cdef int settle(Store* s) except -1:
    """Join it; nobody else is in here.  If nobody uses it any more it is made whole first, unless its last user
    left it so."""
    if not processes_alive(s):
        s.r.clock_offset_ms = clock_offset_ms()
        s.clock_offset_ms = s.r.clock_offset_ms
        if s.r.clean == 0:
            recover(s)
    region_join(s)
    return 0


cdef int unmap(Store* s) except -1:
    munmap(s.base, s.mapped_bytes)
    if s.fd >= 0:
        os.close(s.fd)
    free(s)
    return 0


cdef Store* region_open(object path) except NULL:
    """A region in a file again.  The first to open it after its users ended makes it whole, the others wait for
    that at the file's lock; whoever comes while others use it joins them."""
    cdef int fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    cdef uint64_t size
    cdef Store* s
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        size = os.fstat(fd).st_size
        if size < sizeof(Region):
            raise ValueError(f"{path!s} is not a Whimbrel region")
        s = map_region(fd, size, False)
    except BaseException:
        os.close(fd)
        raise
    try:
        check_header(s.r, size, path)
        attach(s)
        settle(s)
        fcntl.flock(fd, fcntl.LOCK_UN)
    except BaseException:
        unmap(s)
        raise
    return s


cdef int region_close(Store* s) except -1:
    process_leave(s)
    return unmap(s)
