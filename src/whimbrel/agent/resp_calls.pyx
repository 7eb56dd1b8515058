# See resp_calls.pxd.
#
# A transaction: the server says QUEUED to each command between MULTI and EXEC, whose Pendings then wait in
# `queued`; EXEC's array holds their replies in order, and they are handed over, before EXEC's own call, when it ends.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp
from whimbrel.agent.certain cimport certain_answer, certain_orphan
from whimbrel.agent.pending cimport (
    key_add, key_after, key_at, keys_settle, pending_new, pending_pop, pending_put, pending_report,
)
from whimbrel.agent.resp_rules cimport (
    ACTION_DISCARD, ACTION_EXEC, ACTION_MONITOR, ACTION_NONE, ACTION_RESET, RULE_ANY, RULE_VALUES,
    TTL_MILLISECONDS, TTL_NEVER, TTL_NONE, TTL_OPTIONS, TTL_SECONDS, TTL_UNTIL_MILLISECONDS, TTL_UNTIL_SECONDS,
    Command, command_named, reply_outcome, word_is_lower,
)
from whimbrel.agent.resp_skim cimport ArgWalk, Skim, skim_text, walk_next
from whimbrel.agent.talk cimport Conversation, KeyRecord, Pending, RedisTalk, go_opaque
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.resp.codec cimport (
    RESP_ARRAY, RESP_BULK, RESP_ERR, RESP_PUSH, RESP_SIMPLE, RESP_VERBATIM, resp_parse_i64,
)
from whimbrel.summary.call cimport (
    CALL_IN_TRANSACTION, CALL_KEY_BYTES, CALL_NO_REQUEST, CALL_PUSH, CALL_REDIS, CALL_REQUEST_GAP, CALL_RESPONSE_GAP,
    CALL_TARGET_CUT, CALL_UNPAIRED, OUTCOME_ERROR, OUTCOME_HIT, OUTCOME_MISS, OUTCOME_NONE,     OUTCOME_UNKNOWN,
)

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define TTL_MOST INT64_C(0x4000000000000)
    """
    const int64_t TTL_MOST          # 2^50: seconds or milliseconds beyond it mean the same: not in our time


# ---- requests -----------------------------------------------------------------------------------

cdef struct Asked:                  # what one walk over the arguments finds
    Slice key
    uint64_t key_len
    uint64_t sent
    int64_t ttl_ms
    bint conditional
    bint got                        # SET with GET: nil says nothing about storing


cdef int64_t ttl_of(int rule, Slice number, int64_t now) noexcept nogil:
    cdef int64_t value = 0
    if not resp_parse_i64(number.ptr, number.len, &value):
        return -1
    value = max(min(value, <int64_t> TTL_MOST), -<int64_t> TTL_MOST)
    if rule == TTL_SECONDS or rule == TTL_UNTIL_SECONDS:
        value *= 1000
    if rule == TTL_UNTIL_SECONDS or rule == TTL_UNTIL_MILLISECONDS:
        value -= now // 1000000
    return max(value, 1)            # in the past: gone at once, which is not "never"


cdef int option_rule(Slice word) noexcept nogil:
    if word_is_lower(word, b"ex", 2):
        return TTL_SECONDS
    if word_is_lower(word, b"px", 2):
        return TTL_MILLISECONDS
    if word_is_lower(word, b"exat", 4):
        return TTL_UNTIL_SECONDS
    return TTL_UNTIL_MILLISECONDS if word_is_lower(word, b"pxat", 4) else TTL_NONE


cdef void look_at_option(Asked* a, Slice word, int* rule) noexcept nogil:
    """NX, XX, GT, LT, GET, KEEPTTL, PERSIST; a time option sets `rule` for the argument behind it."""
    rule[0] = option_rule(word)
    if word_is_lower(word, b"nx", 2) or word_is_lower(word, b"xx", 2) or (
            word_is_lower(word, b"gt", 2) or word_is_lower(word, b"lt", 2)):
        a.conditional = True
    elif word_is_lower(word, b"get", 3):
        a.got = True
    elif word_is_lower(word, b"keepttl", 7):
        a.ttl_ms = -1
    elif word_is_lower(word, b"persist", 7):
        a.ttl_ms = 0


cdef void look_at_arguments(Asked* a, const Command* row, ArgWalk walk, uint32_t argc, int64_t now) noexcept nogil:
    cdef int rule = TTL_NONE
    cdef uint32_t i = 0
    cdef uint32_t options = argc    # where they begin
    cdef uint64_t length = 0
    cdef Slice text
    if row.ttl == TTL_OPTIONS:
        options = <uint32_t> (row.value if row.value > row.first else row.first) + 1
    elif row.ttl != TTL_NONE and row.value == 0:
        options = 3                 # EXPIRE key seconds [NX ...]
    a.ttl_ms = 0 if row.ttl == TTL_NEVER or (row.ttl == TTL_OPTIONS and row.value) else -1
    while walk_next(&walk, &text, &length):
        i += 1
        if i == <uint32_t> row.first:
            a.key = text
            a.key_len = length
        elif i == <uint32_t> row.value or (row.value < 0 and i > <uint32_t> row.first):
            a.sent += length
        if rule != TTL_NONE:
            a.ttl_ms = ttl_of(rule, text, now)
            rule = TTL_NONE
        elif i >= options:
            look_at_option(a, text, &rule)
        elif i == 2 and row.ttl >= TTL_SECONDS:
            a.ttl_ms = ttl_of(row.ttl, text, now)


cdef uint32_t count_keys(const Command* row, uint32_t argc) noexcept nogil:
    cdef int64_t last = row.last if row.last >= 0 else <int64_t> argc + row.last
    if row.first <= 0 or row.first >= <int64_t> argc:
        return 0
    last = min(last, <int64_t> argc - 1)
    return <uint32_t> ((last - row.first) // row.step) + 1 if last >= row.first else 0


cdef void name_keys(Conversation* c, Pending* p, const Command* row, ArgWalk walk, uint32_t keys) noexcept nogil:
    """A command with several keys: a record for each; with values between them (MSET), their sizes too."""
    cdef uint32_t i = 0
    cdef uint32_t at = 0
    cdef uint64_t length = 0
    cdef bint valued = row.step == 2 and row.value
    cdef Slice text
    while walk_next(&walk, &text, &length):
        i += 1
        if i < <uint32_t> row.first or p.call.keys == 0:
            continue
        if (i - row.first) % row.step == 0:
            if keys == 0:
                return
            keys -= 1
            at = p.keys_len
            if not key_add(c, p, text, length, 0):
                return
        elif valued:
            key_at(p, at).sent = length


cdef Pending* resp_pending(
    Conversation* c, ArgWalk* walk, uint32_t argc, int64_t first_ns, int64_t now
) noexcept nogil:
    cdef const Command* row = NULL
    cdef uint64_t length = 0
    cdef uint32_t keys = 0
    cdef size_t at = 0
    cdef Pending* p
    cdef Slice word
    cdef Asked a
    a.key = slice_of(NULL, 0)
    a.key_len = 0
    a.sent = 0
    a.ttl_ms = -1
    a.conditional = False
    a.got = False
    if walk_next(walk, &word, &length) and length == word.len:
        row = command_named(word)
    if row != NULL:
        keys = count_keys(row, argc)
        look_at_arguments(&a, row, walk[0], argc, now)
    if keys != 1 or c.talk.pressure >= 2:
        a.key.len = 0
    p = pending_new(c, CALL_REDIS, min(a.key.len, <size_t> CALL_KEY_BYTES), first_ns)
    if p == NULL:
        return NULL
    p.row = row
    p.conditional = a.conditional and not a.got
    p.request_open = False
    p.call.method = slice_of(row.name, row.name_len) if row != NULL else slice_of(b"other", 5)
    p.call.keys = keys
    p.call.request_bytes = a.sent
    p.call.ttl_ms = a.ttl_ms
    p.call.request_last_ns = now
    if a.key.len:
        p.call.key = pending_put(p, &at, slice_of(a.key.ptr, min(a.key.len, <size_t> CALL_KEY_BYTES)))
    if keys == 1 and a.key_len > a.key.len:
        p.call.flags |= CALL_TARGET_CUT
    if keys > 1:
        if c.talk.pressure >= 2:
            p.call.flags |= CALL_TARGET_CUT
        else:
            name_keys(c, p, row, walk[0], keys)
    if c.speech.redis.request_gap:
        p.call.flags |= CALL_REQUEST_GAP
    return p


# ---- replies ------------------------------------------------------------------------------------

cdef bint is_message(Slice text) noexcept nogil:
    """The first word of what a subscriber is sent."""
    return ((text.len == 7 and memcmp(text.ptr, b"message", 7) == 0)
            or (text.len == 8 and (memcmp(text.ptr, b"pmessage", 8) == 0 or memcmp(text.ptr, b"smessage", 8) == 0))
            or (text.len >= 9 and memcmp(text.ptr + text.len - 9, b"subscribe", 9) == 0))


cdef void answer_key(Pending* p, bint null, uint64_t length) noexcept nogil:
    cdef KeyRecord* k
    if p.keys_at >= p.keys_len:
        return
    k = key_at(p, p.keys_at)
    k.outcome = OUTCOME_MISS if null else OUTCOME_HIT
    k.received = length
    p.keys_at = key_after(k, p.keys_at)


cdef void answer_first(Pending* p, const Skim* s) noexcept nogil:
    """The first element of the reply to a command says what came out of it."""
    cdef int outcome = reply_outcome(p.row, s.kind, s.null, s.integer, skim_text(s), p.call.keys, p.conditional)
    cdef bint per_key = p.row != NULL and p.row.reply == RULE_VALUES and s.kind == RESP_ARRAY and not s.null
    p.call.outcome = <uint8_t> outcome
    if p.row != NULL and (per_key or (p.row.reply == RULE_ANY and s.kind == RESP_ARRAY)):
        p.call.outcome = OUTCOME_MISS       # until an element is there
    if not per_key:
        keys_settle(p, outcome, True)


cdef void answer_child(Pending* p, const Skim* s) noexcept nogil:
    cdef uint64_t length = s.length if s.kind == RESP_BULK or s.kind == RESP_VERBATIM else 0
    if p.row == NULL:
        return
    if p.row.reply == RULE_VALUES:
        if p.keys_len:
            answer_key(p, s.null, length)
        elif not s.null:
            p.call.outcome = OUTCOME_HIT
    elif p.row.reply == RULE_ANY and not s.null:
        p.call.outcome = OUTCOME_HIT


cdef inline bint is_exec(const Pending* p) noexcept nogil:
    return p != NULL and p.row != NULL and p.row.action == ACTION_EXEC


cdef void transaction_child(RedisTalk* r) noexcept nogil:
    """EXEC's next element begins: it answers the next queued command."""
    cdef const Skim* s = &r.skim
    cdef uint64_t before = s.passed - (s.length if s.kind == RESP_BULK or s.kind == RESP_VERBATIM else 0)
    if r.exec_at != NULL:
        r.exec_at.call.response_bytes = before - r.mark
    r.exec_at = r.queued if r.children == 1 else (r.exec_at.next if r.exec_at != NULL else NULL)
    r.mark = before
    if r.exec_at != NULL:
        answer_first(r.exec_at, s)


