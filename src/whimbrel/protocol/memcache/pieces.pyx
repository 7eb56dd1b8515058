# See pieces.pxd.
#
# The state of a line that goes on:   0 nothing | exptime 48 | .. | SKIP | KEYED | command + 1 : 6
#
#    KEYED   a key was among the pieces before (a get without any key is an ERROR)
#    SKIP    an error was answered; the rest of the line is dropped

from libc.stdint cimport int64_t, uint64_t, uint8_t
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.messages cimport (
    MC_DONE, MC_GAT, MC_GATS, MC_KEY_MAX, MC_LINE_MAX, MC_MORE, ME_ERROR, ME_EXPTIME, ME_FORMAT,
    ME_LINE_TOO_LONG, McRequest, McStatus,
)
from whimbrel.protocol.memcache.tables cimport CommandRow, RETRIEVE, find_command
from whimbrel.protocol.memcache.words cimport find_newline, line_end, mc_next_word, read_i64

cdef enum:
    STATE_COMMAND = 63
    STATE_KEYED = 64
    STATE_SKIP = 128
    STATE_EXPTIME_SHIFT = 16


cdef inline uint64_t pack_state(int command, bint keyed, bint skip, int64_t exptime) noexcept nogil:
    cdef int64_t limit = <int64_t> 1 << 46
    exptime = min(max(exptime, -limit), limit)
    return (
        (<uint64_t> exptime << STATE_EXPTIME_SHIFT)
        | (STATE_SKIP if skip else 0) | (STATE_KEYED if keyed else 0) | <uint64_t> (command + 1)
    )


cdef uint64_t mc_resume_state(const McRequest* r) noexcept nogil:
    return pack_state(r.command, True, False, r.exptime)


cdef McStatus skip_line(const uint8_t* data, size_t n, McRequest* r, size_t* consumed) noexcept nogil:
    cdef const uint8_t* newline = find_newline(data, n)
    r.started = True
    r.more = True
    r.state = pack_state(r.command, True, True, 0) if newline == NULL else 0
    consumed[0] = n if newline == NULL else <size_t> (newline + 1 - data)
    return MC_DONE if n else MC_MORE


cdef inline size_t whole_words(const uint8_t* data, size_t n) noexcept nogil:
    """Bytes up to the last space: behind it a key may go on."""
    while n and data[n - 1] != 32:
        n -= 1
    return n


cdef McStatus refuse_rest(
    const uint8_t* bad, const uint8_t* data, const uint8_t* newline, McRequest* r, size_t* consumed
) noexcept nogil:
    """A key that is too long, at or behind `bad`: the keys before it stand, the error comes in place of END."""
    r.keys = slice_of(data, <size_t> (bad - data))
    r.error = ME_FORMAT
    r.more = newline == NULL
    r.state = pack_state(r.command, True, True, 0) if r.more else 0
    consumed[0] = <size_t> ((bad if r.more else newline + 1) - data)
    return MC_DONE


cdef McStatus parse_piece(
    const uint8_t* data, size_t n, uint64_t state, McRequest* r, size_t* consumed
) noexcept nogil:
    cdef const uint8_t* newline = find_newline(data, n)
    cdef const uint8_t* end
    cdef const uint8_t* p = data
    cdef Slice word
    cdef bint keyed = (state & STATE_KEYED) != 0
    r.started = True
    r.exptime = <int64_t> state >> STATE_EXPTIME_SHIFT
    end = data + whole_words(data, n) if newline == NULL else line_end(data, newline)
    if newline == data + 1 and data[0] == 13:
        end = data
    while mc_next_word(&p, end, &word):
        keyed = True
        if word.len > MC_KEY_MAX:
            return refuse_rest(word.ptr, data, newline, r, consumed)
    if newline == NULL and <size_t> (data + n - end) > MC_KEY_MAX + 1:      # + 1: it may end in a carriage return
        return refuse_rest(end, data, newline, r, consumed)
    r.keys = slice_of(data, <size_t> (end - data))
    if newline != NULL:
        consumed[0] = <size_t> (newline + 1 - data)
        if not keyed and r.command != MC_GAT and r.command != MC_GATS:
            r.error = ME_ERROR
        return MC_DONE
    r.more = True
    r.state = pack_state(r.command, keyed, False, r.exptime)
    consumed[0] = r.keys.len
    return MC_DONE if r.keys.len else MC_MORE


cdef McStatus begin_long_line(const uint8_t* data, size_t n, McRequest* r, size_t* consumed) noexcept nogil:
    """The first MC_LINE_MAX bytes hold no newline: a retrieval is streamed, anything else is refused."""
    cdef const uint8_t* p = data
    cdef const uint8_t* end = data + MC_LINE_MAX
    cdef CommandRow* row
    cdef Slice word
    mc_next_word(&p, end, &word)
    row = find_command(word)
    if row == NULL or row.family != RETRIEVE or p == end:
        r.error = ME_LINE_TOO_LONG
        r.close = True
        consumed[0] = n
        return MC_DONE
    r.command = row.index
    if r.command == MC_GAT or r.command == MC_GATS:
        mc_next_word(&p, end, &word)
        if p == end or not read_i64(word, &r.exptime):
            r.error = ME_EXPTIME
            r.more = True
            r.state = pack_state(r.command, True, True, 0)
            consumed[0] = <size_t> (p - data)
            return MC_DONE
    r.more = True
    r.state = pack_state(r.command, False, False, r.exptime)
    consumed[0] = <size_t> (p - data)
    return MC_DONE


cdef McStatus parse_continuation(
    const uint8_t* data, size_t n, uint64_t state, McRequest* r, size_t* consumed
) noexcept nogil:
    r.command = <uint8_t> ((state & STATE_COMMAND) - 1)
    if state & STATE_SKIP:
        return skip_line(data, n, r, consumed)
    return parse_piece(data, n, state, r, consumed)
