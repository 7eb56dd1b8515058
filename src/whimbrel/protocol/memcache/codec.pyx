# See codec.pxd for what this is.  Strategy: find the end of the line, split it into words that point into it,
# look the first one up in a table made from commands.py, and let one small function per family of commands
# read the rest.  What is wrong with a line becomes a number in the message (McRequest.error), in the original's
# order of checks, because which error is answered, and whether `noreply` silences it, depends on that order.
#
# Deliberately not here: time, what an item is, and the sizes this server accepts (the caller passes max_value,
# because a block that will be refused must be skipped and not collected).

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset
from whimbrel.base.buffer cimport Writer, put_byte, put_bytes, put_slice, put_u64, put_i64
from whimbrel.base.slice cimport Slice, slice_of
from whimbrel.protocol.memcache.words cimport base64_decode, read_i64, read_u64, word_is

from whimbrel.protocol.memcache import commands

# ---- tables, filled once from commands.py ----------------------------------------------------------------------

cdef enum:
    HASH_BITS = 8
    HASH_SLOTS = 1 << HASH_BITS
    NAME_ROOM = 15              # the longest name is cache_memlimit

cdef enum Family:
    RETRIEVE = 0
    STORE
    ARITHMETIC
    TOUCH
    DELETE
    FLUSH
    VERBOSITY
    META
    BARE                        # nothing of the line matters but the command
    REFUSED

cdef struct CommandRow:
    uint8_t name[NAME_ROOM + 1]
    uint8_t length
    uint8_t index               # McCommand
    uint8_t family
    uint8_t min_words
    uint8_t max_words

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


cdef inline CommandRow* find_command(Slice word) noexcept nogil:
    cdef uint32_t slot
    if word.len < 2 or word.len > NAME_ROOM:
        return NULL
    slot = hash_name(word.ptr, word.len)
    while ROWS[slot].length:
        if ROWS[slot].length == word.len and memcmp(ROWS[slot].name, word.ptr, word.len) == 0:
            return &ROWS[slot]
        slot = (slot + 1) % HASH_SLOTS
    return NULL


cdef Slice mc_error_line(int error) noexcept nogil:
    return ERROR_LINES[error]


cdef Slice mc_reply_word(int code) noexcept nogil:
    return REPLY_WORDS[code]


cdef bint mc_parse_u64(Slice s, uint64_t* out) noexcept nogil:
    return read_u64(s, out)


cdef bint mc_parse_i64(Slice s, int64_t* out) noexcept nogil:
    return read_i64(s, out)


# ---- lines and words ---------------------------------------------------------------------------------------------

cdef struct Words:
    int count                   # at most MC_TOKENS_MAX; more words than that are not told apart
    Slice at[MC_TOKENS_MAX + 1]


cdef inline void split(const uint8_t* p, const uint8_t* end, Words* words) noexcept nogil:
    words.count = 0
    while words.count < MC_TOKENS_MAX and mc_next_word(&p, end, &words.at[words.count]):
        words.count += 1


cdef inline const uint8_t* find_newline(const uint8_t* p, size_t n) noexcept nogil:
    return <const uint8_t*> memchr(p, 10, n)


cdef inline const uint8_t* line_end(const uint8_t* line, const uint8_t* newline) noexcept nogil:
    """Where the text of a line ends: before its newline, and before one carriage return if there is one."""
    if newline - line > 1 and (newline - 1)[0] == 13:
        return newline - 1
    return newline


cdef inline Slice behind(Slice word, const uint8_t* end) noexcept nogil:
    """All that follows a word on its line, without the spaces between."""
    cdef const uint8_t* p = word.ptr + word.len
    while p < end and p[0] == 32:
        p += 1
    return slice_of(p, <size_t> (end - p))


cdef inline void clear(McRequest* r) noexcept nogil:
    memset(r, 0, sizeof(McRequest) - sizeof(r.key_room))
    r.command = MC_UNKNOWN


# ---- retrieval lines, whole and in pieces ---------------------------------------------------------------------------
#
# state of a line that goes on:   0 nothing | exptime 48 | .. | SKIP | KEYED | command + 1 : 6
#
#    KEYED   a key was among the pieces before (a get without any key is an ERROR)
#    SKIP    an error was answered; the rest of the line is dropped

cdef enum:
    STATE_COMMAND = 63
    STATE_KEYED = 64
    STATE_SKIP = 128
    STATE_EXPTIME_SHIFT = 16


cdef inline uint64_t pack_state(int command, bint keyed, bint skip, int64_t exptime) noexcept nogil:
    cdef int64_t limit = <int64_t> 1 << 46
    exptime = min(max(exptime, -limit), limit)
    return (<uint64_t> exptime << STATE_EXPTIME_SHIFT) | (<uint64_t> skip << 7) | (<uint64_t> keyed << 6) | <uint64_t> (command + 1)


