# cython: wraparound=True, boundscheck=True
# An executor without a server: bytes in, replies out, for tests and fuzzing.
#
# It is what the worker is to an executor, less sockets and budgets: a Context with one output buffer, a Conn, the
# bytes kept between two calls.  An executor is found by name when a Wire is made, so that this compiles
# and runs with either protocol alone.
#
#     shim = Shim(store)                      # a StoreHandle
#     wire = shim.connect("memcache")         # or "resp"
#     wire.feed(b"get a\r\n")                 -> b"END\r\n"
#     wire.closed, wire.kept, wire.need

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset
from whimbrel.base.buffer cimport writer_init, writer_len
from whimbrel.server.counters cimport COUNTERS
from whimbrel.server.session cimport BLOCKED, CLOSE, Conn, ConnClosed, Context, Executor, Outcome, Settings
from whimbrel.server.state cimport Gate, Worker
from whimbrel.store.store cimport StoreHandle, store_now_ms

import importlib


cdef void* exported(str module, str function) except? NULL:
    """A C function of another compiled module, as its .pxd exports it."""
    capsules = importlib.import_module(module).__pyx_capi__
    if function not in capsules:
        return NULL
    capsule = capsules[function]
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


cdef class Shim:
    """A store, settings and counters: one per test."""
    cdef readonly StoreHandle store
    cdef Context x
    cdef Settings settings
    cdef uint64_t* words
    cdef uint8_t* out
    cdef size_t out_bytes
    cdef Worker* worker             # what session.pyx's functions need of one: budgets, and a gate to be alone at
    cdef Gate gate
    cdef uint64_t connections

    def __cinit__(self, StoreHandle store, size_t out_bytes=1 << 24, uint64_t max_item=1 << 20,
                  size_t state_bytes=1 << 26):
        memset(&self.x, 0, sizeof(Context))
        memset(&self.settings, 0, sizeof(Settings))
        self.store = store
        self.out_bytes = out_bytes
        self.out = <uint8_t*> malloc(out_bytes)
        self.words = <uint64_t*> calloc(COUNTERS, sizeof(uint64_t))
        self.worker = <Worker*> calloc(1, sizeof(Worker))
        if self.out == NULL or self.words == NULL or self.worker == NULL:
            raise MemoryError
        self.settings.max_item = max_item
        self.settings.max_connections = 100
        self.x.store = store.ptr
        self.x.settings = &self.settings
        self.x.counters = self.words
        self.gate.workers = 1
        self.worker.gate = &self.gate
        self.worker.state.limit = state_bytes
        self.worker.peer_full = True            # no socket: a full buffer blocks, and Wire.feed takes what is in it
        self.x.worker = self.worker
        writer_init(&self.x.out, self.out, out_bytes)

    def __dealloc__(self):
        free(self.worker)
        free(self.out)
        free(self.words)

    def connect(self, str protocol):
        return Wire(self, protocol)

    @property
    def held_bytes(self):
        """What connections hold between requests."""
        return self.worker.state.used

    def counter(self, int index):
        return self.words[index]

    def executed(self, int command):
        """Requests of a command so far."""
        return self.x.batch[command]

    @property
    def flush_at_ms(self):
        return self.settings.flush_at_ms

    @property
    def verbosity(self):
        return self.settings.verbosity

    @property
    def now_ms(self):
        return store_now_ms(self.x.store)


cdef class Wire:
    """One connection."""
    cdef readonly Shim shim
    cdef readonly bytes kept
    cdef readonly size_t need
    cdef readonly bint closed
    cdef Conn conn
    cdef Executor execute
    cdef ConnClosed at_close

    def __cinit__(self, Shim shim, str protocol):
        memset(&self.conn, 0, sizeof(Conn))
        self.shim = shim
        self.kept = b""
        self.execute = <Executor> exported(f"whimbrel.server.execute_{protocol}", f"execute_{protocol}")
        self.at_close = <ConnClosed> exported(f"whimbrel.server.execute_{protocol}", f"{protocol}_close")
        if self.execute == NULL:
            raise ImportError(f"execute_{protocol} exports no executor")
        shim.connections += 1
        self.conn.id = shim.connections
        self.conn.protocol = 1 if protocol == "memcache" else 2
        self.conn.resp_version = 2

    def close(self):
        if self.at_close != NULL:
            self.at_close(&self.shim.x, &self.conn)
        self.at_close = NULL
        self.closed = True

    def feed(self, bytes data):
        """Executes all that is whole, and returns all replies."""
        cdef list replies = []
        cdef Outcome outcome
        self.kept = b"" if self.closed else self.kept + data
        while len(self.kept) >= max(self.need, 1) and not self.closed:
            outcome = self.step(replies)
            if outcome == CLOSE:
                self.close()
                self.kept = b""
            elif outcome != BLOCKED:
                break
        return b"".join(replies)

    cdef Outcome step(self, list replies) except *:
        cdef Context* x = &self.shim.x
        cdef size_t consumed = 0
        cdef const uint8_t* p = <const uint8_t*> self.kept
        cdef size_t n = len(self.kept)
        cdef Outcome outcome
        self.need = 0
        x.now_ms = store_now_ms(x.store)
        with nogil:
            outcome = self.execute(x, &self.conn, p, n, &consumed, &self.need)
        if x.out.overflow or consumed > n:
            raise AssertionError(f"overflow {x.out.overflow}, consumed {consumed} of {n}")
        if outcome == BLOCKED and consumed == 0 and writer_len(&x.out) == 0:
            raise AssertionError("blocked on an empty buffer")
        replies.append(x.out.base[:writer_len(&x.out)])
        writer_init(&x.out, self.shim.out, self.shim.out_bytes)
        self.kept = self.kept[consumed:]
        if self.need and self.need <= len(self.kept):
            raise AssertionError(f"need {self.need} but {len(self.kept)} bytes are there")
        return outcome