cdef void resp_element(Conversation* c) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    cdef const Skim* s = &r.skim
    cdef Pending* p = c.head if c.dropped_first == 0 else NULL
    if s.at_depth == 0:
        r.top_kind = s.kind
        r.top_null = s.null
        r.top_integer = s.integer
        r.children = 0
        r.exec_at = NULL
        r.mark = 0
        r.pushed = s.kind == RESP_PUSH
        r.subscribed = r.subscribed and not r.pushed    # RESP3: no array is a message
        if p != NULL and not r.pushed:
            answer_first(p, s)
        return
    if s.at_depth == 1:
        r.children += 1
        if r.children == 1 and r.subscribed and r.top_kind == RESP_ARRAY:
            r.pushed = is_message(skim_text(s))
    if r.pushed or p == NULL:
        return
    if is_exec(p):
        if s.at_depth == 1:
            transaction_child(r)
        elif r.exec_at != NULL:
            answer_child(r.exec_at, s)
    elif s.at_depth == 1:
        answer_child(p, s)


cdef void finish(Conversation* c, Pending* p, int64_t now) noexcept nogil:
    p.call.response_first_ns = c.speech.redis.reply_ns
    p.call.response_last_ns = now
    if c.speech.redis.reply_gap:
        p.call.flags |= CALL_RESPONSE_GAP
    keys_settle(p, OUTCOME_UNKNOWN, False)
    pending_report(c, p)


