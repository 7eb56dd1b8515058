# The rows of cache_commands.py where C can read them, and what a reply says by them.

from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t
from whimbrel.base.slice cimport Slice

cdef enum:
    RULE_NAME = 23                  # the longest name is zremrangebyscore

cdef enum ReplyRule:                # in the order of cache_commands.RULES
    RULE_OTHER = 0
    RULE_VALUE
    RULE_VALUES
    RULE_SET
    RULE_SETNX
    RULE_STORE
    RULE_REMOVED
    RULE_FOUND
    RULE_CHANGED
    RULE_TTL
    RULE_MANY
    RULE_ANY
    RULE_COUNT
    RULE_TYPE

cdef enum TtlRule:                  # in the order of cache_commands.TTLS
    TTL_NONE = 0
    TTL_NEVER
    TTL_OPTIONS
    TTL_SECONDS
    TTL_MILLISECONDS
    TTL_UNTIL_SECONDS
    TTL_UNTIL_MILLISECONDS

cdef enum Action:                   # in the order of cache_commands.ACTIONS
    ACTION_NONE = 0
    ACTION_MULTI
    ACTION_EXEC
    ACTION_DISCARD
    ACTION_CLIENT
    ACTION_SUBSCRIBE
    ACTION_MONITOR
    ACTION_REPLICATE
    ACTION_RESET

cdef struct Command:
    uint8_t name[24]                # lower case
    uint8_t name_len                # 0: an empty slot
    uint8_t reply
    uint8_t ttl
    uint8_t action
    int8_t first                    # key positions as in COMMAND: first, last (from the end where negative), step
    int8_t last
    int8_t step
    int8_t value

cdef const Command* command_named(Slice word) noexcept nogil    # any case; NULL: not known
cdef bint word_is_lower(Slice word, const char* lower, size_t n) noexcept nogil     # case-blind comparison

# What the first element of a reply says: CallOutcome.  `conditional`: SET with NX or XX, EXPIRE with a condition.
cdef int reply_outcome(
    const Command* row, uint8_t kind, bint null, int64_t integer, Slice text, uint32_t keys, bint conditional
) noexcept nogil
