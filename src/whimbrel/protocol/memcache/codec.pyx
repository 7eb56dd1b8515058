# See codec.pxd for what this is.  Strategy: find the end of the line, split it into words that point into it,
# look the first one up in a table made from commands.py, and let one small function per family of commands
# read the rest.  What is wrong with a line becomes a number in the message (McRequest.error), in the original's
# order of checks, because which error is answered, and whether `noreply` silences it, depends on that order.
#
# Deliberately not here: time, what an item is, and the sizes this server accepts (the caller passes max_value,
# because a block that will be refused must be skipped and not collected).

from libc.stdint cimport int64_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memset
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, put_i64, put_slice, put_u64
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.messages cimport (
    MC_CACHE_MEMLIMIT, MC_CAS, MC_DECR, MC_DELETE, MC_DONE, MC_FLUSH_ALL, MC_GAT, MC_GATS, MC_INCR, MC_KEY_MAX,
    MC_LINE_MAX, MC_LRU_CRAWLER, MC_META_DEBUG, MC_META_GET, MC_META_SET, MC_META_TOKENS_MAX, MC_MORE, MC_SET,
    MC_SHUTDOWN, MC_SLABS, MC_TOUCH, MC_UNKNOWN, MC_VALUE_MAX, MC_VERBOSITY, MC_WATCH, ME_BAD_CHUNK, ME_CRAWLER,
    ME_DELETE_USAGE, ME_DELTA_ARGUMENT, ME_ERROR, ME_EXPTIME, ME_FLAGS_ARE_TOO_LONG, ME_FLAGS_TOO_LONG,
    ME_FORMAT, ME_MEMLIMIT, ME_MEMLIMIT_SMALL, ME_SHUTDOWN, ME_SLABS, ME_TOO_LARGE, ME_WATCH, McRequest,
    McStatus, mc_has, mc_is_retrieval,
)
from whimbrel.protocol.memcache.meta cimport check_flags, read_debug_flag, read_flags
from whimbrel.protocol.memcache.pieces cimport begin_long_line, parse_continuation
from whimbrel.protocol.memcache.tables cimport (
    ARITHMETIC, CommandRow, DELETE, FLUSH, META, REFUSED, RETRIEVE, STORE, TOUCH, VERBOSITY, command_name,
    find_command,
)
from whimbrel.protocol.memcache.words cimport (
    Words, behind, find_newline, line_end, mc_next_word, read_i64, read_u64, split, word_is,
)


cdef inline void clear(McRequest* r) noexcept nogil:
    memset(r, 0, sizeof(McRequest) - sizeof(r.key_room))
    r.command = MC_UNKNOWN


cdef inline bint has_long_word(const uint8_t* p, const uint8_t* end) noexcept nogil:
    cdef Slice word
    while mc_next_word(&p, end, &word):
        if word.len > MC_KEY_MAX:
            return True
    return False


cdef McStatus parse_whole_retrieval(
    Words* words, const uint8_t* line, const uint8_t* end, McRequest* r
) noexcept nogil:
    cdef const uint8_t* keys = words.at[0].ptr + words.at[0].len
    if words.count < 2:
        r.error = ME_ERROR
        return MC_DONE
    if r.command == MC_GAT or r.command == MC_GATS:
        if not read_i64(words.at[1], &r.exptime):
            r.error = ME_EXPTIME
            return MC_DONE
        keys = words.at[1].ptr + words.at[1].len
    r.keys = slice_of(keys, <size_t> (end - keys))
    if r.keys.len > MC_KEY_MAX and has_long_word(keys, end):
        r.error = ME_FORMAT
    return MC_DONE


# ---- one function per family ----------------------------------------------------------------

cdef inline void last_word_noreply(const Words* words, McRequest* r) noexcept nogil:
    r.noreply = word_is(words.at[words.count - 1], b"noreply", 7)


cdef bint take_key(const Words* words, McRequest* r) noexcept nogil:
    r.key = words.at[1]
    r.key_sent = r.key
    if r.key.len > MC_KEY_MAX:
        r.error = ME_FORMAT
        return False
    return True


cdef McStatus parse_block(
    const uint8_t* data, size_t n, uint64_t length, uint64_t max_value, McRequest* r, size_t* consumed, size_t* need
) noexcept nogil:
    """The data block behind a line that ends at data + consumed[0]."""
    cdef size_t line = consumed[0]
    if length > max_value:
        r.error = ME_TOO_LARGE
        r.swallow = length + 2
        return MC_DONE
    if n < line + length + 2:
        need[0] = line + length + 2
        consumed[0] = 0
        return MC_MORE
    r.value = slice_of(data + line, length)
    consumed[0] = line + length + 2
    if data[line + length] != 13 or data[line + length + 1] != 10:
        r.error = ME_BAD_CHUNK
    return MC_DONE


