r"""A worker that is driven turn by turn in the caller's thread, over socket pairs: for fuzzing and tests.

    drive = Drive(StoreHandle.create(8 << 20))
    peer = drive.connect()                  # a Python socket; the other end is the worker's
    peer.send(b"mn\r\n"); drive.turn()
    peer.recv(100)                          -> b"MN\r\n"
    drive.held()                            -> (0, 0): bytes kept for input and output
    drive.close()

Everything below the Python line is what serves in production: reads, batches, tails, parking, sweeps.
"""

import socket

from libc.stdint cimport uint64_t
from libc.string cimport memset
from whimbrel.server.contract cimport Settings
from whimbrel.server.entry cimport connection_open
from whimbrel.server.protocols cimport protocols_install
from whimbrel.server.state cimport BUSY_STRIDE, Gate, MESSAGE_WAKE, STOP_NOW, Worker
from whimbrel.server.worker cimport worker_free, worker_new, worker_run, worker_tell, worker_turn
from whimbrel.store.store cimport StoreHandle

cdef enum:
    CONNECTIONS = 64


cdef class Drive:
    cdef readonly StoreHandle store
    cdef Settings settings
    cdef Gate gate
    cdef uint64_t busy[BUSY_STRIDE]
    cdef Worker* w

    def __cinit__(self, StoreHandle store, size_t side_bytes=4 << 20, uint64_t max_item=1 << 20):
        memset(&self.settings, 0, sizeof(Settings))
        memset(&self.gate, 0, sizeof(Gate))
        memset(self.busy, 0, sizeof(self.busy))
        self.store = store
        self.settings.max_item = max_item
        self.settings.max_request = side_bytes // 2 - 8192
        self.settings.max_connections = CONNECTIONS
        self.gate.workers = 1
        self.gate.busy = self.busy
        self.w = worker_new(store.ptr, &self.settings, &self.gate, 0, CONNECTIONS, side_bytes, side_bytes)
        if self.w == NULL:
            raise OSError("no memory or descriptors for a worker")
        protocols_install(self.w)

    def connect(self):
        """A non-blocking socket whose other end the worker serves."""
        if self.w == NULL:
            raise ValueError("closed")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.w.connections += 1
        if connection_open(self.w, theirs.detach(), True) == NULL:
            ours.close()
            raise OSError("the worker has no entry left")
        return ours

    def turn(self, int times=1):
        """Let the worker look at what is ready, `times` times, without waiting."""
        cdef int _i
        if self.w == NULL:
            raise ValueError("closed")
        with nogil:
            for _i in range(times):
                worker_turn(self.w, 0)

    def connections(self):
        return 0 if self.w == NULL else self.w.connections

    def held(self):
        """Bytes that connections hold between two turns: partial requests, unsent replies."""
        if self.w == NULL:
            return (0, 0)
        return (self.w.small.used + self.w.input.used + self.w.state.used, self.w.output.used)

    def close(self):
        """Close every connection; returns what was held after that, which must be nothing."""
        cdef size_t left_in, left_out
        if self.w == NULL:
            return (0, 0)
        self.w.stop = STOP_NOW
        worker_tell(self.w, MESSAGE_WAKE, 0, 0)
        with nogil:
            worker_run(self.w)
        left_in, left_out = self.held()
        worker_free(self.w)
        self.w = NULL
        return (left_in, left_out)

    def __dealloc__(self):
        worker_free(self.w)
