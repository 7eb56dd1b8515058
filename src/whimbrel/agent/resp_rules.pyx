# See resp_rules.pxd.  Filled once, when this is imported.

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.resp.codec cimport RESP_BULK_ERR, RESP_ERR
from whimbrel.summary.call cimport (
    OUTCOME_ERROR, OUTCOME_HIT, OUTCOME_MISS, OUTCOME_NOT_STORED, OUTCOME_OK, OUTCOME_STORED,
)

from whimbrel.agent import cache_commands

cdef enum:
    HASH_BITS = 9
    HASH_SLOTS = 1 << HASH_BITS     # more than twice the rows: one or two looks find a name

cdef Command TABLE[HASH_SLOTS]


cdef inline uint32_t name_hash(const uint8_t* name, size_t n) noexcept nogil:
    cdef uint32_t h = <uint32_t> n
    cdef size_t i
    for i in range(n):
        h = (h ^ name[i]) * <uint32_t> 0x9e3779b1
    return h >> (32 - HASH_BITS)


def _fill_table() -> None:
    cdef Command* row
    cdef uint32_t slot
    cdef bytes name
    found = cache_commands.rules()
    if len(found) * 2 > HASH_SLOTS or len({rule.name for rule in found}) != len(found):
        raise ImportError("the rows of cache_commands.py do not fit, or a command has two")
    for rule in found:
        name = rule.name.encode()
        if len(name) > RULE_NAME:
            raise ImportError(f"the name {rule.name} is too long")
        slot = name_hash(<const uint8_t*> name, len(name))
        while TABLE[slot].name_len:
            slot = (slot + 1) % HASH_SLOTS
        row = &TABLE[slot]
        memcpy(row.name, <const uint8_t*> name, len(name))
        row.name_len = <uint8_t> len(name)
        row.reply = cache_commands.RULES.index(rule.reply)
        row.ttl = cache_commands.TTLS.index(rule.ttl)
        row.action = cache_commands.ACTIONS.index(rule.action)
        row.first, row.last, row.step = rule.keys
        row.value = rule.value


_fill_table()


cdef inline uint8_t lower(uint8_t c) noexcept nogil:
    return c | 32 if 65 <= c <= 90 else c


cdef bint word_is_lower(Slice word, const char* text, size_t n) noexcept nogil:
    cdef size_t i
    if word.len != n:
        return False
    for i in range(n):
        if lower(word.ptr[i]) != <uint8_t> text[i]:
            return False
    return True


cdef const Command* command_named(Slice word) noexcept nogil:
    cdef uint8_t name[24]
    cdef uint32_t slot
    cdef size_t i
    if word.len == 0 or word.len > RULE_NAME:
        return NULL
    for i in range(word.len):
        name[i] = lower(word.ptr[i])
    slot = name_hash(name, word.len)
    while TABLE[slot].name_len:
        if TABLE[slot].name_len == word.len and memcmp(TABLE[slot].name, name, word.len) == 0:
            return &TABLE[slot]
        slot = (slot + 1) % HASH_SLOTS
    return NULL


cdef int counted_outcome(int rule, int64_t integer, uint32_t keys) noexcept nogil:
    """How many of the keys were there: certain for each of them only where it was all or none."""
    if integer == 0:
        return OUTCOME_MISS
    if integer < keys:
        return OUTCOME_OK
    return OUTCOME_OK if rule == RULE_REMOVED else OUTCOME_HIT


cdef int reply_outcome(
    const Command* row, uint8_t kind, bint null, int64_t integer, Slice text, uint32_t keys, bint conditional
) noexcept nogil:
    cdef int rule = RULE_OTHER if row == NULL else row.reply
    if kind == RESP_ERR or kind == RESP_BULK_ERR:
        return OUTCOME_ERROR
    if rule == RULE_VALUE or rule == RULE_VALUES or rule == RULE_ANY:
        return OUTCOME_MISS if null else OUTCOME_HIT
    if rule == RULE_SET:
        return OUTCOME_NOT_STORED if null and conditional else OUTCOME_STORED
    if rule == RULE_SETNX:
        return OUTCOME_STORED if integer else OUTCOME_NOT_STORED
    if rule == RULE_STORE:
        return OUTCOME_NOT_STORED if null else OUTCOME_STORED
    if rule == RULE_REMOVED or rule == RULE_FOUND:
        return counted_outcome(rule, integer, keys)
    if rule == RULE_CHANGED:
        if integer == 0:
            return OUTCOME_NOT_STORED if conditional else OUTCOME_MISS
        return OUTCOME_OK
    if rule == RULE_TTL:
        return OUTCOME_MISS if integer == -2 else OUTCOME_HIT
    if rule == RULE_MANY or rule == RULE_COUNT:
        return OUTCOME_HIT if integer and not null else OUTCOME_MISS
    if rule == RULE_TYPE:
        return OUTCOME_MISS if text.len == 5 and memcmp(text.ptr, b"+none", 5) == 0 else OUTCOME_HIT
    return OUTCOME_OK