cdef McStatus parse_store(
    const Words* words, const uint8_t* data, size_t n, uint64_t max_value, McRequest* r, size_t* consumed, size_t* need
) noexcept nogil:
    cdef uint64_t flags = 0
    cdef int64_t length = 0
    last_word_noreply(words, r)
    if not take_key(words, r):
        return MC_DONE
    if not (read_u64(words.at[2], &flags) and read_i64(words.at[3], &r.exptime) and read_i64(words.at[4], &length)):
        r.error = ME_FORMAT
        return MC_DONE
    if (r.command == MC_CAS and not read_u64(words.at[5], &r.cas)) or length < 0 or length > MC_VALUE_MAX:
        r.error = ME_FORMAT
        return MC_DONE
    r.client_flags = <uint32_t> flags
    return parse_block(data, n, <uint64_t> length, max_value, r, consumed, need)


cdef void parse_delete(const Words* words, McRequest* r) noexcept nogil:
    cdef bint zero
    if words.count > 2:
        last_word_noreply(words, r)
        zero = word_is(words.at[2], b"0", 1)
        if not ((words.count == 3 and (zero or r.noreply)) or (words.count == 4 and zero and r.noreply)):
            r.error = ME_DELETE_USAGE
            return
    take_key(words, r)


cdef void parse_flush(const Words* words, McRequest* r) noexcept nogil:
    last_word_noreply(words, r)
    if words.count != 1 + r.noreply and not read_i64(words.at[1], &r.exptime):
        r.error = ME_EXPTIME


cdef void parse_refused(const Words* words, McRequest* r) noexcept nogil:
    """Commands of the original that are absent here: the line it answers where the feature is switched off."""
    cdef uint64_t megabytes = 0
    r.error = ME_ERROR
    if r.command == MC_CACHE_MEMLIMIT:
        last_word_noreply(words, r)
        if read_u64(words.at[1], &megabytes):
            r.error = ME_MEMLIMIT_SMALL if megabytes < 8 else ME_MEMLIMIT
    elif r.command == MC_SHUTDOWN:
        r.error = ME_SHUTDOWN
    elif r.command == MC_WATCH:
        last_word_noreply(words, r)
        r.error = ME_WATCH
    elif r.command == MC_SLABS and words.count == 4 and word_is(words.at[1], b"reassign", 8):
        r.error = ME_SLABS
    elif r.command == MC_LRU_CRAWLER and words.count == 3:
        if word_is(words.at[1], b"crawl", 5) or word_is(words.at[1], b"metadump", 8):
            r.error = ME_CRAWLER


cdef McStatus parse_meta(
    const Words* words, const uint8_t* end, const uint8_t* data, size_t n, uint64_t max_value,
    McRequest* r, size_t* consumed, size_t* need
) noexcept nogil:
    cdef int first = 3 if r.command == MC_META_SET else 2
    cdef int64_t length = 0
    if r.command == MC_META_DEBUG and words.count < 2:
        r.error = ME_FORMAT
        return MC_DONE
    if not take_key(words, r):
        return MC_DONE
    if r.command == MC_META_SET and words.count < 3:
        r.error = ME_FORMAT
        return MC_DONE
    if words.count > MC_META_TOKENS_MAX:
        r.error = ME_FLAGS_ARE_TOO_LONG if r.command == MC_META_GET else ME_FLAGS_TOO_LONG
        return MC_DONE
    if r.command == MC_META_SET and (not read_i64(words.at[2], &length) or length < 0 or length > MC_VALUE_MAX):
        r.error = ME_FORMAT
        return MC_DONE
    r.delta = 1
    r.options = behind(words.at[first - 1], end)
    if r.command == MC_META_DEBUG:
        read_debug_flag(words, r)
        return MC_DONE
    read_flags(words, first, r)
    check_flags(r)
    r.noreply = mc_has(r, c"q")
    if r.command != MC_META_SET:
        return MC_DONE
    if r.error:
        r.swallow = <uint64_t> length + 2
        return MC_DONE
    return parse_block(data, n, <uint64_t> length, max_value, r, consumed, need)


# ---- the request ----------------------------------------------------------------

