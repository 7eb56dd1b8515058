"""Sorted lists of words, filled once from the tables of the protocols; a word is found by halving.

All words that begin with some bytes stand together, so that the same search answers "may these bytes begin a word".
"""

from libc.string cimport memcmp, memcpy

from whimbrel.protocol import redis_words
from whimbrel.protocol.memcache import commands as memcache_commands

cdef enum:
    LIST_ROOM = 512

cdef struct Word:
    uint8_t text[WORD_ROOM]
    uint8_t length

cdef struct WordList:
    int count
    Word at[LIST_ROOM]

cdef WordList redis
cdef WordList memcache
cdef WordList replies

ERROR_WORDS = (b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")


cdef int fill(WordList* into, words) except -1:
    cdef bytes word
    into.count = 0
    for word in sorted(set(words)):
        if into.count == LIST_ROOM or len(word) > WORD_ROOM:
            raise ImportError("LIST_ROOM or WORD_ROOM is less than the tables need")
        memcpy(into.at[into.count].text, <const char*> word, len(word))
        into.at[into.count].length = <uint8_t> len(word)
        into.count += 1
    return 0


def _fill() -> None:
    fill(&redis, [word.encode() for word in redis_words.WORDS])
    fill(&memcache, [command.name.encode() for command in memcache_commands.COMMANDS])
    fill(&replies, [word for word in memcache_commands.REPLIES if word] + list(ERROR_WORDS))


_fill()


cdef inline uint8_t lower(uint8_t c) noexcept nogil:
    return c | 32 if 65 <= c <= 90 else c


cdef bint found(const WordList* words, Slice text, bint any_case, bint prefix) noexcept nogil:
    """The first word not below `text` is it, or begins with it."""
    cdef uint8_t folded[WORD_ROOM]
    cdef int low = 0, high = words.count, middle, order
    cdef size_t i, n = text.len
    if n > WORD_ROOM:
        return False
    for i in range(n):
        folded[i] = lower(text.ptr[i]) if any_case else text.ptr[i]
    while low < high:
        middle = (low + high) // 2
        order = memcmp(words.at[middle].text, folded, n if n < words.at[middle].length else words.at[middle].length)
        if order < 0 or (order == 0 and words.at[middle].length < n):
            low = middle + 1
        else:
            high = middle
    if low == words.count or words.at[low].length < n or memcmp(words.at[low].text, folded, n) != 0:
        return False
    return prefix or words.at[low].length == n


cdef bint is_redis_command(Slice word) noexcept nogil:
    return found(&redis, word, True, False)


cdef bint redis_command_may_begin(Slice text) noexcept nogil:
    return found(&redis, text, True, True)


cdef bint memcache_command_may_begin(Slice text) noexcept nogil:
    return found(&memcache, text, False, True)


cdef bint is_memcache_reply(Slice word) noexcept nogil:
    return found(&replies, word, False, False)


cdef bint memcache_reply_may_begin(Slice text) noexcept nogil:
    return found(&replies, text, False, True)
