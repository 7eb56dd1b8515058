# See response.pxd.  One line at a time, with its data block: a long answer is parsed in bounded memory.

from libc.stdint cimport uint32_t, uint64_t, uint8_t
from libc.string cimport memset
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, put_slice, put_u64
from whimbrel.base.slice cimport Slice, slice_eq, slice_of
from whimbrel.protocol.memcache.messages cimport (
    MC_DECR, MC_DONE, MC_INCR, MC_MORE, MC_VALUE_MAX, MR_COUNT, MR_FAILED, MR_LINE, MR_ME, MR_NONE, MR_NUMBER,
    MR_STAT, MR_STORED, MR_VA, MR_VALUE, McRequest, McResponse, McStatus, mc_is_retrieval,
)
from whimbrel.protocol.memcache.tables cimport mc_reply_word
from whimbrel.protocol.memcache.words cimport Words, behind, find_newline, line_end, read_u64, split, word_is


cdef int reply_code(Slice word) noexcept nogil:
    cdef int i
    for i in range(MR_STORED, MR_COUNT):
        if slice_eq(mc_reply_word(i), word):
            return i
    return MR_LINE


cdef bint is_failure(Slice word) noexcept nogil:
    return word_is(word, b"ERROR", 5) or word_is(word, b"CLIENT_ERROR", 12) or word_is(word, b"SERVER_ERROR", 12)


cdef McStatus response_block(
    const uint8_t* data, size_t n, uint64_t length, McResponse* a, size_t* consumed, size_t* need
) noexcept nogil:
    cdef size_t line = consumed[0]
    if length > MC_VALUE_MAX or n < line + length + 2:
        need[0] = line + length + 2
        consumed[0] = 0
        return MC_MORE
    a.value = slice_of(data + line, length)
    consumed[0] = line + length + 2
    return MC_DONE


cdef McStatus response_value(
    const Words* words, const uint8_t* data, size_t n, McResponse* a, size_t* consumed, size_t* need
) noexcept nogil:
    cdef uint64_t flags = 0, length = 0
    a.last = False
    a.key = words.at[1]
    a.with_cas = words.count == 5
    if not (4 <= words.count <= 5 and read_u64(words.at[2], &flags) and read_u64(words.at[3], &length)) or (
            a.with_cas and not read_u64(words.at[4], &a.cas)):
        a.code = MR_LINE
        return MC_DONE
    a.flags = <uint32_t> flags
    return response_block(data, n, length, a, consumed, need)


cdef McStatus mc_parse_response(
    const McRequest* r, const uint8_t* data, size_t n, McResponse* a, size_t* consumed, size_t* need
) noexcept nogil:
    """One line (with its data block) of the answer to r; `last` says that no more of it follows."""
    cdef const uint8_t* newline = find_newline(data, n)
    cdef const uint8_t* end
    cdef uint64_t length = 0
    cdef Words words
    memset(a, 0, sizeof(McResponse))
    consumed[0] = 0
    need[0] = 0
    if newline == NULL:
        return MC_MORE
    end = line_end(data, newline)
    consumed[0] = <size_t> (newline + 1 - data)
    split(data, end, &words)
    a.last = True
    a.code = MR_LINE
    a.text = slice_of(data, <size_t> (end - data))
    if words.count == 0:
        return MC_DONE
    if is_failure(words.at[0]):
        a.code = MR_FAILED
        return MC_DONE
    if r.command == MC_INCR or r.command == MC_DECR:
        if read_u64(words.at[0], &a.number):
            a.code = MR_NUMBER
            return MC_DONE
    a.code = <uint8_t> reply_code(words.at[0])
    if a.code == MR_LINE:
        return MC_DONE
    a.text = behind(words.at[0], end)
    if a.code == MR_VALUE and mc_is_retrieval(r.command):
        return response_value(&words, data, n, a, consumed, need)
    if a.code == MR_VA:
        if words.count < 2 or not read_u64(words.at[1], &length):
            a.code = MR_LINE
            return MC_DONE
        a.text = behind(words.at[1], end)
        return response_block(data, n, length, a, consumed, need)
    if a.code == MR_STAT:
        a.last = False
        if words.count > 1:
            a.key = words.at[1]
            a.value = behind(words.at[1], end)
    elif a.code == MR_ME and words.count > 1:
        a.key = words.at[1]
        a.text = behind(words.at[1], end)
    return MC_DONE


cdef void mc_put_value_line(Writer* w, Slice key, uint32_t flags, size_t n, bint with_cas, uint64_t cas) noexcept nogil:
    put_bytes(w, b"VALUE ", 6)
    put_slice(w, key)
    put_byte(w, 32)
    put_u64(w, flags)
    put_byte(w, 32)
    put_u64(w, n)
    if with_cas:
        put_byte(w, 32)
        put_u64(w, cas)
    put_bytes(w, b"\r\n", 2)


cdef void mc_compose_response(const McRequest* r, const McResponse* a, Writer* w) noexcept nogil:
    if a.code == MR_NONE:
        return
    if a.code == MR_VALUE:
        mc_put_value_line(w, a.key, a.flags, a.value.len, a.with_cas, a.cas)
        put_slice(w, a.value)
        put_bytes(w, b"\r\n", 2)
        return
    put_slice(w, mc_reply_word(a.code))
    if a.code == MR_NUMBER:
        put_u64(w, a.number)
    elif a.code == MR_LINE or a.code == MR_FAILED:
        put_slice(w, a.text)
    elif a.code == MR_VA:
        put_byte(w, 32)
        put_u64(w, a.value.len)
    if a.code == MR_STAT or a.code == MR_ME:
        put_byte(w, 32)
        put_slice(w, a.key)
    if a.code == MR_STAT:
        put_byte(w, 32)
        put_slice(w, a.value)
    elif a.text.len and a.code > MR_NUMBER:
        put_byte(w, 32)
        put_slice(w, a.text)
    put_bytes(w, b"\r\n", 2)
    if a.code == MR_VA:
        put_slice(w, a.value)
        put_bytes(w, b"\r\n", 2)
