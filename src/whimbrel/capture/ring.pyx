"""Live capture: see ring.pxd, and face.pxd for what one interface is."""

import os
from collections.abc import Callable

from libc.errno cimport EACCES, EPERM, errno
from libc.stdint cimport INT64_MAX, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport strncpy
from posix.unistd cimport close

from whimbrel.base.clock cimport coarse_ns, wall_ms
from whimbrel.capture.bpf cimport Filter
from whimbrel.capture.face cimport (
    FACE_NAME_BYTES, RING_BLOCK_BYTES_MAX, RING_BLOCK_BYTES_MIN, RING_BLOCKS_MIN, face_close, face_count, face_filling,
    face_look, face_open, face_ready, face_take, face_trouble,
)

from whimbrel.base.errors import UsageError, WhimbrelError
from whimbrel.base.values import size_text
from whimbrel.capture import program as bpf
from whimbrel.capture.interfaces import LINK_ETHERNET, LINK_LINUX_SLL2, LINK_RAW, resolve
from whimbrel.capture.privilege import capture_rights

cdef extern from "<sys/epoll.h>" nogil:
    enum: EPOLL_CLOEXEC
    enum: EPOLL_CTL_ADD
    enum: EPOLLIN
    enum: EPOLLERR
    enum: EPOLLHUP
    unsigned int EPOLLET
    union epoll_data_t:
        uint32_t u32
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll_fd, int op, int fd, epoll_event* event)
    int epoll_wait(int epoll_fd, epoll_event* events, int max_events, int timeout_ms)

cdef enum:
    HOLD_NS = RING_HOLD_MS * 1000000

BLOCKS_WANTED = 16      # each may be handed over with a single packet in it after RING_BLOCK_MS: 320 ms to be late in


def ring_layout(ring_bytes: int, rings: int) -> tuple[int, int]:
    """(bytes of a block, blocks) of each of `rings` rings that share `ring_bytes`."""
    share = ring_bytes // rings
    block = RING_BLOCK_BYTES_MAX
    while block > RING_BLOCK_BYTES_MIN and share // block < BLOCKS_WANTED:
        block //= 2
    if share // block < RING_BLOCKS_MIN:
        least = size_text(RING_BLOCKS_MIN * RING_BLOCK_BYTES_MIN * rings)
        raise UsageError(
            f"a ring of {size_text(ring_bytes)} is too small for {rings} interfaces, it takes {least}: "
            "give more memory, or watch 'any', which needs one ring for all"
        )
    return block, share // block