cdef void resp_queued_over(Conversation* c, int outcome, uint32_t flags, int64_t now) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    cdef Pending* p
    while r.queued != NULL:
        p = r.queued
        r.queued = p.next
        c.waiting -= 1
        p.call.flags |= flags | CALL_IN_TRANSACTION
        if outcome >= 0:
            p.call.outcome = <uint8_t> outcome
            keys_settle(p, outcome, True)
        finish(c, p, now)
    r.queued_last = NULL


cdef void queue_up(Conversation* c, Pending* p) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    p.call.outcome = OUTCOME_NONE
    keys_settle(p, OUTCOME_NONE, True)
    if c.doubt:
        p.call.flags |= CALL_UNPAIRED       # its EXEC may be among what was lost
    if r.queued == NULL:
        r.queued = p
    else:
        r.queued_last.next = p
    r.queued_last = p
    c.waiting += 1


cdef void resp_doubt_queued(Conversation* c) noexcept nogil:
    cdef Pending* p = c.speech.redis.queued
    while p != NULL:
        p.call.flags |= CALL_UNPAIRED
        p = p.next


cdef void transaction_over(Conversation* c, const Pending* p, int64_t now) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    cdef Pending* q = r.queued
    cdef int64_t commands = 0
    while q != NULL:
        commands += 1
        q = q.next
    if r.exec_at != NULL:
        r.exec_at.call.response_bytes = r.skim.passed - r.mark
    if p.row.action != ACTION_EXEC or r.top_null:
        resp_queued_over(c, OUTCOME_NONE, 0, now)
    elif r.top_kind != RESP_ARRAY:
        resp_queued_over(c, OUTCOME_ERROR, 0, now)
    elif r.top_integer != commands:
        resp_queued_over(c, OUTCOME_UNKNOWN, CALL_UNPAIRED, now)    # joined within it, or one found no room
    else:
        resp_queued_over(c, -1, 0, now)


