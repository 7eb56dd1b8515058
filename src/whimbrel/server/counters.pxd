# What a worker counts: one row of 64-bit words per worker, written by it alone, read by anyone.
#
# An index here, its row (metric name, sentence) in counters.pyx; a test holds the two together.  Requests and
# latencies per command are not here: they have an array of their own, by command index (state.pxd).
#
#     count(x, MC_GET_HITS)          add one
#     count_many(x, BYTES_IN, n)     add n

from libc.stdint cimport uint64_t
from whimbrel.base.atomic cimport load_relaxed64, store_relaxed64
from whimbrel.server.contract cimport Context

cdef enum Counter:
    # the worker's own
    CONNECTIONS_OPENED = 0
    CONNECTIONS_CLOSED
    CLOSED_IDLE                 # no traffic for idle_timeout
    CLOSED_SLOW_READER          # held unsent replies without progress while their memory was needed
    CLOSED_STALLED_SENDER       # held a partial request without progress while its memory was needed
    CLOSED_NO_MEMORY            # a reply could not be kept for a peer that does not read
    CLOSED_OVERSIZED            # a request longer than any limit allows
    CLOSED_KILLED               # by CLIENT KILL
    REFUSED_BINARY              # first byte 0x80: the binary memcache protocol
    REFUSED_HTTP                # an HTTP request on the data port
    REFUSED_TLS                 # a TLS hello on the plain port
    BYTES_IN
    BYTES_OUT
    READS
    WRITES
    BATCHES                     # reads that held at least one whole request
    PARKED_FOR_INPUT            # waited for memory to receive a large request
    PARKED_FOR_OUTPUT           # waited for memory to compose a large reply
    BLOCKED_ON_PEER             # stopped executing because the peer does not read
    MAINTENANCE_SLICES
    # memcache
    MC_GET_HITS
    MC_GET_MISSES
    MC_TOUCH_HITS
    MC_TOUCH_MISSES
    MC_DELETE_HITS
    MC_DELETE_MISSES
    MC_INCR_HITS
    MC_INCR_MISSES
    MC_DECR_HITS
    MC_DECR_MISSES
    MC_CAS_HITS
    MC_CAS_BADVAL
    MC_CAS_MISSES
    MC_CMD_GET                  # keys asked for, not commands
    MC_CMD_SET
    MC_CMD_TOUCH
    MC_CMD_FLUSH
    MC_CMD_META
    MC_BAD_REQUESTS             # answered ERROR or CLIENT_ERROR
    MC_STORE_TOO_LARGE
    MC_STORE_NO_MEMORY
    # RESP
    RESP_KEYSPACE_HITS
    RESP_KEYSPACE_MISSES
    RESP_ERRORS                 # error replies
    RESP_PROTOCOL_ERRORS        # closed after "-ERR Protocol error"
    RESP_EXEC
    RESP_EXEC_ABORTED           # a watched key had changed
    RESP_SCRIPTS
    RESP_STORE_TOO_LARGE
    RESP_STORE_NO_MEMORY
    COUNTERS


cdef inline void count_many(Context* x, int counter, uint64_t n) noexcept nogil:
    store_relaxed64(&x.counters[counter], load_relaxed64(&x.counters[counter]) + n)


cdef inline void count(Context* x, int counter) noexcept nogil:
    count_many(x, counter, 1)
