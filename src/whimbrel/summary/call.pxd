# A call: a request and its response, as the conversation hands it over when it is complete (or known not to become so).
# Everything is borrowed until the sink returns, shapes included.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.base.slice cimport Slice
from whimbrel.summary.body cimport Body

cdef enum CallProtocol:             # names in call.py; numbers are part of the batch
    CALL_HTTP = 1
    CALL_MEMCACHE = 2
    CALL_REDIS = 3

cdef enum CallFlag:                 # bits; names in call.py, printed by --calls
    CALL_NO_RESPONSE = 1            # the flow ended, or the response was lost
    CALL_NO_REQUEST = 2             # joined late, or the request was lost
    CALL_REQUEST_GAP = 4            # body bytes of the request are missing (counted in its length)
    CALL_RESPONSE_GAP = 8
    CALL_REQUEST_CUT = 16           # the flow ended inside the request
    CALL_RESPONSE_CUT = 32
    CALL_MALFORMED = 64             # RFC 9112 says otherwise; see H1Flag
    CALL_SMUGGLING = 128            # lengths that contradict each other
    CALL_UPGRADED = 256             # the connection speaks something else from here on
    CALL_HTTP09 = 512
    CALL_CONTINUED = 1024           # there were 1xx responses
    CALL_TARGET_CUT = 2048          # longer than CALL_TARGET_BYTES: its rest was dropped
    CALL_UNPAIRED = 4096            # after a gap it is not certain that the two belong together
    CALL_NO_REPLY = 8192            # none was due: noreply, CLIENT REPLY OFF
    CALL_IN_TRANSACTION = 16384
    CALL_PUSH = 32768               # RESP3 push or a pub/sub message: a response nobody asked for

cdef enum CallOutcome:              # cache calls; names in call.py
    OUTCOME_NONE = 0
    OUTCOME_HIT = 1
    OUTCOME_MISS = 2
    OUTCOME_STORED = 3
    OUTCOME_NOT_STORED = 4
    OUTCOME_OK = 5
    OUTCOME_ERROR = 6
    OUTCOME_UNKNOWN = 7             # no reply was seen

cdef enum:
    CALL_TARGET_BYTES = 4096        # of a target that are kept until the response
    CALL_HOST_BYTES = 256
    CALL_METHOD_BYTES = 32
    CALL_KEY_BYTES = 256            # of a cache key; memcache allows 250

cdef struct Call:
    uint8_t protocol                # CallProtocol
    uint8_t outcome                 # CallOutcome
    uint32_t flags                  # CallFlag
    uint32_t keys                   # cache calls: keys of the command; one call is handed over for every key
    uint64_t flow_id
    uint8_t client[16]              # IPv4 as ::ffff:a.b.c.d
    uint8_t server[16]
    uint16_t client_port
    uint16_t server_port
    int status                      # HTTP; 0: none
    Slice method                    # HTTP's, or the cache command in lower case
    Slice host                      # as sent
    Slice target                    # raw; only --reveal and the path templates look at it
    Slice key                       # cache calls
    Slice headers                   # the request's header block: names only go further
    uint64_t request_bytes          # HTTP: body after de-chunking, before decompression.  Cache: value bytes sent
    uint64_t response_bytes         # HTTP: the same.  Cache: value bytes received
    int64_t ttl_ms                  # cache writes: -1 not given, 0 never
    int64_t request_first_ns        # since 1970; 0: not seen
    int64_t request_last_ns
    int64_t response_first_ns
    int64_t response_last_ns
    Body request_body
    Body response_body

ctypedef void (*CallSink)(void* context, const Call* call) noexcept nogil