cdef McStatus parse_line(
    const uint8_t* data, size_t n, const uint8_t* newline, uint64_t max_value, McRequest* r,
    size_t* consumed, size_t* need
) noexcept nogil:
    cdef const uint8_t* end = line_end(data, newline)
    cdef CommandRow* row
    cdef Words words
    split(data, end, &words)
    consumed[0] = <size_t> (newline + 1 - data)
    row = NULL if words.count == 0 else find_command(words.at[0])
    if row == NULL:
        r.error = ME_ERROR
        return MC_DONE
    r.command = row.index
    if row.family == RETRIEVE:
        return parse_whole_retrieval(&words, data, end, r)
    if words.count < row.min_words or words.count > row.max_words:
        r.error = ME_ERROR
        return MC_DONE
    if row.family == STORE:
        return parse_store(&words, data, n, max_value, r, consumed, need)
    if row.family == META:
        return parse_meta(&words, end, data, n, max_value, r, consumed, need)
    r.options = behind(words.at[0], end)
    if row.family == DELETE:
        parse_delete(&words, r)
    elif row.family == FLUSH:
        parse_flush(&words, r)
    elif row.family == REFUSED:
        parse_refused(&words, r)
    elif row.family == ARITHMETIC:
        last_word_noreply(&words, r)
        if take_key(&words, r) and not read_u64(words.at[2], &r.delta):
            r.error = ME_DELTA_ARGUMENT
    elif row.family == TOUCH:
        last_word_noreply(&words, r)
        if take_key(&words, r) and not read_i64(words.at[2], &r.exptime):
            r.error = ME_EXPTIME
    elif row.family == VERBOSITY:
        last_word_noreply(&words, r)
        if not read_u64(words.at[1], &r.delta):
            r.error = ME_FORMAT
    return MC_DONE


cdef McStatus mc_parse_request(
    const uint8_t* data, size_t n, uint64_t max_value, uint64_t state, McRequest* r, size_t* consumed, size_t* need
) noexcept nogil:
    cdef const uint8_t* newline
    clear(r)
    consumed[0] = 0
    need[0] = 0
    if state:
        return parse_continuation(data, n, state, r, consumed)
    newline = find_newline(data, min(n, <size_t> MC_LINE_MAX))
    if newline != NULL:
        return parse_line(data, n, newline, max_value, r, consumed, need)
    if n < MC_LINE_MAX:
        return MC_MORE
    return begin_long_line(data, n, r, consumed)


cdef void compose_store(const McRequest* r, Writer* w) noexcept nogil:
    put_slice(w, r.key)
    put_byte(w, 32)
    put_u64(w, r.client_flags)
    put_byte(w, 32)
    put_i64(w, r.exptime)
    put_byte(w, 32)
    put_u64(w, r.value.len)
    if r.command == MC_CAS:
        put_byte(w, 32)
        put_u64(w, r.cas)


cdef void compose_meta(const McRequest* r, Writer* w) noexcept nogil:
    put_slice(w, r.key_sent)
    if r.command == MC_META_SET:
        put_byte(w, 32)
        put_u64(w, r.value.len)
    if r.options.len:
        put_byte(w, 32)
        put_slice(w, r.options)


cdef void mc_compose_request(const McRequest* r, Writer* w) noexcept nogil:
    """The bytes of a request that parses without error.  Meta commands send `key_sent` and `options` as they are."""
    cdef int command = r.command
    cdef bint meta = MC_META_GET <= command <= MC_META_DEBUG
    cdef bint store = MC_SET <= command <= MC_CAS
    put_slice(w, command_name(command))
    if command == MC_GAT or command == MC_GATS:
        put_byte(w, 32)
        put_i64(w, r.exptime)
    if mc_is_retrieval(command):
        if r.keys.len and r.keys.ptr[0] != 32:
            put_byte(w, 32)
        put_slice(w, r.keys)
        put_bytes(w, b"\r\n", 2)
        return
    if meta or store or command == MC_INCR or command == MC_DECR or command == MC_TOUCH or command == MC_DELETE:
        put_byte(w, 32)
    if meta:
        compose_meta(r, w)
    elif store:
        compose_store(r, w)
    elif command == MC_INCR or command == MC_DECR:
        put_slice(w, r.key)
        put_byte(w, 32)
        put_u64(w, r.delta)
    elif command == MC_TOUCH:
        put_slice(w, r.key)
        put_byte(w, 32)
        put_i64(w, r.exptime)
    elif command == MC_DELETE:
        put_slice(w, r.key)
    elif command == MC_FLUSH_ALL:
        put_byte(w, 32)
        put_i64(w, r.exptime)
    elif command == MC_VERBOSITY:
        put_byte(w, 32)
        put_u64(w, r.delta)
    elif r.options.len:
        put_byte(w, 32)
        put_slice(w, r.options)
    if r.noreply and not meta:
        put_bytes(w, b" noreply", 8)
    put_bytes(w, b"\r\n", 2)
    if store or command == MC_META_SET:
        put_slice(w, r.value)
        put_bytes(w, b"\r\n", 2)
