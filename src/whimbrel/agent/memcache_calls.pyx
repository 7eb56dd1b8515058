# See memcache_calls.pxd.
#
# Text commands are answered in order.  Quiet meta commands are answered only where something else than the expected
# happened, so a reply belongs to the first waiting request that it fits: by command, by the opaque token or the key
# where the reply carries one.  The quiet ones passed over had the expected outcome.  A reply that fits nobody means
# that the pairing is in doubt.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from whimbrel.agent.certain cimport certain_answer, certain_orphan
from whimbrel.agent.pending cimport (
    key_add, key_after, key_at, keys_settle, pending_new, pending_pop, pending_put, pending_report,
)
from whimbrel.agent.talk cimport Conversation, KeyRecord, MemcacheTalk, Pending, go_opaque
from whimbrel.base.slice cimport Slice, slice_eq, slice_of
from whimbrel.protocol.memcache.codec cimport McRequest, McResponse
from whimbrel.protocol.memcache.messages cimport (
    MC_APPEND, MC_CAS, MC_DECR, MC_DELETE, MC_FLUSH_ALL, MC_GAT, MC_GATS, MC_INCR, MC_LRU_CRAWLER,
    MC_META_ARITHMETIC, MC_META_DEBUG, MC_META_DELETE, MC_META_GET, MC_META_SET, MC_NOOP, MC_PREPEND, MC_SET, MC_STATS,
    MC_TOUCH, MC_UNKNOWN, MC_VERBOSITY, MC_VERSION, MC_WATCH, MR_DELETED, MR_EN, MR_END, MR_EX, MR_EXISTS, MR_FAILED,
    MR_HD, MR_LINE, MR_ME, MR_MN, MR_NF, MR_NOT_FOUND, MR_NOT_STORED, MR_NS, MR_NUMBER, MR_OK, MR_RESET, MR_STAT,
    MR_STORED, MR_TOUCHED, MR_VA, MR_VALUE, MR_VERSION, mc_has, mc_is_retrieval,
)
from whimbrel.protocol.memcache.tables cimport command_name
from whimbrel.protocol.memcache.words cimport mc_next_word
from whimbrel.summary.call cimport (
    CALL_KEY_BYTES, CALL_MEMCACHE, CALL_NO_REPLY, CALL_NO_REQUEST, CALL_TARGET_CUT, CALL_UNPAIRED, OUTCOME_ERROR,
    OUTCOME_HIT, OUTCOME_MISS, OUTCOME_NONE, OUTCOME_NOT_STORED, OUTCOME_OK, OUTCOME_STORED, OUTCOME_UNKNOWN,
)

cdef enum:
    MONTH_S = 2592000               # an exptime beyond 30 days is Unix time

cdef extern from *:                 # wider than int, so in no enum: docs/development.md
    """
    #define TTL_MOST_S INT64_C(0x10000000000)
    """
    const int64_t TTL_MOST_S        # 2^40


# ---- requests -----------------------------------------------------------------------------------

