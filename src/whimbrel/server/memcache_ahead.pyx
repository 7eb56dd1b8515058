"""See memcache_ahead.pxd."""

from libc.stdint cimport uint64_t, uint8_t
from whimbrel.base.slice cimport Slice
from whimbrel.protocol.memcache.words cimport find_newline, line_end, mc_next_word, read_u64
from whimbrel.server.session cimport Context
from whimbrel.store.store cimport store_hash, store_prefetch, store_prefetch_item

cdef enum:
    REQUESTS_AHEAD = 8              # whose memory is asked for together: about as many misses as a core overlaps
    AHEAD_LINE_MAX = 300            # bytes of a line that is looked at ahead: a key and some numbers


cdef size_t ask_ahead(Context* x, const uint8_t* data, size_t n) noexcept nogil:
    """Asks memory for the table lines of the next few pipelined requests, then for the items those name, so
    that their waits overlap.

    A guess from the first words of each line: a wrong one costs a wasted prefetch.  Returns how far it looked.
    """
    cdef const uint8_t* newline
    cdef const uint8_t* end
    cdef const uint8_t* p
    cdef Slice word
    cdef uint64_t hashes[REQUESTS_AHEAD]
    cdef uint64_t block = 0
    cdef size_t at = 0
    cdef int keys = 0, i
    for _ in range(REQUESTS_AHEAD):
        newline = find_newline(data + at, min(n - at, <size_t> AHEAD_LINE_MAX))
        if newline == NULL:
            at = n
            break
        p = data + at
        end = line_end(p, newline)
        mc_next_word(&p, end, &word)
        at = <size_t> (newline + 1 - data)
        if word.len > 4 or not mc_next_word(&p, end, &word):
            continue
        hashes[keys] = store_hash(x.store, word)
        store_prefetch(x.store, hashes[keys])
        keys += 1
        if mc_next_word(&p, end, &word) and mc_next_word(&p, end, &word) and mc_next_word(&p, end, &word):
            if read_u64(word, &block):
                at = n if block >= n - at else at + block + 2
        if at >= n:
            break
    for i in range(keys):
        store_prefetch_item(x.store, hashes[i])
    return at
