# The load client's engine: everything one run needs, without Python.  client.pyx sets it up and reads it.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.histogram cimport HistogramData
from whimbrel.bench.content cimport Content
from whimbrel.bench.draw cimport Draw
from whimbrel.bench.link cimport Link
from whimbrel.bench.wire cimport Protocol

cdef enum Source:           # where requests come from
    SOURCE_DRAW = 0         # keys drawn by popularity, verbs by share
    SOURCE_SWEEP            # every key stored once, in order
    SOURCE_TRACE            # the lines of a trace: a get each; one link a key, so that a key's order holds

cdef enum Pace:
    PACE_CLOSED = 0         # a request follows a reply
    PACE_FIXED              # open loop: one every interval
    PACE_POISSON            # open loop: exponential intervals

cdef struct Counts:         # of requests intended after the warm-up
    uint64_t requests       # replies parsed
    uint64_t hits
    uint64_t misses
    uint64_t stored
    uint64_t refused        # error replies
    uint64_t wrong          # values that are not what was stored
    uint64_t unanswered     # sent, no reply until the drain ended or the connection was lost
    uint64_t unsent         # open loop: due, but no connection came free until the drain ended
    uint64_t lost           # connections
    uint64_t bytes_out
    uint64_t bytes_in

cdef struct Engine:
    Link* links
    uint32_t n_links
    uint32_t n_lost
    uint32_t pipeline
    int epoll
    Protocol protocol
    # what is asked
    Source source
    Content content
    Draw draw
    uint64_t keys
    uint64_t get_threshold  # a random 32-bit word below it is a GET
    uint32_t ttl_min_s
    uint32_t ttl_max_s
    bint fill               # a miss is followed by a SET of the key
    bint check              # compare values
    const uint32_t* trace_keys
    const uint32_t* trace_sizes
    uint64_t position       # requests asked of the source
    uint64_t limit          # requests the source has
    # when
    Pace pace
    double interval_ns
    double due_ns           # open loop: when the next request is due, since start
    int64_t start_ns
    int64_t record_ns       # requests intended before it are warm-up
    int64_t end_ns          # nothing is intended at or after it
    int64_t drain_ns        # how long to wait for replies after it
    int64_t unblocked_ns    # when a connection last came free after all were busy
    int64_t last_reply_ns
    # free places in pipelines, in the order they came free (open loop)
    uint32_t* places
    uint32_t places_first
    uint32_t places_last
    uint32_t places_mask
    uint32_t* dirty
    uint32_t n_dirty
    uint64_t in_flight
    # what came of it
    Counts counts
    HistogramData get_ns
    HistogramData set_ns
    HistogramData late_ns   # open loop: lateness that is the generator's own fault


cdef void run_engine(Engine* e) noexcept nogil      # one run, from start to the end of its drain