cdef int64_t ttl_of(int64_t exptime, int64_t now) noexcept nogil:
    """Milliseconds; 0 never; 1 for what is gone at once."""
    if exptime == 0:
        return 0
    if exptime <= MONTH_S:
        return max(exptime * 1000, 1) if exptime > 0 else 1
    return max(min(exptime, <int64_t> TTL_MOST_S) * 1000 - now // 1000000, 1)


cdef int64_t request_ttl(const McRequest* r, int64_t now) noexcept nogil:
    cdef int command = r.command
    if MC_SET <= command <= MC_CAS:
        return -1 if command == MC_APPEND or command == MC_PREPEND else ttl_of(r.exptime, now)
    if command == MC_TOUCH or command == MC_GAT or command == MC_GATS:
        return ttl_of(r.exptime, now)
    if MC_META_GET <= command <= MC_META_ARITHMETIC:
        if mc_has(r, c"T"):
            return ttl_of(r.exptime, now)
        if command == MC_META_SET and (r.mode | 32) != c"a" and (r.mode | 32) != c"p":
            return 0
    return -1


cdef uint32_t count_words(Slice words) noexcept nogil:
    cdef const uint8_t* at = words.ptr
    cdef uint32_t count = 0
    cdef Slice word
    while mc_next_word(&at, words.ptr + words.len, &word):
        count += 1
    return count


cdef void mc_more_keys(Conversation* c, Pending* p, const McRequest* r) noexcept nogil:
    cdef const uint8_t* at = r.keys.ptr
    cdef Slice word
    while mc_next_word(&at, r.keys.ptr + r.keys.len, &word):
        p.call.keys += 1
        if c.talk.pressure >= 2 or not key_add(c, p, word, word.len, 0):
            p.call.flags |= CALL_TARGET_CUT


cdef void take_opaque(Pending* p, Slice options) noexcept nogil:
    cdef Slice token = flag_of(options, c"O")
    if token.ptr != NULL and token.len <= sizeof(p.opaque):
        memcpy(p.opaque, token.ptr, token.len)
        p.opaque_len = <uint32_t> token.len


cdef Slice flag_of(Slice flags, uint8_t letter) noexcept nogil:
    """The token behind a meta flag; ptr NULL: the flag is not there."""
    cdef const uint8_t* at = flags.ptr
    cdef Slice word
    if at != NULL:
        while mc_next_word(&at, flags.ptr + flags.len, &word):
            if word.ptr[0] == letter:
                return slice_of(word.ptr + 1, word.len - 1)
    return slice_of(NULL, 0)


cdef Pending* mc_pending(Conversation* c, const McRequest* r, int64_t first_ns, int64_t now) noexcept nogil:
    cdef bint retrieval = mc_is_retrieval(r.command)
    cdef bint listed = retrieval and (r.more or count_words(r.keys) != 1)
    cdef const uint8_t* words = r.keys.ptr
    cdef Slice key = r.key
    cdef size_t at = 0
    cdef Pending* p
    if retrieval:
        key.len = 0
        if not listed:
            mc_next_word(&words, r.keys.ptr + r.keys.len, &key)
    if c.talk.pressure >= 2:
        key.len = 0
    key.len = min(key.len, <size_t> CALL_KEY_BYTES)
    p = pending_new(c, CALL_MEMCACHE, key.len, first_ns)
    if p == NULL:
        return NULL
    p.kind = r.command
    p.request_open = False
    p.call.method = command_name(r.command) if r.command != MC_UNKNOWN else slice_of(b"other", 5)
    p.call.request_last_ns = now
    p.call.request_bytes = r.swallow - 2 if r.swallow >= 2 else r.value.len
    p.call.ttl_ms = request_ttl(r, now)
    if listed:
        mc_more_keys(c, p, r)
        return p
    p.call.keys = 1 if retrieval or r.key.len else 0
    if key.len:
        p.call.key = pending_put(p, &at, key)
    if c.talk.pressure >= 2 and p.call.keys:
        p.call.flags |= CALL_TARGET_CUT
    if MC_META_GET <= r.command <= MC_META_ARITHMETIC:
        p.quiet = r.noreply
        take_opaque(p, r.options)
        if p.quiet and c.tail != NULL and c.tail.quiet:
            p.call.flags |= c.tail.call.flags & CALL_UNPAIRED
    return p


# ---- which request a reply answers --------------------------------------------------------------

cdef inline uint64_t bit(int code) noexcept nogil:
    return <uint64_t> 1 << code


cdef uint64_t expected(int command) noexcept nogil:
    """The reply words a command may get besides an error line, as bits."""
    if mc_is_retrieval(command):
        return bit(MR_VALUE) | bit(MR_END)
    if MC_SET <= command <= MC_CAS:
        return bit(MR_STORED) | bit(MR_NOT_STORED) | bit(MR_EXISTS) | bit(MR_NOT_FOUND)
    if command == MC_INCR or command == MC_DECR:
        return bit(MR_NUMBER) | bit(MR_NOT_FOUND)
    if command == MC_TOUCH:
        return bit(MR_TOUCHED) | bit(MR_NOT_FOUND)
    if command == MC_DELETE:
        return bit(MR_DELETED) | bit(MR_NOT_FOUND)
    if command == MC_FLUSH_ALL or command == MC_VERBOSITY:
        return bit(MR_OK)
    if command == MC_VERSION:
        return bit(MR_VERSION)
    if command == MC_STATS:
        return bit(MR_STAT) | bit(MR_END) | bit(MR_RESET) | bit(MR_OK) | bit(MR_LINE)
    if command == MC_NOOP:
        return bit(MR_MN)
    if command == MC_META_GET:
        return bit(MR_VA) | bit(MR_HD) | bit(MR_EN)
    if command == MC_META_SET:
        return bit(MR_HD) | bit(MR_NS) | bit(MR_EX) | bit(MR_NF)
    if command == MC_META_DELETE:
        return bit(MR_HD) | bit(MR_NF) | bit(MR_EX)
    if command == MC_META_ARITHMETIC:
        return bit(MR_HD) | bit(MR_VA) | bit(MR_NF) | bit(MR_NS) | bit(MR_EX)
    if command == MC_META_DEBUG:
        return bit(MR_ME) | bit(MR_EN)
    return ~<uint64_t> 0


cdef bint is_suppressed(const Pending* p, int code) noexcept nogil:
    """What a quiet command is not told.  NF differs by version, so for md and ma it may come or not."""
    if p.kind == MC_META_GET:
        return code == MR_EN
    return code == MR_HD and (p.kind == MC_META_SET or p.kind == MC_META_DELETE)


cdef struct Said:                   # of a meta reply, looked up once however many requests it may answer
    Slice opaque                    # ptr NULL: not there
    Slice key
    bint base64                     # a base64 key comes back as it was sent, which is not what is kept


cdef Said said_by(const McResponse* a) noexcept nogil:
    cdef Said said
    said.opaque = flag_of(a.text, c"O")
    said.key = flag_of(a.text, c"k")
    said.base64 = flag_of(a.text, c"b").ptr != NULL
    return said


cdef bint fits(const Pending* p, const McResponse* a, const Said* said) noexcept nogil:
    cdef bint meta = MC_META_GET <= p.kind <= MC_META_ARITHMETIC
    if a.code == MR_FAILED:
        return True
    if not (expected(p.kind) >> a.code) & 1:
        return False
    if not meta:
        return True
    if p.quiet and is_suppressed(p, a.code):
        return False
    if said.opaque.ptr != NULL or p.opaque_len:
        if said.opaque.len != p.opaque_len or not slice_eq(said.opaque, slice_of(p.opaque, p.opaque_len)):
            return a.code == MR_EN and p.opaque_len == 0
    return said.key.ptr == NULL or p.call.key.len == 0 or said.base64 or slice_eq(said.key, p.call.key)


cdef inline void forget(Conversation* c, const Pending* p) noexcept nogil:
    """p is about to go; its line or its data block may still be coming."""
    if c.speech.memcache.open == p:
        c.speech.memcache.open = NULL
    if c.speech.memcache.block == p:
        c.speech.memcache.block = NULL


cdef void pass_over(Conversation* c, const Pending* until, uint32_t flags) noexcept nogil:
    """The quiet requests before `until` had their expected outcome."""
    cdef Pending* p
    while c.head != NULL and c.head != until:
        p = pending_pop(c)
        forget(c, p)
        p.call.flags |= flags | CALL_NO_REPLY
        p.call.outcome = OUTCOME_UNKNOWN
        if p.kind == MC_META_GET:
            p.call.outcome = OUTCOME_MISS
        elif p.kind == MC_META_SET:
            p.call.outcome = OUTCOME_STORED
        pending_report(c, p)


cdef uint32_t doubt_others(Pending* p, const McResponse* a, const Said* said) noexcept nogil:
    """This quiet request or another behind it: one of them was answered, and nobody knows which.

    Those behind one that is flagged were flagged with it, or when they came (mc_pending): so a run is walked once.
    """
    cdef uint32_t flags = 0
    while p.quiet and p.next != NULL:
        p = p.next
        if fits(p, a, said):
            flags = CALL_UNPAIRED
            if p.call.flags & CALL_UNPAIRED:
                break
            p.call.flags |= CALL_UNPAIRED
    return flags


cdef Pending* whose(Conversation* c, const McResponse* a) noexcept nogil:
    """The request that this line answers, which is the queue's head then; NULL: nobody waits."""
    cdef Pending* p = c.head
    cdef uint32_t flags = 0
    cdef Said said
    if c.dropped_first or p == NULL:
        return NULL
    said = said_by(a)
    while p.quiet and p.next != NULL and p.dropped_after == 0 and not fits(p, a, &said):
        p = p.next
    if not fits(p, a, &said):
        certain_orphan(c)
        return c.head
    if p.quiet and said.opaque.ptr == NULL and said.key.ptr == NULL:
        flags = doubt_others(p, a, &said)
    p.call.flags |= flags
    pass_over(c, p, flags)
    return p


# ---- what a line says ---------------------------------------------------------------------------

cdef int line_outcome(int command, int code) noexcept nogil:
    if code == MR_FAILED:
        return OUTCOME_ERROR
    if code == MR_END or code == MR_EN or code == MR_NOT_FOUND or code == MR_NF:
        return OUTCOME_OK if command == MC_STATS else OUTCOME_MISS
    if code == MR_NOT_STORED or code == MR_EXISTS or code == MR_NS or code == MR_EX:
        return OUTCOME_NOT_STORED
    if code == MR_STORED or (code == MR_HD and command == MC_META_SET):
        return OUTCOME_STORED
    if code == MR_VALUE or code == MR_ME or ((code == MR_HD or code == MR_VA) and command == MC_META_GET):
        return OUTCOME_HIT
    return OUTCOME_OK


cdef void value_line(Pending* p, Slice key, uint64_t length) noexcept nogil:
    """VALUE: the next key of this name was there, those before it were not."""
    cdef uint32_t at = p.keys_at
    cdef KeyRecord* k
    if p.keys_len == 0:
        p.call.outcome = OUTCOME_HIT
        return
    while at < p.keys_len:
        k = key_at(p, at)
        if slice_eq(slice_of(<uint8_t*> k + sizeof(KeyRecord), k.len), key):
            break
        at = key_after(k, at)
    if at >= p.keys_len:
        if not p.call.flags & CALL_TARGET_CUT:
            p.call.flags |= CALL_UNPAIRED       # nobody asked for it
        p.keys_at = p.keys_len
        return
    while p.keys_at < at:
        key_at(p, p.keys_at).outcome = OUTCOME_MISS
        p.keys_at = key_after(key_at(p, p.keys_at), p.keys_at)
    k = key_at(p, at)
    k.outcome = OUTCOME_HIT
    k.received = length
    p.keys_at = key_after(k, at)


cdef void mc_line(Conversation* c, const McResponse* a, uint64_t length, int64_t now) noexcept nogil:
    cdef MemcacheTalk* m = &c.speech.memcache
    cdef Pending* p = whose(c, a)
    cdef bint last = a.last and length == 0
    cdef int outcome
    m.received += length
    m.last_block = a.code == MR_VA
    if a.code == MR_VA:
        last = False                # its block ends it
    if p != NULL:
        outcome = line_outcome(p.kind, a.code)
        if a.code == MR_FAILED and p.after_silent:
            certain_orphan(c)       # it may be the noreply request's
        if a.code == MR_VALUE:
            value_line(p, a.key, length)
        elif a.code == MR_FAILED or not mc_is_retrieval(p.kind):
            p.call.outcome = <uint8_t> outcome
            keys_settle(p, outcome, True)
        else:
            if p.call.outcome == OUTCOME_NONE:
                p.call.outcome = <uint8_t> outcome
            if a.last:              # END; what else there is before it is not this command's
                keys_settle(p, outcome, False)
        if p.kind == MC_LRU_CRAWLER and a.code == MR_LINE and a.text.len > 4 and a.text.ptr[3] == c"=":
            last = False            # a dump: key=... lines until END
    if last:
        mc_reply_ends(c, 0, now)


cdef void mc_reply_ends(Conversation* c, uint32_t flags, int64_t now) noexcept nogil:
    cdef MemcacheTalk* m = &c.speech.memcache
    cdef bint nobody = c.head == NULL and c.dropped_first == 0
    cdef Pending* p = pending_pop(c)
    if nobody:
        certain_orphan(c)
        flags |= CALL_NO_REQUEST
        p = pending_new(c, CALL_MEMCACHE, 0, 0)
    if p != NULL:
        forget(c, p)
        if p.request_open:
            p.call.request_last_ns = now        # answered before it was whole: an error
        p.call.flags |= flags
        p.call.response_bytes = m.received
        p.call.response_first_ns = m.reply_ns
        p.call.response_last_ns = now
        if p.kind == MC_WATCH and p.call.outcome == OUTCOME_OK:
            go_opaque(c)
        pending_report(c, p)
    m.reply_ns = 0
    m.received = 0
    m.last_block = False
    certain_answer(c)