cdef uint64_t mc_resume_state(const McRequest* r) noexcept nogil:
    return pack_state(r.command, True, False, r.exptime)


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
    cdef bint keyed = state & STATE_KEYED
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


# ---- one function per family ---------------------------------------------------------------------------------------

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


cdef int read_flag(Slice word, McRequest* r) noexcept nogil:
    """Takes one flag into the message; what is wrong with it, or ME_NONE."""
    cdef Slice token = slice_of(word.ptr + 1, word.len - 1)
    cdef uint8_t letter = word.ptr[0]
    cdef uint64_t number = 0
    if letter == c"T":
        return ME_NONE if read_i64(token, &r.exptime) else ME_BAD_TOKEN
    if letter == c"N":
        return ME_NONE if read_i64(token, &r.vivify) else ME_BAD_TOKEN
    if letter == c"R":
        return ME_NONE if read_i64(token, &r.recache) else ME_BAD_TOKEN
    if letter == c"C":
        return ME_NONE if read_u64(token, &r.cas) else ME_BAD_TOKEN
    if letter == c"E":
        return ME_NONE if read_u64(token, &r.new_cas) else ME_BAD_TOKEN
    if letter == c"J":
        return ME_NONE if read_u64(token, &r.initial) else ME_INITIAL
    if letter == c"D":
        return ME_NONE if read_u64(token, &r.delta) else ME_DELTA
    if letter == c"F":
        if not read_u64(token, &number):
            return ME_FORMAT
        r.client_flags = <uint32_t> number
    elif letter == c"M":
        if token.len != 1:
            return ME_MODE_LENGTH
        r.mode = token.ptr[0]
    elif letter == c"b":
        r.key = slice_of(r.key_room, base64_decode(r.key_sent, r.key_room))
        if r.key.len == 0:
            return ME_KEY_DECODING
    return ME_NONE


cdef void read_flags(const Words* words, int first, McRequest* r) noexcept nogil:
    cdef int i, wrong
    cdef uint8_t letter
    cdef bint opaque_too_long = False
    for i in range(first, words.count):
        letter = words.at[i].ptr[0]
        if letter >= 127 or mc_has(r, letter) and META_LETTERS[letter]:
            r.error = ME_DUPLICATE_FLAG
            return
        if not META_LETTERS[letter]:
            r.error = ME_INVALID_FLAG
            return
        r.seen |= <uint64_t> 1 << (letter & 63)
        wrong = read_flag(words.at[i], r)
        if wrong:
            r.error = <uint8_t> wrong
        opaque_too_long = opaque_too_long or (letter == c"O" and words.at[i].len > MC_OPAQUE_MAX)
    if not r.error and opaque_too_long:
        r.error = ME_OPAQUE


cdef bint mode_is_one_of(const McRequest* r, const char* modes, size_t n) noexcept nogil:
    return r.mode == 0 or memchr(modes, r.mode, n) != NULL


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
    if r.command == MC_META_DEBUG:          # the original looks at nothing but a first flag that is `b`
        if words.count > 2 and word_is(words.at[2], b"b", 1):
            if read_flag(words.at[2], r):
                r.error = ME_FORMAT
            r.seen = <uint64_t> 1 << (c"b" & 63)
        return MC_DONE
    read_flags(words, first, r)
    r.noreply = mc_has(r, c"q")
    if r.command == MC_META_SET:
        if not r.error and not mode_is_one_of(r, b"EAPRSeaprs", 10):
            r.error = ME_SET_MODE
        if r.error:
            r.swallow = <uint64_t> length + 2
            return MC_DONE
        return parse_block(data, n, <uint64_t> length, max_value, r, consumed, need)
    if r.error and (r.command == MC_META_DELETE or r.command == MC_META_ARITHMETIC) and r.error != ME_OPAQUE:
        r.error = ME_INVALID_OR_DUPLICATE
    if r.command == MC_META_ARITHMETIC and not r.error and not mode_is_one_of(r, b"IiDd+-", 6):
        r.error = ME_ARITHMETIC_MODE
    return MC_DONE


# ---- the request ------------------------------------------------------------------------------------------------------

cdef McStatus parse_line(
    const uint8_t* data, size_t n, const uint8_t* newline, uint64_t max_value, McRequest* r, size_t* consumed, size_t* need
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
        r.command = <uint8_t> ((state & STATE_COMMAND) - 1)
        if state & STATE_SKIP:
            return skip_line(data, n, r, consumed)
        return parse_piece(data, n, state, r, consumed)
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
    put_slice(w, NAMES[command])
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


# ---- the response -----------------------------------------------------------------------------------------------------

cdef int reply_code(Slice word) noexcept nogil:
    cdef int i
    for i in range(MR_STORED, MR_COUNT):
        if REPLY_WORDS[i].len == word.len and memcmp(REPLY_WORDS[i].ptr, word.ptr, word.len) == 0:
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
    put_slice(w, REPLY_WORDS[a.code])
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
