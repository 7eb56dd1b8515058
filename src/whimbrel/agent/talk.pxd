# What the parts of a conversation share: the two halves, the requests that wait, what each protocol remembers.
#
#     conversation.pyx   which protocol, which side is the client      pending.pyx        the queue, handing calls over
#     talk_http.pyx      } bytes -> messages -> Pending                certain.pyx        is the pairing certain?
#     talk_memcache.pyx  }                                             kept.pyx           bytes of what is not whole
#     talk_resp.pyx      }                                             talk_tls.pyx       the two hellos
#
#     Flow.user -> Conversation (one 512-byte block)
#                    half[CLIENT], half[SERVER]   state, kept bytes
#                    waiting: Pending -> Pending -> ...      in the order of the requests; each its own block
#                    speech:  the protocol's own, a union
#
# A half is named by its role, not by its side, as soon as the roles are known.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from whimbrel.agent.conversation cimport Talk
from whimbrel.agent.resp_rules cimport Command
from whimbrel.agent.resp_skim cimport Ask, Skim
from whimbrel.capture.flow cimport Flow
from whimbrel.protocol.http1.messages cimport H1Body
from whimbrel.summary.body cimport BodyTyper
from whimbrel.summary.call cimport Call

cdef enum:
    CLIENT = 0
    SERVER = 1

cdef enum TalkKind:
    TALK_UNSURE = 0                 # the first bytes are kept until detect() knows
    TALK_HTTP
    TALK_MEMCACHE
    TALK_REDIS
    TALK_TLS
    TALK_OPAQUE                     # nothing more to be read here: the conversation is taken down

cdef enum HalfState:
    HALF_START = 0                  # at a message's first byte, or with a part of its head in `kept`
    HALF_BODY                       # inside a message
    HALF_LOST                       # after a gap: looks for a message's start
    HALF_DEAD                       # ended, or broken for good

cdef struct Half:
    uint8_t* kept                   # arena; what the codec wants to see whole
    uint32_t kept_len
    uint8_t state                   # HalfState
    bint exact                      # framing says where we are; False: a start was only found by looking
    int64_t kept_ns                 # when kept's first byte came
    uint64_t skip                   # cache protocols: bytes of a data block still to pass

cdef struct Pending:                # a request, from its first byte until its call is handed over
    Pending* next
    uint32_t block_bytes
    uint32_t dropped_after          # requests behind this one that found no room
    uint8_t kind                    # H1Method or McCommand
    const Command* row              # RESP; NULL: an unknown command
    uint8_t quiet                   # memcache meta: no reply to the nominal outcome
    bint after_silent               # a noreply request came just before: an error line may be its
    bint request_open               # its last byte has not come yet
    bint answered                   # its response is whole
    bint conditional                # RESP: NX, XX and the like
    uint8_t* keys                   # KeyRecords of a command with several keys, or NULL: call.key
    uint32_t keys_len
    uint32_t keys_at                # the next that may be answered
    uint32_t opaque_len
    uint8_t opaque[32]              # memcache meta's O token
    Call call                       # slices point behind it, into this block

cdef struct KeyRecord:              # behind it the key's bytes, padded to 8
    uint64_t sent
    uint64_t received
    uint16_t len
    uint8_t outcome
    bint cut

cdef struct Message:                # HTTP: the one in transit in a direction
    Pending* p                      # NULL: found no room
    BodyTyper* typer
    H1Body body

cdef struct HttpTalk:
    Message message[2]
    bint bare                       # the response in transit is HTTP/0.9's

cdef struct MemcacheTalk:
    uint64_t state                  # of a retrieval line that goes on
    Pending* open                   # whose line goes on; in the queue
    Pending* block                  # whose data block passes; in the queue, unless it is noreply
    bint block_silent
    bint silent                     # the last request was noreply
    bint last_block                 # the data block that passes ends the reply
    uint64_t received               # value bytes of the reply in transit
    int64_t reply_ns                # its first byte; 0: none

cdef struct RedisTalk:
    Ask ask                         # a request in pieces
    Skim skim                       # the reply in transit
    int64_t ask_ns
    int64_t reply_ns                # its first byte; 0: none
    Pending* queued                 # between MULTI and EXEC
    Pending* queued_last
    Pending* exec_at                # EXEC: the queued one whose reply passes
    uint64_t mark                   # value bytes of the reply before that one
    uint32_t children               # of the reply, so far
    uint8_t top_kind                # of the reply in transit
    bint top_null
    bint hit                        # a child was not nil
    int64_t top_integer
    bint request_gap                # bytes of a value are missing
    bint reply_gap
    bint silent                     # CLIENT REPLY OFF
    bint silent_next                # CLIENT REPLY SKIP
    bint subscribed                 # arrays may be messages
    bint pushed                     # this one is

cdef struct TlsTalk:                # the client's names wait in half[CLIENT].kept: server name, then ALPN
    bint heard[2]
    int version
    uint16_t server_name_len
    uint16_t alpn_len

cdef union Speech:
    HttpTalk http
    MemcacheTalk memcache
    RedisTalk redis
    TlsTalk tls

cdef struct Conversation:
    Talk* talk
    Flow* flow
    uint8_t kind                    # TalkKind; TALK_OPAQUE: to be taken down
    uint8_t speaks                  # what it was before
    uint8_t client                  # the side that is the client
    bint joined                     # the beginning was not captured
    uint8_t tries                   # pieces looked at without knowing the protocol
    # certain.pyx
    bint doubt                      # pairs may be wrong: calls are flagged
    bint server_sure                # no server bytes are missing since the last certain moment
    bint client_sure
    bint provisional                # certain again, unless the client turns out to pipeline
    bint pipelined                  # it does
    bint turned                     # a response ended and no client byte came since
    int64_t last_ns                 # the last byte of either side
    # pending.pyx
    Pending* head
    Pending* tail
    uint32_t waiting
    uint32_t dropped_first          # responses that answer requests which found no room
    size_t waiting_bytes
    Half half[2]
    Speech speech


cdef inline void go_opaque(Conversation* c) noexcept nogil:
    """The conversation is taken down as soon as its caller returns."""
    c.kind = TALK_OPAQUE
