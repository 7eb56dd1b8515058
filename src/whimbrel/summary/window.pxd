# What happened in ten seconds: per endpoint and status counts, latencies, sizes, clients, shapes; cache traffic by key
# template; who calls whom.  Calls go in without the GIL; at its end Python reads the window out (readout.pyx).
#
#     Node.user -> Endpoint -> Row (status 200) -> Row (404)          kept across windows, dropped when idle
#                    |           counts of this window; the shape of its responses, for ever
#                    shapes of its requests, query, header names
#
# A row is one endpoint with one status, or one key template with one command.  Rows, endpoints and what they have
# learnt stay from window to window, so that the reveal rule can count and a shape is sent only when it changed; their
# counts start anew.  Bounded by WINDOW_ROWS and by the arena: a row that was idle makes room first, then a reservoir
# of WINDOW_RESERVOIR rows holds a fair sample of the endpoints that found no room, and every other call is counted in
# the row {other} of its protocol and status class.  So the calls of all rows are the calls that were given.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.summary.call cimport Call
from whimbrel.summary.hll cimport Hll
from whimbrel.summary.latency cimport Latency
from whimbrel.summary.shape cimport Shape
from whimbrel.summary.shards cimport Shards
from whimbrel.summary.template cimport Node, Templates

cdef enum:
    WINDOW_ROWS = 4096              # at 1 KiB and what their histograms take: 8 MiB when all are busy
    WINDOW_RESERVOIR = 256          # of them, for endpoints that found no room
    WINDOW_IDLE = 360               # windows without a call until an endpoint is forgotten: an hour
    WINDOW_IDLE_SHORT = 6           # the same when memory or nodes are short: a minute
    WINDOW_EDGES = 4096             # of a window
    WINDOW_EDGE_NAMES = 16          # hosts of one client at one server; calls to further ones have an edge without
    WINDOW_CALLERS = 8              # of a row: services have few; where there are more, the number of clients says more
    WINDOW_CACHES = 8               # servers whose reuse distances are sampled: 256 KiB each
    WINDOW_SHAPE_BYTES = 1048576    # of one shape; beyond, it is begun anew
    WINDOW_SHAPE_PERCENT = 60       # of the arena in use: beyond, shapes are not merged any more
    WINDOW_NAMES_EVERY = 16         # header names: of the first so many calls of a window, then of one in so many
    WINDOW_QUERY_FIRST = 64         # query parameters: of the first so many calls of a window,
    WINDOW_QUERY_EVERY = 8          # then of one in so many: they vary more, and cost 1.5 us
    SIZE_STEPS = 34                 # 0, 1, 2-3, 4-7, ... 4 GiB and more
    TTL_STEPS = 32                  # below 1 s, 1, 2-3, 4-7, ... seconds; the last two: never, not given
    TTL_NEVER = 30
    TTL_NOT_GIVEN = 31
    OTHER_ROWS = 8                  # HTTP by status class 0..5, memcache, redis

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define WINDOW_NS INT64_C(10000000000)
    """
    const int64_t WINDOW_NS         # 10 s

cdef enum WindowProtocol:           # of edges, beyond CallProtocol; names in call.py
    WINDOW_TLS = 4
    WINDOW_HTTP2 = 5
    WINDOW_OPAQUE = 6

cdef enum AuthKind:                 # bits; names in readout.pyx
    AUTH_BASIC = 1
    AUTH_BEARER = 2
    AUTH_DIGEST = 4
    AUTH_NEGOTIATE = 8
    AUTH_OTHER = 16                 # a scheme that is not in our list
    AUTH_COOKIE = 32
    AUTH_API_KEY = 64
    AUTH_SIGNATURE = 128            # AWS4-HMAC-SHA256, Signature, Hawk

cdef struct Sizes:                  # bytes
    uint64_t sum
    uint64_t min                    # meaningful where a step is not 0
    uint64_t max
    uint32_t steps[SIZE_STEPS]      # by floor(log2) + 1

cdef struct Kept:                   # a shape that grows over windows
    Shape* shape
    uint64_t told                   # fingerprint of what was last sent; 0: nothing
    uint32_t told_calls             # of the shape, when it was last sent
    uint32_t told_at                # WindowData.number then
    uint32_t bytes                  # of the arena, about
    uint8_t again                   # how often it was sent as it is
    bint fresh                      # merged into since it was last looked at

cdef struct Row:                    # counts are of this window; less than 1 KiB: one block
    Endpoint* endpoint              # NULL: an {other}
    Row* next                       # of the endpoint
    uint32_t place                  # in WindowData.rows
    int status
    uint64_t calls
    Latency first                   # last request byte -> first response byte
    Latency last                    # last request byte -> last response byte
    Sizes request
    Sizes response
    Hll clients
    uint32_t flags[16]              # by bit of CallFlag
    uint32_t outcomes[8]            # cache
    uint32_t ttls[TTL_STEPS]
    uint32_t body_flags[8]          # by bit of BodyFlag, both bodies
    uint16_t request_kinds          # bit by BodyKind
    uint16_t response_kinds
    uint16_t callers[WINDOW_CALLERS]        # Edge.caller of each; 0: none
    uint32_t caller_calls[WINDOW_CALLERS]
    bint more_callers               # than there is room for
    Kept answer                     # the shape of responses

cdef struct Endpoint:
    Node* node
    Endpoint* next                  # of all
    Endpoint* prev
    Row* rows
    Kept request                    # learnt from what was answered below 400
    Kept query
    Kept names                      # of headers
    uint64_t told_id                # under which the hub knows it; 0: not yet
    uint32_t calls                  # of this window
    uint32_t quiet                  # windows since the last one
    uint32_t auth                   # AuthKind, of this window

cdef struct Edge:                   # zeroed beyond its end: keys are compared as bytes
    uint8_t client[16]
    uint8_t server[16]
    uint16_t port
    uint16_t version                # TLS
    uint8_t protocol
    uint8_t alpn                    # 1 + its place in known.ALPN, 255: another; 0: none
    uint16_t unused
    Node* name                      # the host of HTTP calls; of a TLS handshake the server name
    uint64_t calls                  # calls; of TLS: handshakes
    uint64_t request_bytes
    uint64_t response_bytes
    uint64_t flows                  # told by window_edge
    uint64_t flow_bytes
    uint16_t caller                 # who the client is, within the window: 1 + the place of its first edge

cdef struct Cache:                  # one server's keys
    uint8_t server[16]
    uint16_t port
    uint8_t protocol
    Shards* shards

cdef struct WindowCounts:           # since the start
    uint64_t calls
    uint64_t other_calls            # counted in an {other} row for want of rows or memory
    uint64_t edges_lost             # calls and flows of edges beyond WINDOW_EDGES
    uint64_t shapes_refused         # not merged: pressure or memory
    uint64_t shapes_restarted       # grew beyond WINDOW_SHAPE_BYTES
    uint64_t caches_lost            # references to servers beyond WINDOW_CACHES
    uint64_t dropped                # endpoints forgotten because they were idle
    uint64_t edges_unnamed          # calls to hosts beyond WINDOW_EDGE_NAMES

cdef struct WindowData:
    Arena* arena
    Templates* templates
    uint64_t seed
    uint64_t client_seed            # from the install's key, so that distinct counts of windows can be united
    uint64_t key_seed
    uint64_t random
    uint32_t number                 # of windows before this one
    Endpoint* endpoints
    Row** rows                      # WINDOW_ROWS of them
    uint32_t rows_used              # below the reservoir
    uint32_t hand                   # where an idle row is looked for next
    uint64_t overflow               # calls of this window that found no room
    Edge* edges
    uint16_t* edge_slots            # place + 1, by hash; twice WINDOW_EDGES
    uint16_t* caller_slots          # the same of each client's first edge
    uint32_t edges_used
    uint32_t edges_room
    bint addresses                  # leave in plain, not as tokens
    uint32_t caches_used
    Cache caches[WINDOW_CACHES]
    WindowCounts counts
    Row other[OTHER_ROWS]

# To be called after templates_set_key: seeds of what outlives the process come from the key.
cdef WindowData* window_new(Arena* arena, Templates* templates, uint64_t seed) noexcept nogil     # NULL: no memory

cdef void window_free(WindowData* w) noexcept nogil
cdef Node* window_call(WindowData* w, const Call* call) noexcept nogil      # the call's endpoint, for who prints calls
cdef void window_edge(
    WindowData* w, const uint8_t* client, const uint8_t* server, int server_port, uint8_t protocol, uint64_t bytes,
) noexcept nogil                                                # one flow and its bytes, whatever it spoke
cdef void window_tls(
    WindowData* w, const uint8_t* client, const uint8_t* server, int server_port, int version,
    const uint8_t* name, size_t name_len, const uint8_t* alpn, size_t alpn_len,
) noexcept nogil                                                # a handshake

# For readout.pyx:
cdef Endpoint* window_settle(WindowData* w, Endpoint* e) noexcept nogil     # where a merged endpoint's state is now
cdef void window_next(WindowData* w) noexcept nogil             # counts start anew; who was idle too long is dropped
