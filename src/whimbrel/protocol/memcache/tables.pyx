# See tables.pxd.  Filled once, from commands.py, when this is imported.

from libc.stdint cimport uint32_t, uint8_t
from libc.string cimport memcmp, memcpy
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.messages cimport (
    MC_BGET, MC_CAS, MC_DECR, MC_DELETE, MC_FLUSH_ALL, MC_GATS, MC_INCR, MC_META_DEBUG, MC_META_GET, MC_TOUCH,
    MC_UNKNOWN, MC_VERBOSITY, ME_COUNT, MR_COUNT,
)

from whimbrel.protocol.memcache import commands

cdef enum:
    HASH_BITS = 8
    HASH_SLOTS = 1 << HASH_BITS

cdef CommandRow ROWS[HASH_SLOTS]        # by hash of the name, linear probing; length 0 is an empty slot
cdef Slice NAMES[MC_UNKNOWN]
cdef Slice REPLY_WORDS[MR_COUNT]
cdef Slice ERROR_LINES[ME_COUNT]
cdef bint META_LETTERS[128]
cdef list KEEP_ALIVE = []               # the bytes the slices above point into


cdef inline uint32_t hash_name(const uint8_t* p, size_t n) noexcept nogil:
    cdef uint32_t h = <uint32_t> n
    cdef size_t i
    for i in range(n):
        h = (h ^ p[i]) * <uint32_t> 0x9e3779b1
    return h >> (32 - HASH_BITS)


cdef Slice keep(bytes text):
    KEEP_ALIVE.append(text)
    return slice_of(<const uint8_t*> text, len(text))


def family_of(index: int) -> int:
    """The family of the command with this McCommand number."""
    if index <= MC_GATS or index == MC_BGET:
        return RETRIEVE
    if index <= MC_CAS:
        return STORE
    if MC_META_GET <= index <= MC_META_DEBUG:
        return META
    if index > MC_BGET:
        return REFUSED
    return {MC_INCR: ARITHMETIC, MC_DECR: ARITHMETIC, MC_TOUCH: TOUCH, MC_DELETE: DELETE,
            MC_FLUSH_ALL: FLUSH, MC_VERBOSITY: VERBOSITY}.get(index, BARE)


def _fill_tables() -> None:
    cdef bytes name
    cdef CommandRow* row
    cdef uint32_t slot
    if (len(commands.COMMANDS), len(commands.REPLIES), len(commands.ERRORS)) != (MC_UNKNOWN, MR_COUNT, ME_COUNT):
        raise ImportError("the tables of commands.py and the enums of codec.pxd differ in length")
    for i, command in enumerate(commands.COMMANDS):
        name = command.name.encode()
        NAMES[i] = keep(name)
        slot = hash_name(NAMES[i].ptr, NAMES[i].len)
        while ROWS[slot].length:
            slot = (slot + 1) % HASH_SLOTS
        row = &ROWS[slot]
        memcpy(row.name, NAMES[i].ptr, NAMES[i].len)
        row.length = <uint8_t> len(name)
        row.index = <uint8_t> i
        row.family = <uint8_t> family_of(i)
        row.min_words = <uint8_t> command.min_tokens
        row.max_words = <uint8_t> command.max_tokens
    for i, name in enumerate(commands.REPLIES):
        REPLY_WORDS[i] = keep(name)
    for i, name in enumerate(commands.ERRORS):
        ERROR_LINES[i] = keep(name)
    for letter in commands.LETTERS:
        META_LETTERS[ord(letter)] = True


_fill_tables()


cdef CommandRow* find_command(Slice word) noexcept nogil:
    cdef uint32_t slot
    if word.len < 2 or word.len > NAME_ROOM:
        return NULL
    slot = hash_name(word.ptr, word.len)
    while ROWS[slot].length:
        if ROWS[slot].length == word.len and memcmp(ROWS[slot].name, word.ptr, word.len) == 0:
            return &ROWS[slot]
        slot = (slot + 1) % HASH_SLOTS
    return NULL


cdef bint is_meta_letter(uint8_t letter) noexcept nogil:
    return META_LETTERS[letter]


cdef Slice command_name(int command) noexcept nogil:
    return NAMES[command]


cdef Slice mc_error_line(int error) noexcept nogil:
    return ERROR_LINES[error]


cdef Slice mc_reply_word(int code) noexcept nogil:
    return REPLY_WORDS[code]
