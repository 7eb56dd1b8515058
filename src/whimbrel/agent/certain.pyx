# See certain.pxd.

from libc.stdint cimport int64_t
from whimbrel.agent.talk cimport CLIENT, HALF_LOST, HALF_START, SERVER, TALK_HTTP, Conversation, Pending
from whimbrel.summary.call cimport CALL_UNPAIRED


cdef void doubt_all(Conversation* c) noexcept nogil:
    """All that wait may be answered by anything.  Who comes later is flagged from the start, so once is enough."""
    cdef Pending* p = NULL if c.doubt and not c.server_sure else c.head
    c.doubt = True
    c.server_sure = False
    while p != NULL:
        p.call.flags |= CALL_UNPAIRED
        p = p.next


cdef bint is_over(Conversation* c, bint responding, int64_t now) noexcept nogil:
    """A request begins at an exact place while in doubt: is everything before it over?"""
    cdef bint outstanding = responding or c.head != NULL or c.dropped_first != 0
    if c.kind != TALK_HTTP and now - c.last_ns >= TALK_QUIET_NS:
        return True
    if c.server_sure and outstanding:
        c.pipelined = True
    if not c.pipelined:
        return True
    return c.client_sure and c.server_sure and not outstanding


cdef bint certain_request(Conversation* c, bint responding, int64_t now) noexcept nogil:
    if not c.doubt:
        if responding or c.head != NULL:
            c.pipelined = True
            if c.provisional:
                doubt_all(c)
        return False
    if not c.half[CLIENT].exact or not is_over(c, responding, now):
        return False
    c.last_ns = now                 # a silence is over with the first request behind it, others may be in its packet
    c.doubt = False
    c.provisional = True
    c.client_sure = True
    c.server_sure = True
    return True


cdef void certain_gap(Conversation* c, int role) noexcept nogil:
    c.half[role].state = HALF_LOST
    c.half[role].exact = False
    c.turned = False
    if role == SERVER:
        doubt_all(c)
        return
    c.doubt = True                  # what was asked before is still answered first
    c.client_sure = False


cdef void certain_orphan(Conversation* c) noexcept nogil:
    doubt_all(c)


cdef void certain_answer(Conversation* c) noexcept nogil:
    c.turned = True
    if c.head == NULL:
        c.provisional = False


cdef bint certain_turn(Conversation* c) noexcept nogil:
    if not c.turned or c.half[SERVER].state != HALF_START or c.half[SERVER].kept_len:
        return False
    c.half[CLIENT].state = HALF_START
    c.half[CLIENT].exact = True
    return True
