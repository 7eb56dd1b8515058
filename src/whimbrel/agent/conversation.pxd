# A flow's bytes -> calls: what is spoken, where messages begin and end, which response answers which request.
#
# One Conversation hangs on Flow.user.  Its two halves parse with the codecs of protocol/; what a codec wants to see
# whole (a head, a command line) is kept in the arena until it is, everything else streams.  Requests wait for their
# responses in a bounded queue.  After a gap a half looks for the next message's start, and what cannot be paired
# with certainty is flagged.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from whimbrel.base.arena cimport Arena
from whimbrel.capture.flow cimport Flow, FlowEnd
from whimbrel.summary.call cimport Call, CallSink

cdef enum:
    PENDING_MAX = 1024              # requests of one flow that wait for their responses
    PARTIAL_MAX = 131072            # of an unfinished head or command: H1_MAX_HEAD, an inline RESP line, twice

cdef struct TlsSeen:                # a handshake, for service edges; slices borrowed
    const uint8_t* server_name
    size_t server_name_len
    const uint8_t* alpn
    size_t alpn_len
    int version                     # 0x0303, ...

ctypedef void (*TlsSink)(void* context, const Flow* f, const TlsSeen* seen) noexcept nogil

# a flow that is not read here: nothing of it but who speaks with whom; `client` is the side that seems to be it
ctypedef void (*UnreadSink)(void* context, const Flow* f, int client, bint http2) noexcept nogil

cdef struct TalkCounts:             # since the start
    uint64_t calls
    uint64_t flows_http
    uint64_t flows_memcache
    uint64_t flows_redis
    uint64_t flows_tls
    uint64_t flows_http2            # recognised, not parsed yet
    uint64_t flows_opaque           # nothing we know, upgraded, tunnelled
    uint64_t untyped_bodies         # not looked into: pressure or no memory
    uint64_t unpaired               # responses or requests left alone
    uint64_t resyncs                # message starts found again after a gap
    uint64_t lost_messages          # that could not be parsed because of a gap or of memory
    uint64_t pending_dropped        # PENDING_MAX reached
    uint64_t keys_dropped           # calls not told of commands with more keys than there was room for
    uint64_t malformed
    uint64_t flows_refused          # no memory for a conversation

cdef struct Talk:                   # what all conversations share
    Arena* arena
    uint64_t seed
    CallSink sink                   # told every call, in order of completion
    TlsSink tls                     # may be NULL
    UnreadSink unread               # may be NULL
    void* context                   # of both
    int pressure                    # 0 none, 1 no body schemas, 2 and no pairing detail (see agent/budget)
    TalkCounts counts

# FlowSink's functions; the context is the Talk.
cdef void talk_data(void* talk, Flow* f, int side, const uint8_t* data, size_t n, int64_t time_ns) noexcept nogil
cdef void talk_gap(void* talk, Flow* f, int side, uint64_t n, int64_t time_ns) noexcept nogil
cdef void talk_half(void* talk, Flow* f, int side, int64_t time_ns) noexcept nogil
cdef void talk_over(void* talk, Flow* f, FlowEnd why, int64_t time_ns) noexcept nogil
