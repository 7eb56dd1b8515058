# Is it certain which response answers which request?
#
# Without gaps it is: requests are answered in order, and the flow delivers no response before its request.  A gap
# that is not inside a body of known framing may have swallowed any number of messages.  From then on calls are
# flagged (`doubt`), until a moment at which nothing can be outstanding:
#
#   - the client's position is exact: its own half had no gap, or a response ended and the very next client byte
#     begins a request (a client that does not pipeline says nothing before it has its answer)
#   - and a request begins there: then everything before has been answered, and by causal order delivered, so the next
#     server byte begins its answer, whatever was missing before.
#
# Both rest on a client that waits for its answers.  One that was seen not to (`pipelined`) is believed only where the
# server's half is whole and nothing is outstanding by count, or, of a cache, after TALK_QUIET_NS without a byte.  A
# client that begins to pipeline just then is found out by its next request, before the first response ends
# (`provisional`).

from libc.stdint cimport int64_t
from whimbrel.agent.talk cimport Conversation

cdef enum:
    TALK_QUIET_NS = 2000000000      # a cache that says nothing for 2 s is taken to owe nothing

# a request begins.  True: everything older is over; the caller closes what is open and the server's half begins anew
cdef bint certain_request(Conversation* c, bint responding, int64_t now) noexcept nogil
cdef void certain_gap(Conversation* c, int role) noexcept nogil         # messages of this half were lost
cdef void certain_orphan(Conversation* c) noexcept nogil                # a response came that nobody waits for
cdef void certain_answer(Conversation* c) noexcept nogil                # a response ended
cdef bint certain_turn(Conversation* c) noexcept nogil                  # does a message begin at this client byte?