cdef class Ring:
    """Packets of `interfaces` (names, or `any` alone), through rings that take at most `ring_bytes` together.

    `filter` is a program as filter.compile_filter makes it, or a function from a link type to one, for interfaces of
    several types.  Raises UsageError where the name, the right to capture or the memory is missing.
    """

    def __cinit__(self) -> None:
        self.epoll_fd = -1
        self.checks = []

    def __init__(
        self,
        interfaces: list[str],
        filter: bytes | Callable[[int], bytes] | None = None,       # noqa: A002
        ring_bytes: int = 8 << 20,
        snaplen: int = bpf.SNAPLEN,
        *,
        promiscuous: bool = False,
    ) -> None:
        chosen = resolve(interfaces)
        if not 0 < len(chosen) <= RING_FACES_MAX:
            raise UsageError(f"{len(chosen)} interfaces: from 1 to {RING_FACES_MAX}, or 'any' for all")
        if self.faces != NULL:
            raise ValueError("a ring is opened once")
        block_bytes, blocks = ring_layout(ring_bytes, len(chosen))
        self.faces = <Face*> calloc(len(chosen), sizeof(Face))
        self.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        if self.faces == NULL or self.epoll_fd < 0:
            raise MemoryError
        try:
            for interface in chosen:
                self._add(interface, filter, snaplen, block_bytes, blocks, promiscuous)
        except BaseException:
            self.close()
            raise

    def __dealloc__(self) -> None:
        self.shut()
        free(self.faces)

    def _add(self, interface, filter_, snaplen: int, block_bytes: int, blocks: int, promiscuous: bool) -> None:
        cdef Face* f = &self.faces[self.count]
        cdef epoll_event event
        cdef bytes name = os.fsencode(interface.name)
        f.fd = -1
        strncpy(f.name, name, FACE_NAME_BYTES - 1)
        f.index, f.link, f.loopback = interface.index, interface.link, interface.loopback
        f.cooked, f.promiscuous = interface.link == LINK_LINUX_SLL2, promiscuous
        self.count += 1
        # A cooked socket's filter sees what is behind the link layer.
        wanted = filter_(LINK_RAW if f.cooked else interface.link) if callable(filter_) else filter_
        if wanted is not None:
            bpf.check(wanted)
        if wanted is not None and interface.link == LINK_ETHERNET and bpf.reads_tags(wanted):
            self.check(f, Filter(wanted))
            wanted = None
        cdef bytes program = bpf.for_socket(wanted, snaplen, loopback=interface.loopback, riders=interface.riders)
        cdef const uint8_t* code = <const uint8_t*> <const char*> program
        cdef const char* failed = face_open(f, block_bytes, blocks, code, len(program))
        if failed != NULL:
            raise trouble(interface.name, failed.decode(), errno)
        self.memory_bytes += f.map_bytes
        event.events = <uint32_t> EPOLLIN | EPOLLET
        event.data.u32 = <uint32_t> (self.count - 1)
        if epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, f.fd, &event):
            raise trouble(interface.name, "wait for packets", errno)

    cdef int check(self, Face* f, Filter program) except -1:
        """Run a filter here, after tags were put back, that would miss them in the kernel."""
        self.checks.append(program)
        f.check, f.check_len = program.program, program.n
        return 0

    cdef Face* choose(self) noexcept nogil:
        """The face with the earliest head, NULL while there is none or one before it may come."""
        cdef Face* found = NULL
        cdef Face* f
        cdef int64_t age_ns, until_ns = INT64_MAX       # of the heads of the others
        cdef int i, silent = 0
        for i in range(self.count):
            f = &self.faces[i]
            if not face_ready(f):
                silent += 1
            elif found == NULL or f.head_ns < found.head_ns:
                until_ns = found.head_ns if found != NULL else until_ns
                found = f
            elif f.head_ns < until_ns:
                until_ns = f.head_ns
        self.holding = False
        if found != NULL and silent and not face_filling(found):
            age_ns = 1000000 * wall_ms() + 999999 - found.head_ns       # at least its age: never negative by rounding
            self.holding = 0 <= age_ns < HOLD_NS        # of the future: somebody set the clock back
            if age_ns >= HOLD_NS and found.head_ns + age_ns - HOLD_NS < until_ns:
                until_ns = found.head_ns + age_ns - HOLD_NS
        self.until_ns = until_ns
        return NULL if self.holding else found

    cdef bint next(self, Packet* p) noexcept nogil:
        cdef Face* f = self.current
        cdef int refused = 0
        while refused < RING_REFUSED_MAX:
            if f == NULL or f.left == 0 or f.head_ns > self.until_ns:
                f = self.current = self.choose()
                if f == NULL:
                    return False
            if face_take(f, p):
                return True
            refused += 1
        return False

    cdef int wait(self, int timeout_ms) noexcept nogil:
        """Whether there may be something now.  The kernel tells every block it hands over, once, and may tell it a
        moment before we can see it, so we look before and after."""
        cdef epoll_event events[RING_FACES_MAX]
        cdef int i, n
        self.current = self.choose()
        if self.current != NULL:
            return 1
        if self.holding and (timeout_ms < 0 or timeout_ms > RING_STEP_MS):
            timeout_ms = RING_STEP_MS
        n = epoll_wait(self.epoll_fd, events, RING_FACES_MAX, timeout_ms)
        for i in range(n):
            if events[i].events & (EPOLLERR | EPOLLHUP):
                face_trouble(&self.faces[events[i].data.u32])
        self.look()
        self.current = self.choose()
        return n > 0 or self.holding or self.current != NULL

    cdef void look(self) noexcept nogil:
        """Look, once a second, after interfaces that went down or away."""
        cdef int i
        cdef bint due = coarse_ns() - self.looked_ns >= RING_LOOK_NS
        for i in range(self.count):
            if due and self.faces[i].down:
                self.looked_ns = coarse_ns()
                face_look(&self.faces[i])

    cdef void totals(self, uint64_t* packets, uint64_t* drops) noexcept nogil:
        """What the kernel counted on all interfaces since the ring was opened; `packets` holds `drops`."""
        cdef int i
        packets[0] = drops[0] = 0
        for i in range(self.count):
            face_count(&self.faces[i])
            packets[0] += self.faces[i].packets
            drops[0] += self.faces[i].drops

    def drops(self) -> dict[str, tuple[int, int, int]]:
        """{interface: (packets the filter let through, how many of them were dropped, times its ring was full)}."""
        cdef int i
        found = {}
        for i in range(self.count):
            face_count(&self.faces[i])
            found[os.fsdecode(self.faces[i].name)] = (
                self.faces[i].packets, self.faces[i].drops, self.faces[i].freezes
            )
        return found

    def downs(self) -> dict[str, int]:
        """{interface: times it went down or away} since the start; the others are captured from meanwhile."""
        cdef int i
        return {os.fsdecode(self.faces[i].name): self.faces[i].downs for i in range(self.count)}

    def close(self) -> None:
        """Give the rings back; packets in them are lost.  May be called twice."""
        self.shut()

    cdef void shut(self) noexcept nogil:
        cdef int i
        for i in range(self.count):
            face_close(&self.faces[i])
        self.count = 0
        self.memory_bytes = 0
        self.current = NULL
        self.holding = False
        if self.epoll_fd >= 0:
            close(self.epoll_fd)
        self.epoll_fd = -1


def trouble(interface: str, step: str, code: int) -> WhimbrelError:
    """What to raise when `step` failed on an interface."""
    if code in (EPERM, EACCES):
        return UsageError(capture_rights() or f"interface {interface!r}: not allowed to {step}")
    return WhimbrelError(f"interface {interface!r}: cannot {step}: {os.strerror(code)}")
