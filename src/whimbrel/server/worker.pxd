# A worker thread's memory and its loop (worker.pyx).

from libc.stdint cimport uint32_t, uint64_t
from whimbrel.server.contract cimport Conn, Settings
from whimbrel.server.state cimport Gate, Worker
from whimbrel.store.store cimport Store

cdef Worker* worker_new(Store* store, Settings* settings, Gate* gate, uint32_t index, uint32_t connections,
                        size_t input_bytes, size_t output_bytes) noexcept nogil
cdef void worker_free(Worker* w) noexcept nogil
cdef void worker_run(Worker* w) noexcept nogil
cdef void worker_turn(Worker* w, int timeout_ms) noexcept nogil
cdef bint worker_tell(Worker* w, uint32_t kind, uint32_t a, uint64_t b) noexcept nogil
