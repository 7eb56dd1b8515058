# The words of the session contract: outcomes, a connection, a context.  The calls are in session.pxd, which
# also has every name of this file; apart, because the worker's own memory (state.pxd) is built from them.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.buffer cimport Writer
from whimbrel.store.store cimport Store

cdef enum Outcome:
    WANT_INPUT = 0      # everything whole is executed; what is unconsumed is a partial request (or nothing)
    BLOCKED             # no room for the next reply: call again with the unconsumed bytes when there is
    CLOSE               # send what is composed, then close (QUIT, a fatal protocol error)

cdef enum:
    REPLY_SMALL = 1024  # bytes: room that is enough for every reply without a value or key list in it
    COMMANDS_MAX = 256  # command indexes of both protocols together (memcache from 0, RESP from 64)
    RESP_COMMANDS = 64  # first index of the RESP commands
    CLOCK_EVERY = 64    # replies between two looks at the clock inside one batch

cdef struct Settings:               # shared by all workers; plain words, written by CONFIG SET, read relaxed
    uint64_t max_item               # bytes of a value
    uint64_t max_request            # bytes of one request that a worker's memory for input can hold; 0: any
    uint64_t max_connections
    uint64_t idle_timeout_ms        # 0: none
    uint64_t verbosity
    uint64_t flush_at_ms            # pending `flush_all DELAY`, steady wall ms; 0: none

cdef struct Conn:                   # one connection; lives in its worker's slab, 64-bit aligned
    int fd                          # -1: this entry is free
    uint8_t protocol                # 0: first byte not seen, 1: memcache, 2: RESP
    uint8_t resp_version            # 2 or 3
    uint8_t closing
    uint8_t unix_socket
    uint32_t generation             # distinguishes reuse of this slab entry
    uint32_t flags                  # ConnFlag in state.pxd
    uint64_t id                     # CLIENT ID: unique in the process
    # owned by the executor of the protocol, zeroed when the connection opens
    uint64_t mc_state               # memcache: a retrieval line that continues in the next read, bytes to swallow, ...
    uint64_t mc_swallow             # memcache: bytes of a refused data block still to drop
    void* resp                      # RESP: lazily allocated state (name, MULTI queue, WATCH), freed by resp_close()
    # the rest is private to the worker (buffers, lists, times)
    uint8_t* kept                   # unconsumed input
    uint8_t* tail                   # unsent output
    uint32_t kept_len
    uint32_t kept_cap
    uint32_t need                   # kept_len to reach before the executor is called again; 0: any more
    uint32_t tail_len
    uint32_t tail_cap
    uint32_t tail_sent
    uint32_t progress               # bytes moved since held_ms was set
    uint32_t want                   # bytes of memory it is parked for
    uint32_t queue                  # Queue in state.pxd: the list it is in, and its neighbours there
    uint32_t next                   # slab index + 1; 0: none
    uint32_t prev
    uint64_t opened_ms              # monotonic
    uint64_t active_ms
    uint64_t held_ms                # when a kept or unsent byte last moved as it should
    uint64_t ready_ns               # when the loop reported the input that is being worked on
    uint64_t bytes_in
    uint64_t bytes_out

cdef struct Context:                # what an executor may use; one per worker
    Store* store
    Settings* settings
    int64_t now_ms                  # steady wall ms, refreshed at every read and every CLOCK_EVERY replies
    Writer out                      # the worker's composed, unsent replies
    uint64_t* counters              # server/counters.pxd
    uint64_t batch_seen[4]          # bit set of the command indexes with batch[] != 0
    uint32_t batch[256]             # requests per command index since the last write: latency is charged per batch
    uint32_t clock_in               # replies until the clock is read again
    uint32_t worker_index
    void* worker                    # the worker itself, for session.pyx's functions only

ctypedef Outcome (*Executor)(Context* x, Conn* c, const uint8_t* data, size_t n, size_t* consumed,
                             size_t* need) noexcept nogil
ctypedef void (*ConnClosed)(Context* x, Conn* c) noexcept nogil     # frees what the executor hung on the Conn