cdef void nobody_asked(Conversation* c, uint32_t flags, int64_t now) noexcept nogil:
    cdef Pending* p = pending_new(c, CALL_REDIS, 0, 0)
    if p == NULL:
        return
    p.call.flags |= flags
    p.call.response_bytes = c.speech.redis.skim.passed
    p.call.outcome = OUTCOME_NONE
    if flags & CALL_PUSH:
        p.call.method = slice_of(b"push", 4)
    finish(c, p, now)


cdef inline bint is_queued(const RedisTalk* r) noexcept nogil:
    cdef Slice text = skim_text(&r.skim)
    return r.top_kind == RESP_SIMPLE and text.len == 7 and memcmp(text.ptr, b"+QUEUED", 7) == 0


cdef void resp_reply_ends(Conversation* c, int64_t now) noexcept nogil:
    cdef RedisTalk* r = &c.speech.redis
    cdef bint nobody = c.head == NULL and c.dropped_first == 0
    cdef uint8_t action = ACTION_NONE
    cdef Pending* p
    if r.pushed:
        nobody_asked(c, CALL_PUSH | CALL_NO_REQUEST, now)
        return
    p = pending_pop(c)
    if p == NULL:
        if nobody:
            certain_orphan(c)
            nobody_asked(c, CALL_NO_REQUEST, now)
        certain_answer(c)
        return
    if p.row != NULL:
        action = p.row.action
    if is_queued(r):
        queue_up(c, p)
        certain_answer(c)
        return
    if action == ACTION_EXEC or action == ACTION_DISCARD or action == ACTION_RESET:
        if r.top_kind != RESP_ERR or action == ACTION_EXEC:
            transaction_over(c, p, now)
    p.call.response_bytes = 0 if action == ACTION_EXEC else r.skim.passed
    finish(c, p, now)
    certain_answer(c)
    if action == ACTION_MONITOR and r.top_kind != RESP_ERR:
        go_opaque(c)
